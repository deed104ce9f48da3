package linger

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// The line: the exchanges on an HTTP/1 connection in the order in which their
// requests were written, which is the order of their answers. The first in line
// reads; when it is done, it hands the turn to the next. Where depth is 1 there
// is never a second.

// A turn is an exchange's place in the line.
type turn struct {
	x       *exchange
	guard   guard
	body    *bodySender   // writes a large request body; nil if there is none
	cut     bool          // the request could not be written whole
	fault   error         // why not
	nth     int           // how many-th in the line since the connection began, from 1
	first   bool          // it was alone when it joined: its turn at once
	limited bool          // ResponseHeaderTimeout runs already
	ready   chan struct{} // closed when its turn has come, or never will
	err     *lost         // why it never will; written before ready is closed
}

type line struct {
	mu    sync.Mutex
	turns []*turn // guarded by mu; the first reads now
	sum   int     // guarded by mu; how many have joined so far
	ended error   // guarded by mu: why nobody may join any more
}

// join puts t last in the line. The caller writes its request right after.
func (l *line) join(t *turn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended != nil {
		return &lost{err: l.ended, step: timeline.Send, reused: true, conn: connDoomed, free: true}
	}
	t.first = len(l.turns) == 0
	if !t.first {
		t.ready = make(chan struct{})
	}
	l.turns = append(l.turns, t)
	l.sum++
	t.nth = l.sum
	return nil
}

// pass hands the turn from the first to the next. leftover says that bytes have
// been read which are not the first's: with nobody to claim them, they end the
// line, and pass reports so. The caller does not touch the connection's buffer
// after pass: it is the next one's.
func (l *line) pass(leftover bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	copy(l.turns, l.turns[1:])
	l.turns[len(l.turns)-1] = nil
	l.turns = l.turns[:len(l.turns)-1]
	switch {
	case len(l.turns) > 0:
		close(l.turns[0].ready)
	case leftover:
		l.ended = errUnasked
		return errUnasked
	}
	return nil
}

// breakOff takes t out of the line, at whose end it stands with a request that
// cannot be written whole. Nobody can stand behind it any more; those before it
// go on reading.
func (l *line) breakOff(t *turn, err *lost) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = fmt.Errorf("a request before this one was not written whole: %w", ErrServerClosed)
	}
	if t.err == nil && l.turns[0] != t {
		l.turns = l.turns[:len(l.turns)-1]
	}
	if t.err != nil || len(l.turns) == 0 || l.turns[0] != t {
		err.conn = connDoomed
	}
	return err
}

// fail ends the line: nobody joins it any more, and all who wait behind the one
// who reads now get err. It reports whether there were any.
func (l *line) fail(err *lost) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil {
		l.ended = err.err
	}
	if len(l.turns) <= 1 {
		return false
	}
	for _, t := range l.turns[1:] {
		t.err = err
		close(t.ready)
	}
	l.turns = l.turns[:1]
	return true
}

// busy says whether somebody stands in the line.
func (l *line) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.turns) > 0
}

// await waits until the answers before x's own have been read. An exchange whose
// caller gives up leaves its answer to be discarded.
func (c *http1Conn) await(x *exchange, t *turn) error {
	select {
	case <-t.ready:
	case <-x.ctx.Done():
		return c.leave(x, t)
	}
	if t.err != nil {
		// A copy: each exchange's loss is its own.
		l := *t.err
		l.conn, l.free = connDoomed, true
		return &l
	}
	return nil
}

// leave gives up a place in the line. Somebody has to read the answer that will
// come, and the slot is held until then.
func (c *http1Conn) leave(x *exchange, t *turn) error {
	if !c.t.admit() {
		return &lost{err: gaveUp(x), step: timeline.Wait, loss: lossGivenUp, conn: connDoomed}
	}
	go c.discard(t, x.Method)
	return &lost{err: gaveUp(x), step: timeline.Wait, loss: lossGivenUp, conn: connHeld}
}

// Bounds of what is read only to be thrown away, after which the connection is
// closed instead: reading on must not cost more than a new connection would.
const (
	discardBytes = 256 << 10
	discardTime  = 5 * time.Second
)

// discard reads the answer to an exchange whose caller has gone.
func (c *http1Conn) discard(t *turn, method string) {
	defer c.t.work.Done()
	why := "its exchange was given up"
	<-t.ready
	if t.err == nil {
		if err := c.setReadDeadline(time.Now().Add(discardTime)); err == nil {
			why = c.discardAnswer(method)
		}
		c.setReadDeadline(time.Time{})
	}
	if t.err == nil && why == "" {
		c.in.rest()
		if err := c.line.pass(c.in.len() > 0); err != nil {
			why = err.Error()
		}
	} else {
		c.line.fail(&lost{err: ErrServerClosed, step: timeline.Wait, loss: lossUnanswered, reused: true})
	}
	oc := outcome{ended: exchangeAnswered}
	if why != "" {
		oc = outcome{conn: connEndsAfter, why: CloseGivenUp}
	}
	c.t.release(slot{pooled: c.pooled}, oc)
}

// discardAnswer returns why the connection cannot be used any more, empty if it can.
func (c *http1Conn) discardAnswer(method string) string {
	limit := c.t.maxHeader()
	var head http1.Response
	for head.Status < 200 {
		var err error
		if head, _, _, err = c.readHead(limit); err != nil {
			return err.Error()
		}
		if head.Status == http.StatusSwitchingProtocols {
			return "the server switched protocols unasked"
		}
	}
	f, err := http1.ResponseFraming(method, &head)
	if err != nil {
		return err.Error()
	}
	b := &http1Body{c: c, framing: f, left: f.Length, chunks: &http1.Chunks{}, trailer: &http.Response{}}
	if why := http1.CloseReason(head.Minor, head.Header); why != "" || f.MustClose != "" {
		return why + f.MustClose
	}
	if f.Empty() {
		return "" // to read nothing could wait for the next answer
	}
	if n, err := io.CopyN(io.Discard, readerFunc(b.read), discardBytes); err != io.EOF || n == discardBytes {
		return "too much to discard"
	}
	return ""
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
