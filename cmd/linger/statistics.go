package main

import (
	"math"
	"slices"
	"time"

	"golang.org/x/perf/benchmath"

	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// confidence of the intervals around medians.
const confidence = 0.95

// comparisonOf turns what was measured into what is reported.
func comparisonOf(m *measurement) *report.Comparison {
	c := &report.Comparison{Rounds: m.times, Link: m.place.link}
	if cert := m.certificate(); cert != nil {
		c.Certificate, c.Defects, c.Exactness = cert.Figures(), cert.Defects, cert
	}
	for i, s := range m.strategies {
		c.Rows = append(c.Rows, rowOf(s.Name, m.rounds[i]))
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		row.Ratio = row.Time.Median / c.Rows[0].Time.Median
		row.Differs = i > 0 && apart(c.Rows[0], *row)
	}
	c.Verdict = verdictOn(c.Rows)
	c.CauseNotes = causeNotes(m)
	return c
}

func sampleOf(times []float64) *benchmath.Sample {
	// NewSample sorts what it is given.
	return benchmath.NewSample(slices.Clone(times), &benchmath.DefaultThresholds)
}

// rowOf sums the rounds of one strategy up. Counts and sums are those of the
// median round each; failures those of the worst.
func rowOf(name string, pages []*visit) report.Row {
	row := report.Row{Strategy: name}
	totals := make([]timeline.Totals, len(pages))
	for i, p := range pages {
		totals[i] = timeline.Sum(p.Exchanges())
		row.Times = append(row.Times, milliseconds(timeOf(p.Page, totals[i])))
		row.Failed = max(row.Failed, failed(p.Page))
	}
	sum := benchmath.AssumeNothing.Summary(sampleOf(row.Times), confidence)
	row.Time = report.Interval{Median: sum.Center, Low: sum.Lo, High: sum.Hi}
	of := func(get func(timeline.Totals) float64) float64 {
		values := make([]float64, len(totals))
		for i, t := range totals {
			values[i] = get(t)
		}
		return median(values)
	}
	row.Exchanges = int(of(func(t timeline.Totals) float64 { return float64(t.Exchanges) }))
	row.Connections = int(of(func(t timeline.Totals) float64 { return float64(t.Connections) }))
	row.Reused = int(of(func(t timeline.Totals) float64 { return float64(t.Reused) }))
	row.BytesReceived = int64(of(func(t timeline.Totals) float64 { return float64(t.Received.Total()) }))
	row.HandshakeMS = of(func(t timeline.Totals) float64 { return milliseconds(t.Handshake()) })
	row.QueueMS = of(func(t timeline.Totals) float64 { return milliseconds(t.Phases[timeline.Queue]) })
	row.HandshakeShare = of(func(t timeline.Totals) float64 { return share(t.Handshake(), t) })
	row.QueueShare = of(func(t timeline.Totals) float64 { return share(t.Phases[timeline.Queue], t) })
	row.LayoutKnown = layoutKnown(pages)
	row.Wire = wireOfRounds(pages)
	row.Causes = causesOfRounds(pages)
	row.Sample = pages[nearest(row.Times, row.Time.Median)].Exchanges()
	return row
}

// wireOfRounds is what passed in the median round, each figure for itself; nil where
// nobody counted.
func wireOfRounds(visits []*visit) *report.Wire {
	if visits[0].wire == nil {
		return nil
	}
	of := func(get func(*report.Wire) float64) float64 {
		values := make([]float64, len(visits))
		for i, v := range visits {
			values[i] = get(v.wire)
		}
		return median(values)
	}
	count := func(get func(*report.Wire) int64) int64 {
		return int64(of(func(w *report.Wire) float64 { return float64(get(w)) }))
	}
	return &report.Wire{
		PacketsUp:   count(func(w *report.Wire) int64 { return w.PacketsUp }),
		PacketsDown: count(func(w *report.Wire) int64 { return w.PacketsDown }),
		BytesUp:     count(func(w *report.Wire) int64 { return w.BytesUp }),
		BytesDown:   count(func(w *report.Wire) int64 { return w.BytesDown }),
		Payload:     count(func(w *report.Wire) int64 { return w.Payload }),
		Dropped:     count(func(w *report.Wire) int64 { return w.Dropped }),
		Overhead:    of(func(w *report.Wire) float64 { return w.Overhead }),
	}
}

// timeOf is how long a page took; if it never was complete, how long it was
// tried.
func timeOf(p *page.Page, t timeline.Totals) time.Duration {
	if p.Moments.Complete > 0 {
		return p.Moments.Complete
	}
	return t.Time
}

func failed(p *page.Page) int {
	n := 0
	for _, o := range p.Objects {
		if o.Err != nil {
			n++
		}
	}
	return n
}

// layoutKnown is the median of that moment in ms, −1 if a round never reached it.
func layoutKnown(pages []*visit) float64 {
	values := make([]float64, len(pages))
	for i, p := range pages {
		if p.Moments.LayoutKnown < 0 {
			return -1
		}
		values[i] = milliseconds(p.Moments.LayoutKnown)
	}
	return median(values)
}

// share is d's part of the time of all exchanges together.
func share(d time.Duration, t timeline.Totals) float64 {
	var sum time.Duration
	for _, p := range t.Phases {
		sum += p
	}
	if sum == 0 {
		return 0
	}
	return float64(d) / float64(sum)
}

// nearest is the index of the value nearest to x.
func nearest(values []float64, x float64) int {
	best := 0
	for i, v := range values {
		if math.Abs(v-x) < math.Abs(values[best]-x) {
			best = i
		}
	}
	return best
}

// median of at least one value; of an even number the lower of the two in the
// middle, so that a count stays one that was seen.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
