package flow

import "github.com/lingerhttp/linger/packet"

// acknowledge takes in what a segment says that the other side has, of the bytes
// that direction d sends.
func (c *Conn) acknowledge(d Dir, seg *Segment) {
	e, s, o := &c.ends[d], &c.Sides[d], &c.Opening
	if d == Down && o.SYNACK != 0 && o.ACK == 0 && seg.Flags&packet.SYN == 0 {
		o.ACK, o.ACKPacket = seg.At, seg.Packet
		if len(o.SYNACKs) == 1 {
			c.sample(Down, seg.At-o.SYNACK)
		}
	}
	switch {
	case seg.Ack > s.Acked:
		s.Acked = seg.Ack
		e.dupACKs, e.advanced = 0, seg.At
		c.time(d, seg)
	case seg.Ack == s.Acked && seg.Len == 0 && s.Next > s.Acked && seg.Flags&(packet.SYN|packet.FIN) == 0:
		e.dupACKs++
	}
	for _, b := range c.SACKs[seg.SACKs : int(seg.SACKs)+int(seg.NumSACK)] {
		e.sacked = max(e.sacked, b.From)
	}
	if seg.DSACK {
		c.spurious(d, c.SACKs[seg.SACKs])
	}
	c.acked(d, seg)
}

// time takes a sample of the RTT if the segment that is timed was acknowledged.
func (c *Conn) time(d Dir, seg *Segment) {
	e := &c.ends[d]
	if e.timed.at == 0 || seg.Ack < e.timed.end {
		return
	}
	took := seg.At - e.timed.at
	e.timed = timed{}
	e.rtt.sample(took)
	c.sample(d, took)
}

// lookBack is how many segments back a retransmission may stand that a DSACK tells
// to have been in vain.
const lookBack = 4096

// spurious marks the retransmission whose bytes arrived twice: the receiver "reports
// … duplicate contiguous data" (RFC 2883 §4).
func (c *Conn) spurious(d Dir, b Block) {
	for i := len(c.Segments) - 1; i >= max(0, len(c.Segments)-lookBack); i-- {
		s := &c.Segments[i]
		if s.Dir == d && s.Seq < b.To && s.End() > b.From && s.Kind >= Fast && s.Kind <= Timeout {
			c.Sides[d].Kinds[s.Kind]--
			c.Sides[d].Kinds[Spurious]++
			s.Kind = Spurious
			return
		}
	}
}
