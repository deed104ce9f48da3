package linger

import (
	"slices"
	"time"
)

// How many connections there may be, of one origin and in all. An origin that
// wants one and may have it is hungry; it is fed as soon as there is room, who
// has been hungry for longest first, one dial at a time. Where there is no room,
// the connection that was idle for longest makes some.

// craves returns on whose behalf the origin should have one more connection, nil if
// it should not.
func (p *pool) craves(o *originPool, now time.Time) *waiter {
	if len(o.waiters) == 0 && len(o.warmings) == 0 {
		return nil
	}
	v := p.view(o, now)
	if v.mayDial() {
		if w := o.undialled(); w != nil {
			return w
		}
	}
	if w := o.cold(v); w != nil && w.dials > 0 {
		return &waiter{warm: w, index: -1}
	}
	return nil
}

// crave puts an origin that wants a connection in the line of those.
func (p *pool) crave(o *originPool, now time.Time) {
	if !o.hungry && p.craves(o, now) != nil {
		o.hungry = true
		p.hungry = append(p.hungry, o)
	}
}

// feed orders dials for those who want them, as far as there is room. Exchanges
// that wait come before connections that are opened for later.
func (p *pool) feed(now time.Time) {
	for len(p.hungry) > 0 {
		i := max(0, slices.IndexFunc(p.hungry, (*originPool).waits))
		o := p.hungry[i]
		owner := p.craves(o, now)
		if owner != nil && !p.room() {
			p.makeRoom(o)
			return
		}
		p.hungry = slices.Delete(p.hungry, i, i+1)
		o.hungry = false
		if owner != nil {
			p.order(o, owner, now)
			// With the room taken by dials, some may stand behind others.
			p.serveLine(o, o.dialling, now)
			p.crave(o, now)
		}
	}
}

func (o *originPool) waits() bool { return len(o.waiters) > 0 }

// order has a connection opened on behalf of owner.
func (p *pool) order(o *originPool, owner *waiter, now time.Time) {
	o.own(owner, true)
	if owner.warm != nil {
		owner.warm.dials--
	}
	o.dialling++
	p.dialling++
	p.dials.Add(1)
	d := dialOrder{to: o, owner: owner, pause: o.pause(len(o.conns), now), network: p.network}
	p.todo().dials = append(p.todo().dials, d)
}

// room says whether one more connection may be opened.
func (p *pool) room() bool {
	return p.limits.conns <= 0 || p.open()+p.dialling < p.limits.conns
}

// open counts the connections of all origins.
func (p *pool) open() int {
	return p.states[ConnIdle] + p.states[ConnActive] + p.states[ConnLeaving] + p.states[ConnClosing]
}

// makeRoom ends the connection that was idle for longest, unless room enough is
// coming. An origin whose connections are opened for later gives up none of its own.
func (p *pool) makeRoom(o *originPool) {
	pc := p.idle.oldest
	for pc != nil && pc.home == o && !o.waits() {
		pc = pc.links[ofAll].newer
	}
	if pc != nil && p.states[ConnClosing] < len(p.hungry) {
		p.end(pc, CloseMadeRoom)
	}
}

// yield lets a connection end from which an exchange has gone, if an origin that
// has none for them has waited for longer than its own: else a busy origin would
// keep the others out for ever.
func (p *pool) yield(pc *pooled) {
	if len(p.hungry) == 0 || p.room() || p.coming(pc) >= len(p.hungry) {
		return
	}
	for _, o := range p.hungry {
		if o.destitute() && (len(pc.home.waiters) == 0 || o.waiters[0].x.Number < pc.home.waiters[0].x.Number) {
			p.leave(pc, CloseMadeRoom)
			return
		}
	}
}

// coming counts the connections on whose room may be counted before pc is let go.
// One with nothing on it makes room now, while one that leaves may carry its last
// exchange for hours. One that goes on carrying others waits for those that were
// asked to leave for it: else all would leave for one.
func (p *pool) coming(pc *pooled) int {
	if pc.inFlight == 0 {
		return p.states[ConnClosing]
	}
	return p.states[ConnClosing] + p.yielding
}

// destitute says whether an origin has no connection that would serve those who wait.
func (o *originPool) destitute() bool {
	return o.usable() == 0 && o.dialling == 0 && len(o.waiters) > 0
}

// trim ends idle connections beyond what may be kept, the one that was idle for
// longest first.
func (p *pool) trim(o *originPool) {
	for p.closing && o.idle.len > 0 {
		p.end(o.idle.oldest, CloseByCaller)
	}
	for most := p.limits.idlePerOrigin; most != 0 && o.idle.len > max(0, most); {
		p.end(o.idle.oldest, CloseIdleLimit)
	}
	for most := p.limits.idle; most != 0 && p.idle.len > max(0, most); {
		p.end(p.idle.oldest, CloseIdleLimit)
	}
}
