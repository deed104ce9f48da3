package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/report"
)

// row makes a row of 12 rounds within 2 % of ms.
func row(strategy string, ms float64, set func(*report.Row)) report.Row {
	noise := rand.New(rand.NewPCG(1, uint64(ms*1000)))
	r := report.Row{Strategy: strategy, Connections: 1}
	for range 12 {
		r.Times = append(r.Times, ms*(0.98+0.04*noise.Float64()))
	}
	r.Time.Median = median(r.Times)
	if set != nil {
		set(&r)
	}
	return r
}

// rounds keeps the first n rounds of a row.
func rounds(r report.Row, n int) report.Row {
	r.Times = r.Times[:n]
	return r
}

func TestVerdict(t *testing.T) {
	handshakes := func(conns int, ms float64) func(*report.Row) {
		return func(r *report.Row) { r.Connections, r.HandshakeMS = conns, ms }
	}
	queued := func(conns int, ms float64) func(*report.Row) {
		return func(r *report.Row) { r.Connections, r.QueueMS = conns, ms }
	}
	failing := func(r *report.Row) { r.Failed = 3 }
	for name, tt := range map[string]struct {
		rows []report.Row
		want []string
	}{
		"one alone": {[]report.Row{row("serial", 10, nil)}, []string{"serial took", "name a second strategy"}},
		"handshakes": {[]report.Row{row("serial", 100, handshakes(40, 60)), row("persistent", 50, handshakes(1, 1))},
			[]string{"persistent was fastest", "serial was slowest and took 1.9", "serial opened 40 connections and spent 60.0 ms in handshakes"}},
		"waiting": {[]report.Row{row("persistent", 100, queued(1, 3000)), row("pipelined", 30, queued(1, 500))},
			[]string{"pipelined was fastest", "waited 3.00 s in all for a connection, in pipelined 500 ms"}},
		"chance": {[]report.Row{row("persistent", 100, nil), row("pipelined", 100, nil)},
			[]string{"no strategy was faster than the others beyond chance"}},
		"parallel does not help": {[]report.Row{row("persistent", 100, nil), row("persistent6", 120, handshakes(6, 9))},
			[]string{"parallel connections did not help here: persistent6 took 1.2"}},
		"parallel may not help": {[]report.Row{row("persistent", 100, nil), row("persistent6", 100, handshakes(6, 9)), row("serial", 300, nil)},
			[]string{"parallel connections did not help here beyond chance"}},
		"parallel helps": {[]report.Row{row("persistent", 100, queued(1, 500)), row("persistent6", 40, queued(6, 100))},
			[]string{"persistent6 was fastest"}},
		"the fast one failed": {[]report.Row{row("serial", 1, failing), row("persistent", 50, nil), row("pipelined", 90, nil)},
			[]string{"persistent was fastest, pipelined was slowest and took 1.78 × as long."}},
		"one alone fetched everything": {[]report.Row{row("persistent", 100, nil), row("persistent6", 120, failing)},
			[]string{"persistent alone fetched everything."}},
		"too few rounds": {[]report.Row{rounds(row("serial", 100, nil), 3), rounds(row("persistent", 50, nil), 3)},
			[]string{"with 3 rounds no difference can be told from chance; it takes 4."}},
		"just enough rounds": {[]report.Row{rounds(row("serial", 100, nil), 4), rounds(row("persistent", 50, nil), 4)},
			[]string{"persistent was fastest"}},
		"all failed": {[]report.Row{row("serial", 1, failing), row("persistent", 2, failing)},
			[]string{"no strategy fetched everything"}},
	} {
		got := verdictOn(tt.rows)
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", name, got, want)
			}
		}
		if name == "parallel helps" && strings.Contains(got, "did not help") {
			t.Errorf("%s: %q", name, got)
		}
		if !strings.HasSuffix(got, ".") || strings.Contains(got, "\n") {
			t.Errorf("%s: %q is not one sentence", name, got)
		}
	}
}

func TestMedianIsAValueSeen(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1}, 1}, {[]float64{5, 1, 9}, 5}, {[]float64{4, 1, 9, 6}, 4}} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median of %v is %v, want %v", tt.values, got, tt.want)
		}
	}
}
