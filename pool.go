package linger

import (
	"container/heap"
	"context"
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
//	pool_dial.go      what became of the dials that were ordered
//	pool_room.go      how many there may be: dials, room for them, idle ones
//	pool_leave.go     how connections leave, and what happens with time
//	pool_learn.go     what is learned of an origin
//	pool_age.go       how old a connection may grow
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
	proved   int      // connections that have answered and take exchanges
	idle     idleList // those with nothing on them; some may have ended since
	dialling int
	waiters  waiterHeap
	owners   int // waiters on whose behalf a dial is under way
	warmings []*warming
	addrs    addresses // over which its connections are spread
	hungry   bool      // it wants a dial, and is in the pool's hungry

	lessons
	tally
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
	yielding     int             // connections that leave to make room
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
	p.remindEmpty(w.home, now)
	return p.wanted(), true
}

// lend counts a slot of pc as taken.
func (p *pool) lend(pc *pooled, x *exchange, reason string, now time.Time) slot {
	rested := pc.used > 0 || now.After(pc.lastUsed)
	var idle time.Duration
	if pc.inFlight == 0 {
		idle = max(0, now.Sub(pc.lastUsed)) // now was read before the mutex was had
	}
	pc.inFlight++
	pc.used++
	pc.lastUsed = later(pc.lastUsed, now)
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
