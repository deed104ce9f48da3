package linger

import "time"

// The pool's account of one connection, and the states it goes through.

// pooled is the pool's account of one connection; the pool's mutex guards it.
type pooled struct {
	conn     conn
	home     *originPool
	state    ConnState   // changed by move alone
	why      CloseReason // why it takes no more exchanges; empty while it does
	inFlight int
	used     int // slots lent so far
	index    int // in its origin's conns
	links    [2]rank

	opened   time.Time
	lastUsed time.Time     // when the last exchange on it began or ended, or it was opened
	keep     time.Duration // how long it is kept idle; 0: for ever
	retireAt time.Time     // when it takes no more exchanges; zero: never
	life     int           // how many exchanges it carries; 0: no limit
	turn     uint64        // when it was lent last, in slots that the pool has lent

	bears     int         // streams it bears, as learned from refusals
	bearsTill time.Time   // when to forget that
	exclusive bool        // the exchange on it tolerates no other behind it
	alone     bool        // nothing goes behind the first exchange before its answer
	blamed    bool        // that it was cut has been learned from
	answered  bool        // it did so while it took exchanges
	dial      *dialRecord // until somebody is the first to use it
}

// move takes a connection on to another state, and keeps all that is counted by
// state. Idle and Active alternate; beyond them states only go on. It reports
// whether there was anything to do.
func (p *pool) move(pc *pooled, to ConnState) bool {
	from, o := pc.state, pc.home
	if to == from || (to < from && (from != ConnActive || to != ConnIdle)) {
		return false
	}
	stood := pc.stands()
	pc.state = to
	if pc.why == CloseMadeRoom {
		switch {
		case to == ConnLeaving:
			p.yielding++
		case from == ConnLeaving:
			p.yielding--
		}
	}
	if stood && !pc.stands() {
		o.standing--
	}
	if pc.answered && from < ConnLeaving && to >= ConnLeaving {
		o.proved--
	}
	o.states[from]--
	p.states[from]--
	if from == ConnIdle {
		o.idle.remove(pc, ofOrigin)
		p.idle.remove(pc, ofAll)
	}
	switch to {
	case ConnIdle:
		o.idle.push(pc, ofOrigin)
		p.idle.push(pc, ofAll)
	case ConnGone:
		p.forget(pc)
		return true
	}
	o.states[to]++
	p.states[to]++
	return true
}

// join takes a new connection in.
func (p *pool) join(pc *pooled) {
	o := pc.home
	pc.index = len(o.conns)
	o.conns = append(o.conns, pc)
	o.standing++
	if pc.conn.multiplexed() {
		o.shared++
	}
	o.states[ConnIdle]++
	p.states[ConnIdle]++
	o.idle.push(pc, ofOrigin)
	p.idle.push(pc, ofAll)
	o.opened++
}

// forget takes a connection that is gone out of its origin's account.
func (p *pool) forget(pc *pooled) {
	o := pc.home
	if pc.conn.multiplexed() {
		o.shared--
	}
	last := len(o.conns) - 1
	o.conns[pc.index] = o.conns[last]
	o.conns[pc.index].index = pc.index
	o.conns[last] = nil
	o.conns = o.conns[:last]
	o.closed.add(pc.why)
}

// stands says whether a connection counts against the number that its origin may
// have. One that shares exchanges, or whose network is gone, does not once it
// takes no more of them: its last ones may be long, and another is opened beside
// it. What ends otherwise is counted to its very end: "one at a time" means
// that the server sees one at a time.
func (pc *pooled) stands() bool {
	switch {
	case pc.state < ConnLeaving:
		return true
	case pc.state == ConnGone:
		return false
	}
	return !pc.conn.multiplexed() && pc.why != CloseNetworkGone
}

// rest settles the state of a connection from which an exchange has gone.
func (p *pool) rest(pc *pooled) {
	if pc.inFlight > 0 || p.move(pc, ConnIdle) || pc.state != ConnLeaving {
		return
	}
	p.move(pc, ConnClosing)
	if pc.announced() {
		p.todo().finish = append(p.todo().finish, pc)
	} else {
		p.todo().closing = append(p.todo().closing, pc)
	}
}

// leave lets a connection take no more exchanges, and end when nothing is on it
// any more.
func (p *pool) leave(pc *pooled, why CloseReason) {
	if pc.state >= ConnLeaving {
		return
	}
	pc.why = why
	p.move(pc, ConnLeaving)
	p.rest(pc)
}

// end has a connection closed at once, with whatever is on it. It counts as open
// until drop.
func (p *pool) end(pc *pooled, why CloseReason) {
	if pc.why == "" {
		pc.why = why
	}
	if p.move(pc, ConnClosing) {
		p.todo().closing = append(p.todo().closing, pc)
	}
}

// announced says whether both sides know that a connection ends: whoever waits
// for the server to close first does not wait in vain.
func (pc *pooled) announced() bool {
	return pc.why == CloseAnnounced || pc.why == CloseAsked || pc.why == CloseExchanges
}

// A rank is a connection's place in an idleList.
type rank struct{ older, newer *pooled }

// An idleList holds idle connections in the order in which they became so.
type idleList struct {
	oldest, newest *pooled
	len            int
}

// Each idle connection is in two lists: which of its links are the list's.
const (
	ofOrigin = iota
	ofAll
)

func (l *idleList) push(pc *pooled, which int) {
	pc.links[which] = rank{older: l.newest}
	if l.newest != nil {
		l.newest.links[which].newer = pc
	} else {
		l.oldest = pc
	}
	l.newest = pc
	l.len++
}

func (l *idleList) remove(pc *pooled, which int) {
	at := pc.links[which]
	if at.older != nil {
		at.older.links[which].newer = at.newer
	} else {
		l.oldest = at.newer
	}
	if at.newer != nil {
		at.newer.links[which].older = at.older
	} else {
		l.newest = at.older
	}
	pc.links[which] = rank{}
	l.len--
}
