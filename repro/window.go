package repro

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

var window2010 = Experiment{
	Name:   "initial-window-2010",
	Claim:  "10 segments at the start instead of 3 save an answer up to 2 round trips",
	Source: `Nandita Dukkipati et al., "An Argument for Increasing TCP's Initial Congestion Window", ACM CCR 40(3), 2010`,
	Takes:  "15 s",
	run:    runWindow,
}

const windowMSS = 1460

var (
	windowSizes = []int{4_000, 15_000, 30_000, 45_000, 100_000, 200_000} // bytes, head and body
	windowRTTs  = []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}
	windows     = [2]int{3, 10} // segments
)

// A windowCell is every size at one round trip with one initial window.
type windowCell struct {
	rtt    time.Duration
	window int
	times  []time.Duration // by size, from the start of the connection
	rounds []int           // by size; of data
	record record
}

func runWindow(ctx context.Context, r *Result) error {
	var all []*windowCell
	var cells []cell
	for _, rtt := range windowRTTs {
		for _, k := range windows {
			w := &windowCell{rtt: rtt, window: k}
			all = append(all, w)
			cells = append(cells, w.cell())
		}
	}
	ran, err := runAll(ctx, mostAtOnce, cells)
	if err != nil {
		return err
	}
	r.linked("without a rate", ran)
	for _, w := range all {
		w.count()
	}
	for i := 0; i < len(all); i += len(windows) {
		r.Tables = append(r.Tables, windowTable(all[i], all[i+1]))
	}
	judgeWindow(r, all)
	return nil
}

// cell is one lab. The client acknowledges every segment at once, as the formula has
// it; reno has no HyStart, which may leave slow start early.
func (w *windowCell) cell() cell {
	way := link.Config{Delay: w.rtt / 2}
	return cell{
		lab: lab.Config{
			Up: way, Down: way, Tap: w.record.add, Bound: bound(windowRTTs[0]),
			Client: lab.Kernel{Congestion: "reno", MSS: windowMSS, NoTimestamps: true, QuickACK: true, ReceiveBuffer: 4 << 20},
			Server: lab.Kernel{Congestion: "reno", MSS: windowMSS, NoTimestamps: true, InitialWindow: w.window},
		},
		server:  plainServer{answer: sized},
		measure: w.measure,
	}
}

// sized answers the path "/N" with N bytes, the head among them.
func sized(req *http.Request) answer {
	var n int
	if _, err := fmt.Sscanf(req.URL.Path, "/%d", &n); err != nil {
		return answer{status: http.StatusNotFound}
	}
	body := n - len("HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n") - len(fmt.Sprint(n))
	if len(fmt.Sprint(body)) < len(fmt.Sprint(n)) {
		body++ // its length is one digit shorter
	}
	return answer{http.StatusOK, "", bytes.Repeat([]byte("."), body)}
}

// measure fetches each size once, each on a new connection.
func (w *windowCell) measure(ctx context.Context, s *stage) error {
	w.record.clear()
	w.times = nil
	strategy, err := linger.StrategyNamed("serial")
	if err != nil {
		return err
	}
	for i, size := range windowSizes {
		v, err := s.visit(ctx, strategy, uint64(i), func(t *linger.Transport) error {
			return get(ctx, t, fmt.Sprintf("/%d", size), bare(0), http.StatusOK)
		})
		if err != nil {
			return err
		}
		w.times = append(w.times, v.time)
	}
	return nil
}

// count counts the rounds of each fetch. The lab is closed: every packet is in the
// record. The n-th fetch had the n-th connection.
func (w *windowCell) count() {
	w.rounds = nil
	for i := range windowSizes {
		w.rounds = append(w.rounds, countRounds(w.record.of(i)))
	}
}

// A record is the events of a lab by connection, in the order of their first packets.
type record struct {
	mu     sync.Mutex
	conns  []netip.AddrPort           // guarded by mu; by the client's end
	events map[netip.AddrPort][]event // guarded by mu
}

func (r *record) add(packet lab.Record) {
	client, e, ok := eventOf(packet)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events[client]) == 0 {
		r.conns = append(r.conns, client)
	}
	r.events[client] = append(r.events[client], e)
}

func (r *record) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns, r.events = nil, make(map[netip.AddrPort][]event)
}

// of returns the events of the n-th connection, from 0.
func (r *record) of(n int) []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n >= len(r.conns) {
		return nil
	}
	return r.events[r.conns[n]]
}

// windowTable is what one round trip came to, with a small and with a large window.
func windowTable(small, large *windowCell) Table {
	t := Table{
		Title:  fmt.Sprintf("RTT %v: rounds of data by formula and as counted, and all the time in RTTs", small.rtt),
		Labels: []string{"kB"},
	}
	for _, w := range []*windowCell{small, large} {
		t.Columns = append(t.Columns, Column{fmt.Sprintf("IW%d: formula", w.window), 0}, Column{"rounds", 0}, Column{"RTTs", 2})
	}
	t.Columns = append(t.Columns, Column{"saved ms", 0})
	for i, size := range windowSizes {
		row := Row{Labels: []string{fmt.Sprint(size / 1000)}}
		for _, w := range []*windowCell{small, large} {
			row.Values = append(row.Values, float64(rounds(size, w.window, windowMSS)), float64(w.rounds[i]), w.roundTrips(i))
		}
		row.Values = append(row.Values, milliseconds(small.times[i]-large.times[i]))
		t.Rows = append(t.Rows, row)
	}
	return t
}

// roundTrips is the time of the i-th fetch in round trips.
func (w *windowCell) roundTrips(i int) float64 { return float64(w.times[i]) / float64(w.rtt) }

// judgeWindow holds every cell against the formula. A fetch takes its rounds, and one
// round trip for the handshake: the request leaves as it ends, and the first round of
// the answer is what comes back.
func judgeWindow(r *Result, all []*windowCell) {
	exact, worse, saved := 0, 0, 0
	var beyond []float64 // round trips, by cell
	for c, w := range all {
		for i, size := range windowSizes {
			want := rounds(size, w.window, windowMSS)
			beyond = append(beyond, w.roundTrips(i)-float64(1+want))
			if w.rounds[i] == want {
				exact++
			}
			if w.window != windows[1] {
				continue
			}
			less := all[c-1].rounds[i] - w.rounds[i]
			saved = max(saved, less)
			if less < 0 {
				worse++
			}
		}
	}
	cells := len(all) * len(windowSizes)
	r.atLeast("cells whose rounds are ceil(log2(S/(k*MSS)+1)), exactly", float64(exact), float64(cells))
	r.atMost("cells in which 10 segments need more rounds than 3", float64(worse), 0)
	r.exactly("rounds saved by 10 segments, at the most", float64(saved), 2)
	r.within("time beyond handshake and rounds, in RTTs, in the median cell", median(beyond), -0.1, 0.25)
}
