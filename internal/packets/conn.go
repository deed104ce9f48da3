package packets

import (
	"net/netip"
	"time"

	"github.com/lingerhttp/linger/packet"
)

// A Side is one end of a connection.
type Side int

// The sides, numbered as flow.Dir numbers the directions from them.
const (
	Client Side = iota
	Server
)

// A Conn makes the packets of one TCP connection. Client and Server say every number
// themselves; Open, Send, ACK and FIN keep count.
type Conn struct {
	// ISN are the initial sequence numbers of client and server; 1,000 and 5,000 if
	// nobody sets others.
	ISN [2]uint32

	// MSS is what both offer in Open, 1460; Scale the window scale, 7; Window what
	// stands in packets, unscaled, 502. SACK is permitted.
	MSS, Scale, Window int

	// Timestamps makes every segment carry them: milliseconds since the start, and of
	// the other side's last segment.
	Timestamps bool

	capture *Capture
	addr    [2]netip.AddrPort
	id      [2]uint16
	next    [2]int64  // offset of what each side sends next
	ts      [2]uint32 // the last that each has sent
}

// Conn begins a connection: addresses like "10.0.0.1:40000" or "[2001:db8::1]:40000".
// It has no packets yet.
func (c *Capture) Conn(client, server string) *Conn {
	return &Conn{
		ISN: [2]uint32{1000, 5000}, MSS: 1460, Scale: 7, Window: 502, capture: c,
		addr: [2]netip.AddrPort{netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)},
	}
}

// Client adds a segment from the client, as it is given, and returns its packet's number.
func (c *Conn) Client(at time.Duration, s Segment) int { return c.Segment(Client, at, s) }

// Server adds a segment from the server.
func (c *Conn) Server(at time.Duration, s Segment) int { return c.Segment(Server, at, s) }

// Segment adds a segment from one side, as it is given, and returns its packet's number.
// IP-IDs count from 1 on each side, unless the segment has its own.
func (c *Conn) Segment(from Side, at time.Duration, s Segment) int {
	c.id[from]++
	id := c.id[from]
	switch {
	case s.NoID:
		id = 0
	case s.ID != 0:
		id = s.ID
	}
	if c.Timestamps && !s.Timestamps {
		s.Timestamps, s.TSval, s.TSecr = true, uint32(1000+at.Milliseconds()), c.ts[1-from]
	}
	c.ts[from] = s.TSval
	src, dst := c.addr[from], c.addr[1-from]
	tcp := s.bytes(src.Port(), dst.Port(), c.ISN[from], c.ISN[1-from])
	c.next[from] = max(c.next[from], s.end())
	return c.capture.Add(at, IP(src.Addr(), dst.Addr(), packet.ProtocolTCP, id, tcp))
}

// Open adds a handshake as it is seen at the client: a SYN, after a round trip the
// SYN-ACK, and at once the ACK.
func (c *Conn) Open(at, rtt time.Duration) {
	offer := Segment{Flags: packet.SYN, Window: 64240, MSS: c.MSS, Scale: c.Scale, SACKPermitted: true}
	c.Client(at, offer)
	offer.Flags |= packet.ACK
	c.Server(at+rtt, offer)
	c.ACK(Client, at+rtt)
}

// Send adds a segment with data behind all that this side has sent, which acknowledges
// all that the other has. It may be longer than the MSS.
func (c *Conn) Send(from Side, at time.Duration, data string) int {
	return c.Segment(from, at, Segment{
		Flags: packet.ACK | packet.PSH, Seq: c.next[from], Ack: c.next[1-from], Window: c.Window, Data: []byte(data),
	})
}

// ACK adds an ACK without data of all that the other side has sent.
func (c *Conn) ACK(from Side, at time.Duration) int {
	return c.Segment(from, at, Segment{Seq: c.next[from], Ack: c.next[1-from], Window: c.Window})
}

// FIN adds a FIN, which acknowledges all that the other side has sent.
func (c *Conn) FIN(from Side, at time.Duration) int {
	return c.Segment(from, at, Segment{
		Flags: packet.FIN | packet.ACK, Seq: c.next[from], Ack: c.next[1-from], Window: c.Window,
	})
}

// Next is the offset behind the highest that a side has sent.
func (c *Conn) Next(side Side) int64 { return c.next[side] }
