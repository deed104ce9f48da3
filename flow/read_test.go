package flow

import (
	"slices"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// text is a segment with text of the server's.
func text(seq int64, s string) packets.Segment { return packets.Segment{Seq: seq, Data: []byte(s)} }

// TestReading: which bytes could be read, when, and with which packet. A handshake of
// three packets stands before, at the client.
func TestReading(t *testing.T) {
	for name, test := range map[string]struct {
		build  func(*packets.Capture, *packets.Conn)
		log    []string // without the ends
		unseen int64    // of the server's bytes
	}{
		"in order": {func(_ *packets.Capture, c *packets.Conn) {
			c.Send(client, 20*ms, "GET")
			c.Send(server, 40*ms, "one")
			c.Send(server, 41*ms, "two")
		}, []string{"up 0+3 @20ms #4", "down 0+3 @40ms #5", "down 3+3 @41ms #6"}, 0},
		"out of order": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(3, "two"))
			c.Server(41*ms, text(6, "three"))
			c.Server(42*ms, text(0, "one"))
		}, []string{"down 0+3 @42ms #6", "down 3+8 @42ms #6"}, 0},
		"out of order, overlapping": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(2, "cd"))
			c.Server(41*ms, text(6, "gh"))
			c.Server(42*ms, text(1, "bcdefghi")) // around both
			c.Server(43*ms, text(3, "defg"))
			c.Server(44*ms, text(0, "ab"))
		}, []string{"down 0+2 @44ms #8", "down 2+2 @44ms #8", "down 4+2 @44ms #8", "down 6+3 @44ms #8"}, 0},
		"the hole is filled in pieces": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(4, "ef"))
			c.Server(41*ms, text(0, "ab"))
			c.Server(42*ms, text(1, "bcd"))
		}, []string{"down 0+2 @41ms #5", "down 2+2 @42ms #6", "down 4+2 @42ms #6"}, 0},
		"a hole of the capture": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(0, "one"))
			c.Server(41*ms, text(6, "three"))
			c.Client(42*ms, packets.Segment{Ack: 11})
			c.Client(60*ms, packets.Segment{Ack: 11, Data: []byte("GET")})
		}, []string{"down 0+3 @40ms #4", "up 0+3 @60ms #7", "down missing 3+3 @41ms #5", "down 6+5 @41ms #5"}, 3},
		"behind a hole of the capture, each when it came": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(3, "two"))
			c.Server(42*ms, text(6, "three"))
			c.Client(43*ms, packets.Segment{Ack: 11})
			c.Client(60*ms, packets.Segment{Ack: 11})
		}, []string{"down missing 0+3 @40ms #4", "down 3+3 @40ms #4", "down 6+5 @42ms #5"}, 3},
		"several holes of the capture": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(41*ms, text(3, "two"))
			c.Server(42*ms, text(9, "four"))
			c.Client(43*ms, packets.Segment{Ack: 6})
			c.Client(45*ms, packets.Segment{Ack: 13})
			c.Client(60*ms, packets.Segment{Ack: 13})
		}, []string{
			"down missing 0+3 @41ms #4", "down 3+3 @41ms #4", "down missing 6+3 @42ms #5", "down 9+4 @42ms #5",
		}, 6},
		"a hole of the capture before FIN": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(0, "one"))
			c.Server(41*ms, packets.Segment{Flags: packet.FIN | packet.ACK, Seq: 6})
			c.Client(42*ms, packets.Segment{Ack: 7})
			c.Client(60*ms, packets.Segment{Ack: 7})
		}, []string{"down 0+3 @40ms #4", "down missing 3+3 @42ms #6"}, 3},
		"the end of what was seen is behind": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(0, "one"))
			c.Client(41*ms, packets.Segment{Ack: 6})
		}, []string{"down 0+3 @40ms #4", "down missing 3+3 @41ms #0"}, 3},
		"a hole that nobody acknowledged": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(3, "two"))
			c.Client(60*ms, packets.Segment{Ack: 0})
		}, []string{"down missing 0+3 @60ms #0", "down 3+3 @60ms #0"}, 3},
		"repaired before it is given up": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(3, "two"))
			c.Client(40*ms, packets.Segment{Ack: 0, SACK: [][2]int64{{3, 6}}})
			c.Server(20*time.Second, text(0, "one"))
			c.Client(20*time.Second, packets.Segment{Ack: 6})
		}, []string{"down 0+3 @20s #6", "down 3+3 @20s #6"}, 0},
		"the ACK captured before the data": {func(_ *packets.Capture, c *packets.Conn) {
			c.Client(40*ms, packets.Segment{Ack: 3})
			c.Server(39*ms, text(0, "one"))
			c.Client(50*ms, packets.Segment{Ack: 9})
			c.Server(49*ms, text(6, "two"))
			c.Server(49*ms, text(3, "six"))
			c.Client(70*ms, packets.Segment{Ack: 9})
		}, []string{"down 0+3 @39ms #5", "down 3+3 @49ms #8", "down 6+3 @49ms #8"}, 0},
		"urgent": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, packets.Segment{Flags: packet.ACK | 1<<5, Data: []byte("one")})
		}, []string{"down 0+3 @40ms #4"}, 0},
		"snapped": {func(capture *packets.Capture, c *packets.Conn) {
			capture.Snap = 20 + 20 + 2
			c.Server(40*ms, text(0, "one"))
			c.Server(41*ms, text(6, "six"))
			c.Server(42*ms, text(3, "two"))
		}, []string{
			"down 0+2 @40ms #4", "down missing 2+1 @40ms #4", "down 3+2 @42ms #6", "down missing 5+1 @42ms #6",
			"down 6+2 @42ms #6", "down missing 8+1 @42ms #6",
		}, 0},
		"sent again with another cut": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(0, "abcd"))
			c.Server(41*ms, text(2, "cdef"))
		}, []string{"down 0+4 @40ms #4", "down 4+2 @41ms #5"}, 0},
		"after RST": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, text(0, "one"))
			c.Client(41*ms, packets.Segment{Flags: packet.RST, Ack: 3})
			c.Server(41*ms, text(3, "two"))
		}, []string{"down 0+3 @40ms #4"}, 0},
		"behind FIN": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(40*ms, packets.Segment{Flags: packet.FIN | packet.ACK, Seq: 3, Data: []byte("two")})
			c.Server(41*ms, text(0, "one"))
			c.Server(42*ms, text(6, "??"))
		}, []string{"down 0+3 @41ms #5", "down 3+3 @41ms #5"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			conn.Open(0, 20*ms)
			test.build(capture, conn)
			h := one(t, capture)
			log := slices.DeleteFunc(slices.Clone(h.log), func(s string) bool { return s[2:6] == " end" || s[4:8] == " end" })
			if !slices.Equal(log, test.log) || h.Sides[Down].Unseen != test.unseen {
				t.Errorf("%q, want\n%q; unseen %d", h.log, test.log, h.Sides[Down].Unseen)
			}
		})
	}
}

// TestMiddle: a capture that starts in the middle, or has one direction only.
func TestMiddle(t *testing.T) {
	build := func(change func(*packets.Capture, *packets.Conn)) *packets.Capture {
		capture := packets.NewCapture()
		conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
		conn.ISN = [2]uint32{4_000_000_000, 1 << 31}
		change(capture, conn)
		return capture
	}
	for name, test := range map[string]struct {
		build    func(*packets.Capture, *packets.Conn)
		up, down string
		unseen   int64
		kinds    string
	}{
		"data first": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(0, packets.Segment{Seq: 5000, Ack: 300, Data: []byte("one")})
			c.Client(0, packets.Segment{Seq: 300, Ack: 5003})
			c.Server(1*ms, packets.Segment{Seq: 5003, Ack: 300, Data: []byte("two")})
			c.Client(2*ms, packets.Segment{Seq: 300, Ack: 5006, Data: []byte("GET")})
		}, "GET", "onetwo", 0, ""},
		"an ACK first": {func(_ *packets.Capture, c *packets.Conn) {
			c.Client(0, packets.Segment{Seq: 300, Ack: 5000})
			c.Server(1*ms, packets.Segment{Seq: 5000, Ack: 300, Data: []byte("one")})
		}, "", "one", 0, ""},
		"an ACK of what is sent again": {func(_ *packets.Capture, c *packets.Conn) {
			c.Client(0, packets.Segment{Seq: 300, Ack: 5003})
			c.Server(1*ms, packets.Segment{Seq: 5000, Ack: 300, Data: []byte("one")})
			c.Server(1*ms, packets.Segment{Seq: 5003, Ack: 300, Data: []byte("two")})
		}, "", "onetwo", 0, ""},
		"a keep-alive first": {func(_ *packets.Capture, c *packets.Conn) {
			c.Client(0, packets.Segment{Seq: 299, Ack: 5000})
			c.Server(0, packets.Segment{Seq: 5000, Ack: 300})
			c.Client(5*time.Second, packets.Segment{Seq: 300, Ack: 5000, Data: []byte("GET")})
			c.Server(6*time.Second, packets.Segment{Seq: 5000, Ack: 303, Data: []byte("one")})
		}, "GET", "one", 0, ""},
		"only the server's": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(0, packets.Segment{Seq: 5000, Ack: 300, Data: []byte("one")})
			c.Server(1*ms, packets.Segment{Seq: 5003, Ack: 600, Data: []byte("two")})
			c.Server(20*ms, packets.Segment{Flags: packet.FIN | packet.ACK, Seq: 5006, Ack: 900})
		}, "", "onetwo", 0, ""},
		"only the server's, with keep-alives": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(0, packets.Segment{Seq: 5000, Ack: 300, Data: []byte("one")})
			c.Server(15*time.Second, packets.Segment{Seq: 5002, Ack: 300})
			c.Server(30*time.Second, packets.Segment{Seq: 5002, Ack: 300})
		}, "", "one", 0, "#2 keep-alive, #3 keep-alive"},
		"only the server's, a packet missing": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(0, packets.Segment{Seq: 5000, Ack: 300, Data: []byte("one")})
			c.Server(1*ms, packets.Segment{Seq: 5006, Ack: 600, Data: []byte("three")})
			c.Server(32*time.Second, packets.Segment{Seq: 5011, Ack: 600, Data: []byte("four")})
		}, "", "one???threefour", 3, ""},
		"SYN-ACK and what comes after a hole": {func(_ *packets.Capture, c *packets.Conn) {
			c.Server(0, synACK)
			c.Client(0, packets.Segment{Seq: 100, Ack: 0, Data: []byte("GET")})
			c.Server(1*ms, packets.Segment{Seq: 0, Ack: 103, Data: []byte("one")})
			c.ACK(client, 10*ms)
		}, "????????????????????????????????????????????????????????????????????????????????????????????????????GET", "one", 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := one(t, build(test.build))
			if string(h.got[Up]) != test.up || string(h.got[Down]) != test.down || h.Sides[Down].Unseen != test.unseen || h.kinds() != test.kinds {
				t.Errorf("%q, unseen %d, kinds %q", h.log, h.Sides[Down].Unseen, h.kinds())
			}
			if h.Client.Port() != 40000 {
				t.Errorf("the client is %v", h.Client)
			}
		})
	}
}

// TestWhoIsTheClient where there is no SYN.
func TestWhoIsTheClient(t *testing.T) {
	for name, test := range map[string]struct {
		from, to, bytes string
		server          uint16
	}{
		"the lower port":    {"10.0.0.1:40000", "10.0.0.2:8080", "", 8080},
		"from the server":   {"10.0.0.2:8080", "10.0.0.1:40000", "", 8080},
		"a request":         {"10.0.0.1:3000", "10.0.0.2:50000", "GET / HTTP/1.1\r\n", 50000},
		"a response":        {"10.0.0.2:50000", "10.0.0.1:3000", "HTTP/1.1 200 OK\r\n", 50000},
		"HTTP/2":            {"10.0.0.1:3000", "10.0.0.2:50000", "PRI * HTTP/2.0\r\n", 50000},
		"TLS's ClientHello": {"10.0.0.1:3000", "10.0.0.2:50000", "\x16\x03\x01\x00\xff\x01\x00", 50000},
		"TLS's ServerHello": {"10.0.0.2:50000", "10.0.0.1:3000", "\x16\x03\x03\x00\xff\x02\x00", 50000},
	} {
		capture := packets.NewCapture()
		capture.Conn(test.from, test.to).Client(0, packets.Segment{Data: []byte(test.bytes)})
		if h := one(t, capture); h.Server.Port() != test.server || !h.Guessed {
			t.Errorf("%s: the server is %v, guessed %v", name, h.Server, h.Guessed)
		}
	}
}

// TestWrapAround: sequence numbers count modulo 2³², streams do not.
func TestWrapAround(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.ISN = [2]uint32{1<<32 - 1, 1<<32 - 500}
	conn.Open(0, 20*ms)
	conn.Send(client, 20*ms, "GET")
	for i := range 10 {
		conn.Server(40*ms, packets.Segment{Seq: int64(i) * 100, Ack: 3, Len: 100})
	}
	conn.Client(40*ms, packets.Segment{Seq: 3, Ack: 1000, SACK: [][2]int64{{400, 600}}})
	h := one(t, capture)
	if len(h.got[Down]) != 1000 || h.Sides[Down].Acked != 1000 || h.Sides[Down].Kinds[Data] != 10 || h.SACKs[0] != (Block{400, 600}) {
		t.Errorf("%q, %+v, %v", h.log, h.Sides[Down], h.SACKs)
	}
}

// TestLongStream: offsets go on beyond 4 GiB.
func TestLongStream(t *testing.T) {
	const size = 60_000
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Open(0, 20*ms)
	var all []*packet.Packet
	conn.Server(50*ms, packets.Segment{Len: size})
	conn.Client(50*ms, packets.Segment{Ack: size})
	for p := range capture.Packets() {
		all = append(all, p)
	}
	var c *Conn
	table := NewTable(Config{Open: func(o *Conn) Sink { c = o; return nil }})
	for _, p := range all[:3] {
		table.Add(p)
	}
	const times = 1 << 33 / size
	for range times {
		for _, p := range all[3:] {
			table.Add(p)
			p.ID++
			p.At += 1000
		}
		all[3].Seq += size
		all[4].Ack += size
		c.Forget(len(c.Segments))
	}
	s := c.Sides[Down]
	if s.Next != times*size || s.Acked != times*size || s.Bytes != times*size || s.Kinds[Data] != times || s.Unseen != 0 {
		t.Errorf("%+v", s)
	}
}

// TestHoleAsWideAsAWindow: as much may wait as the largest windows let be sent.
func TestHoleAsWideAsAWindow(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Open(0, 20*ms)
	const n = 256
	for i := 1; i <= n; i++ {
		conn.Server(40*ms, packets.Segment{Seq: int64(i) * 60_000, Len: 60_000})
	}
	conn.Server(60*ms, packets.Segment{Seq: 0, Len: 60_000})
	if h := one(t, capture); h.Sides[Down].Unseen != 0 || len(h.got[Down]) != (n+1)*60_000 {
		t.Errorf("%d unseen, %d bytes", h.Sides[Down].Unseen, len(h.got[Down]))
	}
}
