package main

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"

	"github.com/lingerhttp/linger/report"
)

// fewestRounds is from where on the test of apart can find a difference: of
// three rounds against three, even an order without any exception has p = 0.1.
const fewestRounds = 4

// verdictOn says in one sentence what decided between the strategies. The first
// row is what the others are held against.
func verdictOn(rows []report.Row) string {
	if len(rows) == 1 && rows[0].Failed > 0 {
		return rows[0].Strategy + " did not fetch everything."
	}
	if len(rows) == 1 {
		return fmt.Sprintf("%s took %s; name a second strategy to compare it with.", rows[0].Strategy, spent(rows[0].Time.Median))
	}
	best, worst := extremes(rows)
	if rows[best].Failed > 0 {
		return "no strategy fetched everything, so none can be called faster."
	}
	if n := len(rows[best].Times); n < fewestRounds {
		return fmt.Sprintf("with %s no difference can be told from chance; it takes %d.", count(n, "round"), fewestRounds)
	}
	parts := []string{outcome(rows, best, worst), why(rows[best], rows[worst])}
	if s := parallelHelped(rows); s != "" {
		parts = append(parts, s)
	}
	return strings.Join(nonEmpty(parts...), "; ") + "."
}

// extremes finds the fastest and the slowest of the rows that fetched all. If
// none did, both are some row that failed.
func extremes(rows []report.Row) (best, worst int) {
	for i, r := range rows {
		whole, wasWhole := r.Failed == 0, rows[best].Failed == 0
		if whole && !wasWhole || whole == wasWhole && r.Time.Median < rows[best].Time.Median {
			best = i
		}
	}
	worst = best
	for i, r := range rows {
		if r.Failed == 0 && r.Time.Median > rows[worst].Time.Median {
			worst = i
		}
	}
	return best, worst
}

func outcome(rows []report.Row, best, worst int) string {
	b, w := rows[best], rows[worst]
	if slices.ContainsFunc(rows, func(r report.Row) bool { return r.Failed > 0 }) && best == worst {
		return b.Strategy + " alone fetched everything"
	}
	if !apart(b, w) {
		return "no strategy was faster than the others beyond chance"
	}
	return fmt.Sprintf("%s was fastest, %s was slowest and took %.2f × as long", b.Strategy, w.Strategy, w.Time.Median/b.Time.Median)
}

// apart says whether the times of two rows differ beyond chance.
func apart(a, b report.Row) bool {
	c := benchmath.AssumeNothing.Compare(sampleOf(a.Times), sampleOf(b.Times))
	return c.P < c.Alpha
}

// why compares what the fastest and the slowest did with their time.
func why(b, w report.Row) string {
	if !apart(b, w) {
		return ""
	}
	if text := difference(b, w); text != "" {
		return text
	}
	switch {
	case w.Connections > 2*b.Connections && w.HandshakeMS > b.HandshakeMS:
		return fmt.Sprintf("%s opened %s and spent %s in handshakes, %s %d and %s",
			w.Strategy, count(w.Connections, "connection"), spent(w.HandshakeMS), b.Strategy, b.Connections, spent(b.HandshakeMS))
	case b.Connections > 2*w.Connections && b.QueueMS >= w.QueueMS:
		return fmt.Sprintf("%s did more at once on %s", b.Strategy, count(b.Connections, "connection"))
	case w.QueueMS > b.QueueMS:
		return fmt.Sprintf("in %s the exchanges waited %s in all for a connection, in %s %s", w.Strategy, spent(w.QueueMS), b.Strategy, spent(b.QueueMS))
	case w.QueueMS < b.QueueMS:
		return fmt.Sprintf("what %s saved in waiting for a connection it lost on busy ones", w.Strategy)
	}
	return ""
}

// spent writes milliseconds, as seconds where they are many.
func spent(ms float64) string {
	switch {
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.2f s", ms/1000)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// parallelHelped holds strategies that differ only in how many connections they
// open against each other, and says so where more did not help.
func parallelHelped(rows []report.Row) string {
	for _, pair := range [][2]string{{"persistent", "persistent6"}, {"serial", "parallel"}} {
		one, many := named(rows, pair[0]), named(rows, pair[1])
		if one == nil || many == nil || one.Failed > 0 || many.Failed > 0 {
			continue
		}
		switch ratio := many.Time.Median / one.Time.Median; {
		case !apart(*one, *many):
			return fmt.Sprintf("parallel connections did not help here beyond chance: %s took %.2f × the time of %s", many.Strategy, ratio, one.Strategy)
		case ratio > 1:
			return fmt.Sprintf("parallel connections did not help here: %s took %.2f × the time of %s", many.Strategy, ratio, one.Strategy)
		}
	}
	return ""
}

func named(rows []report.Row, strategy string) *report.Row {
	for i := range rows {
		if rows[i].Strategy == strategy {
			return &rows[i]
		}
	}
	return nil
}
