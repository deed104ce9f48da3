package link

import (
	"slices"
	"time"
)

// A player transmits by a trace. A packet may use the opportunities from when it
// entered on, and what other packets left over of them; one that finds no packet
// is gone.
type player struct {
	trace *Trace
	round time.Duration // when this repetition began
	i     int           // the opportunity at hand
	left  int           // how many of its bytes are unused, at least 1
}

func newPlayer(t *Trace) *player { return &player{trace: t, left: packetSize} }

// time is when the opportunity at hand is.
func (p *player) time() time.Duration {
	return min(p.round+time.Duration(p.trace.ms[p.i])*time.Millisecond, never)
}

func (p *player) ready(now time.Duration) time.Duration {
	if p.time() < now {
		p.skip(now)
	}
	return p.time()
}

// skip goes to the first opportunity that is not before now, in as many steps
// whether an hour was idle or a millisecond.
func (p *player) skip(now time.Duration) {
	if rounds := (now - p.round - 1) / p.trace.period(); rounds > 0 {
		p.round += rounds * p.trace.period()
		p.i = 0
	}
	ms := (now - p.round + time.Millisecond - 1) / time.Millisecond // at most the period
	skip, _ := slices.BinarySearch(p.trace.ms[p.i:], uint32(ms))
	p.i += skip
	p.left = packetSize
}

// send spends opportunities until the packet has left with the last one's.
func (p *player) send(_ time.Duration, size int) (left time.Duration) {
	for {
		left = p.time()
		part := min(size, p.left)
		size -= part
		p.left -= part
		if p.left == 0 {
			p.next()
		}
		if size == 0 {
			return left
		}
	}
}

func (p *player) next() {
	p.left = packetSize
	if p.i++; p.i == len(p.trace.ms) {
		p.i = 0
		p.round = min(p.round+p.trace.period(), never)
	}
}
