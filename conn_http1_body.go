package linger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// An http1Body reads a response's body from its connection. When the body ends,
// is closed or fails, it gives the slot back, before the caller can see it: the
// caller's next request finds the connection in the pool.
type http1Body struct {
	c       *http1Conn
	x       *exchange
	s       slot
	turn    *turn
	framing http1.Framing
	why     string      // why the connection closes after this response; empty if it does not
	reason  CloseReason // the same
	hint    *keepAlive  // what the server says of the connection's life

	closing atomic.Bool // Close was called; interrupts a Read under way

	mu      sync.Mutex     // held by Read and Close; guards what follows
	left    int64          // of a body of known length
	taken   int64          // octets off the wire so far
	chunks  *http1.Chunks  // of a chunked one
	trailer *http.Response // takes the trailer
	orphan  bool           // the exchange was ended; what is buffered may be read
	err     error          // what every further Read returns
}

// Timeline implements timeline.Carrier.
func (b *http1Body) Timeline() *timeline.Exchange { return &b.x.Exchange }

// Read implements io.Reader. It returns io.EOF together with the last bytes,
// if it can tell that they are the last.
func (b *http1Body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closing.Load():
		return 0, b.fault(ErrBodyClosed)
	case b.orphan:
		return b.readOrphan(p)
	case b.err != nil:
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := b.read(p)
	switch {
	case err == io.EOF:
		b.finishLocked("", nil)
	case err != nil:
		return n, b.failLocked(err)
	}
	return n, err
}

// read takes the next bytes of the body off the connection.
func (b *http1Body) read(p []byte) (n int, err error) {
	switch b.framing.Kind {
	case http1.Length:
		return b.readLength(p)
	case http1.Chunked:
		return b.readChunked(p)
	}
	n, err = b.c.take(p)
	b.count(n)
	return n, err
}

func (b *http1Body) count(n int) { b.taken += int64(n) }

func (b *http1Body) readLength(p []byte) (int, error) {
	n, err := b.c.take(p[:min(int64(len(p)), b.left)])
	b.count(n)
	b.left -= int64(n)
	switch {
	case b.left == 0:
		return n, io.EOF
	case err == io.EOF:
		return n, fmt.Errorf("%w: %d of %d bytes are missing", io.ErrUnexpectedEOF, b.left, b.framing.Length)
	}
	return n, err
}

func (b *http1Body) readChunked(p []byte) (int, error) {
	in := &b.c.in
	for {
		if room := b.chunks.Remaining(); in.len() == 0 && room > 0 && len(p) >= firstBuffer {
			n, err := b.c.net.Read(p[:min(int64(len(p)), room)])
			b.count(n)
			b.chunks.Skip(int64(n))
			return n, unexpected(err)
		}
		if in.len() == 0 {
			if err := in.fill(b.c.net); err != nil {
				return 0, unexpected(err)
			}
		}
		taken, data, err := b.chunks.Next(in.unread()[:min(in.len(), len(p))])
		n := copy(p, data)
		in.skip(taken)
		b.count(taken)
		if err != nil {
			return n, err
		}
		if b.chunks.Done() {
			b.takeTrailer()
			return n, io.EOF
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (b *http1Body) takeTrailer() {
	for name, values := range b.chunks.Trailer() {
		if b.trailer.Trailer == nil {
			b.trailer.Trailer = make(http.Header)
		}
		b.trailer.Trailer[name] = values
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: the last chunk did not come", io.ErrUnexpectedEOF)
	}
	return err
}

// take reads from what is buffered, or else straight from the connection.
func (c *http1Conn) take(p []byte) (int, error) {
	if c.in.len() > 0 {
		n := copy(p, c.in.unread())
		c.in.skip(n)
		return n, nil
	}
	return c.net.Read(p)
}

// failLocked ends the exchange with an error of its connection.
func (b *http1Body) failLocked(err error) error {
	fault := b.turn.body.stop()
	why := gaveUp(b.x)
	switch {
	case b.closing.Load():
		err = ErrBodyClosed
	case why != nil && (b.c.interrupted.Load() || why == ErrClosed):
		err = why
	case fault != nil:
		err = fault
	}
	b.finishLocked(err.Error(), err)
	return b.err
}

// Close implements io.Closer. What little is left of the body is read, so that
// the connection can be kept; else the connection is closed.
func (b *http1Body) Close() error {
	if !b.closing.CompareAndSwap(false, true) {
		return nil
	}
	if !b.mu.TryLock() {
		b.turn.guard.fire() // a Read is under way
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err == nil {
		b.drainLocked()
	}
	return nil
}

// abandon ends the exchange of a caller who has given up, unless a Read or Close
// that was under way, and has been interrupted, has done so. What has been read off
// the connection remains the caller's, as with net/http: many give up first and
// then read a small body.
func (b *http1Body) abandon() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.failLocked(gaveUp(b.x))
		b.orphan = true
	}
}

// readOrphan reads what is left of an abandoned body.
func (b *http1Body) readOrphan(p []byte) (int, error) {
	if b.c.in.len() == 0 {
		return 0, b.err
	}
	n, err := b.read(p)
	if err == io.EOF {
		b.err, b.orphan = io.EOF, false
	}
	if err != nil {
		return n, b.err
	}
	return n, nil
}

// Bounds of what Close reads to keep a connection: as net/http has them
// (golang/go#77370).
const (
	drainBytes = 256 << 10
	drainTime  = 50 * time.Millisecond
)

func (b *http1Body) drainLocked() {
	why := b.why
	switch {
	case why != "":
	case b.framing.Kind == http1.Length && b.left > drainBytes:
		why = "the body was closed with much left of it"
	case b.c.setReadDeadline(time.Now().Add(drainTime)) != nil:
		why = "the body was closed, and how long its rest would take could not be bounded"
	default:
		if n, err := io.CopyN(io.Discard, readerFunc(b.read), drainBytes); err != io.EOF || n == drainBytes {
			why = "the body was closed before its end"
		}
		b.c.setReadDeadline(time.Time{})
	}
	b.finishLocked(why, nil)
}

// finish is finishLocked for a body that nobody has yet.
func (b *http1Body) finish(why string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finishLocked(why, err)
}

// finishLocked ends the exchange: the one place that decides whether its
// connection lives on.
func (b *http1Body) finishLocked(why string, err error) {
	others := false
	b.err = io.EOF
	if err != nil {
		err = b.fault(err)
		b.err = err
	}
	why = b.whyNotReuse(why)
	c := b.c
	if why == "" {
		c.in.rest()
		if err := c.line.pass(c.in.len() > 0); err != nil {
			why = err.Error()
		}
	}
	if why != "" {
		others = c.line.fail(&lost{err: fmt.Errorf("connection %d closed before this exchange's turn: %w", c.name.Number, ErrServerClosed), step: timeline.Wait, loss: lossUnanswered, reused: true})
	}
	oc := b.outcome(why, err)
	oc.others = others
	now := time.Now()
	b.x.note(c.t.releaseAt(b.s, oc, now))
	b.tellKept(why)
	b.x.endAt(now, b.taken, err)
}

// tellKept tells the caller's hooks whether the connection is kept, unless none is
// by the strategy.
func (b *http1Body) tellKept(why string) {
	switch {
	case why == "":
		b.x.hooks.putIdleConn(nil)
	case b.c.t.Strategy.lifetime() != 1:
		b.x.hooks.putIdleConn(errors.New(why))
	}
}

// outcome is what the pool is told of an exchange that was answered. why is why the
// connection ends, empty if it does not.
func (b *http1Body) outcome(why string, err error) outcome {
	oc := outcome{ended: exchangeAnswered, hint: b.hint}
	switch {
	case why == "":
	case err == nil && why == b.why && !b.c.interrupted.Load():
		oc.conn, oc.why = connEndsAfter, b.reason
	case err == nil && why == errUnasked.Error():
		oc.conn, oc.why = connEndsNow, CloseBroken
	case err == nil:
		oc.conn, oc.why = connEndsNow, CloseGivenUp
	default:
		oc.conn, oc.why = connEndsNow, faultReason(err, gaveUp(b.x))
		if cut(err) {
			oc.ended = exchangeHalved
		}
	}
	return oc
}

func (b *http1Body) fault(err error) error {
	return b.x.bodyFault(err)
}

// whyNotReuse decides whether the connection may carry another exchange, with
// the reason if it may not. why is what is known already.
func (b *http1Body) whyNotReuse(why string) string {
	interrupted := b.turn.guard.stop()
	if why == "" {
		why = b.why
	}
	switch {
	case why != "":
	case b.turn.cut, !b.turn.body.complete():
		why = "the request was not sent whole"
	case interrupted:
		why = "its exchange was given up"
	}
	if why != "" {
		b.turn.body.stop()
		b.x.body.Close()
	}
	return why
}

// announced lists the trailer fields that a head announces, without values yet,
// as http.Response.Trailer has them.
func announced(h http.Header) http.Header {
	var t http.Header
	for _, line := range h["Trailer"] {
		for name := range listItems(line) {
			if t == nil {
				t = make(http.Header)
			}
			t[http.CanonicalHeaderKey(name)] = nil
		}
	}
	delete(h, "Trailer")
	return t
}
