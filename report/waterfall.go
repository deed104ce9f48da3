package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// WriteText writes the page for a terminal: the waterfall, one line an exchange,
// then what it sums up to.
func (p *Page) WriteText(w io.Writer, t Terminal) error {
	var b bytes.Buffer
	title := cleanURL(p.URL)
	if p.Strategy != "" {
		title += " (" + clean(p.Strategy) + ")"
	}
	fmt.Fprintf(&b, "%s\n", t.paint(bold, wrapped(title, t.width(), "  ")))
	if len(p.Entries) > 0 {
		p.waterfall(&b, t)
	}
	p.summary(&b, t)
	_, err := w.Write(b.Bytes())
	return wrap("text", err)
}

// A grid says how many columns each part of a waterfall's line takes; what does
// not fit has none.
type grid struct {
	number, conn, status, size, name, bar, time int
}

// grid shares out the width: the fixed columns first, then two fifths of the
// rest for the name, if one is so long, and what is left for the bar.
func (p *Page) grid(t Terminal) grid {
	g := grid{number: 1, status: 3, time: 7}
	longest := len("URL")
	for _, e := range p.Entries {
		g.number = max(g.number, len(strconv.Itoa(e.Number)))
		g.conn = max(g.conn, len(strconv.Itoa(e.Conn.Number)), len("on"))
		name, _ := relative(e.URL, p.URL)
		longest = max(longest, len(name))
	}
	if t.width() < 56 {
		g.conn = 0
	}
	if t.width() >= 64 {
		g.size = 7
	}
	rest := t.width() - g.number - 1 // and its mark
	for _, n := range []int{g.conn, g.status, g.size, g.time} {
		if n > 0 {
			rest -= n + 1
		}
	}
	rest -= 2 // the gaps before name and bar
	g.name = min(max(rest*2/5, 8), 56, longest)
	g.bar = rest - g.name
	return g
}

// left joins the columns that stand before the bar. number and mark count as
// one; the mark may be coloured.
func (g grid) left(number, mark, conn, status, size, name string) string {
	var b strings.Builder
	b.WriteString(padLeft(number, g.number) + mark)
	if g.conn > 0 {
		b.WriteString(" " + padLeft(conn, g.conn))
	}
	b.WriteString(" " + padLeft(status, g.status))
	if g.size > 0 {
		b.WriteString(" " + padLeft(size, g.size))
	}
	b.WriteString(" " + padRight(name, g.name) + " ")
	return b.String()
}

func (p *Page) waterfall(b *bytes.Buffer, t Terminal) {
	g := p.grid(t)
	origin, length := extent(p.Start, p.exchanges())
	a := axis{origin, length, g.bar}
	header := g.left("#", " ", "on", "", "bytes", "URL") + padRight(a.ticks(t), g.bar) + " " + padLeft("time", g.time)
	fmt.Fprintf(b, "%s\n", t.paint(faint, header))
	marked := false
	for _, e := range p.Entries {
		mark := " "
		switch {
		case e.Error != "":
			mark = t.paint(red, t.glyph("✗", "!"))
		case e.Tries > 1:
			mark = t.paint(yellow, t.glyph("↻", "r"))
		}
		marked = marked || mark != " "
		conn, status := "-", "-"
		if e.Conn.Number > 0 {
			conn = strconv.Itoa(e.Conn.Number)
		}
		if e.Status > 0 {
			status = strconv.Itoa(e.Status)
		}
		name := t.shortName(e.URL, p.URL, g.name)
		fmt.Fprintf(b, "%s%s %s\n",
			g.left(strconv.Itoa(e.Number), mark, conn, status, size(e.Received.Total()), name),
			a.bar(t, e.Exchange),
			padLeft(duration(e.Duration), g.time))
	}
	fmt.Fprintf(b, "%s\n", t.legend())
	if marked {
		fmt.Fprintf(b, "%s failed  %s sent again\n", t.paint(red, t.glyph("✗", "!")), t.paint(yellow, t.glyph("↻", "r")))
	}
}

// An axis maps time to the cells of a bar.
type axis struct {
	origin time.Time
	length time.Duration
	cells  int
}

// cell is the position of a time since the origin, in cells.
func (a axis) cell(d time.Duration) float64 {
	return float64(d) / float64(a.length) * float64(a.cells)
}

const nothing = -1 // in a cell that an exchange does not touch

// phases tells for each cell which phase takes the largest share of it. An
// exchange always has a cell, however short it was.
func (a axis) phases(e *timeline.Exchange) []int {
	shares := make([][timeline.NumPhases]float64, a.cells)
	offset := e.Start.Sub(a.origin)
	for _, s := range e.Spans {
		from, to := a.cell(offset+s.Start), a.cell(offset+s.End)
		for i := max(int(from), 0); i < a.cells && float64(i) < to; i++ {
			shares[i][s.Phase] += min(to, float64(i+1)) - max(from, float64(i))
		}
	}
	row := make([]int, a.cells)
	seen := false
	for i := range row {
		row[i] = nothing
		var most float64
		for p, share := range shares[i] {
			if share > most {
				row[i], most = p, share
			}
		}
		seen = seen || row[i] != nothing
	}
	if !seen && a.cells > 0 {
		at := min(max(int(a.cell(offset)), 0), a.cells-1)
		row[at] = int(lastPhase(e))
	}
	return row
}

// bar draws an exchange, exactly as wide as the axis.
func (a axis) bar(t Terminal, e *timeline.Exchange) string {
	var b strings.Builder
	row := a.phases(e)
	for i := 0; i < len(row); {
		n := 1
		for i+n < len(row) && row[i+n] == row[i] {
			n++
		}
		if row[i] == nothing {
			b.WriteString(strings.Repeat(" ", n))
		} else {
			b.WriteString(t.phase(timeline.Phase(row[i]), n))
		}
		i += n
	}
	return b.String()
}

// ticks writes the axis: each label begins at its tick, the last has the unit.
func (a axis) ticks(t Terminal) string {
	unit, scale := "ms", 1.0
	if a.length >= 10*time.Second {
		unit, scale = "s", 1000
	}
	total := ms(a.length) / scale
	step := niceStep(total * 8 / float64(max(a.cells, 1)))
	var b strings.Builder
	for i := 0; ; i++ {
		value := float64(i) * step
		at := int(value / total * float64(a.cells))
		label := t.glyph("│", "|") + strconv.FormatFloat(roundTo(value, step), 'f', -1, 64)
		if value > total || at+columns(label) > a.cells {
			break
		}
		b.WriteString(strings.Repeat(" ", max(at-columns(b.String()), 0)))
		b.WriteString(label)
	}
	if columns(b.String())+1+len(unit) <= a.cells {
		b.WriteString(" " + unit)
	}
	return b.String()
}

// niceStep is the smallest of 1, 2, 5, 10, 20, 50, … (and 0.5, 0.2, …) that is
// not smaller than atLeast.
func niceStep(atLeast float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(atLeast)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= atLeast {
			return m * power
		}
	}
	return 10 * power
}

// roundTo drops what floating point added to a multiple of step.
func roundTo(value, step float64) float64 {
	places := math.Max(0, -math.Floor(math.Log10(step)))
	power := math.Pow(10, places)
	return math.Round(value*power) / power
}
