package cause

import (
	"sort"

	"github.com/lingerhttp/linger/flow"
)

// A path is what the connections of one client share in one direction: a bottleneck,
// as if there were one, and it is likely the client's own link. It knows who had it
// when, and how fast it is.
type path struct {
	log      []passage
	trimmed  int // passages that stood before
	lanes    map[int32]*lane
	numbers  int32   // of lanes, so far
	scratch  []piece // of lane.compact
	modelled int     // of log: all before have their arrival
	busy     int64   // until when the bottleneck is, by the model

	last   int64    // when bytes last came over it, as measured
	meters [3]meter // of runs of so many: the longest that there are tell best
	found  float64  // what rate has found
	stale  bool     // and something was measured since
}

// meterRuns are how many arrivals in a row each meter looks at.
var meterRuns = [3]int{32, 8, 4}

// A passage is one step's way over the bottleneck. It outlives the step, and its lane.
type passage struct {
	image int64
	at    int64
	step  int   // absolute
	lane  int32 // its number in the path
	wire  int32
	lost  bool
	seen  bool // at is no guess
}

// join numbers a lane whose steps come over the path.
func (p *path) join(l *lane) {
	if p.lanes == nil {
		p.lanes = make(map[int32]*lane)
	}
	p.numbers++
	l.number = p.numbers
	p.lanes[l.number] = l
}

// leave forgets a lane, whose steps will not be asked for any more; and all that has
// passed, if it was the last.
func (p *path) leave(l *lane) {
	if delete(p.lanes, l.number); len(p.lanes) == 0 {
		p.trim(len(p.log))
	}
}

// most passages are kept in mind; beyond them the older half is forgotten.
const mostPassages = 1 << 18

// step is the step of an absolute number, nil if it was dropped, or the lane has left.
func (l *lane) step(n int) *step {
	if l == nil || n < l.dropped || n-l.dropped >= len(l.steps) {
		return nil
	}
	return &l.steps[n-l.dropped]
}

// arrived takes in the next step of a lane; late is the latest that its image can be.
func (p *path) arrived(l *lane, st *step, late int64) {
	if len(p.log) >= mostPassages {
		p.trim(len(p.log) / 2)
	}
	st.passage = p.trimmed + len(p.log)
	p.log = append(p.log, passage{lane: l.number, step: l.dropped + len(l.steps), image: st.image, at: st.at, wire: st.wire, seen: st.modelled})
	if l.seen() {
		p.measure(st.at, late, int64(st.wire))
	}
}

// measure takes in bytes that came over the bottleneck. image is when they would have
// arrived had it been free: if that was before the last ones came, it was busy in
// between.
func (p *path) measure(at, image, bytes int64) {
	if image > p.last {
		p.interrupt()
	}
	p.last, p.stale = at, true
	for i := range p.meters {
		p.meters[i].add(at, bytes, meterRuns[i])
	}
}

// interrupt says that what comes next tells nothing about the time before.
func (p *path) interrupt() {
	for i := range p.meters {
		p.meters[i].interrupt()
	}
}

func (p *path) trim(n int) {
	p.log = shift(p.log, n)
	p.trimmed += n
	p.modelled = max(0, p.modelled-n)
}

// serial is how long the bottleneck takes for so many bytes, in nanoseconds.
func (p *path) serial(bytes int32) int64 {
	return serialAt(p.rate(), bytes)
}

func serialAt(rate float64, bytes int32) int64 {
	if rate == 0 {
		return 0
	}
	return int64(float64(bytes) / rate * 1e9)
}

// rate is in bytes a second, 0 if it is not known.
func (p *path) rate() float64 {
	if !p.stale {
		return p.found
	}
	p.stale, p.found = false, 0
	for i := range p.meters {
		m := &p.meters[i]
		switch rate := m.rate(); {
		case p.found == 0 && (m.total >= 4 || i == len(p.meters)-1):
			p.found = rate
		case m.total >= 8 && rate > idleRuns*p.found: // the longer runs had pauses
			p.found = rate
		}
	}
	return p.found
}

// idleRuns is by how much shorter runs must be faster than longer ones to be believed.
const idleRuns = 5

// model works out when the steps arrived that were sent by a time, where that is not
// seen: each waits for the one before it at the bottleneck. What was lost did not pass.
func (p *path) model(until int64) {
	for ; p.modelled < len(p.log) && p.log[p.modelled].image <= until; p.modelled++ {
		e := &p.log[p.modelled]
		l := p.lanes[e.lane]
		s := l.step(e.step)
		if s == nil && !e.seen {
			e.at = max(e.image, p.busy) + p.serial(e.wire)
		}
		if s == nil || s.modelled {
			p.busy = e.at
			continue
		}
		s.modelled = true
		s.at = max(s.image, p.busy) + p.serial(s.wire)
		known := p.rate() > 0 || s.ackLeft-s.image > leastDelay
		queued := p.busy > s.image && s.ackLeft-s.at < mostUnseen*p.serial(s.wire)
		if s.ackLeft != 0 && l.kindOf(s) != flow.Spurious && (!known && s.heeded || s.prompt && queued || s.at > s.ackLeft) {
			s.at = max(s.image, s.ackLeft)
		}
		e.at, e.lost = s.at, l.lostOf(s)
		if !e.lost {
			p.busy = s.at
		}
	}
}

// leastDelay is from where on an ACK may have been held on purpose, in nanoseconds.
const leastDelay = 15e6

// mostUnseen is how many packets may stand in the queue that the capture has not seen.
const mostUnseen = 16

// others says since when the bottleneck was busy with other lanes' bytes without a
// break until a time, not before another.
func (p *path) others(l *lane, from, until int64) int64 {
	at, rate := until, p.rate()
	for i := p.behind(until + slack); i >= 0 && p.log[i].at > from; i-- {
		e := &p.log[i]
		if e.lane == l.number || e.lost {
			continue
		}
		serial := serialAt(rate, e.wire)
		if e.at < at-max(serial/2, 500_000) {
			break
		}
		at = min(at, e.at-serial)
	}
	return max(at, from)
}

// shared says whether other lanes' packets were sent between a step and the one of its
// lane before it.
func (p *path) shared(s *step) bool {
	i := s.passage - p.trimmed
	return i > 0 && p.log[i-1].lane != p.log[i].lane
}

// behind is the last passage that had arrived by a time; they are nearly in order.
func (p *path) behind(at int64) int {
	return sort.Search(len(p.log), func(i int) bool { return p.log[i].at > at }) - 1
}
