package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

const (
	// maxTries is how often one exchange is put on a connection at the most, not
	// counting those that were not lost by it: it was not processed, or stood
	// behind another.
	maxTries = 6

	// unprovenTries is the same for an origin that has answered nobody yet and
	// cuts its only connection: it may still count those of a client before.
	unprovenTries = 3
)

func (t *Transport) init() {
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.conns.strategy = t.Strategy
	t.sessions = tls.NewLRUClientSessionCache(0)
	if d := t.idleTimeout(); d > 0 {
		t.sweep = time.AfterFunc(d, t.sweepIdle)
	}
}

func (t *Transport) pool() *pool {
	t.start.Do(t.init)
	return &t.conns
}

// life ends when the Transport is closed.
func (t *Transport) life() context.Context {
	t.start.Do(t.init)
	return t.ctx
}

// RoundTrip implements http.RoundTripper: it decides, takes a slot, makes the
// exchange, and records. The error is an *Error.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if rt := t.registered(req); rt != nil {
		resp, rest, err := carryElsewhere(rt, req)
		if rest == nil {
			return resp, err
		}
		req = rest
	}
	return t.carry(req)
}

// carry is RoundTrip for a request that is linger's own to carry.
func (t *Transport) carry(req *http.Request) (*http.Response, error) {
	x := t.begin(req, time.Now())
	if err := x.read(req, t.Strategy); err != nil {
		x.body.Close()
		return nil, x.failure(timeline.Queue, false, &requestError{err})
	}
	if err := t.chooseRoute(x); err != nil {
		x.body.Close()
		return nil, x.failure(timeline.Queue, false, err)
	}
	sent := false
	for uncounted := 0; ; {
		s, err := t.takeSlot(x)
		if err != nil {
			x.body.Close()
			return nil, x.failure(stepOf(err), sent, err)
		}
		x.carriedBy(s)
		resp, err := s.conn.roundTrip(x, s)
		if err == nil {
			return x.decoded(resp), nil
		}
		var l *lost
		errors.As(err, &l)
		t.giveBack(x, s, l)
		if t.ctx.Err() != nil && !l.canceled {
			l.err, l.canceled = ErrClosed, true // by Close: the server has no part in it
		}
		sent = sent || (l.written && (!l.unprocessed || l.guessed))
		if (l.unprocessed && !l.counted) || l.stale || l.behind {
			uncounted++ // others got on meanwhile: there is an end to it
		}
		tr := x.traits
		whole := false
		x.body, whole = x.body.reclaim()
		tr.rewindable = tr.rewindable || whole
		again, why := mayRetry(l, tr, x.Tries-uncounted, t.pool().proven(s))
		if again && !whole {
			if err := x.rewind(); err != nil {
				again, l.err = false, err
			}
		}
		if !again {
			x.body.Close()
			return nil, x.failure(l.step, sent, l.err)
		}
		x.note(why)
	}
}

// giveBack returns the slot of a lost exchange.
func (t *Transport) giveBack(x *exchange, s slot, l *lost) {
	if l.slotKept {
		return
	}
	v := verdict{close: l.err.Error(), refused: l.refused, cut: !l.canceled && !l.answered && !l.unprocessed && !l.left && cut(l.err), others: l.others, rude: true}
	v.unused = l.left && l.canceled && !l.written // it never stood in the line
	if l.fine || (l.left && l.canceled && !l.cutShort) {
		v.close = "" // one stream of several, or it left before its request was written
	}
	x.note(t.release(s, v))
}

// mayRetry decides whether a lost exchange is put on another connection, and
// says why.
//
// "A client MAY … automatically retry … if it has some means to detect that the
// original request was never applied", and any idempotent method; "a client
// SHOULD NOT automatically retry a failed automatic retry" — RFC 9110 §9.2.2.
// linger bounds the latter by number.
func mayRetry(l *lost, tr traits, tries int, proven bool) (bool, string) {
	switch {
	case l.canceled || l.answered:
		return false, ""
	case l.stale:
		return true, "idle connection dropped: " + plain(l.err)
	case !tr.rewindable && l.written:
		return false, ""
	case tries >= maxTries:
		return false, ""
	case l.unprocessed && tr.rewindable:
		return true, "sent again: " + l.err.Error()
	case !l.written && tr.rewindable:
		return true, "tried again: nothing had been sent when the connection failed (" + plain(l.err) + ")"
	case !cut(l.err) || !tr.idempotent || !tr.rewindable:
		return false, ""
	case l.reused:
		return true, "sent again: the kept connection ended before an answer (" + plain(l.err) + ")"
	case proven || tries < unprovenTries:
		return true, "sent again: the new connection was cut before an answer (" + plain(l.err) + ")"
	}
	return false, ""
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
	s, w, orders := t.pool().acquire(x, now)
	t.startDials(orders)
	if w == nil {
		return s, nil
	}
	select {
	case <-w.ready:
	case <-x.ctx.Done():
	}
	if t.pool().abandon(w) {
		return slot{}, gaveUp(x)
	}
	<-w.ready
	if w.err != nil {
		x.tellDial(w.slot.dial)
		return slot{}, w.err
	}
	if err := gaveUp(x); err != nil {
		t.release(w.slot, verdict{unused: true})
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

// release gives a slot back, closes its connection if that was its end, and
// returns what was learned by it.
func (t *Transport) release(s slot, v verdict) (remark string) {
	return t.releaseAt(s, v, time.Now())
}

func (t *Transport) releaseAt(s slot, v verdict, now time.Time) (remark string) {
	closeIt, orders, remark := t.pool().release(s, v, now)
	t.startDials(orders)
	switch {
	case closeIt && v.rude:
		s.conn.close()
		t.startDials(t.pool().drop(s.pooled, time.Now()))
	case closeIt:
		t.finishConn(s.pooled)
	}
	return remark
}

// finishConn ends a connection in the ordinary way, and makes room for another.
func (t *Transport) finishConn(pc *pooled) {
	if t.admit() {
		go t.awaitEnd(pc)
		return
	}
	pc.conn.close()
	t.startDials(t.pool().drop(pc, time.Now()))
}

// awaitEnd waits until the server has closed a connection.
func (t *Transport) awaitEnd(pc *pooled) {
	defer t.work.Done()
	pc.conn.finish()
	t.startDials(t.pool().drop(pc, time.Now()))
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

// drain lets a connection end whose end was announced.
func (t *Transport) drain(pc *pooled) {
	closeIt, orders := t.pool().drain(pc, time.Now())
	t.startDials(orders)
	if closeIt {
		t.finishConn(pc)
	}
}

// sweepIdle closes the connections that were idle for too long.
func (t *Transport) sweepIdle() {
	now := time.Now()
	idle, next := t.pool().takeIdle(now, t.idleTimeout())
	closeAll(idle)
	wait := t.idleTimeout()
	if !next.IsZero() {
		wait = next.Add(wait).Sub(now)
	}
	if t.ctx.Err() == nil {
		t.sweep.Reset(wait)
	}
}

// CloseIdleConnections closes the connections that carry nothing now.
func (t *Transport) CloseIdleConnections() {
	idle, _ := t.pool().takeIdle(time.Now(), 0)
	closeAll(idle)
}

func closeAll(conns []conn) {
	for _, c := range conns {
		c.close()
	}
}

// Close ends every connection, and with it every exchange under way; exchanges
// handed over later fail with ErrClosed. It returns when the Transport has no
// goroutine left.
func (t *Transport) Close() error {
	closing := t.pool().shut(time.Now())
	t.cancel()
	if t.sweep != nil {
		t.sweep.Stop()
	}
	closeAll(closing)
	t.conns.dials.Wait()
	t.workMu.Lock()
	t.closed = true
	t.workMu.Unlock()
	t.work.Wait()
	return nil
}

// TimelineOf returns the record of a response's exchange, nil if the response
// did not come from a Transport. It is complete when the body was read to its
// end or closed.
func TimelineOf(resp *http.Response) *timeline.Exchange { return timeline.Of(resp) }

// stepOf is the phase in which no slot could be had.
func stepOf(err error) timeline.Phase {
	var d *dialError
	if errors.As(err, &d) {
		return d.step
	}
	return timeline.Queue
}

// listItems yields the non-empty elements of a field's comma-separated list.
func listItems(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item != "" && !yield(item) {
				return
			}
		}
	}
}
