package repro

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

var multiplexing2014 = Experiment{
	Name:   "multiplexing-2014",
	Claim:  "one multiplexed connection wins with many small objects, and loses with large ones under loss",
	Source: `Xiao Sophia Wang et al., "How Speedy is SPDY?", NSDI '14`,
	Takes:  "1 min",
	run:    runMultiplexing,
}

const (
	multiplexingRTT    = 50 * time.Millisecond
	multiplexingRate   = 10_000_000
	multiplexingRounds = 5
)

// A bundle is objects that are asked for at once.
type bundle struct {
	count, bytes int // bytes of each
}

func (b bundle) String() string { return fmt.Sprintf("%d x %d kB", b.count, b.bytes/1000) }

var (
	bundles = []bundle{{64, 1_000}, {32, 10_000}, {8, 250_000}}
	losses  = []link.Probability{0, 0.005, 0.01, 0.02} // in each direction
	rivals  = [2]string{"persistent6", "multiplexed"}
)

// A multiplexingCell is one bundle at one loss, by each rival.
type multiplexingCell struct {
	bundle bundle
	loss   link.Probability
	visits [2][]visit // by rival and round
}

func runMultiplexing(ctx context.Context, r *Result) error {
	all := make([]*multiplexingCell, 0, len(bundles)*len(losses))
	var cells []cell
	for _, b := range bundles {
		for _, loss := range losses {
			m := &multiplexingCell{bundle: b, loss: loss}
			all = append(all, m)
			cells = append([]cell{m.cell()}, cells...) // the longest first
		}
	}
	ran, err := runAll(ctx, mostAtOnce, cells)
	if err != nil {
		return err
	}
	r.linked("10 Mbit/s, 50 ms", ran)
	r.Tables = append(r.Tables, ratioTable(all), timeTable(all))
	judgeMultiplexing(r, all)
	return nil
}

func (m *multiplexingCell) cell() cell {
	way := link.Config{Delay: multiplexingRTT / 2, Rate: multiplexingRate, RTT: multiplexingRTT, Loss: m.loss}
	return cell{
		lab:     lab.Config{Up: way, Down: way, Bound: bound(multiplexingRTT)},
		server:  standardServer{zeros},
		measure: m.measure,
		once:    true, // milliseconds do not matter here
	}
}

// measure has both rivals fetch the bundle in each round, with the same seed, and
// each begin in turn.
func (m *multiplexingCell) measure(ctx context.Context, s *stage) error {
	m.visits = [2][]visit{}
	for round := range multiplexingRounds {
		for i := range rivals {
			rival := (round + i) % len(rivals)
			v, err := m.fetch(ctx, s, rivals[rival], uint64(round+1))
			if err != nil {
				return err
			}
			m.visits[rival] = append(m.visits[rival], v)
		}
	}
	return nil
}

func (m *multiplexingCell) fetch(ctx context.Context, s *stage, rival string, seed uint64) (visit, error) {
	strategy, err := linger.StrategyNamed(rival)
	if err != nil {
		return visit{}, err
	}
	paths := make([]string, m.bundle.count)
	for i := range paths {
		paths[i] = fmt.Sprintf("/%d/%d", m.bundle.bytes, i)
	}
	return s.visit(ctx, strategy, seed, func(t *linger.Transport) error {
		return getAll(ctx, t, paths, bare, http.StatusOK)
	})
}

// seconds is the median round of a rival.
func (m *multiplexingCell) seconds(rival int) float64 {
	return medianOf(m.visits[rival], func(v visit) float64 { return v.time.Seconds() })
}

// ratio is the time of one connection over that of six.
func (m *multiplexingCell) ratio() float64 { return m.seconds(1) / m.seconds(0) }

// ratioTable is the map: who wins where.
func ratioTable(all []*multiplexingCell) Table {
	t := Table{
		Title:  "time of one multiplexed connection over that of six persistent ones",
		Labels: []string{"objects"},
		Notes: []string{
			"below 1 the one connection is faster, above 1 the six are",
			fmt.Sprintf("medians of %d rounds; both have the same seed in each", multiplexingRounds),
			`the paper: "Most SPDY benefits stem from the use of a single TCP connection, but the same feature is also detrimental under high packet loss"`,
			`Google's white paper of 2009: "latency savings increased proportionally with increases in packet loss rates, up to a 48% speedup at 2%"`,
			"on this map both are right, the one of large objects, the other of small ones",
		},
	}
	for _, loss := range losses {
		t.Columns = append(t.Columns, Column{"loss " + loss.String(), 2})
	}
	for i, m := range all {
		if i%len(losses) == 0 {
			t.Rows = append(t.Rows, Row{Labels: []string{m.bundle.String()}})
		}
		row := &t.Rows[len(t.Rows)-1]
		row.Values = append(row.Values, m.ratio())
	}
	return t
}

// timeTable is what the map was made of.
func timeTable(all []*multiplexingCell) Table {
	t := Table{Title: "seconds", Labels: []string{"objects", "strategy"}}
	for _, loss := range losses {
		t.Columns = append(t.Columns, Column{"loss " + loss.String(), 2})
	}
	for i := 0; i < len(all); i += len(losses) {
		for rival, name := range rivals {
			row := Row{Labels: []string{all[i].bundle.String(), name}}
			for _, m := range all[i : i+len(losses)] {
				row.Values = append(row.Values, m.seconds(rival))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

// judgeMultiplexing looks at the corners of the map, and at the way between them.
func judgeMultiplexing(r *Result, all []*multiplexingCell) {
	at := func(b, loss int) *multiplexingCell { return all[b*len(losses)+loss] }
	last := len(losses) - 1
	large := len(bundles) - 1
	say := func(m *multiplexingCell) string { return fmt.Sprintf("%s, loss %s: one over six", m.bundle, m.loss) }
	r.atMost(say(at(0, 0)), at(0, 0).ratio(), 0.7)
	r.atMost(say(at(0, last)), at(0, last).ratio(), 0.8)
	r.within(say(at(large, 0)), at(large, 0).ratio(), 0.75, 1.35)
	r.atLeast(say(at(large, last-1)), at(large, last-1).ratio(), 1.3)
	r.atLeast(say(at(large, last)), at(large, last).ratio(), 1.5)
}
