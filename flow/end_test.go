package flow

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// TestClosing: who began, how, and who is left with TIME_WAIT.
func TestClosing(t *testing.T) {
	fin := func(seq, ack int64) packets.Segment {
		return packets.Segment{Flags: packet.FIN | packet.ACK, Seq: seq, Ack: ack}
	}
	rst := func(seq int64) packets.Segment { return packets.Segment{Flags: packet.RST, Seq: seq} }
	for name, test := range map[string]struct {
		build func(*packets.Conn)
		want  Closing
		ends  string
	}{
		"not seen": {func(c *packets.Conn) {}, Closing{}, "up end open @20ms, down end open @20ms"},
		"by the server": {func(c *packets.Conn) {
			c.Server(50*ms, fin(0, 0))
			c.Client(50*ms, fin(0, 1))
			c.Server(70*ms, packets.Segment{Seq: 1, Ack: 1})
		}, Closing{Seen: true, By: Down, TimeWait: true}, "down end by FIN @50ms, up end by FIN @50ms"},
		"by the client": {func(c *packets.Conn) {
			c.Client(50*ms, fin(0, 0))
			c.Server(70*ms, packets.Segment{Ack: 1})
			c.Server(90*ms, fin(0, 1))
			c.Client(90*ms, packets.Segment{Seq: 1, Ack: 1})
		}, Closing{Seen: true, By: Up, TimeWait: true}, "up end by FIN @50ms, down end by FIN @90ms"},
		"at once": {func(c *packets.Conn) {
			c.Client(50*ms, fin(0, 0))
			c.Server(51*ms, fin(0, 0))
			c.Client(51*ms, packets.Segment{Seq: 1, Ack: 1})
			c.Server(70*ms, packets.Segment{Seq: 1, Ack: 1})
		}, Closing{Seen: true, By: Up, TimeWait: true, Both: true}, "up end by FIN @50ms, down end by FIN @51ms"},
		"halfway": {func(c *packets.Conn) {
			c.Client(50*ms, fin(0, 0))
			c.Server(70*ms, packets.Segment{Ack: 1, Len: 10})
		}, Closing{Seen: true, By: Up}, "up end by FIN @50ms, down end open @70ms"},
		"RST with nothing outstanding": {func(c *packets.Conn) {
			c.Client(50*ms, rst(0))
		}, Closing{Seen: true, By: Up, Reset: true}, "up end by RST @50ms, down end by RST @50ms"},
		"RST with data outstanding": {func(c *packets.Conn) {
			c.Server(50*ms, packets.Segment{Seq: 100, Len: 100}) // behind a hole
			c.Client(60*ms, rst(0))
		}, Closing{Seen: true, By: Up, Reset: true}, "up end by RST @60ms, down end by RST @60ms"},
		"FIN, then RST": {func(c *packets.Conn) {
			c.Client(50*ms, fin(0, 0))
			c.Server(70*ms, packets.Segment{Ack: 1, Len: 10})
			c.Client(70*ms, rst(1))
		}, Closing{Seen: true, By: Up, Reset: true}, "up end by FIN @50ms, down end by RST @70ms"},
		// "TIME-WAIT assassination": RFC 1337.
		"RST after both": {func(c *packets.Conn) {
			c.Client(50*ms, fin(0, 0))
			c.Server(70*ms, fin(0, 1))
			c.Server(71*ms, rst(1))
		}, Closing{Seen: true, By: Up}, "up end by FIN @50ms, down end by FIN @70ms"},
		"FIN sent again": {func(c *packets.Conn) {
			c.Server(50*ms, fin(0, 0))
			c.Server(270*ms, fin(0, 0))
			c.Client(270*ms, fin(0, 1))
			c.Client(490*ms, fin(0, 1))
		}, Closing{Seen: true, By: Down, TimeWait: true}, "down end by FIN @50ms, up end by FIN @270ms"},
		"FIN behind a hole": {func(c *packets.Conn) {
			c.Server(50*ms, fin(100, 0))
			c.Server(80*ms, packets.Segment{Len: 100})
		}, Closing{Seen: true, By: Down}, "down end by FIN @80ms, up end open @80ms"},
		"SYN refused": {func(c *packets.Conn) {
			c.Server(50*ms, packets.Segment{Flags: packet.RST | packet.ACK})
		}, Closing{Seen: true, By: Down, Reset: true}, "down end by RST @50ms, up end by RST @50ms"},
	} {
		t.Run(name, func(t *testing.T) {
			capture := packets.NewCapture()
			conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
			conn.Open(0, 20*ms)
			test.build(conn)
			h := one(t, capture)
			ends := slices.DeleteFunc(slices.Clone(h.log), func(s string) bool { return !strings.Contains(s, " end ") })
			if got := strings.Join(ends, ", "); h.Closing != test.want || got != test.ends {
				t.Errorf("%+v, %q; want %+v, %q", h.Closing, got, test.want, test.ends)
			}
		})
	}
}

// TestRefused: the answer to a SYN that nobody waits for.
func TestRefused(t *testing.T) {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.ISN[server] = 1<<32 - 1 // so that Seq 0 is number 0
	conn.Client(0, syn)
	conn.Server(20*ms, packets.Segment{Flags: packet.RST | packet.ACK})
	h := one(t, capture)
	if o := h.Opening; o.SYNACK != 0 || o.ACK != 0 || !h.Closing.Reset || h.Closing.By != Down || h.Segments[1].Ack != 0 {
		t.Errorf("%+v, %+v", o, h.Closing)
	}
}

// TestForgotten: connections are not kept in mind forever, and one absurd time is not
// the end of all.
func TestForgotten(t *testing.T) {
	for name, test := range map[string]struct {
		build func(*packets.Conn)
		after time.Duration
		want  int // kept in mind, that which lives on counted
	}{
		"ended":        {func(c *packets.Conn) { c.FIN(server, 50*ms); c.FIN(client, 50*ms) }, 90 * time.Second, 1},
		"just ended":   {func(c *packets.Conn) { c.FIN(server, 50*ms); c.FIN(client, 50*ms) }, 50 * time.Second, 2},
		"halfway":      {func(c *packets.Conn) { c.FIN(client, 50*ms) }, 500 * time.Second, 2},
		"halfway, old": {func(c *packets.Conn) { c.FIN(client, 50*ms) }, 700 * time.Second, 1},
		"idle":         {func(c *packets.Conn) {}, 3000 * time.Second, 2},
		"silent":       {func(c *packets.Conn) {}, 3700 * time.Second, 1},
	} {
		capture := packets.NewCapture()
		conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
		conn.Open(0, 20*ms)
		test.build(conn)
		other := capture.Conn("10.0.0.1:40001", "10.0.0.2:80")
		other.Open(test.after, 20*ms)
		other.ACK(client, 1e6*time.Hour) // absurd
		other.ACK(client, test.after+21*ms)
		table := NewTable(Config{})
		for p := range capture.Packets() {
			table.Add(p)
		}
		if len(table.conns) != test.want {
			t.Errorf("%s: %d connections, want %d", name, len(table.conns), test.want)
		}
	}
}
