package report

import (
	"encoding/json"
	"io"
)

// WriteJSON writes the page as one indented object. Its exchanges have the
// fields of timeline.Exchange and those of Entry side by side.
func (p *Page) WriteJSON(w io.Writer) error { return writeJSON(w, "JSON", p.filled()) }

// WriteJSON writes the comparison as one indented object.
func (c *Comparison) WriteJSON(w io.Writer) error { return writeJSON(w, "JSON", c.filled()) }

// WriteJSON writes the sweep as one indented object.
func (s *Sweep) WriteJSON(w io.Writer) error { return writeJSON(w, "JSON", s.filled()) }

// filled returns the page with lists that JSON writes as [] rather than null.
func (p *Page) filled() Page {
	q := *p
	q.Failures = p.failures()
	if q.Failures == nil {
		q.Failures = []Failure{}
	}
	if q.Entries == nil {
		q.Entries = []Entry{}
	}
	return q
}

func (c *Comparison) filled() Comparison {
	d := *c
	if d.Rows == nil {
		d.Rows = []Row{}
	}
	return d
}

func (s *Sweep) filled() Sweep {
	f := *s
	for _, list := range []*[]string{&f.X.Values, &f.Y.Values, &f.Strategies, &f.Verdicts} {
		if *list == nil {
			*list = []string{}
		}
	}
	if f.Cells == nil {
		f.Cells = [][]SweepCell{}
	}
	return f
}

func writeJSON(w io.Writer, rendering string, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false) // a URL with & stays readable
	enc.SetIndent("", "  ")
	return wrap(rendering, enc.Encode(v))
}
