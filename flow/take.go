package flow

import "github.com/lingerhttp/linger/packet"

// What becomes of a packet of a connection, in order, lives here.

// take takes in a packet of a connection:
//
//	place     sequence numbers become offsets of the stream
//	twin      is it one that the capture holds already? twin.go
//	open      the handshake's packets: open.go
//	kind      what is the segment there for? kind.go
//	ack       what the other side has by now: ack.go
//	read      which bytes can be read now: read.go
//	end       FIN and RST: end.go
func (c *Conn) take(p *packet.Packet, d Dir, tell func(*Conn)) {
	c.Last = max(c.Last, p.At)
	seg := c.place(p, d)
	e, s := &c.ends[d], &c.Sides[d]
	copied, ambiguous := c.twin(&seg)
	if copied {
		s.Twice++
		return
	}
	e.seen, e.id = true, seg.ID
	s.Packets++
	if ambiguous {
		s.Ambiguous++
	}
	if p.Flags&packet.SYN != 0 && !ambiguous {
		c.open(p, d, &seg)
	}
	c.taken(&seg)
	seg.Kind = c.kind(d, &seg, ambiguous)
	s.Kinds[seg.Kind]++
	c.blocks(p, &seg)
	c.hold(seg)
	c.echoed(d, &seg)
	e.sent(s, &seg)
	if seg.Ack >= 0 {
		c.acknowledge(d.Other(), &seg, ambiguous)
	}
	if seg.Kind.Again() && seg.Kind != Repair {
		e.resend(&seg, int64(c.Forgotten+len(c.Segments)-1))
	}
	if tell != nil {
		tell(c)
	}
	c.read(p, d, &seg)
	c.end(d, &seg)
}

// An end is what is known of one sender, beyond what Side tells.
type end struct {
	seen    bool   // a packet of its own was captured
	known   bool   // zero is known
	begun   bool   // zero is where its bytes begin: a SYN or its answer said so
	syn     bool   // its own SYN was seen
	offered int8   // the window scale of its SYN; -1 is none
	zero    uint32 // the sequence number of offset 0
	id      uint16 // the IP-ID of its last packet

	lastSent  int64 // when it last sent bytes, or sent some again
	lastSeen  int64 // when it last sent anything
	armed     int64 // since when its retransmission timer has been running, as Linux runs it
	ackWindow int32 // the window that it offered last; -1 if it is not known
	dupACKs   int   // ACKs like the one before, that the other side has sent to it
	sacked    int64 // the highest offset from which on something was SACKed to it
	repair    repair
	resent    []resent
	timed     timed
	rtt       estimate
	stamp     stamp

	// What a segment without bytes tells of those before it: that they were sent, up to
	// piece.from, when that was first seen.
	told piece

	stream stream
}

// place makes offsets of sequence numbers.
func (c *Conn) place(p *packet.Packet, d Dir) Segment {
	e, s := &c.ends[d], &c.Sides[d]
	seg := Segment{
		At: p.At, Packet: int32(p.Number), ID: p.ID, Len: int32(p.PayloadLen()), Dir: d, Flags: p.Flags, Ack: -1, Window: -1,
		TSval: p.Options.TSval, TSecr: p.Options.TSecr, NoTS: !p.Options.Timestamps, Pieces: 1,
	}
	seq := p.Seq
	if p.Flags&packet.SYN != 0 {
		seq++ // data in a SYN stands behind it
		c.begin(d, seq)
	}
	if !e.known {
		e.known, e.zero = true, seq
	}
	seg.Seq = offset(seq, e.zero, s.Next)
	if !e.seen && !e.begun {
		s.Next = seg.Seq // the capture starts in the middle
	}
	if p.Flags&packet.ACK != 0 {
		seg.Ack = c.placeACK(p, d)
		seg.Window = c.window(p, d)
	}
	if n, size := int(seg.Len), c.segmentSize(d); n > size {
		seg.Pieces = uint8(min((n+size-1)/size, 255))
	}
	return seg
}

// placeACK makes an offset of an acknowledgment number.
func (c *Conn) placeACK(p *packet.Packet, d Dir) int64 {
	o, other := &c.ends[d.Other()], &c.Sides[d.Other()]
	if !o.known {
		// The ACK of a SYN tells where the bytes begin.
		o.known, o.zero, o.begun = true, p.Ack, p.Flags&packet.SYN != 0
	}
	return max(0, offset(p.Ack, o.zero, max(other.Next, other.Acked)))
}

// offset is the offset of a sequence number that is nearest to a known one: they
// count modulo 2³² (RFC 9293 §3.4).
func offset(seq, zero uint32, near int64) int64 {
	return near + int64(int32(seq-zero-uint32(near)))
}

// window is the window that a segment offers in bytes, -1 if its scale is unknown:
// "the window field in a segment where the SYN bit is set … MUST NOT be scaled"
// (RFC 7323 §2.2). In a RST it means nothing, and 0 is nothing by any scale.
func (c *Conn) window(p *packet.Packet, d Dir) int32 {
	scale := c.Sides[d].WindowScale
	switch {
	case p.Flags&packet.RST != 0:
		return -1
	case p.Flags&packet.SYN != 0 && p.Window == 0:
		return -1
	case p.Flags&packet.SYN != 0 || p.Window == 0:
		return int32(p.Window)
	case scale < 0:
		return -1
	}
	return int32(p.Window) << scale
}

// blocks keeps a segment's SACK blocks, as offsets of the other side's stream.
func (c *Conn) blocks(p *packet.Packet, seg *Segment) {
	if p.Options.NumSACK == 0 || seg.Ack < 0 {
		return
	}
	o := &c.ends[seg.Dir.Other()]
	seg.SACKs, seg.NumSACK = int32(len(c.SACKs)), uint8(p.Options.NumSACK)
	for _, b := range p.Options.SACK[:p.Options.NumSACK] {
		from, to := offset(b[0], o.zero, seg.Ack), offset(b[1], o.zero, seg.Ack)
		c.SACKs = append(c.SACKs, Block{from, max(from, to)})
	}
	seg.DSACK = duplicate(c.SACKs[seg.SACKs:], seg.Ack)
}

// duplicate says whether the first block tells of bytes that arrived twice: those
// below the cumulative ACK, or inside the second block (RFC 2883 §4).
func duplicate(blocks []Block, ack int64) bool {
	first := blocks[0]
	if first.To <= ack {
		return true
	}
	return len(blocks) > 1 && first.From >= blocks[1].From && first.To <= blocks[1].To
}

// sent takes in that a segment was sent.
func (e *end) sent(s *Side, seg *Segment) {
	e.lastSeen = seg.At
	if seg.Ack >= 0 {
		e.ackWindow = seg.Window
	}
	if seg.Len == 0 && !seg.Kind.Again() {
		if seg.Seq > max(s.Next, e.told.from) && seg.Flags&(packet.SYN|packet.RST) == 0 {
			e.told = piece{from: seg.Seq, at: seg.At, tsval: seg.TSval, noTS: seg.NoTS}
		}
		return
	}
	if s.Next <= s.Acked || seg.Kind.Again() {
		e.armed = seg.At
	}
	e.lastSent = seg.At
	switch {
	case seg.End() > s.Next:
		s.Bytes += seg.End() - max(s.Next, seg.Seq)
		s.Next = seg.End()
		if e.timed.at == 0 && s.Next > s.Acked {
			e.timed = timed{s.Next, seg.At}
		}
	case seg.Kind.Again():
		e.timed = timed{} // whose ACK comes, nobody can say: Karn's algorithm, RFC 6298 §3
	}
}
