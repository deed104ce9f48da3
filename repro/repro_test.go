package repro

import (
	"slices"
	"testing"

	"github.com/lingerhttp/linger/lab"
)

// TestExperiments does every experiment. It needs a lab. Those that take a minute do
// so beside each other, after the others.
func TestExperiments(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	long := []string{pipelining1997.Name, multiplexing2014.Name}
	for _, e := range Experiments() {
		t.Run(e.Name, func(t *testing.T) {
			if slices.Contains(long, e.Name) {
				t.Parallel()
			}
			r, err := e.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tell(t, r)
		})
	}
}

func tell(t *testing.T, r *Result) {
	for _, table := range r.Tables {
		t.Log(table.Title)
		for _, row := range table.Rows {
			t.Log(row.Labels, row.Values)
		}
	}
	for _, relation := range r.Relations {
		t.Logf("%s: %s (%s)", relation.Text, relation.Got, relation.Want)
		if !relation.Holds {
			t.Errorf("does not hold: %s: %s, want %s", relation.Text, relation.Got, relation.Want)
		}
	}
	for _, l := range r.Links {
		t.Logf("%s\n%s", l.Name, l.Certificate)
	}
	t.Logf("%d runs repeated", r.Repeated)
}

func TestRelations(t *testing.T) {
	r := &Result{}
	r.atLeast("a", 2, 2)
	r.atMost("b", 2, 2)
	r.exactly("c", 2, 2)
	r.within("d", 2, 1, 3)
	if !r.Holds() {
		t.Errorf("what is just so does not hold: %v", r.Relations)
	}
	for _, fails := range []func(){
		func() { r.atLeast("a", 1.9, 2) },
		func() { r.atMost("b", 2.1, 2) },
		func() { r.exactly("c", 1, 2) },
		func() { r.within("d", 0.9, 1, 3) },
		func() { r.within("e", 3.1, 1, 3) },
	} {
		r.Relations = r.Relations[:4]
		if fails(); r.Holds() {
			t.Errorf("holds: %v", r.Relations[4])
		}
	}
	if got := r.Relations[3]; got != (Relation{Text: "d", Want: "1 to 3", Got: "2", Holds: true}) {
		t.Errorf("got %+v", got)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 3}, 3}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median of %v is %v, want %v", test.values, got, test.want)
		}
	}
}

func TestNamed(t *testing.T) {
	for _, e := range Experiments() {
		if got, err := Named(e.Name); err != nil || got.Name != e.Name || e.Claim == "" || e.Source == "" || e.Takes == "" {
			t.Errorf("%s: %+v, %v", e.Name, got, err)
		}
	}
	if _, err := Named("x"); err == nil {
		t.Error("there is an experiment called x")
	}
}
