package flow

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

var (
	syn    = packets.Segment{Flags: packet.SYN, Window: 64240, MSS: 1460, Scale: 7, SACKPermitted: true}
	synACK = packets.Segment{Flags: packet.SYN | packet.ACK, Window: 65160, MSS: 1460, Scale: 7, SACKPermitted: true}
)

// stamped is a segment with timestamps.
func stamped(s packets.Segment, val, echo uint32) packets.Segment {
	s.Timestamps, s.TSval, s.TSecr = true, val, echo
	return s
}

// TestScale: windows are what they are only if it is known what the SYNs offered.
func TestScale(t *testing.T) {
	none := func(s packets.Segment) *packets.Segment { s.Scale = 0; return &s }
	zero := func(s packets.Segment) *packets.Segment { s.Scale = -1; return &s }
	most := func(s packets.Segment) *packets.Segment { s.Scale = 15; return &s }
	for name, test := range map[string]struct {
		syn, synACK          *packets.Segment
		up, down             int
		windowUp, windowDown int32
	}{
		"both":                        {&syn, &synACK, 7, 7, 500 << 7, 300 << 7},
		"one offers a scale of 0":     {&syn, zero(synACK), 7, 0, 500 << 7, 300},
		"more than 14":                {most(syn), &synACK, 14, 7, 500 << 14, 300 << 7},
		"the client offers none":      {none(syn), &synACK, 0, 0, 500, 300},
		"the server offers none":      {&syn, none(synACK), 0, 0, 500, 300},
		"no SYN seen":                 {nil, &synACK, -1, 7, -1, 300 << 7},
		"no SYN seen, none from both": {nil, none(synACK), 0, 0, 500, 300},
		"no SYN-ACK seen":             {&syn, nil, -1, -1, -1, -1},
		"no SYN-ACK seen, none":       {none(syn), nil, 0, 0, 500, 300},
		"no handshake seen":           {nil, nil, -1, -1, -1, -1},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			if test.syn != nil {
				conn.Client(0, *test.syn)
			}
			if test.synACK != nil {
				conn.Server(20*ms, *test.synACK)
			}
			conn.Client(21*ms, packets.Segment{Window: 500})
			conn.Server(40*ms, packets.Segment{Window: 300})
			conn.Server(41*ms, packets.Segment{Window: 0})
			conn.Client(42*ms, packets.Segment{Flags: packet.RST | packet.ACK, Window: 0})
			h := one(t, capture)
			n := len(h.Segments)
			up, down, shut, rst := h.Segments[n-4], h.Segments[n-3], h.Segments[n-2], h.Segments[n-1]
			if h.Sides[Up].WindowScale != test.up || h.Sides[Down].WindowScale != test.down || up.Window != test.windowUp || down.Window != test.windowDown {
				t.Errorf("scales %d, %d, windows %d, %d", h.Sides[Up].WindowScale, h.Sides[Down].WindowScale, up.Window, down.Window)
			}
			if shut.Window != 0 || rst.Window != -1 {
				t.Errorf("a shut window is %d, that of a RST %d", shut.Window, rst.Window)
			}
			if test.synACK != nil {
				if s := h.Segments[n-5]; s.Window != 65160 {
					t.Errorf("the SYN-ACK's window is %d", s.Window)
				}
			}
		})
	}
}

// TestOpening: which SYN was answered, and by which SYN-ACK.
func TestOpening(t *testing.T) {
	for name, test := range map[string]struct {
		build         func(*packets.Conn)
		syn, synACK   time.Duration
		ack           time.Duration
		syns, synACKs []int32
		rtt           time.Duration // 0 is not known; a nanosecond is the least half
		near          Place
	}{
		"at the client": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Server(20*ms, synACK)
			c.Client(20*ms, packets.Segment{})
		}, 0, 20 * ms, 20 * ms, []int32{1}, []int32{2}, 20*ms + 1, AtClient},
		"at the server": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Server(0, synACK)
			c.Client(20*ms, packets.Segment{})
		}, 0, 0, 20 * ms, []int32{1}, []int32{2}, 20*ms + 1, AtServer},
		"between": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Server(5*ms, synACK)
			c.Client(20*ms, packets.Segment{})
		}, 0, 5 * ms, 20 * ms, []int32{1}, []int32{2}, 20 * ms, Between},
		"SYN lost": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Client(1000*ms, syn)
			c.Client(3000*ms, syn)
			c.Server(3020*ms, synACK)
			c.Client(3020*ms, packets.Segment{})
		}, 3000 * ms, 3020 * ms, 3020 * ms, []int32{1, 2, 3}, []int32{4}, 0, Somewhere},
		"SYN late, timestamps tell": {func(c *packets.Conn) {
			c.Client(0, stamped(syn, 1, 0))
			c.Client(1000*ms, stamped(syn, 1001, 0))
			c.Server(1200*ms, stamped(synACK, 50, 1))
			c.Client(1200*ms, stamped(packets.Segment{}, 1201, 50))
		}, 0, 1200 * ms, 1200 * ms, []int32{1, 2}, []int32{3}, 1200*ms + 1, AtClient},
		"SYN-ACK lost before the client": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Client(1000*ms, syn)
			c.Server(1020*ms, synACK)
			c.Client(1020*ms, packets.Segment{})
		}, 1000 * ms, 1020 * ms, 1020 * ms, []int32{1, 2}, []int32{3}, 0, Somewhere},
		"SYN-ACK sent again, at the server": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Server(0, synACK)
			c.Server(1000*ms, synACK)
			c.Client(1020*ms, packets.Segment{})
		}, 0, 1000 * ms, 1020 * ms, []int32{1}, []int32{2, 3}, 0, Somewhere},
		"the ACK lost, at the client": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Server(20*ms, synACK)
			c.Client(20*ms, packets.Segment{})
			c.Server(1020*ms, synACK)
			c.Client(1020*ms, packets.Segment{})
		}, 0, 20 * ms, 20 * ms, []int32{1}, []int32{2, 4}, 20*ms + 1, AtClient},
		"SYN-ACK captured before the SYN": {func(c *packets.Conn) {
			c.Server(20*ms, synACK)
			c.Client(0, syn)
			c.Client(20*ms, packets.Segment{})
		}, 0, 20 * ms, 20 * ms, []int32{2}, []int32{1}, 0, Somewhere},
		// A client that acknowledges late seems farther away, until it acknowledges data.
		"a delayed ACK": {func(c *packets.Conn) {
			c.Client(0, syn)
			c.Server(20*ms, synACK)
			c.Send(client, 60*ms, "GET")
			c.Send(server, 80*ms, "response")
			c.ACK(client, 80*ms)
		}, 0, 20 * ms, 60 * ms, []int32{1}, []int32{2}, 20*ms + 1, AtClient},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			test.build(capture.Conn("10.0.0.1:40000", "10.0.0.2:80"))
			h := one(t, capture)
			o := h.Opening
			got := fmt.Sprint(since(o.SYN), since(o.SYNACK), since(o.ACK), o.SYNs, o.SYNACKs, time.Duration(h.MinRTT), h.Near, h.Guessed)
			want := fmt.Sprint(test.syn, test.synACK, test.ack, test.syns, test.synACKs, test.rtt, test.near, false)
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if o.FirstSYN != at(0) {
				t.Errorf("the first SYN at %v", since(o.FirstSYN))
			}
		})
	}
}

// TestFastOpen: the data of a SYN counts when the server has taken it.
func TestFastOpen(t *testing.T) {
	open := syn
	open.Data, open.FastOpen = []byte("GET"), []byte("cookie..")
	taken := synACK
	taken.Ack = 3
	for name, test := range map[string]struct {
		build func(*packets.Conn)
		log   []string
		kinds string
	}{
		"taken": {func(c *packets.Conn) {
			c.Client(0, open)
			c.Server(20*ms, taken)
			c.Client(20*ms, packets.Segment{Seq: 3})
		}, []string{"up 0+3 @0s #1"}, ""},
		"not taken": {func(c *packets.Conn) {
			c.Client(0, open)
			c.Server(20*ms, synACK)
			c.Client(20*ms, packets.Segment{Data: []byte("GET")})
		}, []string{"up 0+3 @20ms #3"}, ""},
		"only the client seen": {func(c *packets.Conn) {
			c.Client(0, open)
			c.Client(20*ms, packets.Segment{Seq: 3})
		}, []string{"up 0+3 @0s #1"}, ""},
		"only the client seen, not taken": {func(c *packets.Conn) {
			c.Client(0, open)
			c.Client(20*ms, packets.Segment{Data: []byte("GET")})
		}, []string{"up 0+3 @20ms #2"}, ""},
		"the SYN sent again without it": {func(c *packets.Conn) {
			c.Client(0, open)
			c.Client(1000*ms, syn)
			c.Server(1020*ms, synACK)
			c.Client(1020*ms, packets.Segment{Data: []byte("GET")})
		}, []string{"up 0+3 @1.02s #4"}, ""},
		"the answer in the SYN-ACK": {func(c *packets.Conn) {
			c.Client(0, open)
			answer := taken
			answer.Data = []byte("OK")
			c.Server(20*ms, answer)
			c.Client(20*ms, packets.Segment{Seq: 3, Ack: 2})
		}, []string{"up 0+3 @0s #1", "down 0+2 @20ms #2"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			test.build(capture.Conn("10.0.0.1:40000", "10.0.0.2:80"))
			h := one(t, capture)
			if log := h.log[:len(h.log)-2]; !slices.Equal(log, test.log) || h.kinds() != test.kinds {
				t.Errorf("%q, kinds %q", h.log, h.kinds())
			}
			if !h.Opening.FastOpen || h.Sides[Up].Bytes != 3 {
				t.Errorf("%+v, %d bytes", h.Opening, h.Sides[Up].Bytes)
			}
		})
	}
}

// TestReuse: a 4-tuple names one connection after another.
func TestReuse(t *testing.T) {
	other := func(capture *packets.Capture) *packets.Conn {
		c := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
		c.ISN = [2]uint32{3_000_000_000, 2_000_000_000}
		return c
	}
	for name, test := range map[string]struct {
		build func(*packets.Capture, *packets.Conn)
		want  int
	}{
		"a new SYN after FIN": {func(capture *packets.Capture, c *packets.Conn) {
			c.FIN(server, 50*ms)
			c.FIN(client, 50*ms)
			c.ACK(server, 70*ms)
			other(capture).Open(100*ms, 20*ms)
		}, 2},
		"a new SYN, the end not captured":     {func(capture *packets.Capture, c *packets.Conn) { other(capture).Open(100*ms, 20*ms) }, 2},
		"a new SYN-ACK, its SYN not captured": {func(capture *packets.Capture, c *packets.Conn) { other(capture).Server(100*ms, synACK) }, 2},
		"other numbers after the end": {func(capture *packets.Capture, c *packets.Conn) {
			c.FIN(server, 50*ms)
			c.FIN(client, 50*ms)
			other(capture).Client(200*ms, packets.Segment{Len: 10})
		}, 2},
		"the same bytes again after the end": {func(capture *packets.Capture, c *packets.Conn) {
			c.Send(server, 45*ms, "response")
			c.FIN(server, 50*ms)
			c.FIN(client, 50*ms)
			c.Server(300*ms, packets.Segment{Data: []byte("response")})
		}, 1},
		"a SYN again after RST": {func(capture *packets.Capture, c *packets.Conn) {
			c.Server(50*ms, packets.Segment{Flags: packet.RST})
			c.Client(500*ms, syn)
		}, 2},
		"the ends change places": {func(capture *packets.Capture, c *packets.Conn) {
			capture.Conn("10.0.0.2:80", "10.0.0.1:40000").Open(100*ms, 20*ms)
		}, 2},
		"a SYN-ACK sent again": {func(capture *packets.Capture, c *packets.Conn) { c.Server(1020*ms, synACK) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			conn.Open(0, 20*ms)
			test.build(capture, conn)
			if all := follow(t, capture); len(all) != test.want {
				t.Errorf("%d connections", len(all))
			}
		})
	}
}

// TestCookies: a server that forgets what it answered begins elsewhere each time.
func TestCookies(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Client(0, syn)
	conn.Server(20*ms, synACK)
	conn.Client(1000*ms, syn)
	conn.ISN[server] = 77
	conn.Server(1020*ms, synACK)
	conn.ACK(client, 1020*ms)
	conn.Server(1040*ms, packets.Segment{Data: []byte("hello")})
	if h := one(t, capture); string(h.got[Down]) != "hello" || h.Sides[Down].Unseen != 0 || h.Sides[Down].Bytes != 5 {
		t.Errorf("%q, %+v", h.log, h.Sides[Down])
	}
}
