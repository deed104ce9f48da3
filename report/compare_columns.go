package report

import (
	"fmt"
	"math"
	"strings"
)

// A column of the table: its heading, how wide a terminal must be to show it,
// which rows say what, and the words that explain it and those before it.
type column struct {
	heading string
	width   int
	needs   int // columns of the terminal, where no link counted packets
	onLink  int // columns of the terminal, where one did
	cell    func(t Terminal, r Row, first bool) string
	note    string
}

// never is more columns than any terminal has.
const never = math.MaxInt

// The columns of the table after the strategy's name, at most 59 wide in 80
// columns, so that these hold a name of 11 and a bar of 9 as well. What the link
// saw drives what the client saw to wider terminals.
var compareColumns = []column{
	{"median", 7, 0, 0, func(_ Terminal, r Row, _ bool) string { return millis(r.Time.Median) }, ""},
	{"±", 5, 48, 48, func(t Terminal, r Row, _ bool) string { return t.spread(r.Time) }, ""},
	{"ratio", 6, 0, 0, func(_ Terminal, r Row, first bool) string { return ratio(r, first) }, "ratio: to the first, ~ where the difference is not significant"},
	{"layout", 7, 72, 104, func(_ Terminal, r Row, _ bool) string { return momentText(r.LayoutKnown) }, ""},
	{"conns", 5, 56, 56, func(_ Terminal, r Row, _ bool) string { return fmt.Sprint(r.Connections) }, ""},
	{"bytes", 7, 72, 112, func(_ Terminal, r Row, _ bool) string { return size(r.BytesReceived) }, ""},
	{"pkts↑", 5, never, 64, onWire(func(w *Wire) string { return tally(w.PacketsUp) }), ""},
	{"pkts↓", 5, never, 64, onWire(func(w *Wire) string { return tally(w.PacketsDown) }), "pkts↑, pkts↓: IP packets to the server and back"},
	{"wire", 7, never, 72, onWire(func(w *Wire) string { return size(w.bytes()) }), "wire: their bytes"},
	{"head", 5, never, 80, onWire(func(w *Wire) string { return percent(w.Overhead) }), "head: the share of these that is IP and TCP headers"},
	{"drops", 5, never, 80, onWire(func(w *Wire) string { return tally(w.Dropped) }), "drops: packets that the link did not deliver"},
	{"shake", 5, 64, 96, func(_ Terminal, r Row, _ bool) string { return percent(r.HandshakeShare) }, ""},
	{"queue", 5, 64, 96, func(_ Terminal, r Row, _ bool) string { return percent(r.QueueShare) },
		"shake, queue: share of all exchanges' time in handshakes and in waiting for a connection"},
}

// onWire is the cell of what a link counted.
func onWire(text func(*Wire) string) func(Terminal, Row, bool) string {
	return func(_ Terminal, r Row, _ bool) string {
		if r.Wire == nil {
			return "?"
		}
		return text(r.Wire)
	}
}

// shown are the columns for which the terminal is wide enough. What the link saw
// leaves no room for strategies' long names, which narrow the terminal then.
func (c *Comparison) shown(t Terminal, name int) []column {
	width, onLink := t.width(), c.onLink()
	if onLink {
		width -= max(0, name-11)
	}
	var all []column
	for _, col := range compareColumns {
		if onLink && width >= col.onLink || !onLink && width >= col.needs {
			all = append(all, col)
		}
	}
	return all
}

// asciiMarks spells the marks of the headings in ASCII.
var asciiMarks = strings.NewReplacer("±", "+-", "↑", "^", "↓", "v")

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
