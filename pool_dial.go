package linger

import (
	"context"
	"errors"
	"slices"
	"time"
)

// What becomes of the dials that the pool orders: opened, failed.

// A dialOrder is the pool's wish that a connection be opened.
type dialOrder struct {
	to      *originPool
	owner   *waiter         // whose exchange fails if it fails
	pause   time.Duration   // how long to wait first
	network context.Context // ends when the network has changed; nil: never
}

// opened takes in a connection that a dial order brought. With an error it is
// not taken, and the caller closes it.
func (p *pool) opened(d dialOrder, c conn, record *dialRecord, now time.Time) (*todo, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := d.to
	err := p.judge(d, c)
	d.owner.turned = nil // the origin takes connections
	p.dialEnded(d)
	if err != nil {
		o.opened++
		o.closed.add(untakenReason(err))
		p.decide(o, now)
		p.dispatch(o, now)
		return p.wanted(), err
	}
	pc := p.adopt(d, c, now)
	if !c.multiplexed() { // of HTTP/2 the first stream tells it
		pc.dial = record
	}
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
	case c.multiplexed() && !p.needed(d.to) && d.to.shares():
		return errSurplus
	}
	return nil
}

// needed says whether one more HTTP/2 connection is wanted beside another. That
// there would be several was not known when they were dialled.
func (p *pool) needed(o *originPool) bool {
	return !p.limits.oneHTTP2 && (len(o.waiters) > 0 || len(o.warmings) > 0)
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
	d.to.own(d.owner, false)
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
		o.own(l.owner, true) // no other dial for it until this one is decided
		o.turned = append(o.turned, l)
	default:
		l.failOwner(now)
	}
	p.decide(o, now)
	p.dispatch(o, now)
	p.remindEmpty(o, now)
	return p.wanted()
}

// decide draws the conclusion from dials that were turned away while others were
// under way, once none is: a dial may end without a word about the origin.
func (p *pool) decide(o *originPool, now time.Time) {
	if o.dialling > 0 {
		return
	}
	for _, l := range o.undecided() {
		if o.crowded(len(o.conns), now) {
			p.learnFrom(l, now)
		} else {
			l.failOwner(now)
		}
	}
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
