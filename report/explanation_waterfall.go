package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// The waterfall of an explanation: a line for each exchange, in it a letter for
// each cause.

// Where most bars have fewer cells than this, they cannot be read: then they all
// begin together, on the scale of the longest.
const readableCells = 2

// An explainedGrid says how many columns each part of an exchange's line takes;
// what does not fit has none.
type explainedGrid struct {
	grid
	cause int
}

func (x *Explanation) grid(t Terminal) explainedGrid {
	g := explainedGrid{grid: grid{number: 1, status: 3, time: 7}}
	longest := len("request")
	for _, e := range x.Entries {
		g.number = max(g.number, len(strconv.Itoa(e.Number)))
		g.conn = max(g.conn, len(strconv.Itoa(e.Conn.Number)), len("on"))
		name, _ := x.name(e)
		longest = max(longest, columns(name))
	}
	if t.width() < 64 {
		g.conn = 0
	}
	if t.width() >= 72 {
		g.size = 7
	}
	if t.width() >= 56 {
		g.cause = causeWidth
	}
	rest := t.width() - g.number - 1 // and its mark
	for _, n := range []int{g.conn, g.status, g.size, g.time, g.cause} {
		if n > 0 {
			rest -= n + 1
		}
	}
	rest -= 2 // the gaps before name and bar
	g.name = min(max(rest*2/5, 8), 56, longest)
	g.bar = rest - g.name
	return g
}

// name names an exchange: its method, and what of its URL tells it apart. keep is
// how many columns the method takes: of the rest, the end matters more.
func (x *Explanation) name(e Explained) (name string, keep int) {
	if e.Method == "" { // TLS hid it, and all but the host
		return cleanURL(e.URL), 0
	}
	name, _ = relative(e.URL, x.Entries[0].URL)
	method := clean(e.Method)
	if !isPlain(method) {
		method = "?"
	}
	return method + " " + name, len(method) + 1
}

// writeWaterfall writes a line for each exchange, and how to read it.
func (x *Explanation) writeWaterfall(b *bytes.Buffer, t Terminal) {
	if len(x.Entries) == 0 {
		return
	}
	g := x.grid(t)
	a, together := x.axis(g.bar)
	heading := "Exchanges:"
	if x.LeftOut > 0 {
		heading = fmt.Sprintf("The %s that took longest; %d shorter ones are left out, --all shows them:", count(len(x.Entries), "exchange"), x.LeftOut)
	}
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, wrapped(heading, t.width(), "  ")))
	header := g.left("#", " ", "on", "", "bytes", "request") + padRight(a.ticks(t), g.bar) + " " + padLeft("time", g.time)
	if g.cause > 0 {
		header += " mostly"
	}
	fmt.Fprintf(b, "%s\n", t.paint(faint, strings.TrimRight(header, " ")))
	for _, e := range x.Entries {
		if together {
			a.origin = e.Start
		}
		x.writeLine(b, t, g, a, e)
	}
	x.writeLegend(b, t, together)
}

func (x *Explanation) writeLine(b *bytes.Buffer, t Terminal, g explainedGrid, a axis, e Explained) {
	conn, status := "-", "-"
	if e.Conn.Number > 0 {
		conn = strconv.Itoa(e.Conn.Number)
	}
	if e.Status > 0 {
		status = strconv.Itoa(e.Status)
	}
	name, keep := x.name(e)
	name = elide(name, g.name, keep, t.glyph("…", ".."))
	line := g.left(strconv.Itoa(e.Number), e.mark(t), conn, status, size(e.Received.Total()), name) +
		a.causes(t, e.Exchange) + " " + padLeft(duration(e.Duration), g.time)
	if g.cause > 0 {
		line += " " + e.Main.String()
	}
	fmt.Fprintf(b, "%s\n", line)
}

// mark is the sign of an exchange that is not as others.
func (e Explained) mark(t Terminal) string {
	switch {
	case e.Failed:
		return t.paint(red, t.glyph("✗", "!"))
	case e.Inferred:
		return t.paint(yellow, "~")
	}
	return " "
}

// axis is that of the shown exchanges. If most of them were too short to be read on
// it, they are to begin together.
func (x *Explanation) axis(cells int) (a axis, together bool) {
	origin, length := extent(time.Time{}, x.exchanges())
	a = axis{origin, length, cells}
	short := 0
	var longest time.Duration
	for _, e := range x.Entries {
		longest = max(longest, e.Duration)
		if a.cell(e.Duration) < readableCells {
			short++
		}
	}
	if short*2 <= len(x.Entries) || longest == 0 {
		return a, false
	}
	a.length = longest
	return a, true
}

// causes draws an exchange, exactly as wide as the axis: each cell has the cause
// that takes the largest share of it.
func (a axis) causes(t Terminal, e *timeline.Exchange) string {
	shares := make([][timeline.NumCauses]float64, a.cells)
	offset := e.Start.Sub(a.origin)
	for _, s := range e.Spans {
		c := min(int(s.Cause), timeline.NumCauses-1)
		from, to := a.cell(offset+s.Start), a.cell(offset+s.End)
		for i := max(int(from), 0); i < a.cells && float64(i) < to; i++ {
			shares[i][c] += min(to, float64(i+1)) - max(from, float64(i))
		}
	}
	var b strings.Builder
	seen := false
	for i := range shares {
		largest, most := nothing, 0.0
		for c, share := range shares[i] {
			if share > most {
				largest, most = c, share
			}
		}
		if largest == nothing {
			b.WriteByte(' ')
			continue
		}
		seen = true
		b.WriteString(t.cause(timeline.Cause(largest), 1))
	}
	if !seen && a.cells > 0 && len(e.Spans) > 0 { // an exchange always has a cell
		at := min(max(int(a.cell(offset)), 0), a.cells-1)
		return strings.Repeat(" ", at) + t.cause(e.Spans[len(e.Spans)-1].Cause, 1) + strings.Repeat(" ", a.cells-1-at)
	}
	return b.String()
}

// writeLegend says which letter stands for which cause, of those that were seen.
func (x *Explanation) writeLegend(b *bytes.Buffer, t Terminal, together bool) {
	var seen [timeline.NumCauses]bool
	failed, inferred := false, false
	for _, e := range x.Entries {
		for _, s := range e.Spans {
			seen[min(int(s.Cause), timeline.NumCauses-1)] = true
		}
		failed = failed || e.Failed
		inferred = inferred || e.Inferred
	}
	used := 0
	for c := range timeline.Cause(timeline.NumCauses) {
		if !seen[c] {
			continue
		}
		n := 2 + len(c.String())
		switch {
		case used > 0 && used+2+n > t.width():
			b.WriteByte('\n')
			used = 0
		case used > 0:
			b.WriteString("  ")
			used += 2
		}
		b.WriteString(t.cause(c, 1) + " " + c.String())
		used += n
	}
	b.WriteByte('\n')
	var notes []string
	if failed {
		notes = append(notes, t.glyph("✗", "!")+" something is wrong with it: --exchange N tells")
	}
	if inferred {
		notes = append(notes, "~ inferred: TLS hid the messages")
	}
	if together {
		notes = append(notes, "the bars begin together, whenever the exchange began")
	}
	if len(notes) > 0 {
		fmt.Fprintf(b, "%s\n", wrapped(strings.Join(notes, "; "), t.width(), "  "))
	}
}
