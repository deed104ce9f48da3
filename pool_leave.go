package linger

import (
	"context"
	"time"
)

// How connections leave the pool, and what happens with time: leaves, drop, tick,
// closeIdle, stopNew, shut, changeNetwork.

// leaves takes in that a connection takes no more exchanges, and why: those on it
// may end there.
func (p *pool) leaves(pc *pooled, why CloseReason, now time.Time) *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(pc, why)
	p.dispatch(pc.home, now)
	return p.wanted()
}

// drop takes out connections that have been closed, so that others may be opened
// in their place.
func (p *pool) drop(now time.Time, closed ...*pooled) *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pc := range closed {
		p.gone(pc, "", now)
	}
	return p.wanted()
}

// ended is drop for a connection that has ended by itself, for a reason that may be
// known.
func (p *pool) ended(pc *pooled, why CloseReason, now time.Time) *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone(pc, why, now)
	return p.wanted()
}

func (p *pool) gone(pc *pooled, why CloseReason, now time.Time) {
	switch {
	case pc.why != "":
	case why != "":
		pc.why = why
	case pc.inFlight > 0:
		pc.why = CloseCut
	default:
		pc.why = CloseByServer
	}
	if p.move(pc, ConnGone) {
		pc.home.leftAt = now
		pc.home.addrs.leave(pc.conn.about().Remote)
	}
	p.dispatch(pc.home, now)
	p.remindEmpty(pc.home, now)
}

// kick serves the waiters of a connection's origin: its capacity may have grown.
func (p *pool) kick(pc *pooled, now time.Time) *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dispatch(pc.home, now)
	return p.wanted()
}

// tickPause is how much time there is between ticks at least: connections are
// looked at together. None is lent after its time, however late it is ended.
const tickPause = 100 * time.Millisecond

// remind has tick called at that time, if not sooner.
func (p *pool) remind(at time.Time) {
	if !at.IsZero() && !p.closed && (p.due.IsZero() || at.Before(p.due)) {
		p.due = at
		p.todo().tick = true
	}
}

func (p *pool) remindIdle(pc *pooled) {
	if pc.state == ConnIdle && pc.keep > 0 {
		p.remind(pc.lastUsed.Add(pc.keep))
	}
}

// remindEmpty sees to it that an origin of which nothing remains is forgotten.
func (p *pool) remindEmpty(o *originPool, now time.Time) {
	if o.empty() {
		p.remind(now.Add(noticeTime))
	}
}

// tick does what is due: it ends the connections that have grown too old, fails
// those who were turned away and have waited in vain, serves those who wait where a
// lesson was forgotten, and forgets origins.
func (p *pool) tick(now time.Time) *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.due = time.Time{}
	soonest := now.Add(tickPause)
	for key, o := range p.origins {
		for _, pc := range o.conns {
			if why := pc.expired(now); why != "" {
				p.leave(pc, why)
				continue
			}
			if pc.state == ConnIdle && pc.keep > 0 {
				p.remind(later(pc.lastUsed.Add(pc.keep), soonest))
			}
			if pc.state < ConnLeaving && !pc.retireAt.IsZero() {
				p.remind(later(pc.retireAt, soonest))
			}
		}
		p.failTurnedAway(o, now)
		p.dispatch(o, now)
		if o.forgettable(now) {
			p.past.take(&o.tally)
			delete(p.origins, key)
		} else if o.empty() {
			p.remind(later(o.forgets(now), soonest))
		}
	}
	return p.wanted()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// empty says whether an origin has no connection and nobody wants one.
func (o *originPool) empty() bool {
	return len(o.conns) == 0 && o.dialling == 0 && len(o.waiters) == 0
}

// forgettable says whether nothing is known of an origin that would matter.
func (o *originPool) forgettable(now time.Time) bool {
	return o.empty() && !o.hungry && o.forgets(now).IsZero() && !o.crowded(0, now)
}

// closeIdle ends the connections with nothing on them.
func (p *pool) closeIdle() *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endIdle(CloseByCaller)
	return p.wanted()
}

func (p *pool) endIdle(why CloseReason) {
	for p.idle.len > 0 {
		p.end(p.idle.oldest, why)
	}
}

// stopNew lets the pool take no more exchanges but those sent again, and keep no
// idle connection.
func (p *pool) stopNew() *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = true
	for _, o := range p.origins {
		o.endWarm(ErrClosed)
	}
	p.endIdle(CloseByCaller)
	return p.wanted()
}

// shut ends the pool: everyone who waits gets ErrClosed, and all connections are
// to be closed, also those that are being ended already.
func (p *pool) shut(now time.Time) *todo {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	var all []*pooled
	for _, o := range p.origins {
		for len(o.waiters) > 0 {
			w := o.waiters[0]
			o.unline(w, now)
			w.err = ErrClosed
			close(w.ready)
		}
		o.endWarm(ErrClosed)
		for _, pc := range o.conns {
			p.end(pc, CloseByCaller)
		}
		all = append(all, o.conns...)
	}
	p.wants = nil
	if len(all) == 0 {
		return nil
	}
	return &todo{closing: all}
}

// changeNetwork takes in that addresses and routes are not what they were: what is
// idle ends, what is in use takes no more exchanges, dials under way are not waited
// for, and what was learned is forgotten. leave ends network, with the next change;
// left is to be called now, and ends the one before.
func (p *pool) changeNetwork(network context.Context, leave context.CancelFunc, now time.Time) (w *todo, left context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left = p.leaveNetwork
	p.network, p.leaveNetwork = network, leave
	for _, o := range p.origins {
		for _, t := range o.undecided() {
			o.own(t.owner, false)
		}
		o.lessons = lessons{untold: o.untold, multiplexed: o.multiplexed} // its protocol is the origin's own
		for _, w := range o.waiters {
			w.turned = nil
		}
		o.addrs.forgetLate()
		for _, pc := range o.conns {
			p.leave(pc, CloseNetworkGone)
		}
		p.dispatch(o, now)
	}
	return p.wanted(), left
}
