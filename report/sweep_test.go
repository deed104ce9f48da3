package report

import (
	"math"
	"strings"
	"testing"
)

// sampleSweep has cells that differ clearly, one that does not, one in which a
// strategy failed and one in which all did. It was late.
func sampleSweep() *Sweep {
	s := &Sweep{
		Site: "classic (42 objects, 125 kB)", Rounds: 12,
		Link:       "up 1 Mbit/s, queue 64 packets, seed 1",
		X:          Axis{"rtt", []string{"5 ms", "20 ms", "80 ms", "320 ms"}},
		Y:          Axis{"down", []string{"56 kbit/s", "1 Mbit/s", "5 Mbit/s", "20 Mbit/s", "100 Mbit/s"}},
		Strategies: []string{"serial", "parallel", "persistent", "persistent6", "pipelined", "multiplexed"},
		Verdicts: []string{
			"pipelined is fastest on 11 of 20 links, multiplexed on 5; at 56 kbit/s it does not matter how exchanges share connections.",
			"Parallel connections stop helping below 1 Mbit/s: there persistent6 takes 1.07 times as long as persistent.",
		},
		Exactness: map[string]int{"p99_ns": 4_200_000},
		Certificate: []string{
			"link late: 3 of 81,204 packets left more than 1 ms after their time, the worst after 4.2 ms",
			"the medians of these cells may be too high",
		},
		Defects: []string{"3 of 81204 packets down were more than 1ms late"},
	}
	rtts, rates := []float64{5, 20, 80, 320}, []float64{7, 125, 625, 2500, 12500} // ms, bytes/ms
	for y, rate := range rates {
		row := make([]SweepCell, len(rtts))
		for x, rtt := range rtts {
			row[x] = sampleSweepCell(rtt, 128_000/rate, x+y)
		}
		s.Cells = append(s.Cells, row)
	}
	s.Cells[0][3].Times[5] = Interval{math.NaN(), math.NaN(), math.NaN()}
	s.Cells[1][0].ParallelHelps = false
	s.Cells[4][3] = SweepCell{Failed: true}
	return s
}

// sampleSweepCell makes up the times of a link on which moving the page's bytes
// takes so long.
func sampleSweepCell(rtt, transfer float64, n int) SweepCell {
	var c SweepCell
	trips := []float64{84, 16, 43, 9, 6 + float64(n%3), 7}
	if rtt > 300 {
		trips[3] = 5
	}
	for i, rounds := range trips {
		spent := transfer * (1 + 0.02*float64(i*n%5))
		switch {
		case i == 3:
			spent *= 1.07
		case i > 3 && transfer > 10_000:
			spent *= 1.2
		}
		m := rounds*rtt + spent
		c.Times = append(c.Times, Interval{m, m * 0.98, m * 1.03})
		if m < c.Times[c.Best].Median {
			c.Best = i
		}
	}
	c.Margin = math.Inf(1)
	for i, v := range c.Times {
		if i != c.Best {
			c.Margin = min(c.Margin, v.Median/c.Times[c.Best].Median)
		}
	}
	c.Clear = c.Margin > 1.02
	c.Parallel = c.Times[3].Median / c.Times[2].Median
	c.ParallelHelps = c.Parallel < 0.97
	return c
}

// lineSweep varied one parameter.
func lineSweep() *Sweep {
	s := sampleSweep()
	s.Link, s.Y, s.Cells = "down 20 Mbit/s, "+s.Link, Axis{}, s.Cells[3:4]
	s.Certificate, s.Defects = []string{"link exact: every packet left within 0.2 ms of its time"}, nil
	return s
}

// Names that look the same when they are cut are not: they are written in full.
func TestSweepLongNames(t *testing.T) {
	s := sampleSweep()
	s.Strategies[4], s.Strategies[5] = "pipelined conns=3 depth=4", "pipelined conns=6 depth=4"
	var b strings.Builder
	if err := s.WriteText(&b, Terminal{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range s.winners() {
		if !strings.Contains(b.String(), ": "+name+" ") {
			t.Errorf("no %q in\n%s", name, b.String())
		}
	}
}

func TestShortStrategy(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		want string
	}{
		{"pipelined", 9, "pipelined"}, {"pipelined", 4, "pipe"}, {"persistent6", 6, "persi6"}, {"日本語6", 5, "日本6"}, {"123456", 4, "123"},
	} {
		if got := shortStrategy(c.name, c.n); got != c.want {
			t.Errorf("%q in %d: got %q, want %q", c.name, c.n, got, c.want)
		}
	}
}
