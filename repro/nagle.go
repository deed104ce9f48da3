package repro

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

var nagle1997 = Experiment{
	Name:   "nagle-1997",
	Claim:  "on a kept connection, Nagle and delayed ACKs add tens of ms to each exchange",
	Source: `John Heidemann, "Performance Interactions Between P-HTTP and TCP Implementations", ACM CCR 27(2), 1997`,
	Takes:  "10 s",
	run:    runNagle,
}

const (
	nagleExchanges = 30
	nagleBody      = 500                   // bytes: less than a segment, as is the head
	stalled        = 30 * time.Millisecond // beyond the round trip; Linux holds an ACK back for 40 ms or more (TCP_DELACK_MIN)
)

// A naglePath is where the exchanges take place.
type naglePath struct {
	name string
	rtt  time.Duration
}

var naglePaths = []naglePath{{"LAN 0.8 ms", 800 * time.Microsecond}, {"WAN 90 ms", 90 * time.Millisecond}}

// A nagleWay is how answers are written, acknowledged and share connections.
type nagleWay struct {
	name         string
	apart, nagle bool
	quickACK     bool
	strategy     string
}

// nagleWays has the trouble first, and then each way out of it.
var nagleWays = []nagleWay{
	{name: "two writes, Nagle", apart: true, nagle: true, strategy: "persistent"},
	{name: "two writes, no Nagle", apart: true, strategy: "persistent"},
	{name: "one write, Nagle", nagle: true, strategy: "persistent"},
	{name: "two writes, Nagle, quick ACKs", apart: true, nagle: true, quickACK: true, strategy: "persistent"},
	{name: "two writes, Nagle, new conns", apart: true, nagle: true, strategy: "serial"},
}

// A nagleRow is what one way came to on one path.
type nagleRow struct {
	path   naglePath
	way    nagleWay
	times  []float64 // milliseconds, by exchange
	stalls int
}

func runNagle(ctx context.Context, r *Result) error {
	t := Table{
		Title:   fmt.Sprintf("%d exchanges, one after the other; answers of a small head and %d bytes; ms", nagleExchanges, nagleBody),
		Labels:  []string{"path", "server and client"},
		Columns: []Column{{"first", 1}, {"median", 1}, {"worst", 1}, {"stalled", 0}},
		Notes:   []string{fmt.Sprintf("stalled: exchanges that took their round trips and %v more", stalled)},
	}
	var medians [2][5]float64
	var stalls [2][5]int
	for p, path := range naglePaths {
		rows, ran, err := measureNagle(ctx, path)
		if err != nil {
			return err
		}
		r.linked(path.name, ran)
		for w, row := range rows {
			medians[p][w], stalls[p][w] = median(row.times), row.stalls
			t.Rows = append(t.Rows, row.line())
		}
	}
	r.Tables = append(r.Tables, t)
	judgeNagle(r, medians, stalls)
	return nil
}

// measureNagle measures every way on one path.
func measureNagle(ctx context.Context, path naglePath) ([]nagleRow, outcome, error) {
	rows := make([]nagleRow, len(nagleWays))
	var cells []cell
	for i, way := range nagleWays {
		rows[i] = nagleRow{path: path, way: way}
		cells = append(cells, rows[i].cell())
	}
	ran, err := runAll(ctx, atOnce(path.rtt), cells)
	return rows, ran, err
}

func (n *nagleRow) cell() cell {
	way := link.Config{Delay: n.path.rtt / 2, Rate: 10_000_000, RTT: n.path.rtt}
	body := bytes.Repeat([]byte("."), nagleBody)
	return cell{
		lab: lab.Config{Up: way, Down: way, Bound: bound(n.path.rtt), Client: lab.Kernel{QuickACK: n.way.quickACK}},
		server: plainServer{
			nagle: n.way.nagle, apart: n.way.apart,
			answer: func(*http.Request) answer { return answer{http.StatusOK, "Content-Type: text/plain\r\n", body} },
		},
		measure: n.measure,
	}
}

// measure does the exchanges, one after the other.
func (n *nagleRow) measure(ctx context.Context, s *stage) error {
	n.times, n.stalls = nil, 0
	strategy, err := linger.StrategyNamed(n.way.strategy)
	if err != nil {
		return err
	}
	_, err = s.visit(ctx, strategy, 1, func(t *linger.Transport) error {
		for i := range nagleExchanges {
			start := time.Now()
			if err := get(ctx, t, "/", bare(0), http.StatusOK); err != nil {
				return err
			}
			took := time.Since(start)
			n.times = append(n.times, milliseconds(took))
			if took >= n.unstalled(i)+stalled {
				n.stalls++
			}
		}
		return nil
	})
	return err
}

// unstalled is what the i-th exchange, from 0, takes if nobody waits for nothing: its
// round trip, and that of a new connection.
func (n *nagleRow) unstalled(i int) time.Duration {
	if i == 0 || n.way.strategy == "serial" {
		return 2 * n.path.rtt
	}
	return n.path.rtt
}

func (n *nagleRow) line() Row {
	worst := 0.0
	for _, t := range n.times {
		worst = max(worst, t)
	}
	return Row{
		Labels: []string{n.path.name, n.way.name},
		Values: []float64{n.times[0], median(n.times), worst, float64(n.stalls)},
	}
}

// judgeNagle holds the medians, in ms, and the stalls against the claim. The first
// way is the trouble, the others are ways out.
func judgeNagle(r *Result, medians [2][5]float64, stalls [2][5]int) {
	const most = nagleExchanges / 5 // a busy machine hiccups
	lan, wan := medians[0], medians[1]
	r.atLeast("LAN, two writes and Nagle: the median exchange takes ms", lan[0], milliseconds(naglePaths[0].rtt+stalled))
	r.atLeast("LAN, two writes and Nagle: exchanges that stall", float64(stalls[0][0]), nagleExchanges/2)
	for w, way := range nagleWays[1:] {
		r.atMost("LAN, "+way.name+": exchanges that stall", float64(stalls[0][w+1]), most)
		r.atLeast("LAN, two writes and Nagle take so many times as long as "+way.name, lan[0]/lan[w+1], 5)
	}
	r.atMost("WAN, two writes and Nagle take so many times as long as without Nagle", wan[0]/wan[1], 4)
}
