package flow

import "github.com/lingerhttp/linger/packet"

// Times in nanoseconds that tell kinds apart.
const (
	reorderedAtMost = 3e6   // how late a packet may be that was put behind others, where no RTT is known
	leastTimeout    = 200e6 // TCP_RTO_MIN of Linux; RFC 6298 would have a second
	tick            = 10e6  // by which a timer of 100 Hz may be early, as captured
)

// kind says what a segment is there for.
func (c *Conn) kind(p *packet.Packet, d Dir, seg *Segment) Kind {
	s, e := &c.Sides[d], &c.ends[d]
	switch {
	case p.Flags&packet.SYN != 0:
		return Handshake
	case seg.Len <= 1 && seg.Seq == s.Next-1 && s.Acked >= seg.Seq && e.stream.started && p.Flags&(packet.FIN|packet.RST) == 0:
		if c.ends[d.Other()].ackWindow == 0 {
			return Probe
		}
		return KeepAlive
	case seg.Len == 0:
		return Pure
	case seg.End() > s.Next || !e.stream.started:
		return Data
	case e.stream.lacks(seg.Seq, seg.End()):
		return c.filling(d, seg)
	case e.ambiguous:
		s.Ambiguous++
		return Ambiguous
	}
	return c.again(d, seg)
}

// filling says why bytes come for the first time, behind later ones: the network put
// them there, or those before were lost. Nobody who sends again can have known of the
// hole sooner than one round trip after it was seen, and his clock went on.
func (c *Conn) filling(d Dir, seg *Segment) Kind {
	st := &c.ends[d].stream
	late := seg.At - st.holeAt
	limit := int64(reorderedAtMost)
	if c.MinRTT > 0 {
		limit = c.MinRTT * 9 / 10
	}
	if late < limit && (seg.NoTS || int32(seg.TSval-st.holeTS) <= 0) {
		return Reordered
	}
	return Repair
}

// again says why bytes are sent again that the capture holds.
func (c *Conn) again(d Dir, seg *Segment) Kind {
	s, e := &c.Sides[d], &c.ends[d]
	quiet := seg.At - max(e.lastSent, e.advanced)
	told := e.dupACKs >= 3 || e.sacked > seg.Seq
	switch {
	case seg.Seq <= s.Acked && quiet >= e.rtt.timeout()-tick && seg.At-c.ends[d.Other()].lastSeen > tick:
		return Timeout
	case told:
		return Fast
	case seg.End() == s.Next && quiet > 0:
		return Tail
	}
	return Fast
}

// sent takes in that a segment was sent.
func (e *end) sent(c *Conn, d Dir, seg *Segment) {
	s := &c.Sides[d]
	e.lastSeen = seg.At
	if seg.Ack >= 0 {
		e.ackWindow = seg.Window
	}
	if seg.Len == 0 {
		return
	}
	e.lastSent = seg.At
	switch {
	case seg.End() > s.Next:
		s.Bytes += seg.End() - max(s.Next, seg.Seq)
		s.Next = seg.End()
		if e.timed.at == 0 {
			e.timed = timed{seg.End(), seg.At}
		}
	case seg.Kind.Again():
		e.timed = timed{} // whose ACK comes, nobody can say: Karn's algorithm, RFC 6298 §3
	}
}

// An estimate is the smoothed RTT and its variance: RFC 6298 §2, in nanoseconds.
type estimate struct{ smoothed, variance int64 }

func (r *estimate) sample(took int64) {
	if r.smoothed == 0 {
		r.smoothed, r.variance = took, took/2
		return
	}
	diff := r.smoothed - took
	if diff < 0 {
		diff = -diff
	}
	r.variance += (diff - r.variance) / 4
	r.smoothed += (took - r.smoothed) / 8
}

// timeout is the least that a retransmission timeout can be.
func (r *estimate) timeout() int64 { return max(leastTimeout, r.smoothed) }
