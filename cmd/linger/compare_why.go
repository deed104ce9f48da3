package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// What the strategies of a comparison spend their time on: each fetch is captured and
// explained, and causes are added up.

// A whyVisit says what the time of one fetch's exchanges was for.
type whyVisit struct {
	sums    [timeline.NumCauses]float64 // over all exchanges, in milliseconds
	all     float64                     // of them
	page    [timeline.NumCauses]float64 // of the page's own time, in milliseconds
	silent  error                       // why no packets were captured; nil if they were
	defects []string
}

// fetchWatched is fetch under capture. What it takes to explain is not in the fetch.
func (m *measurement) fetchWatched(ctx context.Context, s site, round, at int) (*visit, error) {
	w := &watched{client: m.client}
	t := w.transport(m.strategies[at])
	done, err := s.visit(t, m.seed+uint64(round))
	if err != nil {
		return nil, err
	}
	if err := w.begin(s); err != nil {
		return nil, err
	}
	p, wire, err := m.finish(ctx, s, t, done)
	src, failed := w.end(s.url())
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	if err != nil {
		return nil, errors.Join(err, src.close())
	}
	why, err := w.why(ctx, src)
	return &visit{p, wire, why}, errors.Join(err, src.close())
}

// why explains what was captured.
func (w *watched) why(ctx context.Context, src *source) (*whyVisit, error) {
	g := newGathering(&explainFlags{all: true}, src)
	if err := g.read(ctx, src); err != nil {
		return nil, err
	}
	why := &whyVisit{silent: w.silent(), defects: g.x.Defects}
	for c, t := range g.causes {
		why.sums[c] = milliseconds(t.time)
		why.all += milliseconds(t.time)
	}
	exchanges := make([]*timeline.Exchange, len(g.shown))
	for i, e := range g.shown {
		exchanges[i] = e.Exchange
	}
	for c, d := range pageTime(exchanges) {
		why.page[c] = d / float64(time.Millisecond)
	}
	return why, nil
}

// pageTime shares the time from the first start to the last end among causes, in
// nanoseconds: of each moment, the exchanges under way have equal parts, but for those
// that wait for others. Where there are none, the client had nothing to ask for.
func pageTime(exchanges []*timeline.Exchange) (parts [timeline.NumCauses]float64) {
	type edge struct {
		at    int64
		cause timeline.Cause
		by    int
	}
	var edges []edge
	for _, e := range exchanges {
		start := e.Start.UnixNano()
		for _, s := range e.Spans {
			edges = append(edges, edge{start + int64(s.Start), s.Cause, 1}, edge{start + int64(s.End), s.Cause, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var busy [timeline.NumCauses]int
	for i, e := range edges {
		if i > 0 {
			shareOut(&parts, &busy, float64(e.at-edges[i-1].at))
		}
		busy[e.cause] += e.by
	}
	return parts
}

// shareOut gives a stretch of time to those who are busy.
func shareOut(parts *[timeline.NumCauses]float64, busy *[timeline.NumCauses]int, length float64) {
	waiting, working := 0, 0
	for c, n := range busy {
		if slices.Contains(waits, timeline.Cause(c)) {
			waiting += n
		} else {
			working += n
		}
	}
	if waiting+working == 0 {
		parts[timeline.Client] += length
		return
	}
	for c, n := range busy {
		isWait := slices.Contains(waits, timeline.Cause(c))
		switch {
		case working > 0 && !isWait:
			parts[c] += length * float64(n) / float64(working)
		case working == 0:
			parts[c] += length * float64(n) / float64(waiting)
		}
	}
}

// causesOfRounds are the causes of one strategy, the largest first: of each, the median
// of all rounds.
func causesOfRounds(visits []*visit) []report.RowCause {
	if visits[0].why == nil {
		return nil
	}
	var all []report.RowCause
	for c := range timeline.Cause(timeline.NumCauses) {
		var times, shares, pages []float64
		for _, v := range visits {
			times = append(times, v.why.sums[c])
			shares = append(shares, v.why.sums[c]/max(v.why.all, 1e-6))
			pages = append(pages, v.why.page[c])
		}
		rc := report.RowCause{Cause: c, MS: median(times), Share: median(shares), PageMS: median(pages)}
		if rc.MS > 0 || rc.PageMS > 0 {
			all = append(all, rc)
		}
	}
	slices.SortStableFunc(all, func(a, b report.RowCause) int { return cmp.Compare(b.MS, a.MS) })
	return all
}

// causeNotes say how the causes of a comparison are known.
func causeNotes(m *measurement) []string {
	if !m.explains {
		return nil
	}
	var defects []string
	for _, visits := range m.rounds {
		for _, v := range visits {
			if v.why.silent != nil {
				return []string{fmt.Sprintf("by the client's own timeline alone, in which most is unknown: packets were not captured: %v (%s)", v.why.silent, needOf(v.why.silent))}
			}
			for _, d := range v.why.defects {
				if !slices.Contains(defects, d) {
					defects = append(defects, d)
				}
			}
		}
	}
	where := "on this host"
	if m.place.link != "" {
		where = "at the client's end of the link"
	}
	return append([]string{"medians of the rounds, from packets captured " + where}, defects[:min(len(defects), 3)]...)
}

// waits are causes that come of others: who waits in line waits for what those before
// it spend their time on.
var waits = []timeline.Cause{timeline.Queued, timeline.HeadOfLine}

// difference says which cause makes the difference between the fastest and the slowest
// row: the one that took more of the page's own time, by most.
func difference(best, worst report.Row) string {
	var of timeline.Cause
	var by float64
	for _, rc := range worst.Causes {
		if more := rc.PageMS - causeOf(best, rc.Cause).PageMS; more > by && rc.Cause != timeline.Unknown {
			of, by = rc.Cause, more
		}
	}
	if by <= 0 {
		return ""
	}
	return fmt.Sprintf("most of the difference is %v (%s): %s of the page's time with %s, %s with %s",
		of, meanings[of], spent(causeOf(worst, of).PageMS), worst.Strategy, spent(causeOf(best, of).PageMS), best.Strategy)
}

// causeOf is what a cause cost of a row.
func causeOf(r report.Row, c timeline.Cause) report.RowCause {
	for _, rc := range r.Causes {
		if rc.Cause == c {
			return rc
		}
	}
	return report.RowCause{}
}
