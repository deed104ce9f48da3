package linger

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
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
// head is written by a goroutine, since the answer may come before it is over.
func (c *http1Conn) send(x *exchange, s slot, t *turn) error {
	select {
	case c.writing <- struct{}{}:
		defer func() { <-c.writing }()
	case <-x.ctx.Done():
	case <-canceled(x.req):
	}
	if err := gaveUp(x); err != nil {
		return &lost{err: err, step: timeline.Send, canceled: true, left: true}
	}
	if err := c.line.join(t); err != nil {
		return err
	}
	t.guard.start(x, !t.first)
	if t.first && (s.rested || t.nth > 1) {
		if err := c.look(); err != nil {
			return err
		}
	}
	x.sending(t.nth)
	length := outgoingLength(x.req)
	c.out = appendHead(c.out[:0], x.req, c.t.Strategy, length)
	head := len(c.out)
	inline := length > 0 && length <= inlineBody && inMemory(x.req) && !expects(x.req)
	if inline {
		if err := c.appendBody(x, int(length)); err != nil {
			return &lost{err: err, step: timeline.Send, canceled: true}
		}
	}
	if err := c.write(x, t, head); err != nil {
		return err
	}
	if length == 0 || inline || t.cut {
		x.body.Close()
		x.waiting(t)
		return nil
	}
	if !c.t.admit() {
		return &lost{err: ErrClosed, step: timeline.Send, written: true, canceled: true}
	}
	t.body = c.newBodySender(x, length)
	go t.body.run()
	return nil
}

// inMemory says whether reading a request's body cannot block: it is one that
// http.NewRequest has made of a buffer, a byte slice or a string.
func inMemory(req *http.Request) bool {
	return req.GetBody != nil && reflect.TypeOf(req.Body) == memoryBody
}

var memoryBody = reflect.TypeOf(io.NopCloser(strings.NewReader("")))

// write writes what is in c.out, of which the first octets are the head. An
// error means that the exchange is lost; if the request was cut otherwise, an
// answer may have come before that, and whoever reads will tell.
func (c *http1Conn) write(x *exchange, t *turn, head int) error {
	n, err := c.net.Write(c.out)
	x.sent(int64(min(n, head)), int64(max(0, n-head)))
	t.cut = err != nil
	if cap(c.out) > keptBuffer {
		c.out = nil
	}
	switch {
	case t.first && err != nil && n == 0:
		return &lost{err: err, step: timeline.Send}
	case t.first || !t.guard.stop():
		return nil
	case err != nil:
		return c.line.breakOff(t, &lost{err: gaveUp(x), step: timeline.Send, written: n > 0, canceled: true, cutShort: true})
	}
	// The caller gave up when the request stood on the wire: it is for await to
	// leave, and others go on writing.
	c.net.SetWriteDeadline(time.Time{})
	if c.interrupted.Load() {
		c.net.SetDeadline(longAgo)
	}
	return nil
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

// appendBody reads a small body in memory and puts it behind the head.
func (c *http1Conn) appendBody(x *exchange, length int) error {
	head := len(c.out)
	c.out = slices.Grow(c.out, length+1)[:head+length]
	n, err := io.ReadFull(x.body, c.out[head:])
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return fmt.Errorf("request body ended after %d of %d bytes: %w", n, length, io.ErrUnexpectedEOF)
	case err != nil:
		return fmt.Errorf("reading the request body: %w", err)
	}
	var more [1]byte
	if n, _ := x.body.Read(more[:]); n > 0 {
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
	if asksToClose(req, s) && s.Protocol != HTTP10 && !http1.HasToken(req.Header["Connection"], "close") {
		b = appendField(b, "Connection", "close")
	}
	b = appendFields(b, req.Header)
	return append(b, "\r\n"...)
}

// asksToClose says whether the request tells the server to close behind it: "A
// client that sends a "close" connection option MUST NOT send further requests on
// that connection" — RFC 9112 §9.6.
func asksToClose(req *http.Request, s Strategy) bool {
	return req.Close || s.lifetime() == 1 || http1.HasToken(req.Header["Connection"], "close")
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
	return removeZone(inASCII(host))
}

// inASCII writes a host name as DNS has it (RFC 5891 §4.4), where it can be.
func inASCII(host string) string {
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil {
		return ascii
	}
	return host
}

// checkRequest finds what must not be put on the wire: a request that could be
// read as another one.
func checkRequest(req *http.Request, s Strategy) error {
	switch {
	case req.URL == nil:
		return errors.New("request without a URL")
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return fmt.Errorf("unsupported scheme %q: want http or https", req.URL.Scheme)
	case req.URL.Host == "" || req.URL.Hostname() == "":
		return errors.New("URL without a host")
	case !httpguts.ValidHostHeader(inASCII(req.URL.Host)):
		return fmt.Errorf("invalid host %q", req.URL.Host)
	case !httpguts.ValidHeaderFieldName(methodOf(req)):
		return fmt.Errorf("invalid method %q", req.Method)
	case !httpguts.ValidHostHeader(hostOf(req)):
		return fmt.Errorf("invalid host %q", hostOf(req))
	case !validTarget(target(req)):
		return errors.New("invalid octet in the URL") // which may hold a secret
	case s.Protocol == HTTP10 && outgoingLength(req) < 0:
		return errors.New("a request body of unknown length cannot be sent in HTTP/1.0")
	}
	if err := checkFields("header", req.Header); err != nil {
		return err
	}
	return checkFields("trailer", req.Trailer)
}

// validTarget says whether a request target ends where the server will see its
// end: "No whitespace is allowed in the request-target" — RFC 9112 §3.2.
func validTarget(target string) bool {
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return false
		}
	}
	return target != ""
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
