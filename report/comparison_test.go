package report

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// sampleComparison has a row that does not differ, one that failed in part and
// one whose interval nobody knows.
func sampleComparison() *Comparison {
	row := func(strategy string, median, ratio float64, differs bool, conns, n int) Row {
		return Row{
			Strategy: strategy, Time: Interval{median, median * 0.97, median * 1.04},
			Times: []float64{median * 0.97, median, median * 1.04}, Ratio: ratio, Differs: differs,
			LayoutKnown: median * 0.8, Exchanges: 42, Connections: conns, Reused: 42 - conns,
			BytesReceived: 138_400, HandshakeMS: float64(conns) * 30, QueueMS: 40, HandshakeShare: 0.3 * float64(conns) / 42, QueueShare: 0.25,
			Sample: sampleRound(conns, n, median),
		}
	}
	c := &Comparison{
		Site: "classic (42 objects, 125 kB) over 30 ms", Rounds: 10,
		Verdict: "pipelined is 5.4 times as fast as serial: it opens 1 connection where serial opens 42, and sends requests without waiting for the answers before them.",
		Rows: []Row{
			row("serial", 2710, 1, false, 42, 1), row("parallel", 640, 0.24, true, 42, 6),
			row("persistent", 1390, 0.51, true, 1, 1), row("persistent6", 2650, 0.98, false, 6, 6),
			row("pipelined", 502, 0.19, true, 1, 8), row("multiplexed", 498, 0.18, true, 1, 41),
		},
	}
	c.Rows[2].Failed = 3
	c.Rows[4].Time.Low, c.Rows[4].Time.High = math.Inf(-1), math.Inf(1)
	c.Rows[5].LayoutKnown = 0
	return c
}

// linkComparison ran over an emulated link, which counted packets.
func linkComparison() *Comparison {
	c := sampleComparison()
	c.Link = "cable: rtt 28 ms, down 5 Mbit/s, up 1 Mbit/s, queue 64 packets, seed 1"
	c.Exactness = map[string]int{"p99_ns": 200_000}
	c.Certificate = []string{"link exact: 99.9 % of 9,812 packets left within 0.2 ms of their time, the last after 0.7 ms"}
	for i := range c.Rows {
		conns := int64(c.Rows[i].Connections)
		w := &Wire{PacketsUp: 160 + 5*conns, PacketsDown: 150 + 4*conns, Payload: 145_200, Dropped: 3 * (conns % 5)}
		w.BytesUp, w.BytesDown = 52*w.PacketsUp+6800, 52*w.PacketsDown+138_400
		w.Overhead = 1 - float64(w.Payload)/float64(w.BytesUp+w.BytesDown)
		c.Rows[i].Wire = w
	}
	return c
}

// sampleRound is a document and 41 images of which n are under way at a time.
func sampleRound(conns, n int, total float64) []*timeline.Exchange {
	step := total / float64((41+n-1)/n+1)
	all := []*timeline.Exchange{exchange(1, "http://origin.test/", 0, conn(1), 1,
		leg{timeline.Connect, timeline.Handshake, step * 0.4, ""}, leg{timeline.Wait, timeline.Server, step * 0.4, ""},
		leg{timeline.Receive, timeline.Transfer, step * 0.2, ""})}
	nth := map[int]int{1: 1}
	for i := range 41 {
		c := (i+1)%conns + 1
		nth[c]++
		legs := []leg{{timeline.Queue, timeline.Queued, step * float64(i/n), ""}}
		if nth[c] == 1 {
			legs = append(legs, leg{timeline.Connect, timeline.Handshake, step * 0.4, ""})
		}
		legs = append(legs, leg{timeline.Wait, timeline.Server, step * 0.4, ""}, leg{timeline.Receive, timeline.Transfer, step * 0.2, ""})
		all = append(all, exchange(i+2, fmt.Sprintf("http://origin.test/img/%02d.gif", i), step, conn(c), nth[c], legs...))
	}
	return all
}

// A strategy that was moved is called so, at the cost of the bars.
func TestMovedStrategy(t *testing.T) {
	const name = "pipelined conns=3 depth=4"
	for _, width := range []int{40, 80, -40, -80} {
		c := &Comparison{Rows: []Row{{Strategy: name, Time: Interval{Median: 1}}}}
		if width < 0 { // over a link
			width, c.Rows[0].Wire = -width, &Wire{}
		}
		var b strings.Builder
		if err := c.WriteText(&b, Terminal{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if columns(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("%q is wider than %d columns", line, width)
			}
		}
		if !strings.Contains(b.String(), "\n"+name+" ") {
			t.Errorf("in %d columns:\n%s", width, b.String())
		}
	}
}

// What no number can say is null in JSON, and breaks no rendering.
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		v    Interval
		want string
	}{
		{Interval{100, 97, 104}, "4 %"},
		{Interval{100, 90, 104}, "10 %"},
		{Interval{100, math.Inf(-1), math.Inf(1)}, "∞"},
		{Interval{0, 0, 0}, "?"},
	} {
		if got := (Terminal{}).spread(c.v); got != c.want {
			t.Errorf("%v: got %q, want %q", c.v, got, c.want)
		}
	}
}
