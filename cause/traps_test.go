package cause_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

// Each trap that packets have for who explains them has its test here, named after it:
// a conversation, and what must be said of it.

// ends of a connection at which it is captured.
var places = map[string]packets.Side{"at the client": packets.Client, "at the server": packets.Server}

// small and large are calls.
func small() call { return call{think: 5 * ms, response: ok(500)} }
func large() call { return call{think: 5 * ms, response: ok(100_000)} }

// wants plays a scene at both ends, and holds what is said of each exchange against a
// line of brief.
func wants(t *testing.T, set func(*scene), calls []call, want ...string) {
	t.Helper()
	for place, side := range places {
		s := newScene(side)
		set(s)
		says(t, place, explained(t, s.play(slices.Clone(calls)...)), want...)
	}
}

func says(t *testing.T, name string, all []*cause.Explained, want ...string) {
	t.Helper()
	if got, want := briefs(all), strings.Join(want, "\n"); got != want {
		t.Errorf("%s: said\n%s\nwant\n%s", name, got, want)
	}
}

func asIs(*scene) {}

// loses is a scene whose network loses the nth packet of a side.
func loses(from packets.Side, nth ...int) func(*scene) {
	return func(s *scene) {
		s.lost = func(f packets.Side, n int, _ packets.Segment) bool { return f == from && slices.Contains(nth, n) }
	}
}

const whole = "handshake 20 propagation 10 server 5 propagation 10"

// TestPlain is what there is without a trap.
func TestPlain(t *testing.T) {
	wants(t, asIs, []call{small(), small(), large()},
		whole, "propagation 10 server 5 propagation 10", "propagation 10 server 5 propagation 10 slow-start 40")
}

func TestTrapTimeStepsBack(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.behind = func(p passed) time.Duration {
			if s.now > 50*ms {
				return -15 * ms
			}
			return 0
		}
		talk(s.client, s.server, small(), small(), small())
		s.run(packets.NewCapture()) // its order is that of its times
		slices.SortStableFunc(s.seen, func(a, b passed) int { return int(a.seg.ID) - int(b.seg.ID) })
		all, limits := explain(cause.Config{}, s.capture.Packets())
		if faults := limits.faults(all); len(faults) > 0 || len(all) != 3 {
			t.Errorf("%s: %d exchanges, %v", place, len(all), faults)
		}
	}
}

// twice has each packet a second time, so much later.
func twice(c *packets.Capture, later time.Duration) *packets.Capture {
	var frames []packet.Packet
	for p := range c.Packets() {
		second := *p
		second.At += int64(later)
		frames = append(frames, *p, second)
	}
	return inOrder(frames, 0)
}

func TestTrapCapturedTwice(t *testing.T) {
	for place, side := range places {
		for _, later := range []time.Duration{0, 100 * time.Microsecond, ms} {
			s := newScene(side)
			says(t, place, explained(t, twice(s.play(small(), large()), later)), whole, "propagation 10 server 5 propagation 10 slow-start 40")
		}
	}
}

// TestTrapPerhapsCapturedTwice: the same IP-ID, but too late for the same packet. That is
// no loss, and it is counted.
func TestTrapPerhapsCapturedTwice(t *testing.T) {
	c := newScene(packets.Client).play(small(), small())
	var response int
	for p := range c.Packets() {
		if p.PayloadLen() > 500 {
			response = p.Number
		}
	}
	c.Again(150*ms, response)
	all := explained(t, c)
	says(t, "again", all, whole, "propagation 10 server 5 propagation 10")
	if n := all[1].Source.Conn.Sides[flow.Down].Ambiguous; n != 1 {
		t.Errorf("%d packets may be captured twice", n)
	}
}

// TestTrapSuperSegments: what a card cut, or joined, is told as the segments that it was.
func TestTrapSuperSegments(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.client.mss, s.server.mss = 14_480, 14_480
		s.server.noDelay = true
		all := explained(t, s.play(small(), large()))
		if e := all[1].Timeline; costs(e, timeline.Loss, timeline.Nagle, timeline.Stall) > 0 || !near(costs(e, timeline.SlowStart), 40*ms, ms) {
			t.Errorf("%s: %s", place, brief(e))
		}
	}
}

// TestTrapCaptureHasHoles: what was acknowledged and not captured was not lost. What it
// cost nobody can tell.
func TestTrapCaptureHasHoles(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		nth := 0
		s.missed = func(from packets.Side, _ int, seg packets.Segment) bool {
			if from == packets.Server && len(seg.Data) > 0 {
				nth++
			}
			return from == packets.Server && nth >= 20 && nth < 40
		}
		all := explained(t, s.play(small(), large()))
		e := all[1].Timeline
		if costs(e, timeline.Loss, timeline.Stall, timeline.Congestion, timeline.Nagle) > 0 || costs(e, timeline.Unknown) < 15*ms || !near(e.Duration, 65*ms, 2*ms) {
			t.Errorf("%s: %s", place, brief(e))
		}
	}
}

// TestTrapCaptureMissesParts: the first and the last of a response, its request, and of
// everything a half. A packet that is missing may have been lost, too.
func TestTrapCaptureMissesParts(t *testing.T) {
	for place, side := range places {
		for what, miss := range map[string]func(from packets.Side, nth int, s packets.Segment) bool{
			"the response's first packet": func(from packets.Side, _ int, s packets.Segment) bool {
				return from == packets.Server && s.Seq == 0 && len(s.Data) > 0
			},
			"the response's last packet": func(from packets.Side, _ int, s packets.Segment) bool {
				return from == packets.Server && len(s.Data) > 0 && len(s.Data) < 1448
			},
			"the request": func(from packets.Side, _ int, s packets.Segment) bool {
				return from == packets.Client && len(s.Data) > 0
			},
			"every second": func(_ packets.Side, nth int, _ packets.Segment) bool { return nth&1 == 0 },
		} {
			s := newScene(side)
			s.missed = miss
			for _, x := range explained(t, s.play(large())) {
				if e := x.Timeline; e.Duration > 200*ms || costs(e, timeline.Loss) > 5*ms {
					t.Errorf("%s, %s: %s", place, what, brief(e))
				}
			}
		}
	}
}

// without is the capture without its first n packets.
func without(c *packets.Capture, n int) *packets.Capture {
	for range n {
		c.Drop(1)
	}
	return c
}

// TestTrapWindowScale: without the SYN no window is known, and none is blamed.
func TestTrapWindowScale(t *testing.T) {
	narrow := func(s *scene) { s.client.room, s.server.edge = 8192, 8192 }
	wants(t, narrow, []call{small(), {think: 5 * ms, response: ok(20_000)}},
		whole, "propagation 10 server 5 propagation 10 receive-window 40")
	for place, side := range places {
		s := newScene(side)
		narrow(s)
		all := explained(t, without(s.play(small(), large()), 3))
		for _, x := range all {
			if e := x.Timeline; costs(e, timeline.ReceiveWindow) > 0 {
				t.Errorf("%s: %s", place, brief(e))
			}
		}
		if len(all) != 2 {
			t.Errorf("%s: %d exchanges", place, len(all))
		}
	}
}

// TestTrapWindowOfSYNAndRST: 0 in them is no window.
func TestTrapWindowOfSYNAndRST(t *testing.T) {
	c := packets.NewCapture()
	conn := c.Conn(browser, origin)
	conn.Client(0, packets.Segment{Flags: packet.SYN, MSS: 1460, Scale: 7})
	conn.Server(20*ms, packets.Segment{Flags: packet.SYN | packet.ACK, MSS: 1460, Scale: 7})
	conn.ACK(packets.Client, 20*ms)
	conn.Send(packets.Client, 20*ms, get("/"))
	conn.Send(packets.Server, 45*ms, head(1000)+bytesOf(500))
	conn.ACK(packets.Client, 45*ms)
	conn.Send(packets.Server, 95*ms, bytesOf(500))
	conn.Client(95*ms, packets.Segment{Flags: packet.RST, Seq: conn.Next(packets.Client)})
	all := explained(t, c)
	if len(all) != 1 || costs(all[0].Timeline, timeline.ReceiveWindow) > 0 || !near(costs(all[0].Timeline, timeline.Stall), 50*ms, ms) {
		t.Errorf("said %s", briefs(all))
	}
}

func TestTrapLosses(t *testing.T) {
	wants(t, loses(packets.Server, 8), []call{small(), {think: 5 * ms, response: ok(14_000)}}, // SYN-ACK, ACK, response, ACK: the fourth of ten
		whole, "propagation 10 server 5 propagation 10 loss 20")
	for place, side := range places {
		for what, set := range map[string]func(*scene){
			"probe":   loses(packets.Server, 9), // the last of five
			"timeout": func(s *scene) { loses(packets.Server, 9)(s); s.client.noSACK, s.server.noSACK = true, true },
		} {
			s := newScene(side)
			set(s)
			all := explained(t, s.play(small(), call{think: 5 * ms, response: ok(7000)}))
			e := all[1].Timeline
			want := map[string]time.Duration{"probe": 240 * ms, "timeout": 200 * ms}[what] // the probe may have to wait for a delayed ACK
			if got := costs(e, timeline.Loss); !near(got, want, 21*ms) || !near(e.Duration, 25*ms+got, ms) {
				t.Errorf("%s, %s: %s", place, what, brief(e))
			}
		}
	}
}

// TestTrapLossNotes: which repair it was is in the sentence, where the sender was captured.
func TestTrapLossNotes(t *testing.T) {
	for want, set := range map[string]func(*scene){
		"ACKs told of the hole": loses(packets.Server, 8),
		"as a probe":            loses(packets.Server, 14),
		"its timer had run out": func(s *scene) { loses(packets.Server, 14)(s); s.client.noSACK, s.server.noSACK = true, true },
	} {
		s := newScene(packets.Server)
		set(s)
		e := explained(t, s.play(small(), call{think: 5 * ms, response: ok(14_000)}))[1].Timeline
		said := ""
		for _, span := range e.Spans {
			if span.Cause == timeline.Loss {
				said += span.Note + ". "
			}
		}
		if !strings.Contains(said, want) {
			t.Errorf("%s: %q, %s", want, said, brief(e))
		}
	}
}

// TestTrapSuperSegmentTorn: of what a card cut, one packet in the middle was lost.
func TestTrapSuperSegmentTorn(t *testing.T) {
	c := packets.NewCapture()
	conn := c.Conn(browser, origin)
	conn.Client(0, packets.Segment{Flags: packet.SYN, Window: 64_000, MSS: 1460, Scale: 7, SACKPermitted: true})
	conn.Server(0, packets.Segment{Flags: packet.SYN | packet.ACK, Window: 64_000, MSS: 1460, Scale: 7, SACKPermitted: true})
	conn.ACK(packets.Client, 20*ms)
	conn.Send(packets.Client, 20*ms, get("/"))
	n := conn.Next(packets.Client)
	conn.ACK(packets.Server, 20*ms)
	conn.Send(packets.Server, 25*ms, head(7300-len(head(7000)))+bytesOf(7300-len(head(7000))))
	conn.Client(45*ms, packets.Segment{Seq: n, Ack: 2920, Window: 500})
	conn.Client(45*ms, packets.Segment{Seq: n, Ack: 2920, Window: 500, SACK: [][2]int64{{4380, 7300}}})
	conn.Client(45*ms, packets.Segment{Seq: n, Ack: 2920, Window: 500, SACK: [][2]int64{{4380, 7300}}})
	conn.Client(45*ms, packets.Segment{Seq: n, Ack: 2920, Window: 500, SACK: [][2]int64{{4380, 7300}}})
	conn.Server(45*ms, packets.Segment{Seq: 2920, Ack: n, Window: 500, Len: 1460})
	conn.Client(65*ms, packets.Segment{Seq: n, Ack: 7300, Window: 500})
	says(t, "lost", explained(t, c), whole+" loss 20")
}

// TestTrapSpurious: what was sent again and had arrived is charged with nothing.
func TestTrapSpurious(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		late := false
		s.lost = func(from packets.Side, nth int, seg packets.Segment) bool { // the ACKs of the last packet, once
			if from == packets.Client && seg.Ack == 14_582 && !late {
				late = true
				return true
			}
			return false
		}
		all := explained(t, s.play(small(), call{think: 5 * ms, response: ok(14_000)}))
		if e := all[1].Timeline; !late || costs(e, timeline.Loss) > 0 || !near(e.Duration, 25*ms, ms) {
			t.Errorf("%s: lost %v, %s", place, late, brief(e))
		}
	}
}

// TestTrapZeroWindows: windows that are closed while nobody waits for them cost nothing.
func TestTrapZeroWindows(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.client.room, s.server.edge, s.client.reads = 4096, 4096, false
		talk(s.client, s.server, small(), call{think: 5 * ms, response: ok(3500)}, call{think: 5 * ms, response: ok(500)})
		s.client.readable = func(f func()) func() { return func() { f(); s.after(30*ms, s.client.read) } }(s.client.readable)
		all := explained(t, s.run(s.capture))
		if len(all) != 3 || costs(all[1].Timeline, timeline.ReceiveWindow, timeline.Client) > 0 {
			t.Errorf("%s: said\n%s", place, briefs(all))
		}
	}
}

// TestTrapReaderStops: a window that is closed because nobody reads is the client's.
func TestTrapReaderStops(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.client.room, s.server.edge, s.client.reads = 14_480, 14_480, false
		talk(s.client, s.server, small(), call{think: 5 * ms, response: ok(40_000)})
		for i := range 20 {
			s.after(time.Duration(i)*100*ms, s.client.read)
		}
		e := explained(t, s.run(s.capture))[1].Timeline
		if blamed := costs(e, timeline.Client, timeline.ReceiveWindow); costs(e, timeline.Client) < 100*ms || !near(blamed, e.Duration-25*ms, ms) {
			t.Errorf("%s: %s", place, brief(e))
		}
	}
}

// two is a request in two writes, or a response.
func twoUp() call {
	return call{think: 5 * ms, request: []string{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "hello"}, response: ok(500)}
}

func twoDown() call { return call{think: 5 * ms, response: []string{head(600), bytesOf(600)}} }

// TestTrapQuickACKs: Linux acknowledges a connection's first segments at once. A Nagle
// stall has no delayed ACK in it before.
func TestTrapQuickACKs(t *testing.T) {
	wants(t, func(s *scene) { s.client.quick = 2 }, []call{twoDown(), twoDown(), twoDown()},
		whole+" nagle 20",
		"propagation 10 server 5 propagation 10 nagle 10 delayed-ack 40 nagle 10",
		"propagation 10 server 5 propagation 10 nagle 10 delayed-ack 40 nagle 10")
	wants(t, func(s *scene) { s.server.quick = 2 }, []call{twoUp(), twoUp()},
		"handshake 20 nagle 20 propagation 10 server 5 propagation 10",
		"nagle 10 delayed-ack 40 nagle 10 propagation 10 server 5 propagation 10")
}

// TestTrapNoDelay: without Nagle's algorithm there is nothing of it.
func TestTrapNoDelay(t *testing.T) {
	wants(t, func(s *scene) { s.client.quick, s.server.noDelay = 0, true }, []call{twoDown(), twoDown()},
		whole, "propagation 10 server 5 propagation 10")
}

// TestTrapCorked: a small segment that leaves 200 ms after another, while that is not
// acknowledged, or was long ago, did not wait for an ACK.
func TestTrapCorked(t *testing.T) {
	corked := twoDown()
	corked.stall = 200 * ms
	wants(t, asIs, []call{corked, corked}, whole+" stall 200", "propagation 10 server 5 propagation 10 stall 200")
	for place, side := range places {
		s := newScene(side)
		s.client.quick, s.client.hold, s.server.noDelay = 0, 500*ms, true
		e := explained(t, s.play(small(), corked))[1].Timeline
		if costs(e, timeline.Nagle, timeline.DelayedACK) > 0 || !near(costs(e, timeline.Stall), 200*ms, ms) {
			t.Errorf("%s: %s", place, brief(e))
		}
	}
}

// TestTrapACKNobodyWaitsFor: a delayed ACK costs 0 where nothing waits for it.
func TestTrapACKNobodyWaitsFor(t *testing.T) {
	wants(t, func(s *scene) { s.client.quick, s.server.quick = 0, 0 }, []call{small(), small(), {wait: 100 * ms, think: 60 * ms, response: ok(500)}},
		whole, "propagation 10 server 5 propagation 10", "propagation 10 server 60 propagation 10")
}

// TestTrapDelayedACKOfWindow: the ACK that the congestion window waited for was held.
func TestTrapDelayedACKOfWindow(t *testing.T) {
	wants(t, func(s *scene) { s.client.quick, s.server.cwnd = 1, 1448 }, []call{{think: 5 * ms, response: ok(2000)}, small()},
		whole+" slow-start 20", "propagation 10 server 5 propagation 10")
	wants(t, func(s *scene) { s.client.quick, s.server.cwnd = 0, 1448 }, []call{{think: 5 * ms, response: ok(2000)}, small()},
		whole+" slow-start 10 delayed-ack 40 slow-start 10", "propagation 10 server 5 propagation 10")
}

// TestTrapSlowStartAndCongestion: before a loss it is the one, after it the other.
func TestTrapSlowStartAndCongestion(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		loses(packets.Server, 8)(s)
		all := explained(t, s.play(small(), call{think: 5 * ms, response: ok(30_000)}, large()))
		first, second := all[1].Timeline, all[2].Timeline
		if costs(first, timeline.Congestion) == 0 || costs(first, timeline.SlowStart) > 0 || costs(second, timeline.SlowStart) > 0 || costs(second, timeline.Congestion) == 0 {
			t.Errorf("%s: said\n%s", place, briefs(all))
		}
	}
}

// TestTrapPaced: a sender that spreads what it sends is not sure to wait for ACKs.
func TestTrapPaced(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.server.noDelay = true
		var parts []string
		for range 20 {
			parts = append(parts, bytesOf(2896))
		}
		parts[0] = head(2896*20-len(head(57_920))) + parts[0][len(head(57_920)):]
		parts[0] = head(len(strings.Join(parts, ""))-len(head(57_000))) + bytesOf(2896-len(head(57_000)))
		all := explained(t, s.play(small(), call{think: 5 * ms, response: parts, stall: 2 * ms}))
		for _, span := range all[len(all)-1].Timeline.Spans {
			if (span.Cause == timeline.SlowStart || span.Cause == timeline.Congestion) && span.Certainty > 0.7 {
				t.Errorf("%s: sure of %v by %v", place, span.Cause, span.Certainty)
			}
		}
	}
}

// TestTrapTransferAndQueueing: the bottleneck's time is the exchange's own where it sends
// its bytes, and others' where it sends theirs.
func TestTrapTransferAndQueueing(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.rate[packets.Server] = 1e6
		talk(s.client, s.server, small(), large(), large())
		all := explained(t, s.run(s.capture))
		if e := all[2].Timeline; !near(costs(e, timeline.Transfer), 104*ms, 3*ms) || costs(e, timeline.Queueing) > 0 {
			t.Errorf("%s, alone: %s", place, brief(e))
		}

		s = newScene(side)
		s.rate[packets.Server] = 1e6
		talk(s.client, s.server, small(), call{think: 190 * ms, response: ok(10_000)})
		a, b := s.connect(s.capture, "10.0.0.1:40001", origin)
		a.room, b.edge = 400_000, 400_000
		talk(a, b, call{think: 100 * ms, response: ok(400_000)})
		all = explained(t, s.run(s.capture))
		e := all[1].Timeline
		if got := costs(e, timeline.Queueing); got < 20*ms || costs(e, timeline.Stall, timeline.Loss) > 0 {
			t.Errorf("%s, behind others: said\n%s", place, briefs(all))
		}
	}
}

// TestTrapApplication: before the response it is the server, in it a stall, before the
// request's end the client.
func TestTrapApplication(t *testing.T) {
	slow := call{think: 70 * ms, response: []string{head(6000) + bytesOf(3000), bytesOf(3000)}, stall: 90 * ms}
	wants(t, asIs, []call{slow}, "handshake 20 propagation 10 server 70 propagation 10 stall 90")
	for place, side := range places {
		s := newScene(side)
		s.client.noDelay = true
		slow := twoUp()
		slow.apart = 80 * ms
		e := explained(t, s.play(slow))[0].Timeline
		if !near(costs(e, timeline.Client, timeline.Stall), 80*ms, ms) || costs(e, timeline.Server) > 6*ms {
			t.Errorf("%s: %s", place, brief(e))
		}
		for _, span := range e.Spans {
			if span.Cause == timeline.Stall && !strings.Contains(span.Note, "client") {
				t.Errorf("%s: the client's stall is told so: %s", place, span.Note)
			}
		}
	}
}
