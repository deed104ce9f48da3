package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// tcpHeader is of a segment between a client's port and the server.
func tcpHeader(d Direction, port uint16, flags packet.Flags, seq uint32, payload int) packet.Header {
	h := packet.Header{
		Version: 4, Protocol: packet.ProtocolTCP, Transport: 20, Payload: 40, End: 40 + payload, Flags: flags, Seq: seq,
		Src: netip.AddrPortFrom(clientAddr4, port), Dst: netip.AddrPortFrom(hostAddrs(0, false)[0], 80),
	}
	if d == Down {
		h.Src, h.Dst = h.Dst, h.Src
	}
	return h
}

// A segment is written as in "up 1000 syn 5": direction, client's port, flags, then
// the sequence number and the length of the payload, which may be missing.
func parseSegment(t *testing.T, text string) (Direction, packet.Header) {
	t.Helper()
	var way, flags string
	var port uint16
	var seq uint32
	var payload int
	if n, err := fmt.Sscan(text, &way, &port, &flags, &seq, &payload); n < 3 {
		t.Fatalf("%q: %v", text, err)
	}
	d := Up
	if way == "down" {
		d = Down
	}
	var bits packet.Flags
	for _, f := range strings.Split(flags, "+") {
		bits |= map[string]packet.Flags{"syn": packet.SYN, "ack": packet.ACK, "fin": packet.FIN, "rst": packet.RST}[f]
	}
	return d, tcpHeader(d, port, bits, seq, payload)
}

func TestFlows(t *testing.T) {
	for name, test := range map[string]struct{ segments, want []string }{
		"one connection": {
			[]string{"up 1000 syn 5", "down 1000 syn+ack 9", "up 1000 ack", "up 1000 ack 6 100", "down 1000 ack", "down 1000 ack 10 100", "down 1000 ack 110 100", "up 1000 ack", "up 1000 fin+ack", "down 1000 fin+ack", "up 1000 ack"},
			[]string{"1 syn 1", "1 synack 1", "1 ack 1", "1 data 1", "1 ack 1", "1 data 1", "1 data 2", "1 ack 2", "1 fin 1", "1 fin 1", "1 ack 3"},
		},
		"a SYN that is sent again": {
			[]string{"up 1000 syn 5", "up 1000 syn 5", "down 1000 syn+ack 9", "up 1000 syn 5", "down 1000 syn+ack 9"},
			[]string{"1 syn 1", "1 syn 2", "1 synack 1", "1 syn 3", "1 synack 2"},
		},
		"in the order of their SYNs": {
			[]string{"up 1002 syn 1", "up 1001 syn 1", "down 1001 syn+ack", "down 1002 syn+ack", "up 1000 syn 1", "up 1001 ack 2 1", "up 1002 ack 2 1"},
			[]string{"1 syn 1", "2 syn 1", "2 synack 1", "1 synack 1", "3 syn 1", "2 data 1", "1 data 1"},
		},
		"data in the SYN, FIN with data, RST with anything": {
			[]string{"up 1000 syn 5 10", "down 1000 syn+ack 9 10", "up 1000 fin+ack 16 10", "up 1000 rst+ack+fin+syn 16 10"},
			[]string{"1 syn 1", "1 synack 1", "1 data 1", "1 rst 1"},
		},
		"no SYN was seen": {
			[]string{"up 1000 ack 5 10", "down 1000 syn+ack 9", "up 1000 rst 5", "up 1000 syn 5", "up 1000 ack 5 10"},
			[]string{"0 data 0", "0 synack 0", "0 rst 0", "1 syn 1", "1 data 1"},
		},
		"its port again, after FINs both ways": {
			[]string{"up 1000 syn 5", "up 1000 fin+ack", "down 1000 fin+ack", "down 1000 ack", "up 1000 syn 5", "up 1000 ack 6 1"},
			[]string{"1 syn 1", "1 fin 1", "1 fin 1", "1 ack 1", "2 syn 1", "2 data 1"},
		},
		"after a FIN one way it goes on": {
			[]string{"up 1000 syn 5", "up 1000 fin+ack", "up 1000 fin+ack", "up 1000 syn 5", "down 1000 ack 9 10"},
			[]string{"1 syn 1", "1 fin 1", "1 fin 2", "1 syn 2", "1 data 1"},
		},
		"its port again, after a RST": {
			[]string{"up 1000 syn 5", "down 1000 rst+ack", "up 1000 syn 5", "down 1000 rst+ack"},
			[]string{"1 syn 1", "1 rst 1", "2 syn 1", "2 rst 1"},
		},
		"its port again, after it was given up": {
			[]string{"up 1000 syn 5", "up 1000 syn 5", "up 1000 syn 70005", "up 1000 syn 70005", "down 1000 syn+ack"},
			[]string{"1 syn 1", "1 syn 2", "2 syn 1", "2 syn 2", "2 synack 1"},
		},
		"a server that connects": {
			[]string{"down 1000 syn 5", "up 1000 syn+ack 9", "down 1000 ack"},
			[]string{"1 syn 1", "1 synack 1", "1 ack 1"},
		},
	} {
		f := new(flows)
		var got []string
		for _, s := range test.segments {
			d, h := parseSegment(t, s)
			conn, which := f.number(d, &h)
			got = append(got, fmt.Sprintf("%d %v %d", conn, which.kind, which.nth))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, test.want)
		}
	}
}

// TestFlowsOfOthers: what is no TCP is of no connection, and a later fragment, whose
// ports are not there, neither.
func TestFlowsOfOthers(t *testing.T) {
	f := new(flows)
	h := tcpHeader(Up, 1000, packet.SYN, 5, 0)
	f.number(Up, &h)
	h.Protocol = packet.ProtocolUDP
	if conn, which := f.number(Up, &h); conn != 0 || which != (nthOf{}) {
		t.Errorf("UDP: %d, %v", conn, which)
	}
	h = tcpHeader(Up, 0, 0, 0, 100)
	h.Dst = netip.AddrPortFrom(h.Dst.Addr(), 0)
	if conn, which := f.number(Up, &h); conn != 0 || which != (nthOf{kind: link.Data}) {
		t.Errorf("a fragment: %d, %v", conn, which)
	}
}

// TestFlowsForget: after its end a connection is remembered for as long as
// keptClosed others end, and no longer, even if its port was used before.
func TestFlowsForget(t *testing.T) {
	f := new(flows)
	number := func(d Direction, port uint16, flags packet.Flags) int {
		h := tcpHeader(d, port, flags, 1, 0)
		conn, _ := f.number(d, &h)
		return conn
	}
	pass := func(port uint16) (conn int) {
		conn = number(Up, port, packet.SYN)
		number(Up, port, packet.FIN|packet.ACK)
		number(Down, port, packet.FIN|packet.ACK)
		number(Up, port, packet.RST) // it is over already
		return conn
	}
	pass(1)
	if again := pass(1); again != 2 {
		t.Fatalf("port 1 again: connection %d", again)
	}
	stays := number(Up, 2, packet.SYN)
	for i := range keptClosed - 1 {
		pass(uint16(10 + i))
	}
	if got := number(Up, 1, packet.ACK); got != 2 {
		t.Errorf("a late packet of the second: connection %d", got)
	}
	pass(9)
	if got := number(Up, 1, packet.ACK); got != 0 {
		t.Errorf("it is not forgotten: connection %d", got)
	}
	for i := range 5 * keptClosed {
		pass(uint16(10 + i))
	}
	if got := number(Down, 2, packet.ACK); got != stays {
		t.Errorf("the open connection is %d, was %d", got, stays)
	}
	if len(f.open) > keptClosed+1 || len(f.closed) != keptClosed {
		t.Errorf("%d and %d are remembered", len(f.open), len(f.closed))
	}
}

func TestDirection(t *testing.T) {
	if s := Up.String() + " " + Down.String(); s != "up down" {
		t.Error(s)
	}
}
