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
	counts := c.ends[seg.Dir].counts(seg)
	var cut recut
	for i, n := len(c.all)-1, c.lookBack(seg, counts); i >= 0 && n > 0; i, n = i-1, n-1 {
		s := &c.all[i]
		took := seg.At - s.At
		near := took < apart && took > -apart
		switch {
		case s.Dir != seg.Dir:
		case s.repeats(seg) && near:
			return true, false
		case s.repeats(seg):
			ambiguous = seg.ID != 0
		case near && cut.shows(s, seg):
			return true, false
		case took > apart && counts:
			return false, ambiguous // what is older has a smaller ID
		}
	}
	return false, ambiguous
}

// repeats says whether two packets of a direction may be one.
func (s *Segment) repeats(seg *Segment) bool {
	return s.Seq == seg.Seq && s.ID == seg.ID && s.Len == seg.Len && s.Ack == seg.Ack && s.Flags == seg.Flags && s.TSval == seg.TSval
}

// A recut is what was found of a segment's bytes in others of the same burst: cards
// join segments and cut them, and a capture may show them before and after.
type recut struct{ first, last bool }

// shows says whether all was found, another segment's bytes counted.
func (r *recut) shows(s, seg *Segment) bool {
	if seg.Len == 0 || s.Ack != seg.Ack || s.NoTS != seg.NoTS || s.TSval != seg.TSval {
		return false
	}
	if seg.NoTS && (seg.ID == 0 || seg.ID-s.ID >= uint16(s.Pieces) && s.ID-seg.ID >= uint16(seg.Pieces)) {
		return false // the pieces' IDs count from that of the whole
	}
	r.first = r.first || s.Seq <= seg.Seq && seg.Seq < s.End()
	r.last = r.last || s.Seq < seg.End() && seg.End() <= s.End()
	return r.first && r.last
}

// counts says whether a packet's ID is the next of a counter, or nearly.
func (e *end) counts(seg *Segment) bool {
	return seg.ID != 0 && e.seen && seg.ID-e.id-1 < 64
}

// lookBack is how many segments back a packet's twin is to be looked for; 0 is for
// packets that have none.
func (c *Conn) lookBack(seg *Segment, counts bool) int {
	switch {
	case seg.Flags&packet.RST != 0 && seg.ID == 0:
		return 0 // a host without the connection sends one for each segment, all alike
	case seg.Flags&(packet.SYN|packet.FIN|packet.RST) != 0:
		return backACK
	case seg.Len == 0 && (seg.ID == 0 || counts):
		return 0
	case seg.Len == 0:
		return backACK
	case seg.End() > c.Sides[seg.Dir].Next:
		return 0 // new bytes
	}
	if _, lacks := c.ends[seg.Dir].stream.lacks(seg.Seq, seg.End()); lacks && !c.ended[seg.Dir] {
		return 0
	}
	return backData
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
