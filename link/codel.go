package link

import (
	"math"
	"time"
)

// What RFC 8289 recommends for use on the open Internet.
const (
	codelTarget   = 5 * time.Millisecond   // §4.4
	codelInterval = 100 * time.Millisecond // §4.3
)

// codel is the state of the algorithm of RFC 8289, with the names of its §5.2.
// Packets that come out of the queue are dropped while each of them has waited for
// longer than the target, and did so for an interval; the drops follow one another
// faster and faster. The sentences in quotes are the RFC's, from §5.5 and §5.6.
type codel struct {
	firstAbove time.Duration // "Time to declare sojourn time above TARGET"; 0 while it is below
	dropNext   time.Duration // "Time to drop next packet"
	count      int           // "Packets dropped in drop state"
	lastCount  int           // "Count from previous iteration"
	dropping   bool          // "Set to true if in drop state"
	maxPacket  int           // the largest packet so far, in bytes, as the link knows no MTU
}

// pull takes packets out of the queue at a time, until there is one to transmit
// (§5.5). The queue must not be empty, and there always is one, because nothing is
// dropped from a queue that holds no more.
func (l *Link) pull(at time.Duration) waiter {
	c := l.codel
	w, mayDrop := l.pullOne(at)
	switch {
	case !mayDrop:
		c.dropping = false // "sojourn time below TARGET - leave drop state"
	case c.dropping:
		// "A large backlog might result in drop rates so high that the next drop
		// should happen now, hence the 'while' loop."
		for c.dropping && at >= c.dropNext {
			l.drop(&w.fate, CoDel, at)
			c.count++
			w, c.dropping = l.pullOne(at)
			if c.dropping {
				c.dropNext = l.nextDrop(c.dropNext)
			}
		}
	default:
		l.drop(&w.fate, CoDel, at)
		w, _ = l.pullOne(at)
		l.startDropping(at)
	}
	return w
}

// startDropping enters the drop state. "If min went above TARGET close to when it
// last went below, assume that the drop rate that controlled the queue on the last
// cycle is a good starting point to control it now."
func (l *Link) startDropping(at time.Duration) {
	c := l.codel
	delta := c.count - c.lastCount
	c.dropping = true
	c.count = 1
	if delta > 1 && at-c.dropNext < 16*l.queue.limit.Interval {
		c.count = delta
	}
	c.dropNext = l.nextDrop(at)
	c.lastCount = c.count
}

// pullOne takes one packet out of the queue, and says whether it may be dropped
// (§5.6, dodequeue). That the queue is empty it never finds: the last one to come
// out, behind which are no bytes, has left the same state behind.
func (l *Link) pullOne(at time.Duration) (w waiter, mayDrop bool) {
	c := l.codel
	w = *l.queue.first()
	l.queue.drop()
	c.maxPacket = max(c.maxPacket, w.fate.bytes())
	switch {
	case at-w.fate.Entered < l.queue.limit.Target, l.queue.bytes <= int64(c.maxPacket):
		c.firstAbove = 0 // "went below - stay below for at least INTERVAL"
	case c.firstAbove == 0:
		// "just went above from below. if still above at first_above_time, will
		// say it's ok to drop."
		c.firstAbove = at + l.queue.limit.Interval
	default:
		mayDrop = at >= c.firstAbove
	}
	return w, mayDrop
}

// nextDrop is the control law (§5.6): t + INTERVAL / sqrt(count), rounded down.
func (l *Link) nextDrop(after time.Duration) time.Duration {
	return after + time.Duration(float64(l.queue.limit.Interval)/math.Sqrt(float64(l.codel.count)))
}
