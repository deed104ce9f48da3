package linger

import (
	"container/heap"
	"fmt"
	"time"
)

// What the pool learns of an origin from what goes wrong there: how many
// connections it bears, and whether it bears requests written ahead. Each lesson
// lasts learnedFor, and some exchange's timeline tells it.

const (
	// learnedFor is how long the pool remembers that an origin bears few
	// connections or no pipelining.
	learnedFor = time.Minute

	// brokenPipelines in a row make an origin one that bears no pipelining.
	brokenPipelines = 2

	// noticeTime is how long a server may take to notice that a connection has
	// ended: for so long it may still count it, and turn another away for it.
	noticeTime = time.Second

	// firstPause is how long to wait before dialling again an origin that turned
	// away a dial while no connection to it was open; it doubles each time, up to
	// lastPause.
	firstPause = 20 * time.Millisecond
	lastPause  = 640 * time.Millisecond
)

// crowded says whether a connection that is turned away may have been one too
// many: others are open, or were a moment ago. If not, the origin is down.
func (o *originPool) crowded(now time.Time) bool {
	return len(o.conns) > 0 || now.Sub(o.leftAt) < noticeTime
}

// pause is how long a dial waits first that follows on one that was turned away
// although nothing else was open.
func (o *originPool) pause(now time.Time) time.Duration {
	if o.turnedAway == 0 || len(o.conns) > 0 || !o.crowded(now) {
		return 0
	}
	return min(lastPause, firstPause<<min(o.turnedAway-1, 10))
}

// A lostDial is a dial order that came to nothing.
type lostDial struct {
	dialOrder
	record *dialRecord
	err    error
}

// failed takes in that a dial order came to nothing. The exchange on whose
// behalf it was made fails with it, unless the origin merely turns away
// connections beyond a number: then the pool keeps to that number. Which of the
// two it is cannot be told while nothing is open and other dials are under way.
func (p *pool) failed(l lostDial, now time.Time) []dialOrder {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialEndedLocked(l.dialOrder)
	o := l.to
	switch {
	case refused(l.err) && o.crowded(now):
		p.learnFromLocked(l, now)
	case refused(l.err) && o.dialling > 0:
		l.owner.dialled = true // no other dial for it until this one is decided
		o.turned = append(o.turned, l)
	default:
		for _, t := range append(o.undecided(), l) {
			t.failOwner()
		}
	}
	return p.dispatchLocked(o, now)
}

// undecided takes out the dials that were not decided.
func (o *originPool) undecided() []lostDial {
	turned := o.turned
	o.turned = nil
	return turned
}

// learnFromLocked draws the conclusion from a dial that was turned away: the
// exchange on whose behalf it was made waits on. If it was served meanwhile,
// another one tells the lesson: the next in line, or the next to come.
func (p *pool) learnFromLocked(l lostDial, now time.Time) {
	lesson := p.turnedAwayLocked(l.to, l.err, now)
	l.owner.dialled = false
	switch {
	case l.owner.index >= 0:
		l.owner.x.note(lesson)
	case len(l.to.waiters) > 0:
		l.to.waiters[0].x.note(lesson)
	default:
		l.to.untold = lesson
	}
}

// failOwner fails the exchange on whose behalf a dial was made, unless it was
// served by another connection, or is gone.
func (l lostDial) failOwner() {
	w := l.owner
	if w.index < 0 {
		return
	}
	heap.Remove(&l.to.waiters, w.index)
	w.slot.dial = l.record
	w.err = l.err
	close(w.ready)
}

// turnedAwayLocked keeps an origin to the connections that it bears, and says so.
func (p *pool) turnedAwayLocked(o *originPool, err error, now time.Time) string {
	if len(o.conns) == 0 {
		o.turnedAway++
	}
	limit := p.lowerLocked(o, o.open(), now)
	return fmt.Sprintf("the server turned a connection away (%s): %d at a time from now on", plain(err), limit)
}

// lowerLocked remembers how many connections an origin bears, and returns it.
func (p *pool) lowerLocked(o *originPool, open int, now time.Time) int {
	o.limit = max(1, open)
	o.limitUntil = now.Add(learnedFor)
	return o.limit
}

// proven says whether the origin has answered other exchanges, or has other
// connections open: its cutting of a new one is then a matter of their number.
func (p *pool) proven(s slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.home.answered || len(s.home.conns) > 0
}

// learnLocked draws the conclusion from a connection that was cut: with others
// behind it that the origin bears no pipelining, before any answer that it bears
// fewer connections.
func (p *pool) learnLocked(o *originPool, s slot, v verdict, now time.Time) string {
	if v.others {
		return p.pipelineLostLocked(o, now)
	}
	if s.nth == 1 && !v.answered && o.open() > 1 {
		limit := p.lowerLocked(o, o.open()-1, now)
		return fmt.Sprintf("the server cut connection %d: %d at a time from now on", s.conn.about().Number, limit)
	}
	if s.nth == 1 && !v.answered {
		o.turnedAway++ // the next dial waits a moment
	}
	return ""
}

// pipelineLostLocked: "a client that assumes a persistent connection … SHOULD
// NOT pipeline immediately after connection establishment" once a pipeline was
// lost (RFC 9112 §9.3.2). After several in a row the origin gets no pipeline.
func (p *pool) pipelineLostLocked(o *originPool, now time.Time) string {
	o.broken++
	if o.broken < brokenPipelines {
		return "the pipeline broke: on a new connection the first request goes alone"
	}
	o.noPipeline = now.Add(learnedFor)
	return "pipelines broke one after the other: no requests are written ahead for a while"
}

// noPipelining remembers that an origin answers as HTTP/1.0 does.
func (p *pool) noPipelining(pc *pooled, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pc.home.noPipeline = now.Add(learnedFor)
}
