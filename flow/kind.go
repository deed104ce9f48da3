package flow

import "github.com/lingerhttp/linger/packet"

// What a segment is there for is told here.

// Times in nanoseconds that tell kinds apart.
const (
	reorderedAtMost = 3e6   // how late a packet may be that was put behind others, where no RTT is known
	leastTimeout    = 200e6 // TCP_RTO_MIN of Linux; RFC 6298 would have a second
	leastIdle       = 5e9   // before a keep-alive that carries a byte
	tick            = 10e6  // by which a timer of 100 Hz may be early, as captured
)

// kind says what a segment is there for.
func (c *Conn) kind(d Dir, seg *Segment, ambiguous bool) Kind {
	s, e := &c.Sides[d], &c.ends[d]
	switch {
	case seg.Flags&packet.SYN != 0:
		return Handshake
	case c.probes(d, seg):
		return Probe
	case c.keepsAlive(d, seg):
		return KeepAlive
	case seg.Len == 0 && (seg.Flags&packet.FIN == 0 || s.FIN == 0 || ambiguous):
		return Pure
	case seg.Len > 0 && seg.End() > s.Next:
		if e.told.at != 0 && seg.Seq < e.told.from && c.filling(seg, &e.told) == Repair {
			return Repair // a FIN or an ACK came with the number behind it
		}
		return Data
	}
	if behind, lacks := e.stream.lacks(seg.Seq, seg.End()); lacks && behind < len(e.stream.late) {
		return c.filling(seg, &e.stream.late[behind])
	}
	if ambiguous {
		return Ambiguous
	}
	return c.again(d, seg)
}

// probes says whether a segment asks whether a closed window has opened: with the
// first byte that waits (RFC 9293 §3.8.6.1), or as Linux does it, with a number that
// was acknowledged and no byte.
func (c *Conn) probes(d Dir, seg *Segment) bool {
	s := &c.Sides[d]
	if seg.Len > 1 || c.ends[d.Other()].ackWindow != 0 || seg.Flags&(packet.FIN|packet.RST) != 0 || !c.ends[d.Other()].seen {
		return false
	}
	return seg.Seq == s.Next-1 && seg.Seq == s.Acked-1 || seg.Len == 1 && seg.Seq == s.Acked && seg.Seq >= s.Next-1
}

// keepsAlive says whether a segment asks whether the other side is there: it repeats
// a number that was acknowledged, without a byte, or with one "for the sake of
// compatibility" (RFC 9293 §3.8.4). With one, it may as well be a retransmission, if the
// ACK was lost; but those come soon.
func (c *Conn) keepsAlive(d Dir, seg *Segment) bool {
	s, e := &c.Sides[d], &c.ends[d]
	if seg.Len > 1 || seg.Seq != s.Next-1 || seg.Flags&(packet.FIN|packet.RST) != 0 || !e.seen {
		return false
	}
	if seg.Len == 1 && seg.At-e.lastSeen < leastIdle {
		return false
	}
	return s.Acked >= s.Next || seg.Len == 0 && !c.ends[d.Other()].seen
}

// filling says why bytes come for the first time, behind later ones: the network put
// them there, or those before were lost. Nobody who sends again can have known of the
// hole sooner than one round trip after it was seen, and his clock went on.
func (c *Conn) filling(seg *Segment, behind *piece) Kind {
	clocks := !seg.NoTS && !behind.noTS
	age := int32(seg.TSval - behind.tsval)
	switch {
	case clocks && age < 0:
		return Reordered // it was sent before what has overtaken it
	case clocks && age > 0:
		return Repair
	}
	limit := int64(reorderedAtMost)
	if c.MinRTT > 0 {
		limit = c.MinRTT * 9 / 10
	}
	if seg.At-behind.at < limit {
		return Reordered
	}
	return Repair
}

// again says why bytes are sent again that the capture holds.
func (c *Conn) again(d Dir, seg *Segment) Kind {
	s, e := &c.Sides[d], &c.ends[d]
	end := seg.End()
	if seg.Flags&packet.FIN != 0 {
		end++
	}
	if end <= s.Acked || c.received(d) {
		return Spurious
	}
	quiet := seg.At - max(e.lastSent, e.armed)
	first := e.repair.kind == 0 || s.Acked >= e.repair.end // since bytes last arrived
	lowest := seg.Seq <= s.Acked
	told := e.dupACKs >= 3 || e.sacked > seg.Seq
	timeout := lowest && seg.At-e.armed >= e.rtt.timeout()-tick && seg.At-c.ends[d.Other()].lastSeen > tick
	tail := first && seg.End() == s.Next && s.SACK && c.Sides[d.Other()].SACK && !told
	switch {
	case tail && (timeout || quiet >= e.rtt.probe()):
		return Tail
	case timeout:
		return Timeout
	case !first && e.repair.kind == Timeout:
		return Timeout // it goes on from there
	}
	return Fast
}

// received says whether a segment of a direction was received if it was captured.
func (c *Conn) received(d Dir) bool {
	return d == Down && c.Near == AtClient || d == Up && c.Near == AtServer
}

// A repair is the time from a first retransmission until all was acknowledged that
// had been sent by then: RFC 6675's recovery.
type repair struct {
	kind Kind
	end  int64
}

// A resent is a retransmission, to be judged when more is known.
type resent struct {
	from, to int64
	index    int64 // in Segments, those counted that were forgotten
	tsval    uint32
	noTS     bool
	kind     Kind
}

// remembered is how many retransmissions of a direction are.
const remembered = 64

// resend takes in a retransmission.
func (e *end) resend(seg *Segment, index int64) {
	if seg.Kind == Spurious {
		return
	}
	if seg.Kind != e.repair.kind || seg.End() > e.repair.end {
		e.repair = repair{seg.Kind, max(e.repair.end, seg.End())}
	}
	if len(e.resent) == remembered {
		e.resent = append(e.resent[:0], e.resent[remembered/2:]...)
	}
	e.resent = append(e.resent, resent{seg.Seq, seg.End(), index, seg.TSval, seg.NoTS, seg.Kind})
}

// inVain marks a retransmission as one that was not needed.
func (c *Conn) inVain(d Dir, r *resent) {
	kinds := &c.Sides[d].Kinds
	kinds[r.kind]--
	kinds[Spurious]++
	r.kind = Spurious
	if i := r.index - int64(c.Forgotten); i >= 0 {
		c.Segments[i].Kind = Spurious
	}
}
