package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/report"
	literature "github.com/lingerhttp/linger/repro"
)

// invented is a result of which one relation holds, as wide as they come.
func invented() *literature.Result {
	return &literature.Result{
		Name: "invented-1997", Claim: strings.Repeat("many words ", 20), Source: "Somebody",
		Tables: []literature.Table{{
			Title: "what was measured", Labels: []string{"way"},
			Columns: []literature.Column{{Name: "Pa", Digits: 0}, {Name: "Sec", Digits: 2}},
			Rows:    []literature.Row{{Labels: []string{"pipelined"}, Values: []float64{24, 0.414}}, {Labels: []string{"one"}, Values: []float64{1234, 12.3456}}},
			Notes:   []string{strings.Repeat("a note ", 20)},
		}},
		Relations: []literature.Relation{
			{Text: "LAN: packets", Want: "at least 2", Got: "2.7", Holds: true},
			{Text: strings.Repeat("PPP ", 30), Want: "at most 1", Got: "3"},
		},
		Links:    []literature.Link{{Name: "LAN", Certificate: lab.Certificate{Late: true, Defects: []string{"too slow"}, Scheduling: "deadline"}}},
		Repeated: 2,
	}
}

func TestPrintResult(t *testing.T) {
	var b bytes.Buffer
	printResult(&b, invented(), false)
	out := b.String()
	for _, want := range []string{
		"  way          Pa    Sec\n", "  pipelined    24   0.41\n", "  one        1234  12.35\n",
		"✓ LAN: packets: 2.7 (at least 2)\n", "\n✗ PPP", "link LAN\n", "late: too slow\n", "2 runs thrown away", "the machine is busy",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > printWidth {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestPrintResultInASCII(t *testing.T) {
	var b bytes.Buffer
	r := invented()
	r.Links = nil // a certificate has its µs
	printResult(&b, r, true)
	for _, want := range []string{"\nok LAN", "\nNO PPP"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if i := strings.IndexFunc(b.String(), func(r rune) bool { return r > '~' }); i >= 0 {
		t.Errorf("not ASCII: %q", b.String()[i:])
	}
}

// TestResultAsJSON: what is printed as JSON is the value, whole.
func TestResultAsJSON(t *testing.T) {
	var b bytes.Buffer
	e := &env{stdout: &b, out: report.Terminal{}}
	if err := tellResult(e, invented(), true); err != nil {
		t.Fatal(err)
	}
	var got literature.Result
	d := json.NewDecoder(&b)
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got.Tables) != 1 || got.Tables[0].Rows[1].Values[1] != 12.3456 || got.Holds() || !got.Late() || got.Repeated != 2 {
		t.Errorf("got %+v", got)
	}
}
