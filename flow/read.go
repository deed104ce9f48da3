package flow

import "github.com/lingerhttp/linger/packet"

// The bytes of a direction are put in order here, and handed to the Sink.

// A stream is what one direction's bytes have come to.
type stream struct {
	started bool
	loose   bool    // edge is from a packet without bytes, which may be a keep-alive's
	edge    int64   // all before was read, or is missing
	late    []piece // what stands behind a hole, in order, without overlap: late.go
	early   early   // data of a SYN: open.go
	acked   acked
	fin     int64 // where it ends, once its FIN was seen
}

// An acked is what the other side acknowledged, and since when it is known that bytes
// before a hole's end will not come: they arrived, and the capture has missed them.
type acked struct {
	to     int64
	at     int64 // when it was acknowledged so far, by which packet
	packet int32

	shown       int64 // since when; 0 if there is no such hole
	shownTo     int64
	shownPacket int32
}

// grace is how long bytes are waited for that were acknowledged before they were
// captured, in nanoseconds of the capture: two cards' packets may be out of order.
const grace = 5e6

// read takes in a segment's bytes, and what its ACK tells of the other side's.
func (c *Conn) read(p *packet.Packet, d Dir, seg *Segment) {
	switch {
	case seg.Flags&(packet.SYN|packet.ACK) == packet.SYN && seg.Len > 0:
		c.early(p, d, seg)
	case seg.Flags&packet.SYN == 0 || seg.Len > 0:
		c.take1(p, d, seg)
	}
	if seg.Ack >= 0 {
		c.heard(d.Other(), seg)
	}
	c.settle(Up, seg)
	c.settle(Down, seg)
}

// take1 takes in a segment's bytes.
func (c *Conn) take1(p *packet.Packet, d Dir, seg *Segment) {
	st := &c.ends[d].stream
	st.start(seg, c.ends[d].begun)
	if seg.Len == 0 || c.ended[d] || seg.Kind == KeepAlive {
		return
	}
	if seg.Kind == Probe && seg.Seq < c.Sides[d].Acked {
		return // its byte may be anything
	}
	if seg.Seq > st.edge {
		c.behind(p, d, seg)
		return
	}
	if seg.End() > st.edge {
		c.deliver(d, piece{from: seg.Seq, to: seg.End(), b: p.Bytes()}, seg.At, seg.Packet)
		c.drain(d, seg.At, seg.Packet)
	}
}

// start finds where a stream begins: where its SYN says, or else with the first
// packet that is here.
func (st *stream) start(seg *Segment, begun bool) {
	if !st.started {
		st.started = true
		if !begun {
			st.edge, st.loose = seg.Seq, true
		}
	}
	if st.loose && seg.Len > 0 {
		if seg.Seq == st.edge+1 {
			st.edge++
		}
		st.loose = false
	}
}

// behind takes in bytes behind a hole.
func (c *Conn) behind(p *packet.Packet, d Dir, seg *Segment) {
	st := &c.ends[d].stream
	l := piece{from: seg.Seq, to: seg.End(), b: p.Bytes(), at: seg.At, tsval: seg.TSval, noTS: seg.NoTS,
		came: seg.At, packet: seg.Packet, pushed: seg.Flags&packet.PSH != 0}
	if c.sink == nil {
		l.b = nil
	}
	c.held.keep(st, l)
	alone := !c.ends[d.Other()].seen && seg.At-st.late[0].at > lateTime
	for len(st.late) > 0 && (alone || c.held.full(st)) {
		c.give(d, st.late[0].from, seg.At, seg.Packet)
		alone = false
	}
}

// drain delivers what stands at the edge now, and could not be read before.
func (c *Conn) drain(d Dir, at int64, number int32) {
	st := &c.ends[d].stream
	for len(st.late) > 0 && st.late[0].from <= st.edge {
		l := c.held.first(st)
		c.deliver(d, l, at, number)
	}
	c.finish1(d, at)
}

// drainRead delivers what stands at the edge, and could be read when it came: only the
// capture has the hole in front of it.
func (c *Conn) drainRead(d Dir) {
	st := &c.ends[d].stream
	for len(st.late) > 0 && st.late[0].from <= st.edge {
		l := c.held.first(st)
		c.deliver(d, l, l.came, l.packet)
	}
}

// deliver hands over what of a piece lies at the edge.
func (c *Conn) deliver(d Dir, l piece, at int64, number int32) {
	st := &c.ends[d].stream
	l = l.cut(st.edge)
	if l.from >= l.to {
		return
	}
	st.edge, st.acked.shown = l.to, 0
	if c.sink == nil || c.ended[d] {
		return
	}
	if len(l.b) > 0 {
		c.sink.Data(d, l.from, l.b, at, number)
	}
	if snapped := l.to - l.from - int64(len(l.b)); snapped > 0 {
		c.sink.Missing(d, l.from+int64(len(l.b)), snapped, at, number)
	}
}

// give gives up the bytes before an offset: they are not in the capture.
func (c *Conn) give(d Dir, to int64, at int64, number int32) {
	c.miss(d, to, at, number)
	c.drain(d, at, number)
}

// giveArrived is give for bytes that the receiver has. They came before those behind
// them, which it could read at once: only the capture has the hole.
func (c *Conn) giveArrived(d Dir, to int64, at int64, number int32) {
	st := &c.ends[d].stream
	if len(st.late) > 0 && st.late[0].from <= to && st.late[0].came < at {
		c.miss(d, to, st.late[0].came, st.late[0].packet)
	} else {
		c.miss(d, to, at, number)
	}
	c.drainRead(d)
	c.finish1(d, at)
}

// miss passes over the bytes before an offset.
func (c *Conn) miss(d Dir, to int64, at int64, number int32) {
	st := &c.ends[d].stream
	if n := to - st.edge; n > 0 {
		from := st.edge
		st.edge, st.acked.shown = to, 0
		c.Sides[d].Unseen += n
		if c.sink != nil && !c.ended[d] {
			c.sink.Missing(d, from, n, at, number)
		}
	}
}

// holeEnd is where the hole in front ends, if something behind it was seen.
func (c *Conn) holeEnd(d Dir) (to int64, ok bool) {
	st := &c.ends[d].stream
	switch {
	case len(st.late) > 0:
		return st.late[0].from, true
	case c.Sides[d].FIN != 0 && st.started && st.edge < st.fin:
		return st.fin, true
	}
	return 0, false
}

// heard takes in an ACK for a direction's bytes.
func (c *Conn) heard(d Dir, seg *Segment) {
	a := &c.ends[d].stream.acked
	if seg.Ack > a.to {
		a.to, a.at, a.packet = seg.Ack, seg.At, seg.Packet
	}
}

// settle gives up the bytes of a hole that were acknowledged a while ago.
func (c *Conn) settle(d Dir, now *Segment) {
	a := &c.ends[d].stream.acked
	for {
		to, ok := c.holeEnd(d)
		if !ok || a.to < to || c.ended[d] {
			return
		}
		if a.shown == 0 {
			a.shown, a.shownTo, a.shownPacket = now.At, a.to, now.Packet
		}
		if now.At-a.shown < grace && now.At >= a.shown {
			return
		}
		c.giveShown(d, to)
	}
}

// giveShown gives up a hole, as of the time at which it was known to be one of the
// capture, and those behind that were known by then.
func (c *Conn) giveShown(d Dir, to int64) {
	a := &c.ends[d].stream.acked
	at, upTo, number := a.shown, a.shownTo, a.shownPacket
	if a.to >= to {
		c.giveArrived(d, to, at, number)
	} else {
		c.give(d, to, at, number)
	}
	next, ok := c.holeEnd(d)
	switch {
	case !ok || a.to < next:
	case next <= upTo:
		a.shown, a.shownTo, a.shownPacket = at, upTo, number
	default:
		a.shown, a.shownTo, a.shownPacket = a.at, a.to, a.packet
	}
}

// flush gives up whatever a direction waits for: nothing more will come.
func (c *Conn) flush(d Dir) {
	st := &c.ends[d].stream
	for !c.ended[d] {
		to, ok := c.holeEnd(d)
		if !ok {
			break
		}
		if st.acked.shown == 0 {
			st.acked.shown, st.acked.shownTo = c.Last, to
		}
		c.giveShown(d, to)
	}
	// The other side has bytes of which nothing was seen, not even what came after. A
	// window is at most 1 GiB (RFC 7323 §2.3): what is farther is no number of this one.
	if to := st.acked.to; st.started && !c.ended[d] && to > st.edge && to-st.edge <= 1<<30 && c.Sides[d].FIN == 0 {
		c.give(d, to, c.Last, 0)
	}
}
