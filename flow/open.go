package flow

import "github.com/lingerhttp/linger/packet"

// The handshake lives here.

// handshakes is how many packet numbers of SYNs, and of SYN-ACKs, are kept.
const handshakes = 64

// begin takes in where a direction's bytes begin, by its SYN. Another SYN may begin
// them elsewhere, as long as none was read: a server that answers by SYN cookies does
// not remember what it answered before.
func (c *Conn) begin(d Dir, first uint32) {
	e := &c.ends[d]
	if e.known && first != e.zero {
		if e.stream.started {
			return
		}
		c.Sides[d].Next, c.Sides[d].Acked = 0, 0
	}
	e.known, e.begun, e.syn, e.zero = true, true, true, first
	if st := &e.stream; st.loose {
		st.edge, st.loose = 0, false // it was captured late
	}
}

// open takes in a SYN or a SYN-ACK.
func (c *Conn) open(p *packet.Packet, d Dir, seg *Segment) {
	s, o := &c.Sides[d], &c.Opening
	s.MSS = int(p.Options.MSS)
	if s.MSS == 0 {
		s.MSS = 536 // RFC 9293 §3.7.1
	}
	s.SACK, s.Timestamps = p.Options.SACKPermitted, p.Options.Timestamps
	c.ends[d].offered = min(p.Options.WindowScale, 14)
	c.scale()
	if p.Flags&packet.ACK == 0 {
		if o.FirstSYN == 0 {
			o.FirstSYN = p.At
		}
		if o.ACK == 0 {
			o.SYN = p.At
		}
		o.SYNs = add(o.SYNs, seg.Packet)
		o.FastOpen = o.FastOpen || seg.Len > 0
		return
	}
	if o.ACK == 0 {
		o.SYNACK = p.At
	}
	o.SYNACKs = add(o.SYNACKs, seg.Packet)
	if at := c.answered(seg); at != 0 {
		o.SYN = at
	} else if o.SYN != 0 && len(o.SYNs) == 1 && len(o.SYNACKs) == 1 {
		c.shook(Up, p.At-o.SYN)
	}
}

func add(numbers []int32, n int32) []int32 {
	if len(numbers) < handshakes {
		numbers = append(numbers, n)
	}
	return numbers
}

// answered says when the SYN was sent that a SYN-ACK answers, of several: its
// timestamp tells. It is 0 if that is not known.
func (c *Conn) answered(seg *Segment) int64 {
	if len(c.Opening.SYNs) < 2 || seg.NoTS {
		return 0
	}
	for i := range c.Segments[:min(len(c.Segments), handshakes)] {
		s := &c.Segments[i]
		if s.Flags&(packet.SYN|packet.ACK) == packet.SYN && !s.NoTS && s.TSval == seg.TSecr {
			return s.At
		}
	}
	return 0
}

// scale makes windows of what the SYNs offered: a scale holds if both sides offer
// one, and of one that nobody saw, nothing can be said: RFC 7323 §2.2.
func (c *Conn) scale() {
	up, down := &c.ends[Up], &c.ends[Down]
	switch {
	case up.syn && up.offered < 0 || down.syn && down.offered < 0:
		c.Sides[Up].WindowScale, c.Sides[Down].WindowScale = 0, 0
	case down.syn:
		c.Sides[Down].WindowScale = int(down.offered)
		if up.syn {
			c.Sides[Up].WindowScale = int(up.offered)
		}
	}
}

// opened takes in the ACK that ends the handshake.
func (c *Conn) opened(seg *Segment) {
	o := &c.Opening
	if seg.Dir != Up || o.SYNACK == 0 || o.ACK != 0 || seg.Flags&(packet.SYN|packet.RST) != 0 {
		return
	}
	o.ACK, o.ACKPacket = seg.At, seg.Packet
	if len(o.SYNACKs) == 1 {
		c.shook(Down, seg.At-o.SYNACK)
	}
}

// shook takes a sample of the handshake, which is the sender's first, too.
func (c *Conn) shook(d Dir, took int64) {
	if took >= 0 {
		c.ends[d].rtt.sample(took)
		c.sample(d, took)
	}
}

// early keeps the data of a SYN until it is known whether the server takes it:
// RFC 7413 §4.2.
func (c *Conn) early(p *packet.Packet, d Dir, seg *Segment) {
	st := &c.ends[d].stream
	if st.edge > 0 || len(st.early.b) > 0 {
		return
	}
	st.early = early{append([]byte(nil), p.Bytes()...), seg.Len, seg.At, seg.Packet}
}

// An early is data in a SYN.
type early struct {
	b      []byte
	len    int32
	at     int64
	packet int32
}

// taken hands over or forgets the data of a SYN, once a segment tells what became
// of it: the server's acknowledges it or does not, and the client goes on behind it
// or sends it again.
func (c *Conn) taken(seg *Segment) {
	st := &c.ends[Up].stream
	l := st.early
	if l.len == 0 || seg.Flags&(packet.SYN|packet.ACK) == packet.SYN || seg.Dir == Down && seg.Ack < 0 {
		return
	}
	st.early = early{}
	if seg.Dir == Down && seg.Ack >= int64(l.len) || seg.Dir == Up && seg.Seq >= int64(l.len) {
		st.started = true
		c.deliver(Up, piece{from: 0, to: int64(l.len), b: l.b}, l.at, l.packet)
		return
	}
	if s := &c.Sides[Up]; s.Next == int64(l.len) {
		s.Bytes -= s.Next
		s.Next, c.ends[Up].timed = 0, timed{}
	}
}
