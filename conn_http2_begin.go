package linger

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// Opening a stream: a request's head as HEADERS, and a small body behind it.

// begin opens a stream and queues what of its request can be sent at once: its
// head, and a body that is small and in memory. Streams are opened and their
// heads encoded in one order (RFC 9113 §5.1.1, RFC 7541 §2.2).
func (c *http2Conn) begin(st *stream) error {
	x := st.x
	if why := notInHTTP2(x.req); why != nil {
		return &lost{err: why, step: timeline.Send, loss: lossGivenUpUnsent, conn: connLives}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, err := c.fitLocked(); err != nil {
		st.fate = f
		return err
	}
	if most := c.peer.headerList; most < math.MaxUint64 && headSize(x) > most {
		return &lost{err: fmt.Errorf("%w: it takes %d octets", errHeadTooLarge, most), step: timeline.Send, loss: lossGivenUpUnsent, conn: connLives}
	}
	body, err := c.inlineLocked(x)
	if err != nil {
		return &lost{err: err, step: timeline.Send, loss: lossGivenUpUnsent, conn: connLives}
	}
	now := time.Now()
	c.openLocked(st, now)
	x.streamOpened(st.id, c.opening, now)
	st.whole = x.length == 0 || body != nil
	st.sentEnd = st.whole && len(x.req.Trailer) == 0
	c.encoded.Reset()
	c.encodeHead(x)
	st.sent.Header += c.appendHeadersLocked(st.id, st.sentEnd && body == nil)
	if body != nil {
		c.sendLocked(st, body, st.sentEnd)
	}
	switch {
	case !st.whole:
		st.up = newUpload(st)
	case !st.sentEnd:
		c.trailersLocked(st)
	}
	return nil
}

// streamOpened begins to send. Slots are lent in one order and streams opened in
// another: it is the latter that others see, and that says who is the connection's
// first, to whom its opening belongs.
func (x *exchange) streamOpened(id uint32, opening *dialRecord, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended {
		return
	}
	if x.Nth = int(id+1) / 2; x.Nth == 1 && opening != nil {
		opening.tell(&x.Exchange)
	}
	x.Enter(timeline.Send, timeline.Unknown, now)
}

var errHeadTooLarge = errors.New("the request's header is too large for the server")

// openLocked gives a stream its number and its windows.
func (c *http2Conn) openLocked(st *stream, now time.Time) {
	st.id = c.nextID
	c.nextID += 2
	c.streams[st.id] = st
	st.blind = !c.peer.known
	st.window = c.peer.window
	st.reads = c.reads.Load()
	c.watchLocked(now)
}

// inlineLocked reads a body that goes with the head, nil if there is none: one
// that is small, in memory, and within the windows.
func (c *http2Conn) inlineLocked(x *exchange) ([]byte, error) {
	n := int(x.length)
	if n <= 0 || n > inlineBody || !inMemory(x.req) || expects(x.req) || int64(n) > min(c.window, c.peer.window) {
		return nil, nil
	}
	body := make([]byte, n+1)
	got, err := io.ReadFull(x.body, body)
	switch {
	case got > n:
		return nil, errLongBody
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		if got < n {
			return nil, shortBody(int64(got), x.length)
		}
		return body[:n], nil
	}
	return nil, &bodyError{err}
}

// appendHeadersLocked queues what was encoded as HEADERS and, if it is large,
// CONTINUATION. It returns their size.
func (c *http2Conn) appendHeadersLocked(id uint32, end bool) (size int64) {
	kind, flags := http2.FrameHeaders, byte(0)
	if end {
		flags = flagEndStream
	}
	for block := c.encoded.Bytes(); ; {
		part := block[:min(len(block), c.peer.frame)]
		if block = block[len(part):]; len(block) == 0 {
			flags |= flagEndHeaders
		}
		c.out = append(appendFrame(c.out, len(part), kind, flags, id), part...)
		size += int64(frameHead + len(part))
		if len(block) == 0 {
			return size
		}
		kind, flags = http2.FrameContinuation, 0
	}
}

// sendLocked queues data, for which there is room in the windows.
func (c *http2Conn) sendLocked(st *stream, data []byte, end bool) {
	st.window -= int64(len(data))
	c.window -= int64(len(data))
	for {
		part, flags := data[:min(len(data), c.peer.frame)], byte(0)
		if data = data[len(part):]; end && len(data) == 0 {
			flags = flagEndStream
		}
		c.out = append(appendFrame(c.out, len(part), http2.FrameData, flags, st.id), part...)
		st.sent.Body += int64(frameHead + len(part))
		if len(data) == 0 {
			return
		}
	}
}

// trailersLocked queues a request's trailers, which end it.
func (c *http2Conn) trailersLocked(st *stream) {
	c.encoded.Reset()
	for name, v := range http1.TrailerFields(st.x.req.Trailer) {
		c.encode(lowerName(name), v)
	}
	st.sentEnd = true
	st.sent.Header += c.appendHeadersLocked(st.id, true)
	c.forgetLocked(st)
}

func (c *http2Conn) encode(name, value string) {
	c.enc.WriteField(hpack.HeaderField{Name: name, Value: value})
}

// encodeHead encodes a request's head: "All pseudo-header fields … MUST appear in
// a field block before all regular field lines" — RFC 9113 §8.3.
func (c *http2Conn) encodeHead(x *exchange) { eachInHead(x, c.encode) }

// eachInHead yields what stands in a request's head, in its order.
func eachInHead(x *exchange, yield func(name, value string)) {
	yield(":method", x.Method)
	if x.Method == http.MethodConnect {
		// "The ":scheme" and ":path" pseudo-header fields MUST be omitted" — RFC 9113
		// §8.5. The authority is what HTTP/1 has for a target.
		yield(":authority", x.target)
	} else {
		yield(":scheme", x.req.URL.Scheme)
		yield(":authority", x.host)
		yield(":path", x.target)
	}
	eachField(x, yield)
}

// headSize is a request's head as SETTINGS_MAX_HEADER_LIST_SIZE counts it: "the
// length of the field name and value in units of octets plus an overhead of 32
// octets for each field line" — RFC 9113 §6.5.2.
func headSize(x *exchange) uint64 {
	var size uint64
	add := func(name, value string) { size += uint64(len(name) + len(value) + fieldOverhead) }
	eachInHead(x, add)
	return size
}

// fieldOverhead is what a field counts beside its octets (RFC 9113 §6.5.2).
const fieldOverhead = 32

// eachField yields the fields of a request after the pseudo ones, sorted by name
// so that the same request has the same bytes.
func eachField(x *exchange, yield func(name, value string)) {
	req := x.req
	if _, ok := req.Header["User-Agent"]; !ok {
		yield("user-agent", defaultUserAgent)
	}
	if x.gzip {
		yield("accept-encoding", "gzip")
	}
	if x.length > 0 || (x.length == 0 && (x.Method == "POST" || x.Method == "PUT" || x.Method == "PATCH")) {
		yield("content-length", strconv.FormatInt(x.length, 10))
	}
	var room [24]string
	names := room[:0]
	for name := range req.Trailer {
		names = append(names, name)
	}
	if len(names) > 0 {
		slices.Sort(names)
		yield("trailer", strings.Join(names, ","))
	}
	names = names[:0]
	for name := range req.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		eachValue(lowerName(name), req.Header[name], yield)
	}
}

// eachValue yields the values of one field as HTTP/2 has them.
func eachValue(name string, values []string, yield func(name, value string)) {
	switch {
	case ownField(name) || connectionField(name):
	case name == "te":
		// "The only exception to this is the TE header field, which MAY be present in
		// an HTTP/2 request; when it is, it MUST NOT contain any value other than
		// "trailers"" — RFC 9113 §8.2.2.
		if httpguts.HeaderValuesContainsToken(values, "trailers") {
			yield(name, "trailers")
		}
	case name == "cookie":
		for _, v := range values {
			eachCrumb(v, yield)
		}
	case name == "user-agent":
		if len(values) > 0 && values[0] != "" {
			yield(name, values[0])
		}
	default:
		for _, v := range values {
			yield(name, v)
		}
	}
}

// eachCrumb splits cookies: "To allow for better compression efficiency, the
// Cookie header field MAY be split into separate header fields, each with one or
// more cookie-pairs" — RFC 9113 §8.2.3.
func eachCrumb(cookies string, yield func(name, value string)) {
	for crumb := range strings.SplitSeq(cookies, ";") {
		if crumb = strings.TrimLeft(crumb, " "); crumb != "" {
			yield("cookie", crumb)
		}
	}
}

// connectionField says whether a field, in lower case, is about an HTTP/1
// connection: "An endpoint MUST NOT generate an HTTP/2 message containing
// connection-specific header fields" — RFC 9113 §8.2.2.
func connectionField(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// notInHTTP2 says why a request cannot be made in HTTP/2, nil if it can.
func notInHTTP2(req *http.Request) error {
	if wantsUpgrade(req) {
		return errors.New("HTTP/2 has no Upgrade") // RFC 9113 §8.6
	}
	return nil
}

// lowerName is a field's name as HTTP/2 has it: "Field names MUST be converted to
// lowercase when constructing an HTTP/2 message" — RFC 9113 §8.2.
func lowerName(name string) string {
	if lower, ok := lowerNames[name]; ok {
		return lower
	}
	return strings.ToLower(name)
}

// lowerNames spares common names an allocation.
var lowerNames = func() map[string]string {
	names := make(map[string]string)
	for lower := range strings.FieldsSeq("accept accept-encoding accept-language authorization baggage cache-control content-encoding content-language content-type cookie date dnt etag expect from grpc-timeout if-match if-modified-since if-none-match if-range if-unmodified-since idempotency-key link origin pragma priority range referer te traceparent tracestate user-agent x-amz-content-sha256 x-amz-date x-api-key x-b3-sampled x-b3-spanid x-b3-traceid x-forwarded-for x-forwarded-host x-forwarded-proto x-request-id x-requested-with") {
		names[http.CanonicalHeaderKey(lower)] = lower
	}
	return names
}()
