package cause

import (
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

const pushed = packet.PSH

// A gap is why a segment did not leave right behind the one before it.
type gap struct {
	cause timeline.Cause

	// release is the image of what let it go, if that was an ACK, and packet that ACK;
	// left is when it left the receiver, and newest the last step that it covers.
	release, left int64
	newest        int
	packet        int32

	idle      bool // all that was sent before had been acknowledged, or should have been
	paced     bool // the sender spread its segments itself
	fresh     bool // that ACK acknowledged something new
	update    bool // that ACK opened the window because its receiver's program had read
	certainty float32
}

// A situation is what a sender's kernel knew when it sent a segment.
type situation struct {
	kind    flow.Kind
	missing bool // the sender's count of its packets says that one before this was lost
	rtt     int64

	length int64 // of the segment
	size   int64 // of a full one
	waited int64 // since the segment before, in images
	first  bool  // it is the first of the lane, or follows a pause in which all was acknowledged
	pushed bool  // the segment before ended a write
	small  bool  // and was smaller than a full one

	regular int // how many bursts in a row were spread evenly, with this gap

	released bool  // ACKs came right before
	ack      ack   // the first of them
	epsilon  int64 // how long before counts as right before

	before, after sender // what was acknowledged, and the window, before those ACKs and after them
	next          int64  // sent by then
	outstanding   int64  // the end of the last small segment
	flight        int64  // the most that was under way at once
	grown         bool   // flight grew in the last rounds, or has had no chance to
	lost          bool   // the connection has lost something in this direction
	deaf          bool   // the capture has no packet of the receiver: nobody knows what the sender waited for
	widest        int64  // the largest window ever offered
}

// situation gathers what decide asks for.
func (l *lane) situation(st *step, s *flow.Segment) situation {
	epsilon := max(min(4e6, l.rtt()/10), 100_000)
	if l.clock != nil && l.seen() {
		epsilon = max(epsilon, grain+slack)
	}
	release, released := l.releaser(st.image, epsilon)
	sit := situation{
		kind: st.kind, missing: st.missing, rtt: l.rtt(), length: st.to - st.from, size: int64(l.conn.SegmentSize(l.dir)),
		waited: st.image - l.prevImage, first: l.prevImage == 0, pushed: l.prevPushed, small: l.prevSmall, regular: l.evenly(st.image - l.prevImage),
		released: released, epsilon: epsilon, ack: release,
		before: sender{una: l.una, edge: l.edge}, after: sender{una: l.una, edge: l.edge}, next: l.next, outstanding: l.small,
		flight: l.flight, lost: l.lost, widest: l.widest, deaf: l.conn.Sides[l.dir.Other()].Packets == 0,
		grown: l.noGrowth <= 2*l.flight+2*int64(l.conn.SegmentSize(l.dir)),
	}
	if released {
		sit.before = release.before
	}
	return sit
}

// decide says why a segment left when it did and not before. It is asked for each;
// what it says of one that left right behind another nobody will hear. It asks what the
// kernel asks before it lets a segment go (tcp_write_xmit of Linux), first what packets
// show best: the receiver's window, Nagle's algorithm, and the congestion window, which
// nobody sees. What none of them held back, the application had not written.
func decide(s situation) gap {
	g := gap{cause: timeline.Stall, certainty: 0.9, newest: -1, idle: s.next <= s.after.una || s.waited > s.rtt/2}
	if s.released {
		g.release, g.left, g.packet, g.newest = s.ack.release, s.ack.left, s.ack.packet, s.ack.newest
		g.fresh = s.ack.ack > s.before.una
	}
	switch {
	case s.kind.Again() || s.missing && !s.released && s.waited > s.rtt:
		g.cause, g.certainty = timeline.Loss, 0.95
		g.release = 0
	case s.deaf:
		g.cause, g.certainty, g.release = timeline.Unknown, 1, 0
	case s.kind == flow.Probe, s.windowShut():
		g.cause, g.certainty = timeline.ReceiveWindow, 0.95
		g.update = s.released && (s.ack.ack <= s.before.una || s.before.unread)
	case s.heldSmall():
		g.cause, g.certainty = timeline.Nagle, s.chance()
	case s.congested():
		g.cause, g.certainty = timeline.SlowStart, s.chance()
		if s.lost {
			g.cause = timeline.Congestion
		}
	case s.paced():
		g.paced = true
		g.cause, g.certainty = timeline.SlowStart, 0.6
		if s.lost {
			g.cause = timeline.Congestion
		}
		g.release = 0
	default:
		g.release = 0
	}
	return g
}

// chance is how sure it is that the ACK let the segment go: an unrelated write falls
// into the time right behind it with the chance epsilon/waited.
func (s *situation) chance() float32 {
	if s.waited <= 0 {
		return 0.9
	}
	return float32(max(0.5, min(0.99, 1-float64(s.epsilon)/float64(s.waited))))
}

// windowShut says whether the receiver's window held the segment back until an ACK
// moved it.
func (s *situation) windowShut() bool {
	return s.released && s.before.edge >= 0 && s.after.edge > s.before.edge && s.before.edge-s.next < min(s.size, s.length)
}

// heldSmall says whether Nagle's algorithm (RFC 9293 §3.7.4) held a small segment until
// another small one was acknowledged: Minshall's rule, tcp_minshall_check of Linux. A
// sender that waits for full segments, too, as old BSDs do, is not recognised.
func (s *situation) heldSmall() bool {
	if !s.released || s.length >= s.size || s.outstanding < 0 {
		return false
	}
	return s.outstanding > s.before.una && s.outstanding <= s.after.una
}

// congested says whether the congestion window let the segment go when an ACK made
// room in it: as much was under way as ever since it was set, and it grows.
func (s *situation) congested() bool {
	if !s.released || s.after.una == s.before.una {
		return false
	}
	outstanding := s.next - s.before.una
	switch {
	case !s.pushed && !s.small:
		return true // the write before was not at its end
	case s.length >= s.size && outstanding > 0 && s.waited > s.rtt*3/4:
		return true // the window counts packets, and those under way may be small ones
	}
	return outstanding >= s.size && outstanding >= s.flight-s.size && (s.grown || s.lost)
}

// paced says whether the sender spread its segments itself, as BBR does: it had more to
// send, and no ACK was the reason that it waited.
func (s *situation) paced() bool {
	if s.outstanding > s.after.una {
		return false // what is left of a write may wait for that, and the next write is what ended the wait
	}
	return !s.small && !s.first && s.next > s.after.una && (s.waited < s.rtt/4 && !s.pushed || s.waited < s.rtt/2 && s.regular > 0)
}
