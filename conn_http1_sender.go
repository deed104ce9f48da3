package linger

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// A bodySender writes a request's body while the caller reads the answer. After
// stop it begins no further read of the body. A nil one has nothing to send.
type bodySender struct {
	c       *http1Conn
	x       *exchange
	body    *requestBody
	trailer http.Header
	length  int64         // -1: chunked
	expects bool          // it waits for the server's 100 (Continue)
	decided chan struct{} // closed when the wait for that is over
	done    chan struct{} // closed when the sender has ended
	hands   chan struct{} // holds one while the body is being read

	mu      sync.Mutex
	over    bool  // guarded by mu: decided is closed
	stopped bool  // guarded by mu
	head    bool  // guarded by mu: the head of the answer is there
	whole   bool  // guarded by mu: all of the body was written
	fault   error // guarded by mu: the body's own, not the connection's
	cut     error // guarded by mu: the connection's, of a write
}

func (c *http1Conn) newBodySender(x *exchange, length int64) *bodySender {
	return &bodySender{c: c, x: x, body: x.body, trailer: x.req.Trailer, length: length, expects: expects(x.req),
		decided: make(chan struct{}), done: make(chan struct{}), hands: make(chan struct{}, 1)}
}

func (b *bodySender) run() {
	defer b.c.t.work.Done()
	defer context.AfterFunc(b.c.t.life(), b.giveUp)()
	defer close(b.done)
	defer b.closeBody()
	if b.expects {
		b.awaitContinue()
	}
	whole, fault := b.copy()
	b.x.hooks.wroteRequest(cmp.Or(fault, notWhole(whole)))
	if b.end(whole, fault) {
		b.c.interrupt() // half a request cannot be taken back
	}
}

// notWhole is the error of a request that was not written whole.
func notWhole(whole bool) error {
	if whole {
		return nil
	}
	return errNotWhole
}

var errNotWhole = errors.New("the request was not sent whole")

// closeBody closes the body when the sender has ended by itself. Who stops it
// closes the body, or sends it once more.
func (b *bodySender) closeBody() {
	if !b.isStopped() {
		b.body.Close()
	}
}

// giveUp ends the sending when the Transport is closed, which does not close a
// connection that was handed over: a write under way on it would never end.
func (b *bodySender) giveUp() {
	b.stop()
	b.body.Close()
	if b.c.net.SetWriteDeadline(longAgo) != nil {
		b.c.cut()
	}
}

// awaitContinue waits until the server asks for the body, or long enough: "a
// client that sends a 100-continue expectation is not required to wait for any
// specific length of time; such a client MAY proceed to send the content even if
// it has not yet received a response. Furthermore, since 100 (Continue)
// responses cannot be sent through an HTTP/1.0 intermediary, such a client
// SHOULD NOT wait for an indefinite period before sending the content" — RFC
// 9110 §10.1.1.
func (b *bodySender) awaitContinue() {
	b.x.hooks.wait100Continue()
	limit := b.c.t.expectTimeout()
	b.mu.Lock()
	if !b.head && !b.stopped {
		b.x.enter(timeline.Wait, timeline.Unknown)
		b.x.note("for 100 (Continue)")
	}
	b.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-b.decided:
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.decideLocked() // what is answered from now on comes too late to stop it
	if !b.head && !b.stopped {
		b.x.enter(timeline.Send, timeline.Unknown)
	}
}

// proceed tells that the server wants the body.
func (b *bodySender) proceed() {
	if b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.decideLocked()
	}
}

func (b *bodySender) decideLocked() {
	if !b.over {
		b.over = true
		close(b.decided)
	}
}

// answered tells that the final response has come. It ends the wait for 100
// (Continue): a server that has not asked for the body and answers with an error,
// or closes the connection behind its answer, does not get it.
func (b *bodySender) answered(status int, closes bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.head = true
	if b.expects && !b.over && (status >= 300 || closes) {
		b.stopped = true
	}
	b.decideLocked()
}

// end notes how the sending ended, and reports whether the connection is to be
// interrupted.
func (b *bodySender) end(whole bool, fault error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.whole, b.fault = whole, fault
	if whole && !b.head {
		b.x.enter(timeline.Wait, timeline.Unknown)
		b.c.limitHeader()
	}
	return fault != nil
}

// copy returns whether all was written, and the body's error. That of a write is
// not one: the answer, or its absence, tells more.
func (b *bodySender) copy() (whole bool, fault error) {
	buf := uploadBuffers.Get().(*[copyBuffer]byte)
	defer uploadBuffers.Put(buf)
	in := buf[:]
	var out []byte
	var sum int64
	for {
		n, err, ok := b.read(in)
		if !ok {
			return false, nil
		}
		sum += int64(n)
		if b.length >= 0 && sum > b.length {
			return false, errLongBody
		}
		if n > 0 {
			out = b.frame(out[:0], in[:n])
			if !b.write(out) {
				return false, nil
			}
		}
		switch {
		case err == nil:
		case err != io.EOF:
			return false, &bodyError{err}
		case b.length >= 0 && sum < b.length:
			return false, shortBody(sum, b.length)
		case b.length >= 0:
			return true, nil
		default:
			return b.tunnels() || b.write(http1.AppendLastChunk(out[:0], b.trailer)), nil
		}
	}
}

// read reads from the body, unless the sender was stopped before or meanwhile.
func (b *bodySender) read(p []byte) (n int, err error, ok bool) {
	b.hands <- struct{}{}
	defer func() { <-b.hands }()
	if b.isStopped() {
		return 0, nil, false
	}
	n, err = b.body.Read(p)
	return n, err, !b.isStopped()
}

func (b *bodySender) isStopped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped
}

// tunnels says whether the body is what CONNECT's tunnel carries, framed by nobody.
func (b *bodySender) tunnels() bool { return b.x.Method == http.MethodConnect }

func (b *bodySender) frame(out, data []byte) []byte {
	if b.length >= 0 || b.tunnels() {
		return data
	}
	return http1.AppendChunk(out, data)
}

func (b *bodySender) write(p []byte) bool {
	n, err := b.c.net.Write(p)
	b.x.sent(0, n)
	if err != nil {
		b.cutBy(err)
	}
	return err == nil
}

// cutBy notes that the connection took no more of the request: an answer is waited
// for no longer than it takes to read what is there.
func (b *bodySender) cutBy(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cut = err
	if !b.head {
		b.c.setReadDeadline(time.Now().Add(cutWait))
	}
}

// stop lets the sender read no more of the body. A read under way is waited for
// a moment, and then ended by closing the body: it might never return. It
// returns the body's fault, if there was one before.
func (b *bodySender) stop() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	fault := b.fault
	b.stopped = true
	b.decideLocked()
	b.mu.Unlock()
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	select {
	case b.hands <- struct{}{}:
		<-b.hands
	case <-timer.C:
		b.body.Close()
	}
	return fault
}

// readWait is how long stop waits for a read under way: one from memory has ended
// by then, one that waits for somebody has not.
const readWait = 5 * time.Millisecond

// reuseWait is how long the end of an exchange waits for its request's body to
// be written: the goroutine that wrote its last byte may not have said so yet.
// net/http waits as long.
const reuseWait = 50 * time.Millisecond

// complete reports whether the whole body has been written.
func (b *bodySender) complete() bool {
	if b == nil || b.isWhole() {
		return true
	}
	timer := time.NewTimer(reuseWait)
	defer timer.Stop()
	select {
	case <-b.done:
	case <-timer.C:
	}
	return b.isWhole()
}

func (b *bodySender) isWhole() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole
}
