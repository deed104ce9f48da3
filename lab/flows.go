package lab

import (
	"net/netip"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// A Direction is one of the two ways over the link.
type Direction uint8

// The directions.
const (
	Up   Direction = iota // from the client to the servers
	Down                  // from the servers to the client
)

func (d Direction) String() string {
	if d == Up {
		return "up"
	}
	return "down"
}

// flows count TCP connections in the order of their SYNs, and in each of them the
// packets of each kind, so that a loss can be ordered by name.
type flows struct {
	open   map[tuple]*flow // the latest of each tuple
	count  int
	closed []closed // a ring of those that have ended, of which late packets may come
	next   int
}

// A tuple names a connection.
type tuple struct{ client, server netip.AddrPort }

// A closed is a connection that has ended: its tuple may have another since.
type closed struct {
	tuple
	number int
}

type flow struct {
	number int
	isn    uint32                // sequence number of its SYN
	seen   [2][link.NumKinds]int // packets by direction and kind
	ended  [2]bool               // by FIN, by direction; both by RST
}

// keptClosed is how many connections are remembered after their end.
const keptClosed = 4096

// nthOf says which packet of its connection one is.
type nthOf struct {
	kind link.Kind
	nth  int
}

// number returns the ordinal of a packet's connection, from 1, and which of it the
// packet is; 0 of a connection whose SYN was not seen. A SYN that is sent again has
// the same sequence number; with another one it asks for another connection.
func (f *flows) number(d Direction, h *packet.Header) (int, nthOf) {
	kind := kindOf(h)
	if kind == link.Other {
		return 0, nthOf{}
	}
	t := tuple{h.Src, h.Dst}
	if d == Down {
		t = tuple{h.Dst, h.Src}
	}
	c := f.open[t]
	if kind == link.SYN && (c == nil || c.over() || c.isn != h.Seq) {
		c = f.add(t, h.Seq)
	}
	if c == nil {
		return 0, nthOf{kind: kind}
	}
	c.seen[d][kind]++
	if was := c.over(); c.end(d, h.Flags) && !was {
		f.retire(closed{t, c.number})
	}
	return c.number, nthOf{kind, c.seen[d][kind]}
}

func (f *flows) add(t tuple, isn uint32) *flow {
	if f.open == nil {
		f.open = make(map[tuple]*flow)
	}
	f.count++
	c := &flow{number: f.count, isn: isn}
	f.open[t] = c
	return c
}

// over reports whether both directions have ended.
func (c *flow) over() bool { return c.ended == [2]bool{true, true} }

// end takes in the flags of a packet and reports whether the connection is over.
func (c *flow) end(d Direction, flags packet.Flags) bool {
	switch {
	case flags&packet.RST != 0:
		c.ended = [2]bool{true, true}
	case flags&packet.FIN != 0:
		c.ended[d] = true
	}
	return c.over()
}

// retire lets the connection that ended longest ago be forgotten.
func (f *flows) retire(one closed) {
	if len(f.closed) < keptClosed {
		f.closed = append(f.closed, one)
		return
	}
	oldest := f.closed[f.next]
	if c := f.open[oldest.tuple]; c != nil && c.number == oldest.number {
		delete(f.open, oldest.tuple)
	}
	f.closed[f.next] = one
	f.next = (f.next + 1) % keptClosed
}

func kindOf(h *packet.Header) link.Kind {
	switch {
	case h.Protocol != packet.ProtocolTCP:
		return link.Other
	case h.Flags&packet.RST != 0:
		return link.RST
	case h.Flags&packet.SYN != 0 && h.Flags&packet.ACK != 0:
		return link.SYNACK
	case h.Flags&packet.SYN != 0:
		return link.SYN
	case h.PayloadLen() > 0:
		return link.Data
	case h.Flags&packet.FIN != 0:
		return link.FIN
	}
	return link.ACK
}
