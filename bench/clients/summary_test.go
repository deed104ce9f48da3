package main

import (
	"bytes"
	"testing"
)

func TestSpread(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{4, 1}, spread{2.5, 1, 4}},
		{[]float64{9, 1, 2}, spread{2, 1, 9}},
	} {
		if got := spreadOf(tt.values); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.values, got, tt.want)
		}
	}
}

// TestRatiosAreOfRounds: in a run whose second round was slow for all, the
// median of the ratios is not the ratio of the medians.
func TestRatiosAreOfRounds(t *testing.T) {
	own := []sample{{p99: 2, allocsEach: 5}, {p99: 30, allocsEach: 5}, {p99: 8, allocsEach: 5}}
	base := []sample{{p99: 1, allocsEach: 0}, {p99: 10, allocsEach: 0}, {p99: 2, allocsEach: 0}}
	got := ratios(own, base)
	if want := (spread{3, 2, 4}); got[p99] != want || len(got) != 1 {
		t.Errorf("got %v, want p99 %v and no ratio to nothing", got, want)
	}
}

func TestJudge(t *testing.T) {
	row := func(name string, s sample) result { return result{Client: name, Samples: []sample{s}} }
	r := scenarioReport{Name: "http1/get100/64", Rows: []result{
		row("net/http", sample{perCPUSecond: 100, p99: 10}),
		row("linger", sample{perCPUSecond: 230, p99: 11, allocsEach: 12}),
	}}
	out := &bytes.Buffer{}
	if err := printBars(out, judge([]scenarioReport{r})); err != nil {
		t.Fatal(err)
	}
	want := `met     http1/get100/64      requests per CPU-second            at least 2.20 × net/http  got 2.30 (2.30 to 2.30)
met     http1/get100/64      allocations a request              at most 12.0              got 12.0 (12.0 to 12.0)
missed  http1/get100/64      p99                                at most 1.00 × net/http   got 1.10 (1.10 to 1.10)
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{0: "0", -0.001: "0", 0.5: "0.50", 9.994: "9.99", 12.34: "12.3", 123.4: "123", -3.2: "-3.20"} {
		if got := figure(v); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}
