package repro

import (
	"fmt"

	"github.com/lingerhttp/linger/lab"
)

// A Result is what an experiment brought.
type Result struct {
	Name      string     `json:"name"`
	Claim     string     `json:"claim"`
	Source    string     `json:"source"`
	Tables    []Table    `json:"tables"`
	Relations []Relation `json:"relations"`

	// Links say how exact each emulated link was, the worst of all labs with it.
	// Repeated is how many runs were thrown away because theirs was too late.
	Links    []Link `json:"links"`
	Repeated int    `json:"repeated"`
}

// A Link is one that the experiment ran over.
type Link struct {
	Name        string          `json:"name"`
	Certificate lab.Certificate `json:"certificate"`
}

// A Table is what was measured: labels in front, numbers behind.
type Table struct {
	Title   string   `json:"title"`
	Labels  []string `json:"labels"`
	Columns []Column `json:"columns"`
	Rows    []Row    `json:"rows"`
	Notes   []string `json:"notes,omitempty"`
}

// A Column is one of numbers.
type Column struct {
	Name   string `json:"name"`
	Digits int    `json:"digits"` // behind the point, in print
}

// A Row is a line of a Table.
type Row struct {
	Labels []string  `json:"labels"`
	Values []float64 `json:"values"`
}

// A Relation is what must hold between numbers of the tables, if the claim is true.
type Relation struct {
	Text  string `json:"text"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	Holds bool   `json:"holds"`
}

// Holds reports whether every relation does.
func (r *Result) Holds() bool {
	for _, relation := range r.Relations {
		if !relation.Holds {
			return false
		}
	}
	return true
}

// Late reports whether a link was less exact than it had to be, in all its runs.
func (r *Result) Late() bool {
	for _, l := range r.Links {
		if l.Certificate.Late {
			return true
		}
	}
	return false
}

// atLeast adds the relation that a number is least or more.
func (r *Result) atLeast(text string, got, least float64) {
	r.add(text, fmt.Sprintf("at least %.4g", least), fmt.Sprintf("%.4g", got), got >= least)
}

// atMost adds the relation that a number is most or less.
func (r *Result) atMost(text string, got, most float64) {
	r.add(text, fmt.Sprintf("at most %.4g", most), fmt.Sprintf("%.4g", got), got <= most)
}

// exactly adds the relation that a number is another one.
func (r *Result) exactly(text string, got, want float64) {
	r.add(text, fmt.Sprintf("%.4g", want), fmt.Sprintf("%.4g", got), got == want)
}

// within adds the relation that a number is from least to most.
func (r *Result) within(text string, got, least, most float64) {
	r.add(text, fmt.Sprintf("%.4g to %.4g", least, most), fmt.Sprintf("%.4g", got), got >= least && got <= most)
}

func (r *Result) add(text, want, got string, holds bool) {
	r.Relations = append(r.Relations, Relation{text, want, got, holds})
}

// linked adds a link's certificates.
func (r *Result) linked(name string, ran outcome) {
	r.Links = append(r.Links, Link{name, lab.Worst(ran.certificates...)})
	r.Repeated += ran.repeated
}
