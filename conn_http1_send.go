package linger

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// inlineBody is the largest body that is written together with the head, in one
// write: a second small segment would wait for the ACK of the first wherever
// Nagle's algorithm is on.
const inlineBody = 4 << 10

// keptOut is the largest buffer for requests that a connection keeps.
const keptOut = 16 << 10

// copyBuffer is how much of a larger body is read and written at a time.
const copyBuffer = 32 << 10

// send joins the line and writes the request. A body too large to go with the
// head is written by a goroutine, since the answer may come before it is over.
func (c *http1Conn) send(x *exchange, s slot, t *turn) error {
	if err := c.takeWriting(x); err != nil {
		return err
	}
	defer c.giveWriting()
	if err := c.line.join(t); err != nil {
		return err
	}
	t.guard.start(x, !t.first)
	x.sending(t.nth, s.at)
	length := x.length
	c.out = appendHead(c.out[:0], x, c.t.Strategy)
	head := len(c.out)
	inline := length > 0 && length <= inlineBody && inMemory(x.req) && !expects(x.req)
	if inline {
		if err := c.appendBody(x, int(length)); err != nil {
			return &lost{err: err, step: timeline.Send, loss: lossGivenUpUnsent}
		}
	}
	whole := length == 0 || inline
	rested := s.rested || t.nth > 1
	if whole && t.first && c.swap != nil && x.hooks.ClientTrace == nil {
		return c.swapHeads(x, t, head, rested)
	}
	if t.first && rested {
		if err := c.look(); err != nil {
			return err
		}
	}
	x.hooks.wroteHead(c.out[:head])
	n, err := c.net.Write(c.out)
	if whole || err != nil {
		x.hooks.wroteRequest(err)
	}
	if err := c.wrote(t, n, err); err != nil {
		x.sent(head, n)
		return err
	}
	if whole || t.cut {
		x.body.Close()
		x.waiting(t, head, n, time.Now())
		return nil
	}
	x.sent(head, n)
	if !c.t.admit() {
		return &lost{err: ErrClosed, step: timeline.Send, loss: lossGivenUp}
	}
	t.body = c.newBodySender(x, length)
	go t.body.run()
	return nil
}

// takeWriting waits for the right to write on the connection.
func (c *http1Conn) takeWriting(x *exchange) error {
	select {
	case c.writing <- struct{}{}:
	default:
		select {
		case c.writing <- struct{}{}:
		case <-x.ctx.Done():
			return &lost{err: gaveUp(x), step: timeline.Send, loss: lossGivenUpUnsent, conn: connLives}
		}
	}
	if err := gaveUp(x); err != nil {
		c.giveWriting()
		return &lost{err: err, step: timeline.Send, loss: lossGivenUpUnsent, conn: connLives}
	}
	return nil
}

func (c *http1Conn) giveWriting() { <-c.writing }

// swapHeads writes what is in c.out and reads the beginning of the answer, which
// receive will find in the buffer.
func (c *http1Conn) swapHeads(x *exchange, t *turn, head int, rested bool) error {
	if c.t.ResponseHeaderTimeout > 0 {
		c.limitHeader()
		t.limited = true
	}
	sw := c.swap
	sw.do(c.out, &c.in, rested)
	if sw.idle != nil {
		return &lost{err: sw.idle, step: timeline.Queue, loss: lossStale}
	}
	n, err, at := sw.written, sw.failed, sw.wroteAt
	if err == nil && n < len(c.out) {
		var more int
		more, err = c.net.Write(c.out[n:])
		n += more
		at = time.Now()
	}
	if err := c.wrote(t, n, err); err != nil {
		x.sent(head, n)
		return err
	}
	x.body.Close()
	x.waiting(t, head, n, at)
	return nil
}

// wrote takes in how much of c.out was written. An error means that the exchange
// is lost; if the request was cut otherwise, an answer may have come before that,
// and whoever reads will tell.
func (c *http1Conn) wrote(t *turn, n int, err error) error {
	x := t.x
	t.cut, t.fault = err != nil, err
	if cap(c.out) > keptOut {
		c.out = nil
	}
	switch {
	case t.first && err != nil && n == 0:
		return &lost{err: err, step: timeline.Send}
	case t.first || !t.guard.stop():
		return nil
	case err != nil:
		return c.line.breakOff(t, &lost{err: gaveUp(x), step: timeline.Send, loss: lossOnGivingUp(n > 0)})
	}
	// The caller gave up when the request stood on the wire: it is for await to
	// leave, and others go on writing.
	c.net.SetWriteDeadline(time.Time{})
	if c.interrupted.Load() {
		c.net.SetDeadline(longAgo)
	}
	return nil
}

// sending begins to send: when the slot was lent, unless the exchange has waited
// for it. Slots are lent in one order and requests may be written in another, and
// that is the order of the answers.
func (x *exchange) sending(nth int, lent time.Time) {
	if lent.IsZero() {
		lent = time.Now()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.Enter(timeline.Send, timeline.Unknown, lent)
	x.Nth = nth
}

// waiting begins the wait for the answer, when n octets have been written, of
// which the first are the head.
func (x *exchange) waiting(t *turn, head, n int, since time.Time) {
	cause := timeline.HeadOfLine
	if t.first {
		cause = timeline.Unknown
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.Sent.Header += int64(min(n, head))
	x.Sent.Body += int64(max(0, n-head))
	x.Enter(timeline.Wait, cause, since)
}

// appendBody reads a small body in memory and puts it behind the head.
func (c *http1Conn) appendBody(x *exchange, length int) error {
	head := len(c.out)
	c.out = slices.Grow(c.out, length+1)[:head+length]
	n, err := io.ReadFull(x.body, c.out[head:])
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return shortBody(int64(n), int64(length))
	case err != nil:
		return &bodyError{err}
	}
	var more [1]byte
	if n, _ := x.body.Read(more[:]); n > 0 {
		return errLongBody
	}
	return nil
}

var errLongBody = errors.New("request body is longer than its ContentLength")

// appendHead writes a request's head in the order of RFC 9112 §3: request line,
// Host, the framing of the body, the caller's fields sorted by name, so that
// the same request has the same bytes.
func appendHead(b []byte, x *exchange, s Strategy) []byte {
	req := x.req
	b = append(b, x.Method...)
	b = append(b, ' ')
	b = append(b, x.target...)
	if s.Protocol == HTTP10 {
		b = append(b, " HTTP/1.0\r\n"...)
	} else {
		b = append(b, " HTTP/1.1\r\n"...)
	}
	b = appendField(b, "Host", x.host)
	if _, ok := req.Header["User-Agent"]; !ok {
		b = appendField(b, "User-Agent", defaultUserAgent)
	}
	if x.gzip {
		b = append(b, "Accept-Encoding: gzip\r\n"...)
	}
	if x.proxyAuth != "" && len(req.Header["Proxy-Authorization"]) == 0 {
		b = appendField(b, "Proxy-Authorization", x.proxyAuth)
	}
	b = appendFraming(b, req, x.length)
	if (x.closes || x.last) && s.Protocol != HTTP10 && !http1.HasToken(req.Header["Connection"], "close") {
		b = appendField(b, "Connection", "close")
	}
	b = appendFields(b, req.Header)
	return append(b, "\r\n"...)
}

const defaultUserAgent = "linger"

// appendFraming says where the body ends: RFC 9112 §6.
func appendFraming(b []byte, req *http.Request, length int64) []byte {
	switch {
	case length > 0:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, length, 10)
		b = append(b, "\r\n"...)
	case length < 0 && req.Method == http.MethodConnect: // it goes into the tunnel
	case length < 0:
		b = appendField(b, "Transfer-Encoding", "chunked")
		for _, name := range slices.Sorted(maps.Keys(req.Trailer)) {
			b = appendField(b, "Trailer", name)
		}
	case req.Method == "POST" || req.Method == "PUT" || req.Method == "PATCH":
		b = appendField(b, "Content-Length", "0")
	}
	return b
}

func appendFields(b []byte, h http.Header) []byte {
	var room [24]string
	names := room[:0]
	for name := range h {
		if !ownField(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			if name != "User-Agent" || v != "" { // an empty one asks for none
				b = appendField(b, name, v)
			}
			if name == "User-Agent" {
				break // there is one (RFC 9110 §10.1.5)
			}
		}
	}
	return b
}

// ownField says whether linger writes a field itself: it stands in Request's
// own members, not in its Header (net/http.Request.Write leaves out the same).
func ownField(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	}
	return false
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// sent counts n octets of the request that were written, of which the first are
// its head.
func (x *exchange) sent(head, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.Sent.Header += int64(min(n, head))
		x.Sent.Body += int64(max(0, n-head))
	}
}

// received counts bytes of the response that were read.
func (x *exchange) received(header, body int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.Received.Header += header
		x.Received.Body += body
	}
}
