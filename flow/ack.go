package flow

import "github.com/lingerhttp/linger/packet"

// What ACKs tell lives here.

// acknowledge takes in what a segment says that the other side has, of the bytes
// that direction d sends.
func (c *Conn) acknowledge(d Dir, seg *Segment, ambiguous bool) {
	e, s := &c.ends[d], &c.Sides[d]
	c.opened(seg)
	before := s.Acked
	switch {
	case seg.Ack > before:
		s.Acked = seg.Ack
		e.dupACKs, e.armed = 0, seg.At
		c.time(d, seg)
	case !ambiguous && c.repeats(d, seg):
		e.dupACKs++
	}
	blocks := c.SACKs[seg.SACKs : int(seg.SACKs)+int(seg.NumSACK)]
	for i, b := range blocks {
		if i > 0 || !seg.DSACK {
			e.sacked = max(e.sacked, b.From)
		}
	}
	if len(e.resent) == 0 {
		return
	}
	if seg.DSACK {
		c.twiceThere(d, blocks[0])
	}
	if seg.Ack > before {
		c.original(d, before, seg)
	}
}

// repeats says whether a segment is a duplicate ACK: RFC 5681 §2. Where there is SACK,
// one without a block tells of a window only.
func (c *Conn) repeats(d Dir, seg *Segment) bool {
	s := &c.Sides[d]
	return seg.Ack == s.Acked && seg.Len == 0 && s.Next > s.Acked && seg.Flags&(packet.SYN|packet.FIN|packet.RST) == 0 &&
		(seg.NumSACK > 0 || !s.SACK || !c.Sides[d.Other()].SACK)
}

// twiceThere marks the last retransmission of bytes that arrived twice: the receiver
// reports them so (RFC 2883 §4).
func (c *Conn) twiceThere(d Dir, b Block) {
	all := c.ends[d].resent
	for i := len(all) - 1; i >= 0; i-- {
		if r := &all[i]; r.from < b.To && r.to > b.From && r.kind != Spurious {
			c.inVain(d, r)
			return
		}
	}
}

// original marks retransmissions of the first bytes that an ACK acknowledges, if the
// ACK was sent before them, by its timestamp: their original was on its way (Eifel
// detection, RFC 3522 §3.2).
func (c *Conn) original(d Dir, before int64, ack *Segment) {
	if ack.NoTS {
		return
	}
	all := c.ends[d].resent
	for i := len(all) - 1; i >= 0; i-- {
		r := &all[i]
		if r.from <= before && before < r.to && !r.noTS && r.kind != Spurious && int32(ack.TSecr-r.tsval) < 0 {
			c.inVain(d, r)
		}
	}
}
