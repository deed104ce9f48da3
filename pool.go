package linger

import (
	"container/heap"
	"sync"
	"time"
)

// The pool's bookkeeping: which connections each origin has, who holds a slot on
// them, and who waits for one. It does no I/O and reads no clock. It says what
// should be dialled and closed; the Transport does it.
//
// The pool lends slots, never connections. A slot is given back exactly once, by
// release, whatever became of the exchange.

// An origin is scheme, host and port (RFC 9110 §4.3.1). The pool's unit is the route
// to one.
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
	opened    time.Time
	idleSince time.Time
}

// originPool is what the pool knows of one origin.
type originPool struct {
	key      route
	conns    []*pooled // open, in no order
	idle     []*pooled // those with nothing on them, the one used last on top; some may have ended since
	leaving  int       // connections among conns that drain
	dialling int
	waiters  waiterHeap

	addrs addresses // over which its connections are spread

	answered    bool       // the origin has answered at least once
	leftAt      time.Time  // when the last of its connections was dropped
	turned      []lostDial // dials turned away while nothing was open but others were under way
	untold      string     // what was learned when nobody was there to tell it
	turnedAway  int        // dials refused, one after the other, while nothing was open
	multiplexed bool       // its newest connection speaks HTTP/2
	shared      int        // connections among conns that speak HTTP/2
	limit       int        // connections it bears, as learned; 0: nothing learned
	limitUntil  time.Time  // when to forget that
	broken      int        // pipelines lost without notice, one after the other
	noPipeline  time.Time  // until when requests are not written ahead
}

// A dialOrder is the pool's wish that a connection be opened.
type dialOrder struct {
	to    *originPool
	owner *waiter       // whose exchange fails if it fails
	pause time.Duration // how long to wait first
}

type pool struct {
	strategy Strategy

	mu      sync.Mutex
	origins map[route]*originPool // guarded by mu, with all they hold
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
	o := p.originLocked(x.route)
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

func (p *pool) originLocked(key route) *originPool {
	o := p.origins[key]
	if o == nil {
		o = &originPool{key: key}
		if p.origins == nil {
			p.origins = make(map[route]*originPool)
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

func (x *exchange) pool(p *pool) *originPool { return p.originLocked(x.route) }

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
	if p.strategy.depth() == 1 && o.shared == 0 {
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
	pc := &pooled{conn: c, home: d.to, dial: record, opened: now, idleSince: now, alone: d.to.broken > 0}
	d.to.multiplexed = c.multiplexed()
	d.to.turnedAway = 0
	pc.index = len(d.to.conns)
	d.to.conns = append(d.to.conns, pc)
	d.to.rest(pc)
	if c.multiplexed() {
		d.to.shared++
	}
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
