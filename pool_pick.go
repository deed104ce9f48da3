package linger

import "time"

// Which connection an exchange gets.

// behindOthers says whether a request may stand in a pipeline at all: "A user
// agent SHOULD NOT pipeline requests after a non-idempotent method, until the
// final response status code for that method has been received" — RFC 9112
// §9.3.2. A request with a body is not written ahead either: it would have to be
// repeated.
func behindOthers(tr traits) bool { return tr.idempotent && !tr.hasBody && !tr.alone }

// view sums an origin up for a decision.
func (p *pool) view(o *originPool, now time.Time) originView {
	v := originView{open: o.standing, dialling: o.dialling, waiting: len(o.waiters), limit: p.strategy.Conns, perDial: 1, reuse: p.strategy.Reuse}
	if learned := o.limitAt(now); learned > 0 && (v.limit == 0 || learned < v.limit) {
		v.limit = learned
	}
	if p.strategy.Protocol == HTTP2 || o.multiplexed {
		v.perDial = initialStreams
		if p.limits.oneHTTP2 {
			v.limit = 1
		}
	}
	return v
}

// pick finds a connection for an exchange of these traits, or nil. An idle one is
// found at once, however many there are, unless each is to have its share. Only
// where exchanges share connections are all looked at, which are few then.
func (p *pool) pick(o *originPool, tr traits, now time.Time) (*pooled, string) {
	v := p.view(o, now)
	v.exclusive = !behindOthers(tr)
	if o.shared == 0 || v.reuse == LastUsed {
		if pc := p.rested(o, now); pc != nil {
			if c := p.viewOf(pc, now); c.free > 0 {
				return pc, reasonFor(v, c)
			}
		}
	}
	if p.strategy.depth() == 1 && o.shared == 0 {
		return nil, ""
	}
	p.views = p.views[:0]
	for _, pc := range o.conns {
		if why := pc.expired(now); why != "" {
			p.leave(pc, why)
		}
		p.views = append(p.views, p.viewOf(pc, now))
	}
	i, reason := choose(v, p.views)
	if i < 0 {
		return nil, ""
	}
	return o.conns[i], reason
}

// rested returns the idle connection whose turn it is, nil if there is none. Those
// found too old are ended.
func (p *pool) rested(o *originPool, now time.Time) *pooled {
	for {
		pc := o.nextIdle(p.strategy.Reuse)
		if pc == nil {
			return nil
		}
		why := pc.expired(now)
		if why == "" {
			return pc
		}
		p.leave(pc, why)
	}
}

// nextIdle is the idle connection to be used next: the one used last is the least
// likely to have been closed by the server.
func (o *originPool) nextIdle(by Reuse) *pooled {
	switch by {
	case RoundRobin:
		return o.idle.oldest
	case LeastLoaded:
		least := o.idle.newest
		for pc := least; pc != nil; pc = pc.links[ofOrigin].older {
			if pc.used < least.used {
				least = pc
			}
		}
		return least
	}
	return o.idle.newest
}

func (p *pool) viewOf(pc *pooled, now time.Time) connView {
	return connView{inFlight: pc.inFlight, free: p.free(pc, now), fresh: pc.used == 0, multiplexed: pc.conn.multiplexed(), used: pc.used, turn: pc.turn}
}

// free is how many slots a connection could lend now.
func (p *pool) free(pc *pooled, now time.Time) int {
	if pc.state >= ConnLeaving {
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
	if pc.life > 0 {
		free = min(free, pc.life-pc.used)
	}
	return free
}
