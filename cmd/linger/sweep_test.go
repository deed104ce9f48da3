package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/report"
)

func TestParseSweep(t *testing.T) {
	for text, want := range map[string][]string{
		"rtt=20ms:80ms":          {"rtt 20ms 80ms"},
		"rtt=20ms:20ms":          {"rtt 20ms"},
		"rtt=25.5ms..300ms":      {"rtt 25.5ms 58ms 130ms 300ms"},
		"rtt=20ms..21ms/6":       {"rtt 20ms 21ms"},
		"down=1mbit..100mbit/3":  {"down 1mbit 10mbit 100mbit"},
		"loss=0:1%, up=64kbit":   {"loss 0% 1%", "up 64kbit"},
		"loss=1.05%..1.06%/6":    {"loss 1.05% 1.06%"},
		"down=1mbit,rtt=1ms:2ms": {"down 1mbit", "rtt 1ms 2ms"},
	} {
		axes, err := parseSweep(text)
		var got []string
		for _, a := range axes {
			got = append(got, a.name+" "+strings.Join(a.values, " "))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "rtt", "rtt=", "rtt=5", "speed=1", "rtt=2ms..1ms", "loss=0..1%", "rtt=1ms..2ms/1",
		"rtt=1ms..2ms/x", "rtt=1ms,rtt=2ms", "rtt=1ms,down=1mbit,up=1mbit", "rtt=" + strings.Repeat("1ms:2ms:3ms:", 5) + "4ms..9ms"} {
		if axes, err := parseSweep(text); err == nil {
			t.Errorf("%q: read as %v", text, axes)
		}
	}
}

// TestSweptPart: what is swept is all there is of its kind: a trace would go on
// saying when packets leave, and bursts would go on losing them.
func TestSweptPart(t *testing.T) {
	trace, err := link.ReadTrace(strings.NewReader("1\n"))
	if err != nil {
		t.Fatal(err)
	}
	base := lab.Profile{RTT: 5, Loss: 0.5, Burst: link.Burst{P: 0.1, R: 0.5}, TraceDown: trace, TraceUp: trace}
	for sweep, holds := range map[string]func(p lab.Profile) bool{
		"down=2mbit": func(p lab.Profile) bool {
			return p.Down == 2_000_000 && p.TraceDown == nil && p.TraceUp == trace && p.Burst == base.Burst
		},
		"up=2mbit":  func(p lab.Profile) bool { return p.Up == 2_000_000 && p.TraceUp == nil && p.TraceDown == trace },
		"loss=1%":   func(p lab.Profile) bool { return p.Loss == 0.01 && p.Burst == link.Burst{} && p.RTT == 5 },
		"rtt=300ms": func(p lab.Profile) bool { return p.RTT == 300_000_000 && p.Loss == 0.5 && p.TraceDown == trace },
	} {
		axes, err := parseSweep(sweep)
		if err != nil {
			t.Fatal(err)
		}
		p := base
		axes[0].set(&p, axes[0].values[0])
		if !holds(p) {
			t.Errorf("%s makes %+v", sweep, p)
		}
	}
	// Both were asked for: both hold.
	p := lab.Profile{}
	takeOver(&p, &base, func(name string) bool { return name == "loss" || name == "burst" })
	if p.Loss != base.Loss || p.Burst != base.Burst {
		t.Errorf("loss and burst make %+v", p)
	}
}

func TestSweepVerdicts(t *testing.T) {
	cell := func(best int, clear bool, parallel float64, helps bool) report.SweepCell {
		return report.SweepCell{Best: best, Clear: clear, Margin: 1.2, Parallel: parallel, ParallelHelps: helps}
	}
	r := &report.Sweep{
		Strategies: []string{"persistent", "persistent6"},
		X:          report.Axis{Name: "rtt", Values: []string{"1ms", "2ms"}},
		Cells:      [][]report.SweepCell{{cell(1, true, 0.25, true), cell(0, false, 1.01, false)}},
	}
	want := []string{
		"persistent6 was fastest on 1 of 2 links (rtt 1ms); on 1 the difference to the second may be chance (rtt 2ms).",
		"six parallel connections helped on 1 of 2 links, where they took 0.25 to 0.25 × the time of one; on 1 they did not, beyond chance (rtt 2ms).",
	}
	if got := sweepVerdicts(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	r.Strategies, r.Cells = r.Strategies[:1], [][]report.SweepCell{{cell(0, false, 0, false), cell(0, false, 0, false)}}
	if got := sweepVerdicts(r); len(got) > 0 {
		t.Errorf("of one strategy: %q", got)
	}
}
