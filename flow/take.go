package flow

import "github.com/lingerhttp/linger/packet"

// take takes in a packet of a connection:
//
//	place     sequence numbers become offsets of the stream
//	twice     is it one that the capture holds already?
//	open      the handshake's packets
//	kind      what is the segment there for? kind.go
//	ack       what the other side has by now: ack.go
//	read      which bytes can be read now: read.go
//	end       FIN and RST
func (c *Conn) take(p *packet.Packet, d Dir, tell func(*Conn)) {
	c.Last = max(c.Last, p.At)
	e, s := &c.ends[d], &c.Sides[d]
	seg := c.place(p, d)
	if e.twice(p, &seg, c.MinRTT) {
		s.Twice++
		return
	}
	s.Packets++
	if p.Flags&packet.SYN != 0 {
		c.open(p, d, &seg)
	}
	seg.Kind = c.kind(p, d, &seg)
	s.Kinds[seg.Kind]++
	c.blocks(p, &seg)
	c.Segments = append(c.Segments, seg)
	e.sent(c, d, &seg)
	if seg.Ack >= 0 {
		c.acknowledge(d.Other(), &seg)
	}
	if tell != nil {
		tell(c)
	}
	if p.Flags&packet.SYN == 0 || seg.Len > 0 {
		c.read(p, d, &seg)
	}
	c.end(p, d, &seg)
}

// An end is what is known of one sender, beyond what Side tells.
type end struct {
	known   bool   // zero is known
	syn     bool   // from its SYN
	noScale bool   // its SYN offered no window scale
	zero    uint32 // the sequence number of offset 0

	recent    [16]print // of its last packets, to know those captured twice
	next      int
	ambiguous bool // the last packet has the IP-ID of an earlier one, too far apart

	lastSent  int64 // when it last sent bytes, or sent some again
	lastSeen  int64 // when it last sent anything
	advanced  int64 // when an ACK last said that more had arrived
	ackWindow int32 // the window that it offered last
	dupACKs   int   // ACKs like the one before, that the other side has sent to it
	sacked    int64 // the highest offset that was SACKed to it
	timed     timed
	rtt       estimate

	stream stream
}

// A timed is a segment whose ACK is being waited for, to take a sample of the RTT.
type timed struct {
	end int64
	at  int64
}

// place makes offsets of sequence numbers.
func (c *Conn) place(p *packet.Packet, d Dir) Segment {
	e, s := &c.ends[d], &c.Sides[d]
	seg := Segment{
		At: p.At, Packet: int32(p.Number), ID: p.ID, Len: int32(p.PayloadLen()), Dir: d, Flags: p.Flags, Ack: -1, Window: -1,
		TSval: p.Options.TSval, TSecr: p.Options.TSecr, NoTS: !p.Options.Timestamps, Pieces: 1,
	}
	syn := p.Flags&packet.SYN != 0
	if syn && (!e.known || !e.syn) {
		e.known, e.syn, e.zero = true, true, p.Seq+1
	}
	if !e.known {
		e.known, e.zero = true, p.Seq
	}
	seq := p.Seq
	if syn {
		seq++ // data in a SYN stands behind it
	}
	seg.Seq = offset(seq, e.zero, s.Next)
	if p.Flags&packet.ACK != 0 {
		o, other := &c.ends[d.Other()], &c.Sides[d.Other()]
		if !o.known {
			o.known, o.zero = true, p.Ack
		}
		seg.Ack = max(0, offset(p.Ack, o.zero, max(other.Next, other.Acked)))
		seg.Window = c.scaled(p, d)
	}
	if n := int(seg.Len); n > c.segmentSize(d) {
		size := c.segmentSize(d)
		seg.Pieces = uint8(min((n+size-1)/size, 255))
	}
	return seg
}

// offset is the offset of a sequence number that is nearest to a known one: they
// count modulo 2³² (RFC 9293 §3.4).
func offset(seq, zero uint32, near int64) int64 {
	return near + int64(int32(seq-zero-uint32(near)))
}

// scaled is the window that a segment offers in bytes, -1 if its scale is unknown:
// "the window field in a segment where the SYN bit is set … MUST NOT be scaled"
// (RFC 7323 §2.2), and in a RST it means nothing.
func (c *Conn) scaled(p *packet.Packet, d Dir) int32 {
	scale := c.Sides[d].WindowScale
	switch {
	case p.Flags&packet.RST != 0:
		return -1
	case p.Flags&packet.SYN != 0:
		return int32(p.Window)
	case scale < 0 || c.Sides[d.Other()].WindowScale < 0:
		return -1
	}
	return int32(p.Window) << scale
}

// open takes in a SYN or a SYN-ACK.
func (c *Conn) open(p *packet.Packet, d Dir, seg *Segment) {
	s, o := &c.Sides[d], &c.Opening
	s.MSS = int(p.Options.MSS)
	if s.MSS == 0 {
		s.MSS = 536 // RFC 9293 §3.7.1
	}
	s.WindowScale = max(0, int(min(p.Options.WindowScale, 14)))
	s.SACK, s.Timestamps = p.Options.SACKPermitted, p.Options.Timestamps
	if p.Flags&packet.ACK == 0 {
		if o.FirstSYN == 0 {
			o.FirstSYN = p.At
		}
		o.SYN = p.At
		o.SYNs = append(o.SYNs, seg.Packet)
		o.FastOpen = o.FastOpen || seg.Len > 0
		c.ends[d].noScale = p.Options.WindowScale < 0
		return
	}
	if p.Options.WindowScale < 0 || c.ends[d.Other()].noScale { // "it MUST be sent by both": RFC 7323 §2.2
		s.WindowScale, c.Sides[d.Other()].WindowScale = 0, max(0, min(0, c.Sides[d.Other()].WindowScale))
	}
	if len(o.SYNACKs) == 0 || o.ACK == 0 {
		o.SYNACK = p.At
	}
	o.SYNACKs = append(o.SYNACKs, seg.Packet)
	if o.SYN != 0 && len(o.SYNs) == 1 && len(o.SYNACKs) == 1 {
		c.sample(Up, p.At-o.SYN)
	}
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
	first := c.SACKs[seg.SACKs]
	seg.DSACK = first.To <= seg.Ack
	if seg.NumSACK > 1 {
		second := c.SACKs[seg.SACKs+1]
		seg.DSACK = seg.DSACK || first.From >= second.From && first.To <= second.To
	}
}

// end takes in FIN and RST.
func (c *Conn) end(p *packet.Packet, d Dir, seg *Segment) {
	s, cl := &c.Sides[d], &c.Closing
	if p.Flags&(packet.FIN|packet.RST) == 0 {
		return
	}
	if !cl.Seen {
		cl.Seen, cl.By, cl.Reset = true, d, p.Flags&packet.RST != 0
	}
	if p.Flags&packet.RST != 0 {
		if s.RST == 0 {
			s.RST = p.At
		}
		cl.TimeWait = false
		c.over(d, p.At, ByRST)
		c.over(d.Other(), p.At, ByRST)
		return
	}
	if s.FIN == 0 {
		s.FIN = p.At
		c.ends[d].stream.fin, c.ends[d].stream.finAt = seg.End(), p.At
	}
	cl.TimeWait = c.Sides[Up].FIN != 0 && c.Sides[Down].FIN != 0 && !cl.Reset
	c.finish1(d, p.At)
}

// over tells the Sink that a direction has ended.
func (c *Conn) over(d Dir, at int64, how How) {
	if c.ended[d] {
		return
	}
	c.ended[d] = true
	c.ends[d].stream.drop()
	if c.sink != nil {
		c.sink.End(d, at, how)
	}
}

// finish1 ends a direction whose FIN was seen and whose bytes were all read.
func (c *Conn) finish1(d Dir, at int64) {
	if st := &c.ends[d].stream; c.Sides[d].FIN != 0 && st.edge >= st.fin {
		c.over(d, at, ByFIN)
	}
}

// finish ends both directions: nothing more will come.
func (c *Conn) finish() {
	for d := Up; d <= Down; d++ {
		c.flush(d)
		how := Open
		if c.Sides[d].FIN != 0 {
			how = ByFIN
		}
		c.over(d, c.Last, how)
	}
}
