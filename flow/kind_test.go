package flow

import (
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

const mss = 1460

// data is a full segment, the nth of its direction.
func data(n int) packets.Segment {
	return packets.Segment{Seq: int64(n) * mss, Len: mss, Window: 502}
}

// sack is an ACK of the client's with blocks of full segments: [2]int{2, 4} is of the
// third and the fourth.
func sack(ack int, blocks ...[2]int) packets.Segment {
	s := packets.Segment{Ack: int64(ack) * mss, Window: 502}
	for _, b := range blocks {
		s.SACK = append(s.SACK, [2]int64{int64(b[0]) * mss, int64(b[1]) * mss})
	}
	return s
}

// TestKindsAtTheSender: the capture is at the server, the round trip is 20 ms.
func TestKindsAtTheSender(t *testing.T) {
	for name, test := range map[string]struct {
		build func(*packets.Conn)
		kinds string // of packets from #4 on
	}{
		"fast, upon SACKs": {func(c *packets.Conn) {
			for i := range 5 {
				c.Server(50*ms, data(i))
			}
			c.Client(70*ms, sack(0, [2]int{1, 2}))
			c.Client(70*ms, sack(0, [2]int{1, 3}))
			c.Client(70*ms, sack(0, [2]int{1, 4}))
			c.Server(70*ms, data(0))
		}, "#12 fast retransmit"},
		"fast, of the last that was sent": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Server(50*ms, data(1))
			c.Client(70*ms, sack(0, [2]int{1, 2}))
			c.Server(75*ms, data(0))
		}, "#7 fast retransmit"},
		"tail-loss probe": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Server(50*ms, data(1))
			c.Server(91*ms, data(1))
		}, "#6 tail-loss probe"},
		"tail-loss probe of the only one": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Server(270*ms, data(0))
		}, "#5 tail-loss probe"},
		"then the timeout": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Server(270*ms, data(0))
			c.Server(490*ms, data(0))
			c.Server(930*ms, data(0))
		}, "#5 tail-loss probe, #6 timeout, #7 timeout"},
		"timeout, and what goes on from there": {func(c *packets.Conn) {
			for i := range 3 {
				c.Server(50*ms, data(i))
			}
			c.Server(91*ms, data(2))
			c.Server(312*ms, data(0))
			c.Client(332*ms, sack(1))
			c.Server(332*ms, data(1))
			c.Server(332*ms, data(2))
			c.Client(352*ms, sack(3))
			c.Server(400*ms, data(3))
			c.Server(442*ms, data(3))
		}, "#7 tail-loss probe, #8 timeout, #10 timeout, #11 timeout, #14 tail-loss probe"},
		"a fast retransmission lost": {func(c *packets.Conn) {
			for i := range 5 {
				c.Server(50*ms, data(i))
			}
			for i := range 3 {
				c.Client(70*ms, sack(0, [2]int{1, 2 + i}))
			}
			c.Server(70*ms, data(0))
			c.Server(300*ms, data(0))
		}, "#12 fast retransmit, #13 timeout"},
		"spurious, by DSACK": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Server(50*ms, data(1))
			c.Server(91*ms, data(1))
			c.Client(95*ms, sack(2))
			c.Client(111*ms, sack(2, [2]int{1, 2}))
		}, "#6 spurious"},
		"spurious, by DSACK inside a block": {func(c *packets.Conn) {
			for i := range 5 {
				c.Server(50*ms, data(i))
			}
			for i := range 3 {
				c.Client(70*ms, sack(0, [2]int{1, 2 + i}))
			}
			c.Server(71*ms, data(1))
			c.Client(91*ms, sack(0, [2]int{1, 2}, [2]int{1, 5}))
		}, "#12 spurious"},
		"spurious, by timestamps": {func(c *packets.Conn) {
			c.Server(50*ms, stamped(data(0), 50, 1))
			c.Server(270*ms, stamped(data(0), 270, 1))
			c.Client(271*ms, stamped(sack(1), 261, 50))
		}, "#5 spurious"},
		"needed, by timestamps": {func(c *packets.Conn) {
			c.Server(50*ms, stamped(data(0), 50, 1))
			c.Server(270*ms, stamped(data(0), 270, 1))
			c.Client(290*ms, stamped(sack(1), 280, 270))
		}, "#5 tail-loss probe"},
		"spurious: it was acknowledged": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Client(70*ms, sack(1))
			c.Server(271*ms, data(0))
		}, "#6 spurious"},
		"cut at other places": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Server(50*ms, data(1))
			c.Server(270*ms, packets.Segment{Seq: 700, Len: mss})
			c.Client(290*ms, sack(2))
		}, "#6 fast retransmit"},
		// Its second half is new: to be called a retransmission, all of it must be old.
		"more than before": {func(c *packets.Conn) {
			c.Server(50*ms, packets.Segment{Len: 100})
			c.Server(270*ms, packets.Segment{Len: 200})
		}, ""},
		"FIN sent again": {func(c *packets.Conn) {
			c.FIN(server, 50*ms)
			c.Server(270*ms, packets.Segment{Flags: packet.FIN | packet.ACK})
		}, "#5 tail-loss probe"},
		"FIN sent again, acknowledged": {func(c *packets.Conn) {
			c.FIN(server, 50*ms)
			c.ACK(client, 70*ms)
			c.Server(71*ms, packets.Segment{Flags: packet.FIN | packet.ACK})
		}, "#6 spurious"},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			conn.Client(20*ms, syn)
			conn.Server(20*ms, synACK)
			conn.Client(40*ms, packets.Segment{Window: 502})
			test.build(conn)
			h := one(t, capture)
			if h.kinds() != test.kinds || h.Near != AtServer {
				t.Errorf("%q, want %q; %v", h.kinds(), test.kinds, h.Near)
			}
			checkKinds(t, h)
		})
	}
}

// checkKinds: the counts are those of the segments.
func checkKinds(t *testing.T, h *heard) {
	t.Helper()
	var counts [2][NumKinds]int64
	for _, s := range h.Segments {
		counts[s.Dir][s.Kind]++
	}
	if counts != [2][NumKinds]int64{h.Sides[Up].Kinds, h.Sides[Down].Kinds} {
		t.Errorf("kinds %v, counted %v, %v", counts, h.Sides[Up].Kinds, h.Sides[Down].Kinds)
	}
}

// TestKindsAtTheReceiver: the capture is at the client, the round trip is 20 ms.
func TestKindsAtTheReceiver(t *testing.T) {
	for name, test := range map[string]struct {
		build func(*packets.Conn)
		kinds string
	}{
		"reordered": {func(c *packets.Conn) {
			c.Server(50*ms, data(1))
			c.Server(55*ms, data(0))
		}, "#5 reordered"},
		"lost all before a FIN": {func(c *packets.Conn) {
			c.Server(20*ms, packets.Segment{Flags: packet.FIN | packet.ACK, Seq: 3000})
			c.Server(300*ms, packets.Segment{Data: make([]byte, 1000)})
		}, "#5 repair"},
		"repaired": {func(c *packets.Conn) {
			c.Server(50*ms, data(1))
			c.Server(70*ms, data(0))
		}, "#5 repair"},
		"reordered by more than a round trip: its timestamp is older": {func(c *packets.Conn) {
			c.Server(50*ms, stamped(data(1), 11, 0))
			c.Server(90*ms, stamped(data(0), 10, 0))
		}, "#5 reordered"},
		"repaired in less, since a queue has emptied": {func(c *packets.Conn) {
			c.Server(50*ms, stamped(data(1), 10, 0))
			c.Server(60*ms, stamped(data(0), 20, 0))
		}, "#5 repair"},
		"the clock stands still": {func(c *packets.Conn) {
			c.Server(50*ms, stamped(data(1), 10, 0))
			c.Server(50*ms, stamped(data(2), 10, 0))
			c.Server(51*ms, stamped(data(0), 10, 0))
		}, "#6 reordered"},
		// What fills the second hole came after the first was seen, but not after its own.
		"two holes": {func(c *packets.Conn) {
			c.Server(50*ms, stamped(data(1), 10, 0))
			c.Server(80*ms, stamped(data(3), 40, 0))
			c.Server(81*ms, stamped(data(2), 40, 0))
			c.Server(82*ms, stamped(data(0), 41, 0))
		}, "#6 reordered, #7 repair"},
		"the hole in two pieces": {func(c *packets.Conn) {
			c.Server(50*ms, data(1))
			c.Server(70*ms, packets.Segment{Seq: 700, Len: 760})
			c.Server(71*ms, packets.Segment{Seq: 0, Len: 700})
		}, "#5 repair, #6 repair"},
		"more than the hole": {func(c *packets.Conn) {
			c.Server(50*ms, data(1))
			c.Server(70*ms, packets.Segment{Seq: 0, Len: 2 * mss})
		}, "#5 repair"},
		"in vain": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Server(270*ms, data(0))
		}, "#5 spurious"},
		"in vain, behind a hole": {func(c *packets.Conn) {
			c.Server(50*ms, data(1))
			c.Server(270*ms, data(1))
		}, "#5 spurious"},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			conn.Open(0, 20*ms)
			test.build(conn)
			h := one(t, capture)
			if h.kinds() != test.kinds || h.Near != AtClient {
				t.Errorf("%q, want %q; %v", h.kinds(), test.kinds, h.Near)
			}
			checkKinds(t, h)
		})
	}
}

// TestProbes: who asks whether the other is there, or has room, has lost nothing.
func TestProbes(t *testing.T) {
	shut := packets.Segment{Ack: mss, Window: 0}
	for name, test := range map[string]struct {
		build func(*packets.Conn)
		kinds string
		log   int // times that the Sink was told of bytes
	}{
		"keep-alive": {func(c *packets.Conn) {
			c.Send(server, 50*ms, "response")
			c.ACK(client, 50*ms)
			c.Server(15*time.Second, packets.Segment{Seq: 7})
			c.ACK(client, 15*time.Second)
			c.Server(30*time.Second, packets.Segment{Seq: 7, Data: []byte{0}})
			c.ACK(client, 30*time.Second)
		}, "#6 keep-alive, #8 keep-alive", 1},
		"keep-alive before any data": {func(c *packets.Conn) {
			c.Server(15*time.Second, packets.Segment{Seq: -1, Window: 502})
			c.ACK(client, 15*time.Second)
			c.Client(16*time.Second, packets.Segment{Seq: -1, Window: 502})
			c.ACK(server, 16*time.Second)
		}, "#4 keep-alive, #6 keep-alive", 0},
		"one byte sent again is no keep-alive": {func(c *packets.Conn) {
			c.Send(server, 50*ms, "response")
			c.ACK(client, 50*ms)
			c.Send(server, 60*ms, "!")
			c.Server(280*ms, packets.Segment{Seq: 8, Data: []byte("!")})
		}, "#7 spurious", 2},
		"nor when its ACK was lost": {func(c *packets.Conn) {
			c.Send(client, 20*ms, "?")
			c.Send(server, 40*ms, "!") // it does not arrive
			c.Client(240*ms, packets.Segment{Data: []byte("?")})
		}, "#6 spurious", 2},
		"window probes": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Client(50*ms, shut)
			c.Server(250*ms, packets.Segment{Seq: mss - 1})
			c.Client(250*ms, shut)
			c.Server(650*ms, packets.Segment{Seq: mss - 1})
			c.Client(650*ms, shut)
		}, "#6 probe, #8 probe", 1},
		"window probes with the byte that waits": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Client(50*ms, shut)
			c.Server(250*ms, packets.Segment{Seq: mss, Len: 1})
			c.Client(250*ms, shut)
			c.Server(650*ms, packets.Segment{Seq: mss, Len: 1})
			c.Client(650*ms, packets.Segment{Ack: mss + 1, Window: 502})
			c.Server(670*ms, packets.Segment{Seq: mss + 1, Len: 100})
		}, "#6 probe, #8 probe", 3},
		"the byte is sent again with those behind it": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Client(50*ms, shut)
			c.Server(250*ms, packets.Segment{Seq: mss, Len: 1})
			c.Client(250*ms, shut)
			c.Client(300*ms, packets.Segment{Ack: mss, Window: 502})
			c.Server(300*ms, data(1))
		}, "#6 probe", 3},
		"the window shut while the scale is unknown": {func(c *packets.Conn) {
			c.Server(50*ms, data(0))
			c.Client(50*ms, shut)
			c.Server(250*ms, packets.Segment{Seq: mss - 1})
		}, "#6 probe", 1},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			conn.Open(0, 20*ms)
			test.build(conn)
			if name == "the window shut while the scale is unknown" {
				capture.Drop(2)
				capture.Drop(1)
				test.kinds = "#4 probe"
			}
			h := one(t, capture)
			if h.kinds() != test.kinds || len(h.log)-2 != test.log {
				t.Errorf("%q, want %q; %q", h.kinds(), test.kinds, h.log)
			}
			checkKinds(t, h)
		})
	}
}

// TestPieces: what TSO and GRO joined stands for several.
func TestPieces(t *testing.T) {
	for _, test := range []struct {
		stamps bool
		len    int
		want   uint8
	}{
		{false, mss, 1}, {false, mss + 1, 2}, {false, 10 * mss, 10}, {true, mss, 2}, {true, 1448, 1}, {true, 45 * 1448, 45}, {false, 300 * mss, 255}, {false, 0, 1},
	} {
		capture := packets.NewCapture()
		conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
		conn.Timestamps = test.stamps
		conn.Open(0, 20*ms)
		conn.Server(50*ms, packets.Segment{Len: test.len})
		h := one(t, capture)
		if s := h.Segments[3]; s.Pieces != test.want || int(s.Len) != test.len {
			t.Errorf("%d bytes, timestamps %v: %d pieces, want %d", test.len, test.stamps, s.Pieces, test.want)
		}
	}
	// A client that offered less takes less.
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	small := syn
	small.MSS = 0
	conn.Client(0, small)
	conn.Server(20*ms, synACK)
	conn.Server(40*ms, packets.Segment{Len: 1072})
	if h := one(t, capture); h.Segments[2].Pieces != 2 || h.SegmentSize(Down) != 536 || h.SegmentSize(Up) != 1460 {
		t.Errorf("%d pieces of %d", h.Segments[2].Pieces, h.SegmentSize(Down))
	}
}
