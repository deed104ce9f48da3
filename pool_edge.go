package linger

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// Between the pool and the world: the Transport asks the pool with the clock in
// its hand, and carries out what the pool wants.

func (t *Transport) initPool() {
	t.conns.strategy, t.conns.limits = t.Strategy, t.poolLimits()
	t.conns.network, t.conns.leaveNetwork = context.WithCancel(t.ctx)
	t.clock = time.AfterFunc(forever, t.tick)
	t.clock.Stop() // a clock that runs keeps the Transport, of which nothing else may be left
	t.quiet = make(chan struct{})
}

// carryOut does what the pool wants done. What is closed is dropped, upon which
// the pool may want more.
func (t *Transport) carryOut(w *todo) {
	for w != nil {
		for _, pc := range w.closing {
			pc.conn.close()
		}
		for _, pc := range w.finish {
			t.finishConn(pc)
		}
		for _, d := range w.dials {
			go t.runDial(d)
		}
		if w.tick {
			t.setClock()
		}
		if len(w.closing) == 0 {
			return
		}
		w = t.pool().drop(time.Now(), w.closing...)
	}
}

// finishConn ends a connection in the ordinary way, and makes room for another.
func (t *Transport) finishConn(pc *pooled) {
	if t.admit() {
		go t.awaitEnd(pc)
		return
	}
	pc.conn.close()
	t.carryOut(t.pool().drop(time.Now(), pc))
}

// awaitEnd waits until the server has closed a connection.
func (t *Transport) awaitEnd(pc *pooled) {
	defer t.work.Done()
	pc.conn.finish()
	t.carryOut(t.pool().drop(time.Now(), pc))
}

// setClock has tick called when the pool wants it. The mutex is held, so that of
// two who set the clock the later knows what both want.
func (t *Transport) setClock() {
	p := t.pool()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && !p.due.IsZero() {
		t.clock.Reset(time.Until(p.due))
	}
}

// tick is called by the clock.
func (t *Transport) tick() {
	if t.admit() {
		defer t.work.Done()
		t.carryOut(t.pool().tick(time.Now()))
	}
}

// takeSlot waits for a slot.
func (t *Transport) takeSlot(x *exchange) (slot, error) {
	now := x.Start
	if x.Tries > 0 {
		now = time.Now()
		x.enterAt(timeline.Queue, timeline.Queued, now)
	}
	if err := gaveUp(x); err != nil {
		return slot{}, err
	}
	s, w, todo := t.pool().acquire(x, now)
	t.carryOut(todo)
	if w == nil {
		s.at = now
		return s, nil
	}
	return t.await(x, w)
}

// await waits until a waiter was served, its time is over or its caller gave up.
func (t *Transport) await(x *exchange, w *waiter) (slot, error) {
	var late <-chan time.Time
	if t.QueueTimeout > 0 {
		timer := time.NewTimer(t.QueueTimeout)
		defer timer.Stop()
		late = timer.C
	}
	var err error
	select {
	case <-w.ready:
	case <-x.ctx.Done():
	case <-late:
		err = ErrQueueTimeout
	}
	if todo, gone := t.pool().abandon(w, time.Now()); gone {
		t.carryOut(todo)
		return slot{}, cmp.Or(gaveUp(x), err)
	}
	<-w.ready
	if w.err != nil {
		x.tellDial(w.slot.dial)
		return slot{}, w.err
	}
	if err := gaveUp(x); err != nil {
		t.release(w.slot, outcome{ended: exchangeUnused})
		return slot{}, err
	}
	return w.slot, nil
}

// tellDial records a dial that failed.
func (x *exchange) tellDial(r *dialRecord) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r != nil && !x.ended {
		r.tell(&x.Exchange)
	}
}

// stepOf is the phase in which no slot could be had.
func stepOf(err error) timeline.Phase {
	var d *dialError
	if errors.As(err, &d) {
		return d.step
	}
	return timeline.Queue
}

// giveBack returns the slot of a lost exchange.
func (t *Transport) giveBack(x *exchange, s slot, l *lost) {
	if l.conn != connHeld {
		x.note(t.release(s, outcomeOf(l)))
	}
}

// release gives a slot back, and returns what was learned by it.
func (t *Transport) release(s slot, oc outcome) (remark string) {
	return t.releaseAt(s, oc, time.Now())
}

func (t *Transport) releaseAt(s slot, oc outcome, now time.Time) (remark string) {
	todo, remark := t.pool().release(s, oc, now)
	t.carryOut(todo)
	return remark
}

// leaves lets a connection end with what is on it.
func (t *Transport) leaves(pc *pooled, why CloseReason) {
	t.carryOut(t.pool().leaves(pc, why, time.Now()))
}

// admit counts one more goroutine, which calls work.Done when it ends. It
// reports false once the Transport is closed: no more may begin.
func (t *Transport) admit() bool {
	t.workMu.Lock()
	defer t.workMu.Unlock()
	if !t.closed {
		t.work.Add(1)
	}
	return !t.closed
}
