package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// WriteText writes the comparison for a terminal: a line for each strategy with
// a bar for its time, then the verdict.
func (c *Comparison) WriteText(w io.Writer, t Terminal) error {
	var b bytes.Buffer
	title := fmt.Sprintf("%s, %s", clean(c.Site), count(c.Rounds, "round"))
	fmt.Fprintf(&b, "%s\n", t.paint(bold, wrapped(t.encode(title), t.width(), "  ")))
	c.table(&b, t)
	for _, r := range c.Rows {
		if r.Failed > 0 {
			text := fmt.Sprintf("%s: %s failed", clean(r.Strategy), count(r.Failed, "object"))
			fmt.Fprintf(&b, "%s %s\n", t.paint(red, t.glyph("✗", "!")), wrapped(t.encode(text), t.width()-2, "  "))
		}
	}
	if c.Verdict != "" {
		fmt.Fprintf(&b, "\n%s\n", wrapped(t.encode(clean(c.Verdict)), t.width(), ""))
	}
	_, err := w.Write(b.Bytes())
	return wrap("text", err)
}

// A column of the table: its heading, which rows say what, and how wide a
// terminal must be to show it.
type column struct {
	heading string
	width   int
	needs   int // columns of the terminal
	cell    func(t Terminal, r Row, first bool) string
}

// The columns of the table after the strategy's name, at most 69 wide in all,
// so that 80 columns hold them with a bar.
var compareColumns = []column{
	{"median", 7, 0, func(_ Terminal, r Row, _ bool) string { return millis(r.Time.Median) }},
	{"±", 5, 48, func(t Terminal, r Row, _ bool) string { return t.spread(r.Time) }},
	{"ratio", 6, 0, func(_ Terminal, r Row, first bool) string { return ratio(r, first) }},
	{"layout", 7, 72, func(_ Terminal, r Row, _ bool) string { return momentText(r.LayoutKnown) }},
	{"conns", 5, 56, func(_ Terminal, r Row, _ bool) string { return fmt.Sprint(r.Connections) }},
	{"bytes", 7, 72, func(_ Terminal, r Row, _ bool) string { return size(r.BytesReceived) }},
	{"shake", 5, 64, func(_ Terminal, r Row, _ bool) string { return percent(r.HandshakeShare) }},
	{"queue", 5, 64, func(_ Terminal, r Row, _ bool) string { return percent(r.QueueShare) }},
}

func (c *Comparison) table(b *bytes.Buffer, t Terminal) {
	room := t.width()
	for _, col := range compareColumns {
		if t.width() >= col.needs {
			room -= 1 + col.width
		}
	}
	name := len("strategy")
	for _, r := range c.Rows {
		name = max(name, columns(t.encode(clean(r.Strategy))))
	}
	name = min(name, max(room, 11))
	room -= name
	heading := padRight("strategy", name)
	for _, col := range compareColumns {
		if t.width() >= col.needs {
			heading += " " + padLeft(t.glyph(col.heading, strings.ReplaceAll(col.heading, "±", "+-")), col.width)
		}
	}
	room = min(room-1, 60)
	fmt.Fprintf(b, "%s\n", t.paint(faint, heading))
	for i, r := range c.Rows {
		b.WriteString(padRight(t.encode(clean(r.Strategy)), name))
		for _, col := range compareColumns {
			if t.width() >= col.needs {
				b.WriteString(" " + padLeft(col.cell(t, r, i == 0), col.width))
			}
		}
		if bar := t.bar(r.Time.Median/c.longest(), room); bar != "" {
			b.WriteString(" " + t.paint(looks[timeline.Receive].color, bar))
		}
		b.WriteByte('\n')
	}
	note := "ratio: to the first, ~ where the difference is not significant"
	if t.width() >= 64 {
		note += "; shake, queue: share of all exchanges' time in handshakes and in waiting for a connection"
	}
	fmt.Fprintf(b, "%s\n", t.paint(faint, wrapped(note, t.width(), "")))
}

// ratio marks what may be chance, and says nothing of the first row, which the
// others stand against.
func ratio(r Row, first bool) string {
	switch {
	case first:
		return "1"
	case finite(r.Ratio) == nil:
		return "?"
	case !r.Differs:
		return "~" + digits(r.Ratio)
	}
	return digits(r.Ratio)
}

// spread says how far the interval reaches to its wider side.
func (t Terminal) spread(v Interval) string {
	s := v.spread()
	if math.IsNaN(s) {
		return "?"
	}
	if math.IsInf(s, 0) {
		return t.glyph("∞", "inf")
	}
	return percent(s)
}

// momentText writes milliseconds, and a dash for a moment that never came.
func momentText(f float64) string {
	if positive(f) == nil {
		return "-"
	}
	return millis(f)
}
