package flow

import (
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// TestTwins: packets captured twice are one, and never a loss.
func TestTwins(t *testing.T) {
	const v4, v6 = "10.0.0.1:40000", "[2001:db8::1]:40000"
	for name, test := range map[string]struct {
		client           string
		build            func(*packets.Capture, *packets.Conn)
		twice, ambiguous int64 // of the server's packets
		kinds            string
	}{
		// The copy differs in its TTL and its MAC or VLAN, which flow never sees.
		"on both sides of a router": {v4, func(c *packets.Capture, conn *packets.Conn) {
			n := conn.Send(server, 50*ms, "response")
			c.Again(50*ms+300*time.Microsecond, n)
			c.Again(50*ms+301*time.Microsecond, conn.ACK(server, 50*ms+200*time.Microsecond))
		}, 2, 0, ""},
		"nearly half a round trip apart": {v4, func(c *packets.Capture, conn *packets.Conn) {
			c.Again(59*ms, conn.Send(server, 50*ms, "response"))
		}, 1, 0, ""},
		"the same ID further apart": {v4, func(c *packets.Capture, conn *packets.Conn) {
			n := conn.Send(server, 50*ms, "response")
			c.Again(300*ms, n)
		}, 0, 1, "#5 ambiguous"},
		"the same ID further apart, of an ACK": {v4, func(c *packets.Capture, conn *packets.Conn) {
			n := conn.ACK(server, 50*ms)
			conn.Send(server, 51*ms, "response")
			c.Again(300*ms, n)
		}, 0, 1, ""},
		"another ID: sent again": {v4, func(c *packets.Capture, conn *packets.Conn) {
			conn.Send(server, 50*ms, "response")
			conn.Server(300*ms, packets.Segment{Flags: packet.ACK | packet.PSH, Window: 502, Data: []byte("response")})
		}, 0, 0, "#5 spurious"},
		"an interface's packets after the other's": {v4, func(c *packets.Capture, conn *packets.Conn) {
			var sent []int
			for i := range 40 {
				sent = append(sent, conn.Server(50*ms+time.Duration(i)*10*time.Microsecond, packets.Segment{Seq: int64(i) * 1460, Len: 1460}))
			}
			for i, n := range sent {
				c.Again(51*ms+time.Duration(i)*10*time.Microsecond, n)
			}
		}, 40, 0, ""},
		"the copy's time is before the packet's": {v4, func(c *packets.Capture, conn *packets.Conn) {
			c.Again(50*ms-time.Microsecond, conn.Send(server, 50*ms, "response"))
		}, 1, 0, ""},
		"before TSO and after": {v4, func(c *packets.Capture, conn *packets.Conn) {
			conn.Server(50*ms, packets.Segment{Len: 3 * mss, ID: 50, Ack: 1})
			for i := range 3 {
				s := data(i)
				s.ID, s.Ack = uint16(50+i), 1
				conn.Server(50*ms+time.Microsecond, s)
			}
			next := data(3)
			next.ID = 53
			conn.Server(51*ms, next)
		}, 3, 0, ""},
		"before GRO and after": {v6, func(c *packets.Capture, conn *packets.Conn) {
			for i := range 3 {
				conn.Server(50*ms, stamped(data(i), 7, 1))
			}
			conn.Server(50*ms+time.Microsecond, stamped(packets.Segment{Len: 3 * mss}, 7, 1))
		}, 1, 0, ""},
		"RST for each segment that still comes": {v6, func(_ *packets.Capture, conn *packets.Conn) {
			for i := range 3 {
				conn.Server(50*ms+time.Duration(i)*100*time.Microsecond, packets.Segment{Flags: packet.RST})
			}
		}, 0, 0, ""},
		"sent again with another cut": {v4, func(c *packets.Capture, conn *packets.Conn) {
			for i := range 3 {
				conn.Server(50*ms, data(i))
			}
			conn.Server(51*ms, packets.Segment{Len: 2 * mss, ID: 1000})
			conn.Server(52*ms, stamped(packets.Segment{Seq: mss, Len: 2 * mss}, 9, 0))
		}, 0, 0, "#7 spurious, #8 spurious"},
		"an ACK, captured after others, IDs by lot": {v4, func(c *packets.Capture, conn *packets.Conn) {
			n := conn.Server(50*ms, packets.Segment{ID: 40_000})
			conn.Server(51*ms, packets.Segment{ID: 7, Len: 10})
			conn.Server(51*ms, packets.Segment{ID: 60_000, Seq: 10, Len: 10})
			conn.Server(51*ms, packets.Segment{ID: 20_000, Seq: 20, Len: 10})
			c.Again(52*ms, n)
		}, 1, 0, ""},
		"FIN and RST": {v4, func(c *packets.Capture, conn *packets.Conn) {
			c.Again(50*ms, conn.FIN(server, 50*ms))
			c.Again(51*ms, conn.Server(51*ms, packets.Segment{Flags: packet.RST, Seq: 1}))
		}, 2, 0, ""},
		"IPv6, data": {v6, func(c *packets.Capture, conn *packets.Conn) {
			c.Again(55*ms, conn.Send(server, 50*ms, "response"))
		}, 1, 0, ""},
		// The numbers of ACKs without an ID are repeated on purpose.
		"IPv6, an ACK": {v6, func(c *packets.Capture, conn *packets.Conn) {
			c.Again(50*ms, conn.ACK(server, 50*ms))
		}, 0, 0, ""},
		"IPv6, later": {v6, func(c *packets.Capture, conn *packets.Conn) {
			c.Again(300*ms, conn.Send(server, 50*ms, "response"))
		}, 0, 0, "#5 spurious"},
		"ID 0": {v4, func(c *packets.Capture, conn *packets.Conn) {
			n := conn.Server(50*ms, packets.Segment{Len: 100, NoID: true})
			c.Again(51*ms, n)
			conn.Server(400*ms, packets.Segment{Len: 100, NoID: true})
		}, 1, 0, "#6 spurious"},
		"the same numbers, another timestamp": {v4, func(c *packets.Capture, conn *packets.Conn) {
			conn.Server(50*ms, packets.Segment{Len: 100, NoID: true, Timestamps: true, TSval: 7})
			conn.Server(51*ms, packets.Segment{Len: 100, NoID: true, Timestamps: true, TSval: 8})
		}, 0, 0, "#5 spurious"},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			host := "10.0.0.2:80"
			if test.client == v6 {
				host = "[2001:db8::2]:80"
			}
			conn := capture.Conn(test.client, host)
			conn.Open(0, 20*ms)
			test.build(capture, conn)
			h := one(t, capture)
			s := h.Sides[Down]
			if s.Twice != test.twice || s.Ambiguous != test.ambiguous || h.kinds() != test.kinds {
				t.Errorf("twice %d, ambiguous %d, kinds %q; want %d, %d, %q", s.Twice, s.Ambiguous, h.kinds(), test.twice, test.ambiguous, test.kinds)
			}
			if s.Unseen != 0 {
				t.Errorf("%d bytes unseen", s.Unseen)
			}
		})
	}
}

// TestTwinsOfHandshakes: a SYN captured twice is no SYN that was lost.
func TestTwinsOfHandshakes(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	syn := packets.Segment{Flags: packet.SYN, Window: 64240, MSS: 1460, Scale: 7, SACKPermitted: true}
	capture.Again(3*ms, conn.Client(0, syn))
	syn.Flags |= packet.ACK
	syn.NoID = true // as Linux sends it
	n := conn.Server(20*ms, syn)
	capture.Again(23*ms, n)
	conn.ACK(client, 20*ms)
	h := one(t, capture)
	o := h.Opening
	if len(o.SYNs) != 1 || len(o.SYNACKs) != 1 || h.MinRTT != int64(20*ms)+1 || h.Near != AtClient {
		t.Errorf("%+v; round trip %d, %v", o, h.MinRTT, h.Near)
	}
}

// TestAmbiguousSYN: a SYN with the ID of an earlier one shows no loss.
func TestAmbiguousSYN(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	capture.Again(time.Second, conn.Client(0, syn))
	conn.Server(1020*ms, synACK)
	if h := one(t, capture); len(h.Opening.SYNs) != 1 || h.Sides[Up].Ambiguous != 1 {
		t.Errorf("%+v, %+v", h.Opening, h.Sides[Up])
	}
}

// TestTwinsOfForgotten: what was forgotten is still known to be captured twice.
func TestTwinsOfForgotten(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Open(0, 20*ms)
	for i := range 500 {
		when := time.Duration(50+i) * ms
		capture.Again(when+100*time.Microsecond, conn.Send(server, when, "chunk"))
	}
	var last *Conn
	table := NewTable(Config{Segment: func(c *Conn) { c.Forget(len(c.Segments)); last = c }})
	for p := range capture.Packets() {
		table.Add(p)
	}
	if s := last.Sides[Down]; s.Twice != 500 || s.Kinds[Data] != 500 {
		t.Errorf("twice %d, kinds %v", s.Twice, s.Kinds)
	}
	if last.Forgotten != 503 || len(last.Segments) != 0 || cap(last.all) > 4*kept+256 {
		t.Errorf("%d forgotten, %d not, room for %d", last.Forgotten, len(last.Segments), cap(last.all))
	}
}
