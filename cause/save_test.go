package cause

import (
	"testing"

	"github.com/lingerhttp/linger/exchange"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

const msec = 1_000_000 // in nanoseconds

// response is a span of a response, in milliseconds.
func response(c timeline.Cause, d detail, from, to int64) span {
	return span{cause: c, detail: d, start: from * msec, end: to * msec, dir: flow.Down, phase: timeline.Wait}
}

// TestRounds reckons by hand how long a sender waits for its congestion window.
func TestRounds(t *testing.T) {
	for name, tt := range map[string]struct {
		bytes, window int64
		rate          float64
		wait, after   int64
	}{
		"one window":                  {10_000, 10_000, 0, 0, 20_000},
		"one byte more":               {10_001, 10_000, 0, 100 * msec, 20_000},
		"three rounds: 10, 20, 40":    {70_000, 10_000, 0, 200 * msec, 80_000},
		"busy for 10 ms, then for 20": {70_000, 10_000, 1e6, (90 + 80) * msec, 80_000},
		"the link never rests":        {70_000, 10_000, 1e5, 0, 80_000},
		"less than half of it used":   {4_000, 10_000, 0, 0, 10_000},
		"more than half of it used":   {6_000, 10_000, 0, 0, 16_000},
		"nothing":                     {0, 10_000, 0, 0, 10_000},
	} {
		if wait, after := rounds(tt.bytes, tt.window, 100*msec, tt.rate); wait != tt.wait || after != tt.after {
			t.Errorf("%s: %d ms, then %d; want %d ms, then %d", name, wait/msec, after, tt.wait/msec, tt.after)
		}
	}
}

// TestSaves has each remedy save what it is there for, and nothing else.
func TestSaves(t *testing.T) {
	k := &cure{conn: &conn{pair: new(pair)}, rtt: 40 * msec, faster: [2]float64{0, 0.5}, wider: [2]float64{0, 0.25}, warm: kept{open: true, share: 0.75}}
	opening := response(timeline.Handshake, plain, 0, 40)
	opening.phase = timeline.Connect
	for name, tt := range map[string]struct {
		span span
		want map[Remedy]int64 // in milliseconds; the others save nothing
	}{
		"handshake":       {opening, map[Remedy]int64{KeepConnection: 40, Nearer: 20}},
		"propagation":     {response(timeline.Propagation, plain, 0, 20), map[Remedy]int64{Nearer: 10}},
		"server":          {response(timeline.Server, plain, 0, 90), nil},
		"transfer":        {response(timeline.Transfer, plain, 0, 90), nil},
		"slow start":      {response(timeline.SlowStart, plain, 0, 40), map[Remedy]int64{InitialWindow: 20, KeepConnection: 30, Nearer: 20}},
		"three rounds":    {response(timeline.SlowStart, plain, 0, 120), map[Remedy]int64{InitialWindow: 60, KeepConnection: 90, Nearer: 60}},
		"less than half":  {response(timeline.SlowStart, plain, 0, 12), map[Remedy]int64{InitialWindow: 6, KeepConnection: 9, Nearer: 12}},
		"receive window":  {response(timeline.ReceiveWindow, smallWindow, 0, 40), map[Remedy]int64{ReceiveBuffer: 10, Nearer: 20}},
		"HTTP/2's window": {response(timeline.ReceiveWindow, streamWindow, 0, 40), map[Remedy]int64{Nearer: 20}},
		"nagle":           {response(timeline.Nagle, plain, 0, 40), map[Remedy]int64{NoDelay: 40, Nearer: 20}},
		"its delayed ACK": {response(timeline.DelayedACK, ofNagle, 0, 44), map[Remedy]int64{NoDelay: 44, QuickACK: 44}},
		"delayed ACK":     {response(timeline.DelayedACK, ofCongestion, 0, 44), map[Remedy]int64{QuickACK: 44, InitialWindow: 22, KeepConnection: 33}},
		"a timeout":       {response(timeline.Loss, timeout, 0, 200), nil},
		"a repair":        {response(timeline.Loss, fastRetransmit, 0, 50), map[Remedy]int64{Nearer: 20}},
	} {
		for r := range numRemedies {
			if got := k.of(r, &tt.span); got != tt.want[r]*msec {
				t.Errorf("%s: %v saves %d ms, want %d", name, r, got/msec, tt.want[r])
			}
		}
	}
}

// TestStallTakesIn: what a response saves before its program had nothing to send is
// lost again, for that comes when it comes; what it saves after that is not.
func TestStallTakesIn(t *testing.T) {
	k := &cure{conn: &conn{pair: new(pair)}, rtt: 40 * msec}
	nagle, stall := response(timeline.Nagle, plain, 0, 40), response(timeline.Stall, plain, 40, 90)
	later, brief := response(timeline.Nagle, plain, 90, 130), response(timeline.Stall, plain, 40, 41)
	for name, tt := range map[string]struct {
		spans []span
		want  int64
	}{
		"before a stall":       {[]span{nagle, stall}, 0},
		"before one and after": {[]span{nagle, stall, later}, 40},
		"before a brief one":   {[]span{nagle, brief}, 40},
	} {
		if got, _ := k.all(NoDelay, tt.spans); got != tt.want*msec {
			t.Errorf("%s: %d ms, want %d", name, got/msec, tt.want)
		}
	}
}

// TestShut holds the time in which a window of HTTP/2 let nothing be sent: captured in
// the middle, 10 ms from the client and 20 from the server.
func TestShut(t *testing.T) {
	ends := &pair{way: place{20 * msec, 10 * msec}}
	c := &conn{Conn: new(flow.Conn), pair: ends}
	c.lanes[flow.Down] = newLane(c.Conn, flow.Down, new(path), ends)
	w := &walk{at: 500 * msec, spans: []span{response(timeline.Stall, plain, 0, 500)}}
	x := &exchange.Exchange{Response: exchange.Message{Shut: []exchange.Shut{{From: 100 * msec, To: 200 * msec}}}}
	c.shut(w, x)
	if len(w.spans) != 3 || w.spans[1].cause != timeline.ReceiveWindow || w.spans[1].start != 110*msec || w.spans[1].end != 250*msec+slack {
		t.Errorf("%+v", w.spans)
	}
}
