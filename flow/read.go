package flow

import (
	"slices"

	"github.com/lingerhttp/linger/packet"
)

// How much may wait behind a hole, and how long in nanoseconds, before it is given up.
const (
	lateBytes  = 4 << 20
	latePieces = 8192
	lateTime   = 30e9
)

// A stream is what one direction's bytes have come to.
type stream struct {
	started bool
	edge    int64   // all before was read, or is missing
	late    []piece // what stands behind a hole, in order, without overlap
	bytes   int     // held by late
	acked   int64   // the other side has all before
	holeAt  int64   // when the hole in front of late was seen
	holeTS  uint32  // and the sender's clock then
	fin     int64   // where it ends, once its FIN was seen
	finAt   int64
}

// A piece is a segment's bytes behind a hole. b is shorter than the piece if it was
// snapped, or if nobody wants it.
type piece struct {
	from, to int64
	b        []byte
	packet   int32
}

func (st *stream) drop() { st.late, st.bytes = nil, 0 }

// lacks says whether any byte of a range has not come yet.
func (st *stream) lacks(from, to int64) bool {
	from = max(from, st.edge)
	for _, l := range st.late {
		if from < l.from {
			break
		}
		from = max(from, l.to)
	}
	return from < to
}

// read takes in a segment's bytes.
func (c *Conn) read(p *packet.Packet, d Dir, seg *Segment) {
	st := &c.ends[d].stream
	if !st.started {
		st.started = true
		if !c.ends[d].syn {
			st.edge = seg.Seq
		}
	}
	if seg.Len == 0 || c.ended[d] {
		return
	}
	if seg.Kind == KeepAlive || seg.Kind == Probe {
		return
	}
	if seg.Seq > st.edge {
		c.behind(p, d, seg)
		return
	}
	if seg.End() > st.edge {
		c.deliver(d, piece{seg.Seq, seg.End(), p.Bytes(), seg.Packet}, seg.At, seg.Packet)
		c.drain(d, seg.At, seg.Packet)
	}
}

// behind takes in bytes behind a hole.
func (c *Conn) behind(p *packet.Packet, d Dir, seg *Segment) {
	st := &c.ends[d].stream
	if len(st.late) == 0 {
		st.holeAt, st.holeTS = seg.At, seg.TSval
	}
	st.keep(piece{seg.Seq, seg.End(), p.Bytes(), seg.Packet}, c.sink != nil)
	if len(st.late) > latePieces || st.bytes > lateBytes || seg.At-st.holeAt > lateTime {
		c.give(d, st.late[0].from, seg.At, seg.Packet)
	}
	c.acked(d, seg)
}

// keep puts a piece in its place, less what is there already.
func (st *stream) keep(l piece, copied bool) {
	i, _ := slices.BinarySearchFunc(st.late, l.from, func(have piece, from int64) int {
		switch {
		case have.from < from:
			return -1
		case have.from > from:
			return 1
		}
		return 0
	})
	if i > 0 && st.late[i-1].to > l.from {
		l = l.cut(st.late[i-1].to)
	}
	for i < len(st.late) && l.from < l.to && st.late[i].from < l.to {
		if head := l.until(st.late[i].from); head.from < head.to {
			st.insert(i, head, copied)
			i++
		}
		l = l.cut(st.late[i].to)
		i++
	}
	if l.from < l.to {
		st.insert(i, l, copied)
	}
}

func (st *stream) insert(i int, l piece, copied bool) {
	if copied {
		l.b = slices.Clone(l.b)
	} else {
		l.b = nil
	}
	st.bytes += len(l.b)
	st.late = slices.Insert(st.late, i, l)
}

// cut is the piece from an offset on.
func (l piece) cut(from int64) piece {
	if n := from - l.from; n > 0 {
		l.b = l.b[min(n, int64(len(l.b))):]
		l.from = min(from, l.to)
	}
	return l
}

// until is the piece up to an offset.
func (l piece) until(to int64) piece {
	if n := to - l.from; n < int64(len(l.b)) {
		l.b = l.b[:max(n, 0)]
	}
	l.to = max(l.from, min(l.to, to))
	return l
}

// drain delivers what stands behind the edge now.
func (c *Conn) drain(d Dir, at int64, number int32) {
	st := &c.ends[d].stream
	n := 0
	for ; n < len(st.late) && st.late[n].from <= st.edge; n++ {
		st.bytes -= len(st.late[n].b)
		c.deliver(d, st.late[n], at, number)
	}
	if n > 0 {
		st.late = slices.Delete(st.late, 0, n)
		st.holeAt = at
	}
	if len(st.late) == 0 {
		st.late = nil
	}
	if c.Sides[d].FIN != 0 {
		c.finish1(d, at)
	}
}

// deliver hands over what of a piece lies at the edge.
func (c *Conn) deliver(d Dir, l piece, at int64, number int32) {
	st := &c.ends[d].stream
	l = l.cut(st.edge)
	if l.from >= l.to {
		return
	}
	st.edge = l.to
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
	st := &c.ends[d].stream
	if n := to - st.edge; n > 0 {
		from := st.edge
		st.edge = to
		c.Sides[d].Unseen += n
		if c.sink != nil && !c.ended[d] {
			c.sink.Missing(d, from, n, at, number)
		}
	}
	c.drain(d, at, number)
}

// acked gives up bytes that the other side acknowledged although the capture has not
// seen them, as soon as something behind them was seen.
func (c *Conn) acked(d Dir, seg *Segment) {
	st := &c.ends[d].stream
	if seg.Dir != d {
		st.acked = max(st.acked, seg.Ack)
	}
	for len(st.late) > 0 && st.late[0].from <= st.acked && st.late[0].from > st.edge {
		c.give(d, st.late[0].from, seg.At, seg.Packet)
	}
}

// flush gives up whatever a direction waits for: nothing more will come.
func (c *Conn) flush(d Dir) {
	st := &c.ends[d].stream
	for len(st.late) > 0 {
		c.give(d, st.late[0].from, c.Last, 0)
	}
	if known := min(st.acked, st.edge+1<<30); st.started && known > st.edge && !(c.Sides[d].FIN != 0 && known == st.edge+1) {
		c.give(d, known, c.Last, 0)
	}
}
