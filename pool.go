package linger

import (
	"container/heap"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The pool's bookkeeping: which connections each origin has, who holds a slot on
// them, and who waits for one. It does no I/O and reads no clock. It says what
// should be dialled and closed; the Transport does it.
//
// The pool lends slots, never connections. A slot is given back exactly once, by
// release, whatever became of the exchange.

// An origin is scheme, host and port (RFC 9110 §4.3.1), the pool's unit.
type origin struct {
	scheme string
	addr   string // host:port
}

func (o origin) String() string { return o.scheme + "://" + o.addr }

// A slot is the right to put one exchange on one connection now.
type slot struct {
	*pooled
	nth    int         // how many-th exchange on the connection, from 1
	rested bool        // the connection was there before: much may have happened to it
	reason string      // why this connection
	dial   *dialRecord // how it was opened, for the first exchange on it
}

// pooled is the pool's account of one connection; the pool's mutex guards it.
type pooled struct {
	conn      conn
	home      *originPool
	inFlight  int
	used      int         // slots lent so far
	bears     int         // streams it bears, as learned from refusals
	bearsTill time.Time   // when to forget that
	exclusive bool        // the exchange on it tolerates no other behind it
	alone     bool        // nothing goes behind the first exchange before its answer
	retired   bool        // lends no more slots
	draining  bool        // its end was announced: another may be opened beside it
	cut       bool        // it ended without notice, and that was learned from
	closing   bool        // somebody was told to close it
	gone      bool        // no longer counted among the open ones
	index     int         // in its origin's conns
	stacked   bool        // it is in its origin's idle
	dial      *dialRecord // until somebody is the first to use it
	idleSince time.Time
}

// originPool is what the pool knows of one origin.
type originPool struct {
	key      origin
	conns    []*pooled // open, in no order
	idle     []*pooled // those with nothing on them, the one used last on top; some may have ended since
	leaving  int       // connections among conns that drain
	dialling int
	waiters  waiterHeap

	answered    bool       // the origin has answered at least once
	leftAt      time.Time  // when the last of its connections was dropped
	turned      []lostDial // dials turned away while nothing was open but others were under way
	untold      string     // what was learned when nobody was there to tell it
	turnedAway  int        // dials refused, one after the other, while nothing was open
	multiplexed bool       // its newest connection speaks HTTP/2
	limit       int        // connections it bears, as learned; 0: nothing learned
	limitUntil  time.Time  // when to forget that
	broken      int        // pipelines lost without notice, one after the other
	noPipeline  time.Time  // until when requests are not written ahead
}

// A waiter is an exchange that waits for a slot. Its outcome is written before
// ready is closed.
type waiter struct {
	x     *exchange
	ready chan struct{}
	slot  slot
	err   error

	index   int  // in the heap; -1 once it has left
	dialled bool // a dial is under way on its behalf
}

// A dialOrder is the pool's wish that a connection be opened.
type dialOrder struct {
	to    *originPool
	owner *waiter       // whose exchange fails if it fails
	pause time.Duration // how long to wait first
}

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

type pool struct {
	strategy Strategy

	mu      sync.Mutex
	origins map[origin]*originPool // guarded by mu, with all they hold
	closed  bool

	// dials counts the dials ordered and not yet ended. It grows under mu, and
	// not once the pool is closed.
	dials sync.WaitGroup
}

// acquire lends x a slot now, or returns a waiter that will get one, and says
// what must be dialled for it.
func (p *pool) acquire(x *exchange, now time.Time) (slot, *waiter, []dialOrder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w := &waiter{x: x, ready: make(chan struct{}), index: -1, err: ErrClosed}
		close(w.ready)
		return slot{}, w, nil
	}
	o := p.originLocked(x.origin)
	if len(o.waiters) == 0 {
		if s, ok := p.serveLocked(o, x, now); ok {
			return s, nil, nil
		}
	}
	w := &waiter{x: x, ready: make(chan struct{}), index: -1}
	heap.Push(&o.waiters, w)
	orders := p.dispatchLocked(o, now)
	return slot{}, w, orders
}

// serveLocked lends x a slot, if one can be had now.
func (p *pool) serveLocked(o *originPool, x *exchange, now time.Time) (slot, bool) {
	pc, reason := p.pickLocked(o, x.traits, now)
	if pc == nil {
		return slot{}, false
	}
	if o.untold != "" {
		x.note(o.untold)
		o.untold = ""
	}
	return lend(pc, x, reason, now), true
}

func (p *pool) originLocked(key origin) *originPool {
	o := p.origins[key]
	if o == nil {
		o = &originPool{key: key}
		if p.origins == nil {
			p.origins = make(map[origin]*originPool)
		}
		p.origins[key] = o
	}
	return o
}

// abandon takes a waiter off the line. If it was served meanwhile, it returns
// false, and its slot is the caller's to give back.
func (p *pool) abandon(w *waiter) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.index < 0 {
		return false
	}
	heap.Remove(&w.x.pool(p).waiters, w.index)
	return true
}

func (x *exchange) pool(p *pool) *originPool { return p.originLocked(x.origin) }

// dispatchLocked serves those who wait, the most urgent and then the longest
// waiting first, and orders dials for those who remain.
func (p *pool) dispatchLocked(o *originPool, now time.Time) []dialOrder {
	for len(o.waiters) > 0 {
		w := o.waiters[0]
		s, ok := p.serveLocked(o, w.x, now)
		if !ok {
			break
		}
		heap.Pop(&o.waiters)
		w.slot = s
		close(w.ready)
	}
	var orders []dialOrder
	for len(o.waiters) > 0 && p.viewLocked(o, now).mayDial() {
		owner := o.waiters.undialled()
		if owner == nil {
			break
		}
		owner.dialled = true
		o.dialling++
		p.dials.Add(1)
		orders = append(orders, dialOrder{to: o, owner: owner, pause: o.pause(now)})
	}
	return orders
}

// open counts the connections that stand against the limit.
func (o *originPool) open() int { return len(o.conns) - o.leaving }

// rest puts a connection with nothing on it on top of the idle ones.
func (o *originPool) rest(pc *pooled) {
	if pc.inFlight == 0 && !pc.retired && !pc.stacked {
		pc.stacked = true
		o.idle = append(o.idle, pc)
	}
}

// wake takes the idle connection that was used last, nil if there is none.
func (o *originPool) wake() *pooled {
	for len(o.idle) > 0 {
		pc := o.idle[len(o.idle)-1]
		o.idle[len(o.idle)-1] = nil
		o.idle = o.idle[:len(o.idle)-1]
		pc.stacked = false
		if pc.inFlight == 0 && !pc.retired {
			return pc
		}
	}
	return nil
}

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

// lend counts a slot of pc as taken.
func lend(pc *pooled, x *exchange, reason string, now time.Time) slot {
	rested := pc.used > 0 || now.After(pc.idleSince)
	pc.inFlight++
	pc.used++
	pc.exclusive = !pc.conn.multiplexed() && !behindOthers(x.traits)
	s := slot{pooled: pc, nth: pc.used, rested: rested, reason: reason, dial: pc.dial}
	pc.dial = nil
	return s
}

// behindOthers says whether a request may stand in a pipeline at all: "A user
// agent SHOULD NOT pipeline requests after a non-idempotent method, until the
// final response status code for that method has been received" — RFC 9112
// §9.3.2. A request with a body is not written ahead either: it would have to be
// repeated.
func behindOthers(tr traits) bool { return tr.idempotent && !tr.hasBody && !tr.alone }

// viewLocked sums an origin up for a decision.
func (p *pool) viewLocked(o *originPool, now time.Time) originView {
	v := originView{open: o.open(), dialling: o.dialling, waiting: len(o.waiters), limit: p.strategy.Conns, perDial: 1}
	if now.After(o.limitUntil) {
		o.limit = 0
	}
	if o.limit > 0 && (v.limit == 0 || o.limit < v.limit) {
		v.limit = o.limit
	}
	if p.strategy.Protocol == HTTP2 || o.multiplexed {
		v.perDial = initialStreams
	}
	return v
}

// pickLocked finds a connection for an exchange of these traits, or nil. An idle
// one is found at once, however many there are: the one used last, since it is
// the least likely to have been closed by the server. Only where exchanges share
// connections are all looked at, which are few then.
func (p *pool) pickLocked(o *originPool, tr traits, now time.Time) (*pooled, string) {
	v := p.viewLocked(o, now)
	v.exclusive = !behindOthers(tr)
	if pc := o.wake(); pc != nil {
		if c := p.viewOfLocked(pc, now); c.free > 0 {
			return pc, reasonFor(v, c)
		}
		o.rest(pc)
	}
	if p.strategy.depth() == 1 && !o.multiplexed {
		return nil, ""
	}
	views := make([]connView, len(o.conns))
	for i, pc := range o.conns {
		views[i] = p.viewOfLocked(pc, now)
	}
	i, reason := choose(v, views)
	if i < 0 {
		return nil, ""
	}
	return o.conns[i], reason
}

func (p *pool) viewOfLocked(pc *pooled, now time.Time) connView {
	return connView{inFlight: pc.inFlight, free: p.freeLocked(pc, now), fresh: pc.used == 0, multiplexed: pc.conn.multiplexed()}
}

// freeLocked is how many slots a connection could lend now.
func (p *pool) freeLocked(pc *pooled, now time.Time) int {
	if pc.retired {
		return 0
	}
	free := pc.conn.capacity() - pc.inFlight
	if now.Before(pc.bearsTill) {
		free = min(free, pc.bears-pc.inFlight)
	}
	if !pc.conn.multiplexed() {
		if pc.exclusive || pc.alone || now.Before(pc.home.noPipeline) {
			free = 1 - pc.inFlight
		}
	}
	if life := p.strategy.lifetime(); life > 0 {
		free = min(free, life-pc.used)
	}
	return free
}

// opened takes in a connection that a dial order brought.
func (p *pool) opened(d dialOrder, c conn, record *dialRecord, now time.Time) ([]dialOrder, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dialEndedLocked(d)
	if p.closed {
		return nil, ErrClosed
	}
	pc := &pooled{conn: c, home: d.to, dial: record, idleSince: now, alone: d.to.broken > 0}
	d.to.multiplexed = c.multiplexed()
	d.to.turnedAway = 0
	pc.index = len(d.to.conns)
	d.to.conns = append(d.to.conns, pc)
	d.to.rest(pc)
	c.pooledAs(pc)
	if d.to.limit > 0 {
		d.to.limit = max(d.to.limit, d.to.open())
	}
	for _, t := range d.to.undecided() {
		p.learnFromLocked(t, now)
	}
	return p.dispatchLocked(d.to, now), nil
}

func (p *pool) dialEndedLocked(d dialOrder) {
	d.to.dialling--
	d.owner.dialled = false
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

// A verdict is what became of an exchange, as far as its connection goes.
type verdict struct {
	close    string // why the connection must not be used again; empty if it may
	answered bool   // a final response came
	cut      bool   // the connection ended without notice before the end of the answer
	others   bool   // and other exchanges stood behind it
	refused  bool   // the server refused the stream: it had enough of them
	rude     bool   // it is to be closed at once, without waiting for the server
	unused   bool   // nothing was done with the slot
}

// release gives a slot back. It returns whether the caller is to close the
// connection now and drop it then (until which it counts as open), what to dial,
// and a remark for the timeline if something was learned about the origin.
func (p *pool) release(s slot, v verdict, now time.Time) (closeIt bool, orders []dialOrder, remark string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pc, o := s.pooled, s.home
	pc.inFlight--
	pc.exclusive = false
	pc.idleSince = now
	if v.answered {
		o.answered = true
		pc.alone = false
		if v.close == "" && pc.inFlight > 0 {
			o.broken = 0 // with others behind it: the pipeline holds
		}
	}
	if v.unused {
		pc.untouchLocked(s)
	}
	if v.refused {
		pc.bears, pc.bearsTill = max(1, pc.inFlight), now.Add(learnedFor)
	}
	if v.cut && !pc.cut {
		pc.cut = true
		remark = p.learnLocked(o, s, v, now)
	}
	life := p.strategy.lifetime()
	if v.close != "" || (life > 0 && pc.used >= life) {
		pc.retired = true
	}
	if pc.retired && (pc.inFlight == 0 || v.cut) && !pc.closing && !pc.gone {
		pc.closing, closeIt = true, true
	}
	o.rest(pc)
	return closeIt, p.dispatchLocked(o, now), remark
}

// untouchLocked makes the next exchange the first on the connection, if the one
// that leaves would have been.
func (pc *pooled) untouchLocked(s slot) {
	if pc.used == s.nth {
		pc.used--
		pc.dial = s.dial
	}
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

// retire lets a connection lend no more slots: its end was announced.
func (p *pool) retire(pc *pooled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pc.retired = true
}

// drain takes in that a connection's end was announced: what is on it may end
// there, and another may be opened beside it. It returns whether the caller is to
// close it now.
func (p *pool) drain(pc *pooled, now time.Time) (closeIt bool, orders []dialOrder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !pc.draining && !pc.gone {
		pc.home.leaving++
	}
	pc.retired, pc.draining = true, true
	if pc.inFlight == 0 && !pc.closing && !pc.gone {
		pc.closing, closeIt = true, true
	}
	return closeIt, p.dispatchLocked(pc.home, now)
}

// dropLocked takes a connection out of its origin's account.
func (p *pool) dropLocked(pc *pooled, now time.Time) {
	o := pc.home
	pc.retired, pc.gone = true, true
	if pc.draining {
		o.leaving--
	}
	last := len(o.conns) - 1
	o.conns[pc.index] = o.conns[last]
	o.conns[pc.index].index = pc.index
	o.conns[last] = nil
	o.conns = o.conns[:last]
	o.leftAt = now
}

// drop takes out a connection that has ended, so that another may be opened in
// its place.
func (p *pool) drop(pc *pooled, now time.Time) []dialOrder {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !pc.gone {
		p.dropLocked(pc, now)
	}
	return p.dispatchLocked(pc.home, now)
}

// kick serves the waiters of a connection's origin: its capacity may have grown.
func (p *pool) kick(pc *pooled, now time.Time) []dialOrder {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dispatchLocked(pc.home, now)
}

// takeIdle takes out the connections that have been idle for some time, and
// returns them to be closed. next is when the oldest of the rest became idle,
// zero if there is none.
func (p *pool) takeIdle(now time.Time, atLeast time.Duration) (idle []conn, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, o := range p.origins {
		for _, pc := range slices.Clone(o.conns) {
			switch {
			case pc.inFlight > 0 || pc.closing:
			case now.Sub(pc.idleSince) >= atLeast:
				p.dropLocked(pc, now)
				idle = append(idle, pc.conn)
			case next.IsZero() || pc.idleSince.Before(next):
				next = pc.idleSince
			}
		}
		o.idle = slices.DeleteFunc(o.idle, func(pc *pooled) bool { return pc.gone })
		if o.forgettable(now) {
			delete(p.origins, key)
		}
	}
	return idle, next
}

// forgettable says whether nothing is known of an origin that would matter.
func (o *originPool) forgettable(now time.Time) bool {
	return len(o.conns) == 0 && o.dialling == 0 && len(o.waiters) == 0 &&
		now.After(o.limitUntil) && now.After(o.noPipeline) && !o.crowded(now)
}

// shut ends the pool: everyone who waits gets ErrClosed, and all connections
// are returned to be closed.
func (p *pool) shut(now time.Time) []conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var all []conn
	for _, o := range p.origins {
		for len(o.waiters) > 0 {
			w := heap.Pop(&o.waiters).(*waiter)
			w.err = ErrClosed
			close(w.ready)
		}
		for _, pc := range slices.Clone(o.conns) {
			p.dropLocked(pc, now)
			all = append(all, pc.conn)
		}
	}
	return all
}

// waiterHeap orders those who wait by urgency (RFC 9218), then by arrival. An
// exchange that is sent again keeps the place of its arrival.
type waiterHeap []*waiter

func (h waiterHeap) Len() int { return len(h) }

func (h waiterHeap) Less(i, j int) bool {
	a, b := h[i].x, h[j].x
	if a.urgency != b.urgency {
		return a.urgency < b.urgency
	}
	return a.Number < b.Number
}

func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiterHeap) Push(w any) {
	w.(*waiter).index = len(*h)
	*h = append(*h, w.(*waiter))
}

func (h *waiterHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.index = -1
	return w
}

// undialled returns the first waiter on whose behalf no dial is under way.
func (h waiterHeap) undialled() *waiter {
	var first *waiter
	for i, w := range h {
		if !w.dialled && (first == nil || h.Less(i, first.index)) {
			first = w
			if i == 0 {
				break
			}
		}
	}
	return first
}
