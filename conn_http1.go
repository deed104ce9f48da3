package linger

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"sync/atomic"
	"time"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// An HTTP/1 connection. The goroutine of the caller writes the request, waits
// for its turn in the line, reads the head of the response, and, when it reads
// the body, that too. The connection has no goroutine of its own. The stages of
// an exchange, in order:
//
//	send      joins the line and writes the request          conn_http1_send.go
//	await     waits until the answers before its own are read   conn_pipeline.go
//	receive   reads the head                                        this file
//	Read      reads the body, gives the slot back      conn_http1_body.go

type http1Conn struct {
	t    *Transport
	net  net.Conn // TCP, or TLS over it
	wire *wire    // the socket below
	swap *swap    // writes and reads in one go; nil where that cannot be done
	name timeline.Conn
	tls  *tls.ConnectionState

	pooled *pooled
	line   line

	// writing is held, by having sent to it, from joining the line to the end of
	// the write: requests stand on the wire in the order of the line.
	writing chan struct{}
	out     []byte // belongs to who holds writing

	in buffer // belongs to the exchange whose turn it is

	interrupted atomic.Bool // a caller gave up while it had the connection
	handedOver  atomic.Bool // it is the caller's
}

func newHTTP1(t *Transport, c net.Conn, w *wire, name timeline.Conn, state *tls.ConnectionState) *http1Conn {
	h := &http1Conn{t: t, net: c, wire: w, name: name, tls: state, writing: make(chan struct{}, 1)}
	if c == net.Conn(w) && w.direct && t.Strategy.depth() == 1 {
		h.swap = newSwap(w)
	}
	return h
}

func (c *http1Conn) about() timeline.Conn { return c.name }
func (c *http1Conn) below() *wire         { return wireBelow(c.net) }
func (c *http1Conn) network() net.Conn    { return c.net }
func (c *http1Conn) multiplexed() bool    { return false }
func (c *http1Conn) capacity() int        { return c.t.Strategy.depth() }
func (c *http1Conn) pooledAs(p *pooled)   { c.pooled = p }
func (c *http1Conn) close() {
	c.line.fail(&lost{err: fmt.Errorf("connection %d was closed: %w", c.name.Number, ErrServerClosed), step: timeline.Wait, loss: lossUnanswered, reused: true})
	switch {
	case c.handedOver.Load():
	case c.interrupted.Load() || c.line.busy():
		c.cut()
	default:
		c.net.Close()
	}
}

// cut ends the connection without TLS's goodbye, which tls.Conn.Close tries to
// write for five seconds where the server has stopped reading.
func (c *http1Conn) cut() { c.wire.Close() }

// look finds an idle connection that has ended, or that holds bytes which nobody
// asked for: "If a client receives data on a connection that doesn't have
// outstanding requests, it MUST NOT consider that data to be a valid response" —
// RFC 9112 §9.2. It is called as late as can be: by the exchange that has just
// become the first in line, before it writes.
func (c *http1Conn) look() error {
	err := c.wire.look(c.net)
	if c.interrupted.Load() {
		c.net.SetDeadline(longAgo) // which the look may have lifted
	}
	if err != nil {
		return &lost{err: err, step: timeline.Queue, loss: lossStale}
	}
	return nil
}

// closeWait is how long finish waits for the server to close first.
const closeWait = 250 * time.Millisecond

// finish reads on until the server has closed, so that the side which closes
// first, and holds the port in TIME_WAIT for it, is the server's (RFC 9293
// §3.6.1). It gives up after closeWait.
func (c *http1Conn) finish() {
	if c.interrupted.Load() {
		c.cut()
		return
	}
	defer c.net.Close()
	if c.net.SetReadDeadline(time.Now().Add(closeWait)) != nil {
		return
	}
	var rest [512]byte
	for range 8 {
		if _, err := c.net.Read(rest[:]); err != nil {
			return
		}
	}
}

// An http1Exchange is what an exchange needs on an HTTP/1 connection, in one
// piece.
type http1Exchange struct {
	turn turn
	body http1Body
	resp http.Response
}

// roundTrip implements conn.
func (c *http1Conn) roundTrip(x *exchange, s slot) (*http.Response, error) {
	h := &http1Exchange{}
	tn := &h.turn
	tn.x, tn.guard.c = x, c
	err := c.send(x, s, tn)
	if err == nil && !tn.first {
		if err = c.await(x, tn); err == nil {
			tn.guard.start(x, false)
			x.enter(timeline.Wait, timeline.Unknown)
		}
	}
	var resp *http.Response
	if err == nil {
		resp, err = c.receive(x, s, h)
	}
	if err != nil {
		tn.guard.stop()
		return nil, c.lose(x, s, tn, err)
	}
	return resp, nil
}

// lose is what an exchange gets that failed on this connection. It ends the
// connection for those behind it as well; await says which errors leave it be.
func (c *http1Conn) lose(x *exchange, s slot, tn *turn, err error) *lost {
	if fault := tn.body.stop(); fault != nil {
		err = &lost{err: fault, step: timeline.Send, loss: lossGivenUp}
	}
	l := &lost{err: err, step: x.phase(), loss: lossUnanswered}
	errors.As(err, &l)
	l.reused = l.reused || s.rested
	if why := gaveUp(x); why != nil && (c.interrupted.Load() || why == ErrClosed) {
		l.giveUp(why)
	}
	if l.step == timeline.Queue {
		l.step = timeline.Send
	}
	if s.rested && tn.first && l.loss == lossUnanswered && cut(l.err) {
		l.err = closedIdle(l.err)
	}
	if l.conn == connDied {
		l.others = c.line.fail(&lost{err: fmt.Errorf("connection %d ended before this exchange's turn: %w", c.name.Number, ErrServerClosed), step: timeline.Wait, loss: lossUnanswered, reused: true})
		c.cut()
	}
	return l
}

// receive reads heads until the final one, and makes the response of it.
func (c *http1Conn) receive(x *exchange, s slot, h *http1Exchange) (*http.Response, error) {
	tn := &h.turn
	if tn.body == nil && !tn.limited {
		c.limitHeader()
	}
	if tn.cut {
		c.setReadDeadline(time.Now().Add(cutWait))
	}
	limit := c.t.maxHeader()
	c.awaitFirst(x)
	for {
		head, size, first, err := c.readHead(limit)
		if err != nil {
			return nil, c.headError(x, size, tn.insteadOf(err))
		}
		x.answered(&head, size, first)
		if x.final(head.Status) {
			tn.body.answered(head.Status, http1.CloseReason(head.Minor, head.Header) != "")
			if c.t.ResponseHeaderTimeout > 0 || tn.wasCut() != nil {
				c.setReadDeadline(time.Time{})
			}
			return c.respond(x, s, h, &head)
		}
		if head.Status == http.StatusSwitchingProtocols {
			return nil, &lost{err: errors.New("the server switched protocols unasked"), step: timeline.Wait, loss: lossAnswered}
		}
		if err := x.hooks.got1xx(head.Status, textproto.MIMEHeader(head.Header), expects(x.req)); err != nil {
			return nil, &lost{err: err, step: timeline.Wait, loss: lossAnswered}
		}
		if head.Status == http.StatusContinue {
			tn.body.proceed()
		}
		if x.hooks.takes1xx() {
			continue // their number is the caller's to bound
		}
		// "A client MUST be able to parse one or more 1xx responses received
		// prior to a final response" — RFC 9110 §15.2. Together they are bounded.
		if limit -= size; limit <= 0 {
			return nil, &lost{err: ErrHeaderTooLarge, step: timeline.Wait, loss: lossAnswered}
		}
	}
}

// awaitFirst tells the caller's hooks, if there are any, of the first octet of an
// answer. What goes wrong is for readHead to find.
func (c *http1Conn) awaitFirst(x *exchange) {
	if x.hooks.ClientTrace == nil {
		return
	}
	if c.in.len() == 0 {
		if err := c.in.fill(c.net); err != nil {
			c.in.fault = err
			return
		}
	}
	x.hooks.gotFirstResponseByte()
}

// cutWait is how long an answer is waited for when the request could not be written
// whole. What the server said before is there by then, and nothing else may come.
const cutWait = time.Second

// wasCut is why the request could not be written whole, nil if it could so far.
func (t *turn) wasCut() error {
	if t.body == nil {
		return t.fault
	}
	t.body.mu.Lock()
	defer t.body.mu.Unlock()
	return t.body.cut
}

// insteadOf is what to tell of an answer that did not come for err: where cutWait
// is over, why the request could not be written.
func (t *turn) insteadOf(err error) error {
	if why := t.wasCut(); why != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return why
	}
	return err
}

// limitHeader gives the response's head its time, from now.
func (c *http1Conn) limitHeader() {
	if d := c.t.ResponseHeaderTimeout; d > 0 {
		c.setReadDeadline(time.Now().Add(d))
	}
}

// readHead reads one head, at most limit octets. first is when its first octet
// was there. size is how much of it came, also when there is an error.
func (c *http1Conn) readHead(limit int) (head http1.Response, size int, first time.Time, err error) {
	from := 0
	if c.in.len() > 0 {
		first = c.in.arrival()
	}
	for {
		unread := c.in.unread()
		if len(unread) > 0 && !http1.PlausibleResponse(unread) {
			return head, len(unread), first, ErrNotHTTP
		}
		end, next := http1.HeadEnd(unread, from)
		if end > 0 && end <= limit {
			head, err = http1.ParseResponse(unread[:end])
			c.in.skip(end)
			return head, end, first, err
		}
		if len(unread) >= limit {
			return head, len(unread), first, ErrHeaderTooLarge
		}
		from = next
		if err = c.in.fill(c.net); err != nil {
			return head, c.in.len(), first, err
		}
		if first.IsZero() {
			first = time.Now()
		}
	}
}

// headError words why no head came. If the request could not be written either,
// the connection was lost while sending.
func (c *http1Conn) headError(x *exchange, size int, err error) error {
	l := &lost{err: err, step: x.phase(), loss: lossUnanswered}
	var timeout net.Error
	switch {
	case errors.Is(err, io.EOF) && size > 0:
		l.err = fmt.Errorf("%w after %d bytes of the header", io.ErrUnexpectedEOF, size)
	case errors.Is(err, io.EOF):
		l.err = ErrServerClosed
	case errors.As(err, &timeout) && timeout.Timeout() && c.t.ResponseHeaderTimeout > 0 && !c.interrupted.Load():
		l.err = fmt.Errorf("%w: nothing for %v", ErrHeaderTimeout, c.t.ResponseHeaderTimeout)
	}
	if size > 0 {
		x.received(int64(size), 0)
		l.step, l.loss = timeline.Wait, lossAnswered
		x.enter(timeline.Receive, timeline.Unknown)
	}
	return l
}

// respond makes the response of its head, and decides whether the connection
// will persist after it.
func (c *http1Conn) respond(x *exchange, s slot, h *http1Exchange, head *http1.Response) (*http.Response, error) {
	f, err := http1.ResponseFraming(x.Method, head)
	if err != nil {
		return nil, &lost{err: err, step: timeline.Receive, loss: lossAnswered}
	}
	persists := http1.CloseReason(head.Minor, head.Header)
	b := &h.body
	b.c, b.x, b.s, b.turn, b.framing, b.left = c, x, s, &h.turn, f, f.Length
	if f.Kind == http1.Chunked {
		b.chunks = &http1.Chunks{}
	}
	b.why, b.hint = whyClose(x, head, f, persists), keepAliveOf(head.Header)
	if b.why != "" {
		b.reason = closesBehind(x, head, f)
		c.t.leaves(c.pooled, b.reason)
		// No further answer can come. "A server that sends a "close" connection
		// option MUST … not process any further requests received on that
		// connection" — RFC 9112 §9.6; without that word it may have.
		unread := lossUnanswered
		if http1.HasToken(head.Header["Connection"], "close") {
			unread = lossUnprocessed
		}
		c.line.fail(&lost{err: fmt.Errorf("the server announced the end of connection %d before this request: %w", c.name.Number, ErrServerClosed),
			step: timeline.Wait, loss: unread, reused: true})
	}
	if head.Minor == 0 {
		c.t.pool().noPipelining(c.pooled, time.Now())
	}
	resp := &h.resp
	c.fill(resp, x, head, f)
	resp.Close = persists != "" || f.Kind == http1.UntilClose
	if tunnels(x, head.Status) {
		return c.handOver(s, h)
	}
	b.trailer = resp
	resp.Body = b
	switch {
	case f.Empty():
		b.finish("", nil)
		resp.Body = endedBody{x}
	case !h.turn.guard.handOut(b):
		return nil, &lost{err: gaveUp(x), step: timeline.Wait, loss: lossAnswered}
	}
	return resp, nil
}

// whyClose decides whether the connection persists after a response, by what is
// known when its head has been read; the reason is empty if it does.
func whyClose(x *exchange, head *http1.Response, f http1.Framing, announced string) string {
	switch {
	case f.MustClose != "":
		return f.MustClose
	case x.closes || x.last:
		return "linger asked for it"
	case tunnels(x, head.Status):
		return "it has become a tunnel"
	}
	return announced
}

// fill writes what a head says into the response.
func (c *http1Conn) fill(resp *http.Response, x *exchange, head *http1.Response, f http1.Framing) {
	resp.Status, resp.StatusCode = head.Text, head.Status
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = head.Proto(), head.Major, head.Minor
	resp.Header, resp.ContentLength = head.Header, f.Length
	resp.Request, resp.TLS = x.req, c.tls
	asNetHTTPTells(resp, f)
}
