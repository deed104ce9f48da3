package linger

import (
	"fmt"
	"slices"
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

	// freshCuts new connections cut in a row tell that an origin bears fewer than it
	// once did: one alone may be cut for what was asked on it.
	freshCuts = 3

	// turnedAwayWait is how long an exchange whose dial was turned away waits for the
	// connections that are open, from the last exchange that ended on them: they may
	// be busy for as long as they like, and the origin down but for them.
	turnedAwayWait = 5 * time.Second

	// firstPause is how long to wait before dialling again an origin that turned
	// away a dial while no connection to it was open; it doubles each time, up to
	// lastPause.
	firstPause = 20 * time.Millisecond
	lastPause  = 640 * time.Millisecond
)

// lessons are what was learned of one origin.
type lessons struct {
	answered    bool       // it has answered at least once
	answeredAt  time.Time  // when the last exchange ended that was answered
	multiplexed bool       // its newest connection speaks HTTP/2
	leftAt      time.Time  // when the last of its connections was dropped
	turned      []lostDial // dials turned away while nothing was open but others were under way
	untold      string     // what was learned when nobody was there to tell it
	turnedAway  int        // dials refused, one after the other, while nothing was open
	borne       int        // connections that were seen to bear exchanges at the same time
	freshCuts   int        // new connections cut before their first answer, one after the other
	limit       int        // connections it bears; 0: nothing learned
	limitUntil  time.Time  // when to forget that
	broken      int        // pipelines lost without notice, one after the other
	noPipeline  time.Time  // until when requests are not written ahead
	fewStreams  time.Time  // until when some connection bears fewer streams than it allows
}

// A lostDial is a dial order that came to nothing.
type lostDial struct {
	dialOrder
	record *dialRecord
	err    error
}

// crowded says whether a connection that is turned away may have been one too
// many: others are open, or were a moment ago. If not, the origin is down.
func (l *lessons) crowded(open int, now time.Time) bool {
	return open > 0 || now.Sub(l.leftAt) < noticeTime
}

// pause is how long a dial waits first that follows on one that was turned away
// although nothing else was open.
func (l *lessons) pause(open int, now time.Time) time.Duration {
	if l.turnedAway == 0 || open > 0 || !l.crowded(open, now) {
		return 0
	}
	return min(lastPause, firstPause<<min(l.turnedAway-1, 10))
}

// limitAt is how many connections the origin bears, 0 if that is not known.
func (l *lessons) limitAt(now time.Time) int {
	if !now.Before(l.limitUntil) {
		l.limit = 0
	}
	return l.limit
}

// bore takes in that a new connection was accepted beside others.
func (l *lessons) bore(open int, multiplexed bool) {
	l.multiplexed = multiplexed
	l.turnedAway = 0
	if l.limit > 0 {
		l.limit = max(l.limit, open)
	}
}

// lower remembers how many connections the origin bears, and returns it.
func (l *lessons) lower(open int, now time.Time) int {
	l.limit = max(1, open)
	l.limitUntil = now.Add(learnedFor)
	return l.limit
}

// undecided takes out the dials that were not decided.
func (l *lessons) undecided() []lostDial {
	turned := l.turned
	l.turned = nil
	return turned
}

// forgets is when the next lesson is forgotten, zero if there is none.
func (o *originPool) forgets(now time.Time) time.Time {
	var next time.Time
	consider := func(at time.Time) {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	consider(o.limitUntil)
	consider(o.noPipeline)
	if o.fewStreams.After(now) {
		for _, pc := range o.conns {
			consider(pc.bearsTill)
		}
	}
	return next
}

// learnFrom draws the conclusion from a dial that was turned away: the exchange
// on whose behalf it was made waits on. If it was served meanwhile, another one
// tells the lesson: the next in line, or the next to come.
func (p *pool) learnFrom(l lostDial, now time.Time) {
	o := l.to
	if len(o.conns) == 0 {
		o.turnedAway++
	}
	lesson := fmt.Sprintf("the server turned a connection away (%s): %d at a time from now on", plain(l.err), o.lower(o.standing, now))
	o.own(l.owner, false)
	l.owner.warm.end(l.err)
	switch {
	case l.owner.index >= 0:
		l.owner.x.note(lesson)
		l.owner.turnedAway(l, now)
		p.remind(later(l.owner.givesUp(), now))
	case len(o.waiters) > 0:
		o.waiters[0].x.note(lesson)
	default:
		o.untold = lesson
	}
}

// failTurnedAway fails those who were turned away and have waited in vain. What was
// learned then has not helped: who stands behind them finds out for himself.
func (p *pool) failTurnedAway(o *originPool, now time.Time) {
	for _, w := range slices.Clone(o.waiters) {
		switch at := w.givesUp(); {
		case at.IsZero():
		case now.Before(at):
			p.remind(later(at, now.Add(tickPause)))
		default:
			w.turned.failOwner(now)
			o.limitUntil = time.Time{}
		}
	}
}

// proven says whether the origin has answered other exchanges, or has other
// connections open: its cutting of a new one is then a matter of their number.
func (p *pool) proven(s slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.home.answered || len(s.home.conns) > 0
}

// learn draws the conclusions from an exchange's outcome, and words them.
func (p *pool) learn(s slot, oc outcome, now time.Time) string {
	pc, o := s.pooled, s.home
	if oc.ended.answered() {
		o.answered, o.answeredAt = true, now
		pc.alone = false
		o.bears(s)
		if oc.conn == connKept && pc.inFlight > 0 {
			o.broken = 0 // with others behind it: the pipeline holds
		}
	}
	if oc.ended == exchangeRefused {
		pc.bears, pc.bearsTill = max(1, pc.inFlight), now.Add(learnedFor)
		o.fewStreams = pc.bearsTill
	}
	if !oc.ended.cut() || pc.blamed {
		return ""
	}
	pc.blamed = true
	// A new connection that the server closed while nothing was on it was one too
	// many only if it did so soon.
	rested := oc.why == CloseByServer && now.Sub(pc.opened) >= noticeTime
	first := s.nth == 1 && oc.ended == exchangeCut && !rested
	switch {
	case oc.others:
		return o.pipelineLost(now)
	case first:
		return o.freshCut(pc, now)
	}
	return ""
}

// bears takes in that a slot's connection has answered, beside all those that have
// and are still there. Open ones alone would prove nothing: the server may have cut
// them already.
func (o *originPool) bears(s slot) {
	if s.nth == 1 {
		o.freshCuts = 0
	}
	if pc := s.pooled; !pc.answered && pc.state < ConnLeaving {
		pc.answered = true
		o.proved++
		o.borne = max(o.borne, o.proved)
	}
}

// freshCut takes in that a new connection was cut before its first answer: it was
// one too many, unless as many were borne before.
func (o *originPool) freshCut(pc *pooled, now time.Time) string {
	o.freshCuts++
	switch {
	case o.standing <= 1:
		o.turnedAway++ // the next dial waits a moment
		return ""
	case o.standing <= o.borne && o.freshCuts < freshCuts:
		return ""
	}
	o.borne = min(o.borne, o.standing-1)
	return fmt.Sprintf("the server cut connection %d: %d at a time from now on", pc.conn.about().Number, o.lower(o.standing-1, now))
}

// pipelineLost: "a client that assumes a persistent connection … SHOULD NOT
// pipeline immediately after connection establishment" once a pipeline was lost
// (RFC 9112 §9.3.2). After several in a row the origin gets no pipeline.
func (l *lessons) pipelineLost(now time.Time) string {
	l.broken++
	if l.broken < brokenPipelines {
		return "the pipeline broke: on a new connection the first request goes alone"
	}
	l.noPipeline = now.Add(learnedFor)
	return "pipelines broke one after the other: no requests are written ahead for a while"
}

// noPipelining remembers that an origin answers as HTTP/1.0 does.
func (p *pool) noPipelining(pc *pooled, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pc.home.noPipeline = now.Add(learnedFor)
}
