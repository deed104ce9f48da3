package linger

import (
	"container/heap"
	"context"
	"errors"
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
//
//	pool.go           slots: acquire, abandon, release, opened
//	pool_conn.go      the states of a connection
//	pool_pick.go      which connection an exchange gets
//	pool_waiters.go   who waits, in which order
//	pool_room.go      how many there may be: dials, room for them, idle ones
//	pool_leave.go     how connections leave, and what happens with time
//	pool_learn.go     what is learned of an origin
//	pool_warm.go      connections opened before they are needed
//	pool_outcome.go   what it is told when a slot is given back
//	pool_edge.go      the Transport's side: with a clock, and doing what is wanted
//	pool_life.go      what the Transport's owner asks of it
//
// What the Transport calls takes the mutex and returns a todo; all else needs it
// held.

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
	nth    int           // how many-th exchange on the connection, from 1
	rested bool          // the connection was there before: much may have happened to it
	last   bool          // the connection's last, and nothing can stand behind it: the server may be told
	reason string        // why this connection
	dial   *dialRecord   // how it was opened, for the first exchange on it
	at     time.Time     // when it was lent; zero if the exchange has waited for it
	idle   time.Duration // how long the connection had nothing on it
}

// originPool is what the pool knows of one origin.
type originPool struct {
	key      route
	conns    []*pooled // open, in no order
	states   [ConnGone]int
	standing int      // connections among conns that count against the limit
	shared   int      // connections among conns that speak HTTP/2
	idle     idleList // those with nothing on them; some may have ended since
	dialling int
	waiters  waiterHeap
	warmings []*warming
	addrs    addresses // over which its connections are spread
	hungry   bool      // it wants a dial, and is in the pool's hungry

	lessons
	tally
}

// A dialOrder is the pool's wish that a connection be opened.
type dialOrder struct {
	to      *originPool
	owner   *waiter         // whose exchange fails if it fails
	pause   time.Duration   // how long to wait first
	network context.Context // ends when the network has changed; nil: never
}

// A todo is what the pool wants done without its mutex, in this order.
type todo struct {
	closing []*pooled // to be closed at once, then dropped
	finish  []*pooled // to be ended in the ordinary way, then dropped
	dials   []dialOrder
	tick    bool // due is sooner than it was
}

// poolLimits are a Transport's, defaults filled in; zero means no limit.
type poolLimits struct {
	conns, idle, idlePerOrigin, waiting int
	idleTime, age                       time.Duration
	jitter                              float64
	oneHTTP2                            bool           // no second HTTP/2 connection when the first one's streams are used up
	dice                                func() float64 // in [0, 1); nil: no jitter
}

type pool struct {
	strategy Strategy
	limits   poolLimits

	mu           sync.Mutex
	origins      map[route]*originPool // guarded by mu, with all they hold
	past         tally                 // of origins that were forgotten
	states       [ConnGone]int         // of all origins together, as are the next two
	idle         idleList
	dialling     int
	hungry       []*originPool   // want a dial, who has wanted for longest first
	lent         uint64          // slots so far
	views        []connView      // room for choose
	wants        *todo           // what will be wanted when the mutex is given up
	due          time.Time       // when tick is to be called; zero: not at all
	network      context.Context // ends when the network has changed, as leaveNetwork makes it
	leaveNetwork context.CancelFunc
	closing      bool // takes no new exchanges
	closed       bool

	// dials counts the dials ordered and not yet ended. It grows under mu, and
	// not once the pool is closed.
	dials sync.WaitGroup
}

// todo is where to put what is wanted.
func (p *pool) todo() *todo {
	if p.wants == nil {
		p.wants = new(todo)
	}
	return p.wants
}

// wanted takes out what is wanted, nil if nothing is.
func (p *pool) wanted() *todo {
	w := p.wants
	p.wants = nil
	return w
}

// acquire lends x a slot now, or returns a waiter that will get one, or that has
// failed.
func (p *pool) acquire(x *exchange, now time.Time) (slot, *waiter, *todo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || (p.closing && x.Tries == 0) {
		return slot{}, failedWaiter(x, ErrClosed), nil
	}
	o := p.origin(x.route)
	if len(o.waiters) == 0 {
		if s, ok := p.serve(o, x, now); ok {
			return s, nil, p.wanted()
		}
	}
	// Who is sent again has been let in before.
	if most := p.limits.waiting; most > 0 && len(o.waiters) >= most && x.Tries == 0 {
		return slot{}, failedWaiter(x, ErrQueueFull), p.wanted()
	}
	w := &waiter{x: x, home: o, since: now, ready: make(chan struct{}), index: -1}
	heap.Push(&o.waiters, w)
	o.waited++
	p.dispatch(o, now)
	return slot{}, w, p.wanted()
}

// serve lends x a slot, if one can be had now.
func (p *pool) serve(o *originPool, x *exchange, now time.Time) (slot, bool) {
	pc, reason := p.pick(o, x.traits, now)
	if pc == nil {
		return slot{}, false
	}
	if o.untold != "" {
		x.note(o.untold)
		o.untold = ""
	}
	return p.lend(pc, x, reason, now), true
}

func (p *pool) origin(key route) *originPool {
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

// abandon takes a waiter off the line; who stood behind it may have been waiting
// for it alone. If it was served meanwhile, it returns false, and its slot is the
// caller's to give back.
func (p *pool) abandon(w *waiter, now time.Time) (*todo, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.index < 0 {
		return nil, false
	}
	w.home.unline(w, now)
	p.dispatch(w.home, now)
	return p.wanted(), true
}

// lend counts a slot of pc as taken.
func (p *pool) lend(pc *pooled, x *exchange, reason string, now time.Time) slot {
	rested := pc.used > 0 || now.After(pc.lastUsed)
	var idle time.Duration
	if pc.inFlight == 0 {
		idle = now.Sub(pc.lastUsed)
	}
	pc.inFlight++
	pc.used++
	pc.lastUsed = later(pc.lastUsed, now) // now was read before the mutex was had
	pc.exclusive = !pc.conn.multiplexed() && !behindOthers(x.traits)
	p.lent++
	pc.turn = p.lent
	pc.home.exchanges++
	p.move(pc, ConnActive)
	s := slot{pooled: pc, nth: pc.used, rested: rested, reason: reason, dial: pc.dial, idle: idle}
	s.last = pc.spent() && !pc.conn.multiplexed() && p.strategy.depth() == 1
	pc.dial = nil
	return s
}

// dispatch serves those who wait, and has connections opened for those who remain.
func (p *pool) dispatch(o *originPool, now time.Time) {
	p.serveLine(o, 0, now)
	p.settleWarm(o, now)
	p.crave(o, now)
	p.feed(now)
	if len(o.waiters) > 0 {
		p.remind(o.forgets(now))
	}
}

// serveLine serves those who wait, the most urgent and then the longest waiting
// first, until no more than rest are left.
func (p *pool) serveLine(o *originPool, rest int, now time.Time) {
	for len(o.waiters) > rest {
		w := o.waiters[0]
		s, ok := p.serve(o, w.x, now)
		if !ok {
			return
		}
		o.unline(w, now)
		w.slot = s
		close(w.ready)
	}
}

// opened takes in a connection that a dial order brought. With an error it is
// not taken, and the caller closes it.
func (p *pool) opened(d dialOrder, c conn, record *dialRecord, now time.Time) (*todo, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := d.to
	err := p.judge(d, c)
	p.dialEnded(d)
	if err != nil {
		o.opened++
		o.closed.add(untakenReason(err))
		p.dispatch(o, now)
		return p.wanted(), err
	}
	pc := p.adopt(d, c, now)
	pc.dial = record
	o.bore(o.standing, c.multiplexed())
	for _, l := range o.undecided() {
		p.learnFrom(l, now)
	}
	p.dispatch(o, now)
	p.trim(o)
	p.remindIdle(pc)
	return p.wanted(), nil
}

// judge says why a new connection is not taken.
func (p *pool) judge(d dialOrder, c conn) error {
	switch {
	case p.closed:
		return ErrClosed
	case d.stale():
		return errNetworkChanged
	case c.multiplexed() && len(d.to.warmings) == 0 && len(d.to.waiters) == 0 && d.to.shares():
		return errSurplus
	}
	return nil
}

// stale says whether the network has changed since the dial was ordered.
func (d dialOrder) stale() bool { return d.network != nil && d.network.Err() != nil }

// shares says whether the origin has a connection that takes streams.
func (o *originPool) shares() bool {
	return slices.ContainsFunc(o.conns, func(pc *pooled) bool { return pc.conn.multiplexed() && pc.state < ConnLeaving })
}

// adopt begins the account of a new connection. What bounds its life is shortened
// at random, so that connections opened together do not end together.
func (p *pool) adopt(d dialOrder, c conn, now time.Time) *pooled {
	pc := &pooled{conn: c, home: d.to, opened: now, lastUsed: now, keep: p.limits.idleTime, alone: d.to.broken > 0}
	pc.life = p.strategy.lifetime()
	if pc.life >= jitteredLife {
		pc.life -= int(p.chance() * float64(pc.life))
	}
	if age := p.limits.age; age > 0 {
		pc.retireAt = now.Add(age - time.Duration(p.chance()*float64(age)))
		p.remind(pc.retireAt)
	}
	p.join(pc)
	c.pooledAs(pc)
	return pc
}

// jitteredLife is how many exchanges a connection must have for their number to
// be shortened: of fewer a share is next to nothing, and their number is meant.
const jitteredLife = 10

// chance is a random share, jitter at the most.
func (p *pool) chance() float64 {
	if p.limits.dice == nil {
		return 0
	}
	return p.limits.jitter * p.limits.dice()
}

// release gives a slot back. It returns a remark for the timeline if something
// was learned about the origin.
func (p *pool) release(s slot, oc outcome, now time.Time) (*todo, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pc, o := s.pooled, s.home
	pc.inFlight--
	pc.exclusive = false
	pc.lastUsed = later(pc.lastUsed, now)
	remark := p.learn(s, oc, now)
	if oc.ended == exchangeUnused {
		pc.untouch(s)
	}
	if oc.hint != nil {
		pc.heed(*oc.hint, p.limits.idleTime)
	}
	switch {
	case oc.conn == connEndsNow:
		p.end(pc, oc.why)
	case oc.conn == connEndsAfter:
		p.leave(pc, oc.why)
	case pc.spent():
		p.leave(pc, CloseExchanges)
	case pc.expired(now) == CloseAge:
		p.leave(pc, CloseAge)
	}
	p.yield(pc)
	p.rest(pc)
	if len(o.waiters) > 0 || len(p.hungry) > 0 {
		p.dispatch(o, now)
	}
	p.trim(o)
	p.remindIdle(pc)
	return p.wanted(), remark
}

// spent says whether a connection has carried all the exchanges that it may.
func (pc *pooled) spent() bool { return pc.life > 0 && pc.used >= pc.life }

// untouch makes the next exchange the first on the connection, if the one
// that leaves would have been.
func (pc *pooled) untouch(s slot) {
	if pc.used == s.nth {
		pc.used--
		pc.dial = s.dial
	}
}

// Why a new connection was not taken, besides ErrClosed.
var (
	errNetworkChanged = errors.New("the network changed while it was opened")
	errSurplus        = errors.New("another connection has streams for all")
)

func untakenReason(err error) CloseReason {
	switch err {
	case errNetworkChanged:
		return CloseNetworkGone
	case errSurplus:
		return CloseSurplus
	}
	return CloseByCaller
}

// dialEnded takes in that a dial is over, however it went.
func (p *pool) dialEnded(d dialOrder) {
	d.to.dialling--
	p.dialling--
	d.owner.dialled = false
}

// failed takes in that a dial order came to nothing. The exchange on whose
// behalf it was made fails with it, unless the origin merely turns away
// connections beyond a number: then the pool keeps to that number. Which of the
// two it is cannot be told while nothing is open and other dials are under way.
func (p *pool) failed(l lostDial, now time.Time) *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := l.to
	p.dialEnded(l.dialOrder)
	o.dialsFailed++
	switch {
	case l.stale() && !p.closed:
		// Whoever waits has another one made.
	case refused(l.err) && o.crowded(len(o.conns), now):
		p.learnFrom(l, now)
	case refused(l.err) && o.dialling > 0:
		l.owner.dialled = true // no other dial for it until this one is decided
		o.turned = append(o.turned, l)
	default:
		for _, t := range append(o.undecided(), l) {
			t.failOwner(now)
		}
	}
	p.dispatch(o, now)
	p.remindEmpty(o, now)
	return p.wanted()
}

// failOwner fails the exchange on whose behalf a dial was made, unless it was
// served by another connection, or is gone.
func (l lostDial) failOwner(now time.Time) {
	w := l.owner
	w.warm.end(l.err)
	if w.index < 0 {
		return
	}
	l.to.unline(w, now)
	w.slot.dial = l.record
	w.err = l.err
	close(w.ready)
}
