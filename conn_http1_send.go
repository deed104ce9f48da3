package linger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// inlineBody is the largest body that is written together with the head, in one
// write: a second small segment would wait for the ACK of the first wherever
// Nagle's algorithm is on.
const inlineBody = 4 << 10

// copyBuffer is how much of a larger body is read and written at a time.
const copyBuffer = 32 << 10

// send joins the line and writes the request. A body too large to go with the
// head is written by a goroutine, since the answer may come before it is over;
// its sender is returned.
func (c *http1Conn) send(x *exchange, t *turn) (*bodySender, error) {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-x.ctx.Done():
		return nil, &lost{err: gaveUp(x), step: timeline.Send, canceled: true, left: true}
	case <-canceled(x.req):
		return nil, &lost{err: gaveUp(x), step: timeline.Send, canceled: true, left: true}
	}
	if err := c.line.join(t); err != nil {
		return nil, err
	}
	if t.first && t.nth > 1 {
		if err := c.look(); err != nil {
			return nil, err
		}
	}
	x.sending(t.nth)
	length := outgoingLength(x.req)
	c.out = appendHead(c.out[:0], x.req, c.t.Strategy, length)
	head := len(c.out)
	inline := length > 0 && length <= inlineBody && x.req.GetBody != nil
	if inline {
		if err := c.appendBody(x, int(length)); err != nil {
			return nil, &lost{err: err, step: timeline.Send, canceled: true}
		}
	}
	n, err := c.net.Write(c.out)
	x.sent(int64(min(n, head)), int64(max(0, n-head)))
	c.keepOut()
	switch {
	case err != nil && n == 0 && t.first:
		return nil, &lost{err: err, step: timeline.Send}
	case err != nil || length == 0 || inline:
		// An answer may have come before the write failed: whoever reads will tell.
		x.waiting(t)
		return nil, nil
	}
	b := &bodySender{c: c, x: x, length: length, done: make(chan struct{})}
	c.t.work.Add(1)
	go b.run()
	return b, nil
}

// sending begins to send. Slots are lent in one order and requests may be
// written in another, and that is the order of the answers.
func (x *exchange) sending(nth int) {
	x.enter(timeline.Send, timeline.Unknown)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.Nth = nth
}

// waiting begins the wait for the answer.
func (x *exchange) waiting(t *turn) {
	if t.first {
		x.enter(timeline.Wait, timeline.Unknown)
		return
	}
	x.enter(timeline.Wait, timeline.HeadOfLine)
}

// keepOut lets go of an output buffer that a large head has grown.
func (c *http1Conn) keepOut() {
	if cap(c.out) > keptBuffer {
		c.out = nil
	}
}

// appendBody reads a small body in memory and puts it behind the head.
func (c *http1Conn) appendBody(x *exchange, length int) error {
	defer x.req.Body.Close()
	head := len(c.out)
	c.out = slices.Grow(c.out, length+1)[:head+length]
	if n, err := io.ReadFull(x.req.Body, c.out[head:]); err != nil {
		return fmt.Errorf("request body ended after %d of %d bytes: %w", n, length, err)
	}
	var more [1]byte
	if n, _ := x.req.Body.Read(more[:]); n > 0 {
		return errLongBody
	}
	return nil
}

var errLongBody = errors.New("request body is longer than its ContentLength")

// outgoingLength is the length of a request's body, -1 if it is not known.
func outgoingLength(req *http.Request) int64 {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		return 0
	case req.ContentLength > 0:
		return req.ContentLength
	}
	return -1
}

// appendHead writes a request's head in the order of RFC 9112 §3: request line,
// Host, the framing of the body, the caller's fields sorted by name, so that
// the same request has the same bytes.
func appendHead(b []byte, req *http.Request, s Strategy, length int64) []byte {
	b = append(b, methodOf(req)...)
	b = append(b, ' ')
	b = append(b, target(req)...)
	if s.Protocol == HTTP10 {
		b = append(b, " HTTP/1.0\r\n"...)
	} else {
		b = append(b, " HTTP/1.1\r\n"...)
	}
	b = appendField(b, "Host", hostOf(req))
	if _, ok := req.Header["User-Agent"]; !ok {
		b = appendField(b, "User-Agent", defaultUserAgent)
	}
	b = appendFraming(b, req, length)
	if (req.Close || s.lifetime() == 1) && s.Protocol != HTTP10 {
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
	case length < 0:
		b = appendField(b, "Transfer-Encoding", "chunked")
		for name := range req.Trailer {
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
			if name == "User-Agent" && v == "" {
				continue // asked for none
			}
			b = appendField(b, name, v)
		}
	}
	return b
}

// ownField says whether linger writes a field itself: it stands in Request's
// own members, not in its Header (net/http.Request.Write leaves out the same).
func ownField(name string) bool {
	switch name {
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

// target is the request target in origin form (RFC 9112 §3.2.1), or what the
// method wants instead of it.
func target(req *http.Request) string {
	switch {
	case req.Method == "CONNECT" && req.URL.Path == "":
		return hostOf(req)
	case req.Method == "OPTIONS" && req.URL.Path == "*":
		return "*"
	}
	return req.URL.RequestURI()
}

func hostOf(req *http.Request) string {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil {
		host = ascii
	}
	return removeZone(host)
}

// checkRequest finds what must not be put on the wire: a request that could be
// read as another one.
func checkRequest(req *http.Request) error {
	switch {
	case req.URL == nil:
		return errors.New("request without a URL")
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return fmt.Errorf("unsupported scheme %q: want http or https", req.URL.Scheme)
	case req.URL.Host == "" || req.URL.Hostname() == "":
		return errors.New("URL without a host")
	case !httpguts.ValidHeaderFieldName(methodOf(req)):
		return fmt.Errorf("invalid method %q", req.Method)
	case !httpguts.ValidHostHeader(hostOf(req)):
		return fmt.Errorf("invalid host %q", hostOf(req))
	}
	if err := checkFields("header", req.Header); err != nil {
		return err
	}
	return checkFields("trailer", req.Trailer)
}

func checkFields(where string, h http.Header) error {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("invalid %s field name %q", where, name)
		}
		if slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return fmt.Errorf("invalid value of the %s field %q", where, name) // the value may be a secret
		}
	}
	return nil
}

// sent counts bytes of the request that were written.
func (x *exchange) sent(header, body int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.ended {
		x.Sent.Header += header
		x.Sent.Body += body
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

// A bodySender writes a request's body while the caller reads the answer. After
// stop it begins no further read of the body.
type bodySender struct {
	c      *http1Conn
	x      *exchange
	length int64 // -1: chunked
	done   chan struct{}
	err    error // the body's fault, not the connection's; written before done is closed
	whole  bool  // all of it was written; written before done is closed

	mu      sync.Mutex
	stopped bool // guarded by mu
}

func (b *bodySender) run() {
	defer b.c.t.work.Done()
	defer close(b.done)
	defer b.x.req.Body.Close()
	b.err, b.whole = b.copy()
	if b.err != nil {
		b.c.interrupt() // half a request cannot be taken back
		return
	}
	if b.whole && b.x.phase() == timeline.Send {
		b.x.enter(timeline.Wait, timeline.Unknown)
	}
}

// copy returns the body's error. That of a write is not one: the answer, or its
// absence, tells more.
func (b *bodySender) copy() (err error, whole bool) {
	in := make([]byte, copyBuffer)
	var out []byte
	var sum int64
	for {
		if b.isStopped() {
			return nil, false
		}
		n, err := b.x.req.Body.Read(in)
		sum += int64(n)
		if b.length >= 0 && sum > b.length {
			return errLongBody, false
		}
		if n > 0 {
			out = b.frame(out[:0], in[:n])
			if !b.write(out) {
				return nil, false
			}
		}
		switch {
		case err == nil:
		case err != io.EOF:
			return fmt.Errorf("reading the request body: %w", err), false
		case b.length >= 0 && sum < b.length:
			return fmt.Errorf("request body ended after %d of %d bytes: %w", sum, b.length, io.ErrUnexpectedEOF), false
		case b.length >= 0:
			return nil, true
		default:
			return nil, b.write(http1.AppendLastChunk(out[:0], b.x.req.Trailer))
		}
	}
}

func (b *bodySender) frame(out, data []byte) []byte {
	if b.length >= 0 {
		return data
	}
	return http1.AppendChunk(out, data)
}

func (b *bodySender) write(p []byte) bool {
	n, err := b.c.net.Write(p)
	b.x.sent(0, int64(n))
	return err == nil
}

func (b *bodySender) isStopped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped
}

// stop lets the sender read no more of the body, and closes the body. It does
// not wait for a read under way, which may never return.
func (b *bodySender) stop() {
	b.mu.Lock()
	b.stopped = true
	b.mu.Unlock()
	b.x.req.Body.Close()
}

// failed reports whether reading the body has failed.
func (b *bodySender) failed() bool {
	select {
	case <-b.done:
		return b.err != nil
	default:
		return false
	}
}

// reuseWait is how long the end of an exchange waits for its request's body to
// be written: the goroutine that wrote its last byte may not have said so yet.
// net/http waits as long.
const reuseWait = 50 * time.Millisecond

// complete reports whether the whole body has been written.
func (b *bodySender) complete() bool {
	if b == nil {
		return true
	}
	select {
	case <-b.done:
		return b.whole
	default:
	}
	timer := time.NewTimer(reuseWait)
	defer timer.Stop()
	select {
	case <-b.done:
		return b.whole
	case <-timer.C:
		return false
	}
}
