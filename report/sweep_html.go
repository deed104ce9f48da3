package report

import (
	"io"
	"math"
)

// numColors is how many strategies the style sheet tells apart by colour.
const numColors = 8

// WriteHTML writes the sweep as one HTML file that needs nothing else, and no
// scripts: a picture of who is fastest where, one of what parallel connections
// gain, and a table of all medians.
func (s *Sweep) WriteHTML(w io.Writer) error {
	rows, border := make([]htmlSweepRow, s.height()), false
	for y := range rows {
		if !s.single() {
			rows[y].Y = s.Y.Values[y]
		}
		for x, value := range s.X.Values {
			c := s.htmlCell(s.cell(x, y))
			c.X, c.Edges = value, s.edges(x, y)
			border = border || c.Edges != ""
			rows[y].Cells = append(rows[y].Cells, c)
		}
	}
	return execute(w, "sweep.html", htmlPage{Title: "linger sweep: " + s.Site, Body: struct {
		*Sweep
		Rounds        string
		KnowsParallel bool
		Border        bool // between where parallel connections help and where not
		Legend        []htmlSwatch
		Lines         []htmlSweepRow
	}{s, count(s.Rounds, "round"), s.knowsParallel(), border, s.legend(), rows}})
}

// An htmlSwatch is a strategy and its colour, a number below numColors.
type htmlSwatch struct {
	Color int
	Name  string
}

type htmlSweepRow struct {
	Y     string
	Cells []htmlSweepCell
}

// An htmlSweepCell is a cell of all pictures. Strengths are those of the cell's
// colour, 0 to 100.
type htmlSweepCell struct {
	X      string
	Winner *htmlSwatch // nil if there is none
	Margin string
	Doubt  bool // the lead may be chance
	Strong float64
	Times  []htmlSweepTime

	// Of parallel connections: their time, a dash if unknown, what they do, and
	// the sides of the cell beyond which that is otherwise. Gain and Edges are classes.
	Ratio, Gain, GainText, Edges string
	GainStrong                   float64
}

// An htmlSweepTime is the time of one strategy on the link.
type htmlSweepTime struct {
	htmlSwatch
	Median, Interval string
	Bar              float64 // on the scale of the cell's longest median, 0 to 100
	Best             bool
}

func (s *Sweep) legend() []htmlSwatch {
	all := make([]htmlSwatch, len(s.Strategies))
	for i, name := range s.Strategies {
		all[i] = htmlSwatch{i % numColors, name}
	}
	return all
}

func (s *Sweep) htmlCell(c SweepCell) htmlSweepCell {
	h := htmlSweepCell{Ratio: "–"}
	scale := longest(c.Times)
	legend := s.legend()
	won := s.winner(c) != ""
	for i, swatch := range legend {
		line := htmlSweepTime{htmlSwatch: swatch, Median: "failed", Best: won && i == c.Best}
		if i < len(c.Times) && finite(c.Times[i].Median) != nil {
			v := c.Times[i]
			line.Median, line.Interval, line.Bar = millis(v.Median), v.text(), min(max(v.Median/scale*100, 0), 100)
		}
		h.Times = append(h.Times, line)
	}
	if won {
		h.Winner, h.Strong = &legend[c.Best], strength(1)
		if positive(c.Margin) != nil {
			h.Margin, h.Strong, h.Doubt = digits(c.Margin)+"×", strength(c.Margin), !c.Clear
		}
	}
	if positive(c.Parallel) != nil {
		h.Ratio, h.GainStrong = digits(c.Parallel)+"×", strength(c.Parallel)
		h.Gain, h.GainText = gain(c)
	}
	return h
}

// strength is how strong a colour shows a ratio: the more, the farther it is
// from 1, to twice or half.
func strength(ratio float64) float64 {
	return math.Round(25 + 50*min(math.Abs(math.Log2(ratio)), 1))
}

// gain is what parallel connections do for a cell that knows it: as classes, and
// in words.
func gain(c SweepCell) (classes, text string) {
	switch {
	case c.ParallelHelps:
		return "helps", "faster"
	case c.Parallel < 1:
		return "helps chance", "may be chance"
	}
	return "harms", "no faster"
}

// edges are the classes that draw the border between where parallel connections
// help and where they do not, right of a cell and below it.
func (s *Sweep) edges(x, y int) string {
	border := func(other SweepCell) bool {
		here := s.cell(x, y)
		return positive(here.Parallel) != nil && positive(other.Parallel) != nil && here.ParallelHelps != other.ParallelHelps
	}
	edges := ""
	if border(s.cell(x+1, y)) {
		edges += " edge-right"
	}
	if border(s.cell(x, y+1)) {
		edges += " edge-below"
	}
	return edges
}
