package report

import (
	"encoding/json"
	"slices"
)

// A Sweep is what comparing strategies found on every link of a grid: one cell
// for each pair of values of two of the link's parameters.
type Sweep struct {
	Site       string   `json:"site"`
	Link       string   `json:"link"`   // the parameters that all cells share, in one line
	Rounds     int      `json:"rounds"` // of each strategy in each cell
	X          Axis     `json:"x"`
	Y          Axis     `json:"y"` // without a name and values, only X was varied
	Strategies []string `json:"strategies"`

	// Cells has a row for each value of Y, one if there is no Y, and in it a cell
	// for each value of X.
	Cells [][]SweepCell `json:"cells"`

	// Verdicts are sentences: who wins where, where parallel connections stop
	// to help.
	Verdicts []string `json:"verdicts"`

	// Certificate says in some lines how exact the links were, Defects why that was
	// not enough, if it was not.
	Certificate []string `json:"-"`
	Defects     []string `json:"-"`

	// Exactness is the certificate in figures, for JSON.
	Exactness any `json:"certificate"`
}

// An Axis is a parameter of the link and the values it was given.
type Axis struct {
	Name   string   `json:"name"`   // "rtt"
	Values []string `json:"values"` // "20 ms", …
}

// A SweepCell is what was found on one link.
type SweepCell struct {
	// Times are those of the strategies, in the order of Sweep.Strategies. The
	// median of one that did not fetch the whole page is not a number.
	Times []Interval `json:"times_ms"`

	// Best is the index of the fastest. Margin is the median of the second by
	// that of the best; not above zero (null in JSON) if there is no second.
	// Clear tells whether the difference is significant.
	Best   int     `json:"best"`
	Margin float64 `json:"margin"`
	Clear  bool    `json:"clear"`

	// Parallel is the median of six connections (persistent6) by that of one
	// (persistent); not above zero (null in JSON) if unknown. ParallelHelps
	// tells whether it is significantly below 1.
	Parallel      float64 `json:"parallel"`
	ParallelHelps bool    `json:"parallel_helps"`

	// Failed tells that no strategy fetched the whole page: there is no best.
	Failed bool `json:"failed"`
}

// MarshalJSON writes null for what is not known.
func (c SweepCell) MarshalJSON() ([]byte, error) {
	type plain SweepCell // without this method
	if c.Times == nil {
		c.Times = []Interval{}
	}
	best := &c.Best
	if c.Failed {
		best = nil
	}
	return json.Marshal(struct {
		plain
		Best     *int     `json:"best"`
		Margin   *float64 `json:"margin"`
		Parallel *float64 `json:"parallel"`
	}{plain(c), best, positive(c.Margin), positive(c.Parallel)})
}

// single tells that one parameter was varied, not two.
func (s *Sweep) single() bool { return len(s.Y.Values) == 0 }

// height is how many rows of cells there are.
func (s *Sweep) height() int { return max(len(s.Y.Values), 1) }

// cell is the cell at a place; one that is missing failed.
func (s *Sweep) cell(x, y int) SweepCell {
	if y < len(s.Cells) && x < len(s.Cells[y]) {
		return s.Cells[y][x]
	}
	return SweepCell{Failed: true}
}

// winner is the fastest strategy of a cell, empty if there is none.
func (s *Sweep) winner(c SweepCell) string {
	if c.Failed || c.Best < 0 || c.Best >= len(s.Strategies) {
		return ""
	}
	return s.Strategies[c.Best]
}

// knowsParallel tells whether any cell says what parallel connections gain.
func (s *Sweep) knowsParallel() bool {
	return slices.ContainsFunc(s.Cells, func(row []SweepCell) bool {
		return slices.ContainsFunc(row, func(c SweepCell) bool { return positive(c.Parallel) != nil })
	})
}
