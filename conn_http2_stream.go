package linger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/timeline"
)

// A stream is one exchange on an HTTP/2 connection.
type stream struct {
	c    *http2Conn
	x    *exchange
	s    slot
	wake chan struct{} // holds one when something has come for the caller
	up   *upload       // sends the request's body; nil if that went with the head. Set by begin

	// The connection's mutex guards these.
	id       uint32 // 0 until it is opened
	blind    bool   // the peer's limit was not known when it was opened
	window   int64  // octets of DATA that may be sent
	sentEnd  bool   // our side has ended
	recvEnd  bool   // the server's side has
	reads    int64  // of the connection, when it was opened
	sent     timeline.Bytes
	received timeline.Bytes
	fate     fate

	// These belong to readLoop.
	begun    bool // a head has come, be it an interim one
	headed   bool // the final head has come
	headRoom int  // octets left for heads
	listed   bool // it is in due

	ending sync.WaitGroup // done when end is

	mu       sync.Mutex
	whole    bool // guarded by mu, with what follows: the request is written
	answered bool // something of an answer has come
	resp     *http.Response
	headAt   time.Time // when the final head came
	data     buffer    // what of the body came and was not read
	receive  inflow    // what may come
	left     int64     // octets of the body that have not come; -1: not known
	ended    bool      // the server's side has ended
	err      error     // why nothing more comes
	trailer  http.Header
	over     bool // the exchange has ended
	closed   bool // by the reader of the body
	result   error
	unwatch  func() bool // ends the watch over the request's context
}

func (c *http2Conn) newStream(x *exchange, s slot) *stream {
	st := &stream{c: c, x: x, s: s, wake: make(chan struct{}, 1), headRoom: c.cfg.headerList, left: -1,
		receive: inflow{size: c.cfg.streamWindow, left: c.cfg.streamWindow}}
	st.ending.Add(1)
	return st
}

// roundTrip implements conn.
func (c *http2Conn) roundTrip(x *exchange, s slot) (*http.Response, error) {
	st := c.newStream(x, s)
	resp, err := st.roundTrip()
	if err != nil {
		return nil, st.lost(err)
	}
	if x.closes {
		c.leave(CloseAsked) // the server is told by the GOAWAY that comes with its end
	}
	return resp, nil
}

func (st *stream) roundTrip() (*http.Response, error) {
	if err := gaveUp(st.x); err != nil {
		return nil, err
	}
	if err := st.c.begin(st); err != nil {
		return nil, err
	}
	if st.id >= maxStreamID {
		st.c.leave(CloseExchanges)
	}
	st.x.hooks.wroteHTTP2Head(st.x)
	if st.up == nil {
		st.x.body.Close()
	} else if !st.c.t.admit() {
		return nil, ErrClosed
	} else {
		go st.up.run()
		runtime.Gosched() // a body that is there goes with the head
	}
	st.c.flush()
	if st.up == nil {
		st.x.advance(timeline.Send, timeline.Wait)
		st.x.hooks.wroteRequest(nil)
	}
	resp, err := st.await()
	if err != nil {
		return nil, err
	}
	return st.deliver(resp), nil
}

// advance enters a phase, if another one is under way.
func (x *exchange) advance(from, to timeline.Phase) {
	now := time.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended && x.Spans[len(x.Spans)-1].Phase == from {
		x.Enter(to, timeline.Unknown, now)
	}
}

// await waits for the head of the final response.
func (st *stream) await() (*http.Response, error) {
	var timer *time.Timer
	var timeout <-chan time.Time
	for {
		resp, whole, err := st.head()
		if resp != nil || err != nil {
			return resp, err
		}
		if d := st.c.t.ResponseHeaderTimeout; d > 0 && whole && timer == nil {
			timer = time.NewTimer(d)
			defer timer.Stop()
			timeout = timer.C
		}
		select {
		case <-st.wake:
		case <-st.x.ctx.Done():
			return nil, gaveUp(st.x)
		case <-timeout:
			return nil, fmt.Errorf("%w: nothing for %v", ErrHeaderTimeout, st.c.t.ResponseHeaderTimeout)
		}
	}
}

// head returns the response if it is there, and whether the request is written.
func (st *stream) head() (resp *http.Response, whole bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.resp != nil {
		return st.resp, st.whole, nil
	}
	return nil, st.whole, st.err
}

// deliver makes the response ready for the caller.
func (st *stream) deliver(resp *http.Response) *http.Response {
	x := st.x
	resp.TLS, resp.Request = st.c.tls, x.req
	x.mu.Lock()
	if !x.ended {
		x.Enter(timeline.Receive, timeline.Unknown, st.headAt)
		x.Protocol, x.Status = resp.Proto, resp.StatusCode
	}
	x.mu.Unlock()
	st.mu.Lock()
	none := st.ended && st.err == nil && st.data.len() == 0
	if none {
		st.takeTrailer()
	} else if x.ctx.Done() != nil {
		st.unwatch = context.AfterFunc(x.ctx, st.givenUp)
	}
	st.mu.Unlock()
	if none {
		st.end(nil)
		resp.Body = endedBody{x}
		return resp
	}
	resp.Body = (*http2Body)(st)
	return resp
}

// givenUp ends the exchange of a caller who gives up with the response in hand, and
// may never touch its body again. What has come of it can still be read, as on
// HTTP/1.
func (st *stream) givenUp() {
	why := gaveUp(st.x)
	st.fail(why, processed)
	st.c.forget(st, http2.ErrCodeCancel, false, timedOut(why))
	st.end(why)
}

// fail lets nothing more come: whoever waits gets err, once what came before it is
// read.
func (st *stream) fail(err error, f fate) {
	st.mu.Lock()
	if st.err == nil && !st.ended {
		st.err = err
	}
	st.mu.Unlock()
	if f != processed {
		st.c.mu.Lock()
		st.fate = f
		st.c.mu.Unlock()
	}
	st.up.halt()
	st.signal()
}

// signal wakes whoever waits on the stream.
func (st *stream) signal() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// lost says how an exchange failed before its response.
func (st *stream) lost(err error) *lost {
	fault := st.up.stop()
	c, x := st.c, st.x
	gone := c.dead() != nil
	why := gaveUp(x)
	c.forget(st, http2.ErrCodeCancel, why != nil || errors.Is(err, ErrHeaderTimeout), timedOut(why))
	st.drop()
	st.count()
	var l *lost
	if errors.As(err, &l) {
		return l
	}
	l = &lost{err: err, step: max(timeline.Send, x.phase()), loss: st.reached(), reused: st.s.nth > 1}
	if l.loss == lossAnswered {
		l.step = timeline.Wait
	}
	if st.id == 0 && gone && st.s.nth > 1 {
		l.loss, l.step = lossStale, timeline.Queue
		return l
	}
	f := st.doom()
	switch {
	case why != nil:
		l.giveUp(why)
	case fault != nil:
		l.giveUp(fault)
		l.step = timeline.Send
	case f != processed:
		l.err, l.loss = fmt.Errorf("%s: %w", f, err), f.loss()
		l.refused, l.free = f == refusedBy && !st.blind, f == goneAway || f == unusable
		x.route.http1 = x.route.http1 || f == misspoken
	case gone && errors.Is(err, ErrNoHTTP2):
		l.loss = lossAnswered
	case gone && l.loss != lossAnswered && !errors.Is(err, ErrServerClosed) && !errors.Is(err, ErrHeaderTooLarge):
		l.err = fmt.Errorf("%w (%w)", ErrServerClosed, err)
	}
	switch { // a stream's fault is not its connection's
	case gone:
	case errors.Is(l.err, ErrHeaderTimeout):
		l.conn = connDoomed
	default:
		l.conn = connLives
	}
	return l
}

// reached is how far the exchange has got.
func (st *stream) reached() loss {
	switch {
	case st.hasAnswer():
		return lossAnswered
	case st.id != 0:
		return lossUnanswered
	}
	return lossUnsent
}

// loss is what a fate means for the request.
func (f fate) loss() loss {
	if f == tooMany {
		return lossGuessed
	}
	return lossUnprocessed
}

func timedOut(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrHeaderTimeout)
}

func (st *stream) hasAnswer() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.answered
}

// doom is what became of a stream that failed and was not given up.
//
// "An endpoint that receives a HEADERS frame that causes its advertised concurrent
// stream limit to be exceeded MUST treat this as a stream error of type
// PROTOCOL_ERROR or REFUSED_STREAM" — RFC 9113 §5.1.2.
func (st *stream) doom() fate {
	st.c.mu.Lock()
	f := st.fate
	st.c.mu.Unlock()
	switch {
	case f == tooMany && (!st.blind || st.hasAnswer() || !st.x.traits.idempotent),
		f == misspoken && (st.hasAnswer() || !st.maySpeakHTTP1()):
		return processed
	}
	return f
}

// maySpeakHTTP1 says whether the request may be sent again in HTTP/1.1.
func (st *stream) maySpeakHTTP1() bool {
	to := st.x.route
	to.http1 = true
	return to.scheme == "https" && maySpeak(st.c.t.Protocols, st.c.t.Strategy.Protocol, to).http1
}

// count adds what went over the wire to the exchange's record.
func (st *stream) count() {
	st.c.mu.Lock()
	sent, received := st.sent, st.received
	st.sent, st.received = timeline.Bytes{}, timeline.Bytes{}
	st.c.mu.Unlock()
	x := st.x
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return
	}
	x.Sent.Header += sent.Header
	x.Sent.Body += sent.Body
	x.Received.Header += received.Header
	x.Received.Body += received.Body
}

// end gives the slot back and closes the record, once; whoever comes second waits
// until that is done. It returns the error as the caller gets it.
func (st *stream) end(err error) error {
	if err != nil {
		if why := gaveUp(st.x); why != nil {
			err = why
		}
		err = st.fault(err)
	}
	if !st.drop() {
		st.ending.Wait()
		return err
	}
	defer st.ending.Done()
	c := st.c
	if st.up != nil {
		st.up.stop()
		st.x.body.Close()
	}
	c.forget(st, http2.ErrCodeCancel, false, err != nil && timedOut(err))
	st.count()
	oc := outcome{ended: exchangeAnswered}
	if c.dead() != nil {
		oc.conn, oc.why = connEndsNow, CloseCut
	}
	c.t.release(st.s, oc)
	st.x.end(err)
	return err
}

// drop takes no more of the body, and gives the connection's window back what came
// and was not read: who gave up may read it yet, but who closed may not. It reports
// false if that has been done.
func (st *stream) drop() bool {
	st.mu.Lock()
	over, rest, unwatch := st.over, st.data.len(), st.unwatch
	st.over = true
	if st.closed || rest == 0 {
		st.data = buffer{}
	}
	st.mu.Unlock()
	if over {
		return false
	}
	if unwatch != nil {
		unwatch()
	}
	st.c.consumed(rest)
	return true
}

// fault is an error as the reader of the body gets it.
func (st *stream) fault(err error) error {
	return st.x.bodyFault(err)
}
