package linger

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/lingerhttp/linger/timeline"
)

// Connections that are handed over to the caller: after 101 (Switching Protocols)
// to a request that asked for it (RFC 9110 §7.8), and after a 2xx to CONNECT (§9.3.6).
// The exchange ends with the head of that answer, and its timeline with it. The
// connection leaves the pool and is the caller's: neither the request's context
// nor Transport.Close ends it, as it is with net/http.

// A tunnel is the body of such a response: an io.ReadWriteCloser, and the rest of
// a net.Conn. CloseWrite ends the sending alone, where the connection can do that.
type tunnel struct {
	net.Conn
	x      *exchange
	sender *bodySender // of CONNECT's request; nil if it had no body

	mu    sync.Mutex
	rest  []byte // guarded by mu: came behind the head, and is read first
	fault error  // guarded by mu: came behind that
}

// Timeline implements timeline.Carrier.
func (t *tunnel) Timeline() *timeline.Exchange { return &t.x.Exchange }

// Read implements io.Reader.
func (t *tunnel) Read(p []byte) (int, error) {
	if n, err := t.readEarly(p); n > 0 || err != nil {
		return n, err
	}
	return t.Conn.Read(p)
}

// readEarly reads of what came before the connection was handed over.
func (t *tunnel) readEarly(p []byte) (n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rest) > 0 {
		n = copy(p, t.rest)
		t.rest = t.rest[n:]
		return n, nil
	}
	err, t.fault = t.fault, nil
	return 0, err
}

// Close implements io.Closer.
func (t *tunnel) Close() error {
	err := t.Conn.Close()
	t.sender.stop()
	return err
}

// CloseWrite tells the peer that nothing more will come. The error is
// http.ErrNotSupported if the connection has no such way.
func (t *tunnel) CloseWrite() error {
	if c, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return fmt.Errorf("CloseWrite: %w", http.ErrNotSupported)
}

// final says whether a status ends its exchange. Of the interim ones only 101 does,
// if the request asks for another protocol.
func (x *exchange) final(status int) bool {
	return status >= 200 || (status == http.StatusSwitchingProtocols && len(x.req.Header["Upgrade"]) > 0)
}

// tunnels says whether what follows the head of an answer is not HTTP's.
func tunnels(x *exchange, status int) bool {
	return status == http.StatusSwitchingProtocols || (x.Method == http.MethodConnect && status/100 == 2)
}

// handOver makes the connection the caller's.
func (c *http1Conn) handOver(s slot, h *http1Exchange) (*http.Response, error) {
	x := h.turn.x
	if h.turn.guard.stop() {
		return nil, &lost{err: gaveUp(x), step: timeline.Receive, loss: lossGivenUp}
	}
	c.handedOver.Store(true)
	h.resp.Body = &tunnel{Conn: outermost(c.net), x: x, sender: h.turn.body, rest: bytes.Clone(c.in.unread()), fault: c.in.fault}
	if x.Method == http.MethodConnect {
		h.resp.ContentLength, h.resp.Close = -1, true
	}
	x.note(c.t.release(s, outcome{ended: exchangeAnswered, conn: connEndsNow, why: CloseHandedOver}))
	x.end(nil)
	return &h.resp, nil
}

// outermost is a connection as whoever opened it knows it.
func outermost(c net.Conn) net.Conn {
	if w, ok := c.(*wire); ok {
		return w.Conn
	}
	return c
}
