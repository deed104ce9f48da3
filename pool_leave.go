package linger

import (
	"container/heap"
	"slices"
	"time"
)

// How connections leave the pool: retired, drained, dropped, swept, shut.

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
	if pc.conn.multiplexed() {
		o.shared--
	}
	last := len(o.conns) - 1
	o.conns[pc.index] = o.conns[last]
	o.conns[pc.index].index = pc.index
	o.conns[last] = nil
	o.conns = o.conns[:last]
	o.leftAt = now
	o.addrs.leave(pc.conn.about().Remote, now)
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
