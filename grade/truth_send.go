package grade

import (
	"cmp"
	"slices"

	"github.com/lingerhttp/linger/timeline"
)

// What a message waited for while it was sent: rules 5 and 6 of the definition.

// longHeld is from when on a receiver is said to hold an ACK, in ns: programs take
// their time, too.
const longHeld = 1e6

// transmit tells of the time from begin, when the message's sender wanted it sent,
// until its last byte left the queue. The sender's time t is told as t+shift.
func (t *truth) transmit(j *Judged, m *message, begin, shift int64) {
	way := &m.conn.ways[m.dir]
	for at := begin; at < m.last.left; {
		next, ok := way.stepAfter(at)
		if !ok {
			return
		}
		t.wait(j, m, at, min(next.left, m.last.left), shift)
		at = next.left
	}
}

// wait tells of a time in which the first byte that had not left stayed the same.
func (t *truth) wait(j *Judged, m *message, from, to, shift int64) {
	f := m.conn.ways[m.dir].frontier(from)
	piece, b := m.needs(f)
	if piece == nil {
		return
	}
	if piece.Ready > from {
		j.until(min(piece.Ready, to)+shift, timeline.Stall)
		from = min(piece.Ready, to)
	}
	if f < b && m.others(f) {
		j.until(to+shift, timeline.HeadOfLine)
		return
	}
	t.pass(j, m, f, from, to, shift)
}

// needs is the message's first byte that is not before an offset, with its piece.
func (m *message) needs(offset int64) (*Piece, int64) {
	for i := range m.pieces {
		if p := &m.pieces[i]; p.To > offset {
			return p, max(p.From, offset)
		}
	}
	return nil, 0
}

// others says whether a byte is another exchange's.
func (m *message) others(offset int64) bool {
	for i := range m.all {
		if p := &m.all[i]; p.From <= offset && offset < p.To {
			return p.Exchange != 0 && p.Exchange != m.exchange
		}
	}
	return false
}

// pass tells of how byte f departed, and how it passed the queue, in that time.
func (t *truth) pass(j *Judged, m *message, f, from, to, shift int64) {
	s := m.conn.ways[m.dir].first(f)
	if s == nil {
		return
	}
	if s.entered > from {
		t.hold(j, m, s, from, min(s.entered, to), shift)
	}
	t.inQueue(j, m, s, max(from, s.entered), min(s.left, to), shift)
	j.until(to+shift, timeline.Loss)
}

// first is the segment that carried a byte first.
func (w *way) first(f int64) *segment {
	for i := range w.segments {
		if s := &w.segments[i]; s.from <= f && f < s.to {
			return s
		}
	}
	return nil
}

// inQueue tells of a time in which a segment was in the link's queue.
func (t *truth) inQueue(j *Judged, m *message, s *segment, from, to, shift int64) {
	for _, b := range t.wire.busy[m.dir] {
		if b.to > from && b.from < to && b.to <= s.left-s.serial {
			j.until(b.to+shift, timeline.Queueing)
		}
	}
	j.until(to+shift, timeline.Transfer)
}

// heard is how many ACKs had arrived at a time.
func (w *way) heard(at int64) int {
	i, _ := slices.BinarySearchFunc(w.acks, at, func(a ack, at int64) int { return cmp.Compare(a.arrived, at+1) })
	return i
}
