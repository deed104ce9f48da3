package repro

import (
	"testing"

	"github.com/lingerhttp/linger/lab"
)

// TestExperiments does every experiment. It needs a lab.
func TestExperiments(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	for _, e := range Experiments() {
		t.Run(e.Name, func(t *testing.T) {
			if e.run == nil {
				t.Skip()
			}
			r, err := e.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range r.Tables {
				t.Log(table.Title)
				for _, row := range table.Rows {
					t.Log(row.Labels, row.Values)
				}
			}
			for _, relation := range r.Relations {
				t.Log(relation)
				if !relation.Holds {
					t.Errorf("%s: %s, want %s", relation.Text, relation.Got, relation.Want)
				}
			}
			for _, l := range r.Links {
				t.Log(l.Certificate)
			}
		})
	}
}
