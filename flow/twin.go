package flow

import "github.com/lingerhttp/linger/packet"

// Packets that were captured twice are told here: on both sides of a router, with and
// without a VLAN, or by two cards.

const (
	// apartUnknown is how far two captures of one packet may lie apart while no RTT is
	// known, in nanoseconds; apartSYN is that of SYNs, which nobody repeats sooner than
	// after half a second.
	apartUnknown = 1e6
	apartSYN     = 250e6

	// How many segments back a twin is looked for: of an ACK, and of bytes.
	backACK  = 64
	backData = 4096
)

// twin says whether the capture holds this packet already: the same IP-ID, numbers,
// length, flags and timestamp, less than half the smallest RTT ago. Nobody sends a
// segment again so soon. The same IP-ID longer ago is ambiguous. Where there is no ID
// to tell by, as in IPv6, only packets with data can be told from each other's like:
// ACKs are repeated on purpose.
func (c *Conn) twin(seg *Segment) (copied, ambiguous bool) {
	apart := c.apart(seg)
	for i, n := len(c.all)-1, c.lookBack(seg); i >= 0 && n > 0; i, n = i-1, n-1 {
		s := &c.all[i]
		if s.Seq != seg.Seq || s.ID != seg.ID || s.Dir != seg.Dir || s.Len != seg.Len || s.Ack != seg.Ack || s.Flags != seg.Flags || s.TSval != seg.TSval {
			continue
		}
		if took := seg.At - s.At; took < apart && took > -apart {
			return true, false
		}
		ambiguous = seg.ID != 0
	}
	return false, ambiguous
}

// lookBack is how many segments back a packet's twin is to be looked for; 0 is for
// packets that have none.
func (c *Conn) lookBack(seg *Segment) int {
	e, s := &c.ends[seg.Dir], &c.Sides[seg.Dir]
	switch {
	case seg.Flags&(packet.SYN|packet.FIN|packet.RST) != 0:
		return backACK
	case seg.Len > 0 && seg.End() > s.Next:
		return 0 // new bytes
	case seg.Len > 0:
		return backData
	case seg.ID == 0 || e.seen && int16(seg.ID-e.id) > 0:
		return 0 // a counter of packets has gone on
	}
	return backACK
}

func (c *Conn) apart(seg *Segment) int64 {
	switch {
	case seg.Flags&packet.SYN != 0:
		return apartSYN
	case c.MinRTT > 0:
		return c.MinRTT / 2
	}
	return apartUnknown
}
