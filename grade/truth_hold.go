package grade

import (
	"math"

	"github.com/lingerhttp/linger/timeline"
)

// Why a sender holds back what is written: rule 6 of the definition.

// hold tells why a segment, the first with its bytes, did not depart in that time.
func (t *truth) hold(j *Judged, m *message, s *segment, from, to, shift int64) {
	way := &m.conn.ways[m.dir]
	last := timeline.Unknown
	for at := from; at < to; {
		next := to
		if i := way.heard(at); i < len(way.acks) {
			next = min(to, way.acks[i].arrived)
		}
		next = min(next, m.writes(at))
		c, small := m.why(s, at)
		if own := to-at < longHeld; own && at > from {
			c = last // the sender's own time, such as it takes to react to an ACK
		} else if own && next == to && (c == timeline.SlowStart || c == timeline.Congestion) {
			c = j.lastCause()
		}
		switch c {
		case timeline.ReceiveWindow:
			overlay(j, at, next, shift, c, t.unread(m, m.sitting(s, c, small)))
		default:
			overlay(j, at, next, shift, c, m.sitting(s, c, small))
		}
		at, last = next, c
	}
}

// writes is when the sender's program wrote next after a time.
func (m *message) writes(at int64) int64 {
	next := int64(math.MaxInt64)
	for i := range m.all {
		if r := m.all[i].Ready; r > at {
			next = min(next, r)
		}
	}
	return next
}

// lastCause is that of what was told last.
func (j *Judged) lastCause() timeline.Cause {
	if len(j.Spans) == 0 {
		return timeline.Unknown
	}
	return j.Spans[len(j.Spans)-1].Cause
}

// overlay tells of a time as having one cause, but for what lies over it, in the
// order of time.
func overlay(j *Judged, from, to, shift int64, c timeline.Cause, over []Stretch) {
	for _, o := range over {
		if o.To > from && o.From < to {
			j.until(max(from, o.From)+shift, c)
			j.until(min(to, o.To)+shift, o.Cause)
		}
	}
	j.until(to+shift, c)
}

// why says what kept the sender from sending the segment at a time. Of Nagle's
// algorithm, small is the segment whose ACK it waits for.
func (m *message) why(s *segment, at int64) (c timeline.Cause, small *segment) {
	way := &m.conn.ways[m.dir]
	var acked, edge int64 = 0, -1
	for _, a := range way.acks[:way.heard(at)] {
		acked, edge = max(acked, a.upTo), max(edge, a.edge)
	}
	pending := m.written(at) - s.from
	if edge >= 0 && edge-s.from < min(way.mss, pending) {
		return timeline.ReceiveWindow, nil
	}
	if m.nagle && pending < way.mss {
		if small := way.smallSince(acked, at); small != nil && s.to-s.from < way.mss {
			return timeline.Nagle, small
		} else if small != nil { // what ended the wait was that the program wrote more
			return timeline.Stall, nil
		}
	}
	if way.again(at) {
		return timeline.Congestion, nil
	}
	return timeline.SlowStart, nil
}

// written is the offset behind all that the sender's program had written at a time.
func (m *message) written(at int64) int64 {
	var upTo int64
	for i := range m.all {
		if m.all[i].Ready <= at {
			upTo = max(upTo, m.all[i].To)
		}
	}
	return upTo
}

// smallSince is the last segment of less than full size that had departed at a time
// and was not acknowledged. Linux holds a small one back for another such one only
// (net/ipv4/tcp_output.c, tcp_minshall_check).
func (w *way) smallSince(acked, at int64) *segment {
	var last *segment
	for i := range w.segments {
		s := &w.segments[i]
		if s.entered > at {
			break
		}
		if n := s.to - s.from; n > 0 && n < w.mss && s.to > acked {
			last = s
		}
	}
	return last
}

// again says whether anything had been sent again at a time.
func (w *way) again(at int64) bool {
	var highest int64
	for i := range w.segments {
		s := &w.segments[i]
		if s.entered > at {
			return false
		}
		if s.to > s.from && s.from < highest {
			return true
		}
		highest = max(highest, s.to)
	}
	return false
}

// unread says of the times in which the receiver held an ACK that would have opened
// its window which of them its program's pauses are to blame for: those that ended
// when the ACK departed, and not those that went on.
func (t *truth) unread(m *message, held []Stretch) []Stretch {
	if m.dir == up {
		return held
	}
	var all []Stretch
	for _, h := range held {
		for _, p := range t.facts.Pauses {
			from, to := max(p.From, h.From), min(p.To, h.To)
			if t.of[p.Exchange] != m.conn.client || from >= to || p.To > h.To+longHeld {
				continue // a timer sent the ACK, and not the program that still paused
			}
			if from > h.From {
				all = append(all, Stretch{From: h.From, To: from, Cause: h.Cause})
			}
			all = append(all, Stretch{From: from, To: to, Cause: timeline.Client})
			h.From = to
		}
		if h.From < h.To {
			all = append(all, h)
		}
	}
	return all
}

// sitting is when the receiver held the ACK upon which the segment was sent. Small is
// that whose ACK Nagle's algorithm waited for.
func (m *message) sitting(s *segment, c timeline.Cause, small *segment) []Stretch {
	way := &m.conn.ways[m.dir]
	var release *ack
	var since int64
	if c == timeline.Nagle && small != nil {
		for i := range way.acks {
			if way.acks[i].upTo >= small.to {
				release, since = &way.acks[i], way.cameWhole(small.to, way.acks[i].departed)
				break
			}
		}
	} else if i := way.heard(s.entered); i > 0 {
		release = &way.acks[i-1]
		since = way.cameWhole(release.upTo, release.departed)
	}
	if release == nil || since == 0 || release.departed-since < longHeld {
		return nil
	}
	return []Stretch{{From: since, To: release.departed, Cause: timeline.DelayedACK}}
}

// cameWhole is when the segment that ends at an offset, or the last before it, arrived,
// before some time; 0 if none did.
func (w *way) cameWhole(upTo, before int64) int64 {
	var at int64
	for i := range w.segments {
		if s := &w.segments[i]; s.to > s.from && s.to <= upTo && !s.dropped && s.arrived <= before {
			at = max(at, s.arrived)
		}
	}
	return at
}
