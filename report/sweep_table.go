package report

import (
	"bytes"
	"fmt"
	"strings"
)

// A sweepTable shows a sweep's cells: a line for each value of Y, a column for
// each of X; of one parameter, a line for each of its values.
type sweepTable struct {
	corner, over    string   // the names of the lines and of the columns
	heads           []string // of the columns
	sides           []string // of the lines
	lines           [][]cellText
	gap, side, cell int // widths
}

// A cellText is what a cell says: clean, and encoded for the terminal.
type cellText struct {
	text  string
	color sgr
}

func (s *Sweep) table(t Terminal, gap int, text func(Terminal, SweepCell) cellText) *sweepTable {
	g := &sweepTable{gap: gap, corner: t.value(s.Y.Name), over: t.value(s.X.Name), heads: t.values(s.X), sides: t.values(s.Y)}
	at := func(head, side int) SweepCell { return s.cell(head, side) }
	if s.single() {
		g.corner, g.over, g.heads, g.sides = g.over, "", []string{""}, g.heads
		at = func(_, side int) SweepCell { return s.cell(side, 0) }
	}
	g.side = columns(g.corner)
	for _, head := range g.heads {
		g.cell = max(g.cell, columns(head))
	}
	for i, side := range g.sides {
		g.side = max(g.side, columns(side))
		line := make([]cellText, len(g.heads))
		for j := range line {
			line[j] = text(t, at(j, i))
			g.cell = max(g.cell, columns(line[j].text))
		}
		g.lines = append(g.lines, line)
	}
	return g
}

func (g *sweepTable) width() int {
	return max(g.side+len(g.heads)*(g.gap+g.cell), g.side+g.gap+columns(g.over))
}

func (g *sweepTable) write(b *bytes.Buffer, t Terminal) {
	space := strings.Repeat(" ", g.gap)
	if g.over != "" {
		fmt.Fprintf(b, "%s\n", t.paint(faint, strings.Repeat(" ", g.side)+space+g.over))
	}
	heading := padRight(g.corner, g.side)
	for _, head := range g.heads {
		heading += space + padRight(head, g.cell)
	}
	fmt.Fprintf(b, "%s\n", t.paint(faint, strings.TrimRight(heading, " ")))
	for i, line := range g.lines {
		b.WriteString(padRight(g.sides[i], g.side))
		for j, c := range line {
			text := c.text
			if j < len(line)-1 {
				text = padRight(text, g.cell)
			}
			b.WriteString(space + t.paint(c.color, text))
		}
		b.WriteByte('\n')
	}
}

// writeList writes the cells one below the other, for where a table is too wide.
func (s *Sweep) writeList(b *bytes.Buffer, t Terminal, text func(Terminal, SweepCell) cellText) {
	for y := range s.height() {
		indent := ""
		if !s.single() {
			fmt.Fprintf(b, "%s\n", wrapped(t.value(s.Y.Name)+" "+t.values(s.Y)[y], t.width(), "  "))
			indent = "  "
		}
		for x, value := range t.values(s.X) {
			c := text(t, s.cell(x, y))
			line := t.value(s.X.Name) + " " + value + ": " + c.text
			fmt.Fprintf(b, "%s%s\n", indent, t.paint(c.color, wrapped(line, t.width()-len(indent), indent+"  ")))
		}
	}
}

// value cleans and encodes what an axis says.
func (t Terminal) value(s string) string { return t.encode(clean(s)) }

func (t Terminal) values(a Axis) []string {
	all := make([]string, len(a.Values))
	for i, v := range a.Values {
		all[i] = t.value(v)
	}
	return all
}
