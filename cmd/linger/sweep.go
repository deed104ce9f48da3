package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/report"
)

// Comparing over every link of a grid: each cell is a measurement of its own, in a
// lab of its own.

// A cell is one link of the grid.
type cell struct {
	x, y int
	*measurement
	weight int64
}

// A sweep is a grid of cells that are measured beside each other, as many at once
// as the machine can carry.
type sweep struct {
	base  lab.Profile
	axes  []axis
	cells []*cell

	room *semaphore.Weighted // of relayed bits a second

	mu   sync.Mutex
	done int // guarded by mu; cells
}

func (f *compareFlags) runSweep(ctx context.Context, e *env, args []string) error {
	if len(args) > 0 {
		return usagef("--sweep is for the built-in site: leave out the URL")
	}
	if f.explain {
		return usagef("--explain is for one link: leave out --sweep")
	}
	axes, err := parseSweep(f.sweep)
	if err != nil {
		return err
	}
	for _, a := range axes {
		if f.linkFlags.fs.Changed(a.name) {
			return usagef("--%s and --sweep both say what %[1]s is: leave out one", a.name)
		}
	}
	s, err := f.grid(axes)
	if err != nil {
		return err
	}
	if err := lab.Rootless(); err != nil {
		return err
	}
	html, err := create(f.html)
	if err != nil {
		return err
	}
	if err := s.measure(ctx, e); err != nil {
		return err
	}
	r := f.sweepReport(s)
	if err := writeFile(html, r.WriteHTML); err != nil {
		return err
	}
	if err := f.showSweep(e, r); err != nil {
		return err
	}
	cert := s.certificate()
	return errors.Join(s.tell(e), f.late(&cert))
}

func (f *compareFlags) showSweep(e *env, r *report.Sweep) error {
	if f.json {
		return r.WriteJSON(e.stdout)
	}
	return r.WriteText(e.stdout, e.out)
}

// grid makes the cells.
func (f *compareFlags) grid(axes []axis) (*sweep, error) {
	if f.profile == noProfile {
		return nil, usagef("--sweep needs a link: leave out --profile none")
	}
	base, err := f.link()
	if err != nil {
		return nil, err
	}
	s := &sweep{base: base, axes: axes, room: semaphore.NewWeighted(relayed)}
	rows := []string{""}
	if len(axes) == 2 {
		rows = axes[1].values
	}
	for y, vy := range rows {
		for x, vx := range axes[0].values {
			p := base
			axes[0].set(&p, vx)
			if len(axes) == 2 {
				axes[1].set(&p, vy)
			}
			c, err := f.cell(p)
			if err != nil {
				return nil, err
			}
			c.x, c.y = x, y
			s.cells = append(s.cells, c)
		}
	}
	return s, nil
}

// cell is the measurement over one link.
func (f *compareFlags) cell(p lab.Profile) (*cell, error) {
	m, err := f.plan(nil)
	if err != nil {
		return nil, err
	}
	config, err := f.labConfig(p)
	if err != nil {
		return nil, err
	}
	m.place = f.overLink(config, f.describe(p), false)
	weight := int64(relayed / m.place.atOnce)
	m.place.atOnce = 1
	m.times = roundsSweep
	if f.rounds > 0 {
		m.times = f.rounds
	}
	return &cell{measurement: m, weight: weight}, nil
}

// measure does all cells.
func (s *sweep) measure(ctx context.Context, e *env) error {
	if e.live {
		defer report.ClearLive(e.stderr)
	}
	g, within := errgroup.WithContext(ctx)
	for _, c := range s.cells {
		if s.room.Acquire(within, c.weight) != nil {
			break // one of the cells has failed, or ctx is done
		}
		g.Go(func() error {
			defer s.room.Release(c.weight)
			return s.measureCell(within, e, c)
		})
	}
	return cmp.Or(g.Wait(), context.Cause(ctx))
}

func (s *sweep) measureCell(ctx context.Context, e *env, c *cell) error {
	if err := c.measurement.measure(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done++
	if e.live {
		fmt.Fprintf(e.stderr, "\r\x1b[K%d of %d links measured", s.done, len(s.cells))
	}
	return nil
}

// certificate is that of all labs together.
func (s *sweep) certificate() lab.Certificate {
	var all []lab.Certificate
	for _, c := range s.cells {
		all = append(all, c.certificates...)
	}
	return lab.Worst(all...)
}

// tell prints what failed, once for all cells.
func (s *sweep) tell(e *env) error {
	failed := slices.IndexFunc(s.cells, func(c *cell) bool {
		return slices.ContainsFunc(c.rounds, func(v []*visit) bool { return len(failuresOf(v)) > 0 })
	})
	if failed < 0 {
		return nil
	}
	fmt.Fprintf(e.stderr, "over %s:\n", s.cells[failed].place.link)
	return s.cells[failed].measurement.tell(e.stderr)
}

// sweepReport turns what was measured into what is reported.
func (f *compareFlags) sweepReport(s *sweep) *report.Sweep {
	cert := s.certificate()
	r := &report.Sweep{
		Site: f.site, Rounds: s.cells[0].times,
		X:           report.Axis{Name: s.axes[0].name, Values: s.axes[0].values},
		Certificate: cert.Figures(), Defects: cert.Defects, Exactness: cert,
	}
	if len(s.axes) == 2 {
		r.Y = report.Axis{Name: s.axes[1].name, Values: s.axes[1].values}
	}
	for _, st := range s.cells[0].strategies {
		r.Strategies = append(r.Strategies, st.Name)
	}
	r.Cells = make([][]report.SweepCell, max(1, len(r.Y.Values)))
	for _, c := range s.cells {
		r.Cells[c.y] = append(r.Cells[c.y], cellOf(comparisonOf(c.measurement).Rows))
	}
	var swept []string
	for _, a := range s.axes {
		swept = append(swept, a.name)
	}
	r.Link = f.describe(s.base, swept...)
	r.Verdicts = sweepVerdicts(r)
	return r
}

// cellOf sums one comparison up.
func cellOf(rows []report.Row) report.SweepCell {
	best, _ := extremes(rows)
	c := report.SweepCell{Best: best, Failed: rows[best].Failed > 0}
	second := -1
	for i, r := range rows {
		c.Times = append(c.Times, r.Time)
		if r.Failed > 0 {
			c.Times[i].Median = math.NaN()
		} else if i != best && (second < 0 || r.Time.Median < rows[second].Time.Median) {
			second = i
		}
	}
	if second >= 0 {
		c.Margin, c.Clear = rows[second].Time.Median/rows[best].Time.Median, apart(rows[best], rows[second])
	}
	if one, six := named(rows, "persistent"), named(rows, "persistent6"); one != nil && six != nil && one.Failed+six.Failed == 0 {
		c.Parallel = six.Time.Median / one.Time.Median
		c.ParallelHelps = c.Parallel < 1 && apart(*one, *six)
	}
	return c
}
