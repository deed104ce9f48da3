package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// An HTTP/2 connection: net/http's ClientConn makes the frames, on a connection
// that linger has opened. A meter between the two counts what belongs to each
// stream, and hears when the server refuses streams or ends the connection:
// ClientConn does not tell.

type http2Conn struct {
	t      *Transport
	cc     *http.ClientConn
	meter  *meter
	name   timeline.Conn
	tls    *tls.ConnectionState
	pooled atomic.Pointer[pooled]
}

// connKey is the context key under which newHTTP2 hands its connection to the
// http.Transport that wraps it.
type connKey struct{}

// newHTTP2Dialer returns the http.Transport that makes ClientConns. It is told
// that the connections are in clear, so that it speaks HTTP/2 at once on
// whatever it is handed: TLS has been done by then.
func newHTTP2Dialer(t *Transport) *http.Transport {
	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	return &http.Transport{
		Protocols:              &h2,
		DialContext:            handOver,
		DisableCompression:     true,
		ExpectContinueTimeout:  max(0, t.expectTimeout()),
		ResponseHeaderTimeout:  t.ResponseHeaderTimeout,
		MaxResponseHeaderBytes: int64(t.maxHeader()),
	}
}

func handOver(ctx context.Context, _, _ string) (net.Conn, error) {
	return ctx.Value(connKey{}).(net.Conn), nil
}

// newHTTP2 begins HTTP/2 on a connection.
func (t *Transport) newHTTP2(ctx context.Context, nc net.Conn, name timeline.Conn, state *tls.ConnectionState) (conn, error) {
	c := &http2Conn{t: t, name: name, tls: state}
	c.meter = newMeter(nc, c.changed)
	cc, err := t.h2.NewClientConn(context.WithValue(ctx, connKey{}, net.Conn(c.meter)), "http", "handed.over:0")
	if err != nil {
		nc.Close()
		return nil, &dialError{step: timeline.Connect, err: err}
	}
	c.cc = cc
	cc.SetStateHook(func(*http.ClientConn) { c.changed() })
	return c, nil
}

func (c *http2Conn) about() timeline.Conn { return c.name }
func (c *http2Conn) below() *wire         { return wireBelow(c.meter.Conn) }
func (c *http2Conn) multiplexed() bool    { return true }
func (c *http2Conn) close()               { c.cc.Close() }
func (c *http2Conn) finish()              { c.cc.Close() }

// capacity is what the peer's SETTINGS allow. ClientConn is not asked: it counts
// streams that the pool has got back but it has not finished with, and its
// reservations, once they are more than lowered SETTINGS allow, block each other
// for ever.
func (c *http2Conn) capacity() int { return c.meter.capacity() }

// pooledAs implements conn. What happened before the pool knew the connection
// is told as soon as the pool listens.
func (c *http2Conn) pooledAs(p *pooled) {
	c.pooled.Store(p)
	go c.changed()
}

// changed tells the pool that the peer's limit has changed, that the connection
// has ended, or that the server will take no more streams: those under way then
// end in peace, and new ones go elsewhere.
func (c *http2Conn) changed() {
	pc := c.pooled.Load()
	switch {
	case pc == nil: // pooledAs will tell
	case c.cc.Err() != nil:
		c.t.startDials(c.t.pool().drop(pc, time.Now()))
	case c.meter.goneAway():
		c.t.drain(pc)
	default:
		c.t.startDials(c.t.pool().kick(pc, time.Now()))
	}
}

// A stream is one exchange on an HTTP/2 connection.
type stream struct {
	c     *http2Conn
	x     *exchange
	s     slot
	blind bool         // the peer's limit was not known when the stream was begun
	bytes streamBytes  // belongs to the meter
	begun bool         // its HEADERS are being written; belongs to who writes them
	first atomic.Int64 // nanoseconds from the exchange's start to the first byte of an answer; 0 until then
	ended atomic.Bool  // its record is closed

	interim  atomic.Int64 // size of the heads of interim responses so far
	tooLarge atomic.Bool  // they were larger than allowed
}

// roundTrip implements conn.
func (c *http2Conn) roundTrip(x *exchange, s slot) (*http.Response, error) {
	if err := c.cc.Err(); err != nil && s.nth > 1 {
		return nil, &lost{err: err, step: timeline.Queue, stale: true}
	}
	// The exchange is in the queue until its HEADERS are written: before the
	// peer's SETTINGS have come, ClientConn may hold it back.
	st := &stream{c: c, x: x, s: s, blind: !c.meter.settled()}
	resp, err := c.cc.RoundTrip(st.request())
	if err != nil {
		return nil, st.lost(err)
	}
	resp.TLS, resp.Request = c.tls, x.req
	x.enterAt(timeline.Receive, timeline.Unknown, st.firstAt())
	x.mu.Lock()
	x.Protocol, x.Status = resp.Proto, resp.StatusCode
	x.mu.Unlock()
	if st.over(resp) {
		_, err := io.Copy(io.Discard, resp.Body) // takes the trailer in
		resp.Body.Close()
		if err != nil && resp.ContentLength == 0 { // there was one
			return nil, st.lost(err)
		}
		st.end(nil)
		resp.Body = endedBody{x}
		return resp, nil
	}
	resp.Body = &http2Body{stream: st, body: resp.Body}
	return resp, nil
}

// over says whether a response without a body has ended. "A response that is
// defined as having no content … can have a non-zero Content-Length header
// field", https://www.rfc-editor.org/rfc/rfc9113#section-8.1.1.
func (st *stream) over(resp *http.Response) bool {
	none := st.x.Method == http.MethodHead || resp.ContentLength == 0 ||
		resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified
	return none && st.c.meter.over(&st.bytes)
}

// request is the exchange's request with hooks on it that write its spans.
func (st *stream) request() *http.Request {
	ctx := httptrace.WithClientTrace(st.x.ctx, &httptrace.ClientTrace{
		WroteHeaderField:     st.writesHeader,
		WroteRequest:         st.wroteRequest,
		GotFirstResponseByte: st.firstByte,
		Got1xxResponse:       st.got1xx,
	})
	req := st.x.req.WithContext(ctx)
	req.Cancel = nil //lint:ignore SA1019 the context stands for it
	if st.x.body != nil {
		req.Body = st.x.body
	}
	_, named := req.Header["User-Agent"]
	if named && !st.x.gzip {
		return req
	}
	if req.Header = req.Header.Clone(); req.Header == nil {
		req.Header = make(http.Header)
	}
	if !named {
		req.Header.Set("User-Agent", defaultUserAgent)
	}
	if st.x.gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	return req
}

// writesHeader is called for each field of the HEADERS to be written, while those
// of no other stream can be.
func (st *stream) writesHeader(string, []string) {
	if !st.begun {
		st.begun = true
		st.c.meter.expect(&st.bytes)
		st.x.advance(timeline.Queue, timeline.Send)
	}
}

func (st *stream) wroteRequest(httptrace.WroteRequestInfo) {
	st.x.advance(timeline.Send, timeline.Wait)
}

func (st *stream) firstByte() { st.first.Store(int64(max(1, time.Since(st.x.Start)))) }

// got1xx takes in an interim response: the final one begins after it. All of
// them together are bounded.
func (st *stream) got1xx(_ int, h textproto.MIMEHeader) error {
	size := int64(0)
	for name, values := range h {
		for _, v := range values {
			size += int64(len(name)) + int64(len(v)) + fieldOverhead
		}
	}
	if st.interim.Add(size+fieldOverhead) > int64(st.c.t.maxHeader()) {
		st.tooLarge.Store(true)
		return ErrHeaderTooLarge
	}
	return nil
}

// fieldOverhead is what a field counts beside its octets (RFC 9113 §6.5.2).
const fieldOverhead = 32

// firstAt is when the final response began. If interim ones came before it, it
// is when its head was there: ClientConn tells of the first byte only once.
func (st *stream) firstAt() time.Time {
	if st.interim.Load() > 0 {
		return time.Now()
	}
	return st.x.Start.Add(time.Duration(st.first.Load()))
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

// lost says how the exchange failed.
func (st *stream) lost(err error) *lost {
	gone := st.c.cc.Err() != nil
	sum, code := st.c.meter.take(&st.bytes)
	st.count(sum)
	l := &lost{err: err, step: max(timeline.Send, st.x.phase()), written: sum.id != 0, answered: st.first.Load() != 0, reused: st.s.nth > 1}
	if l.answered {
		l.step = timeline.Receive
	}
	var timeout net.Error
	why := gaveUp(st.x)
	if why == nil && code == processed {
		code = st.fate(sum, gone)
	}
	switch {
	case why != nil:
		// Its HEADERS may just be on their way.
		l.err, l.canceled, l.written = why, true, true
	case code != processed:
		// "The REFUSED_STREAM error code … indicates that the stream is being
		// closed prior to any processing"; streams above a GOAWAY's last one
		// "were not processed" — RFC 9113 §8.7, §6.8.
		l.err, l.unprocessed, l.guessed = fmt.Errorf("%s: %w", code, err), true, code == tooMany
		l.refused, l.counted = code == refusedBy && !st.blind, code != goneAway && code != unusable
	case st.c.meter.plain.Load():
		l.err, l.answered = fmt.Errorf("%w: it answers in HTTP/1", ErrNoHTTP2), true
	case st.tooLarge.Load():
		l.err = ErrHeaderTooLarge
	case errors.As(err, &timeout) && timeout.Timeout() && st.c.t.ResponseHeaderTimeout > 0:
		l.err = fmt.Errorf("%w: nothing for %v", ErrHeaderTimeout, st.c.t.ResponseHeaderTimeout)
	case gone && !l.answered:
		l.err = fmt.Errorf("%w (%w)", ErrServerClosed, err)
	}
	if !gone { // a stream's fault is not its connection's
		l.left, l.fine = true, !errors.Is(l.err, ErrHeaderTimeout)
	}
	return l
}

// fate says what became of a stream that failed and was not given up. ClientConn puts no further streams on a connection on which one was
// reset with PROTOCOL_ERROR, or which a request wants closed: it drains.
//
// "An endpoint that receives a HEADERS frame that causes its advertised concurrent
// stream limit to be exceeded MUST treat this as a stream error of type
// PROTOCOL_ERROR or REFUSED_STREAM" — RFC 9113 §5.1.2.
func (st *stream) fate(sum streamBytes, gone bool) fate {
	wrong := sum.reset && sum.code == protocolError
	full := sum.id == 0 && !gone && st.c.cc.Available() == 0
	if wrong || full {
		st.c.t.drain(st.s.pooled)
	}
	switch {
	case wrong && st.blind && st.first.Load() == 0 && st.x.traits.idempotent:
		return tooMany
	case full:
		return unusable
	}
	return processed
}

func (st *stream) count(sum streamBytes) {
	st.x.mu.Lock()
	defer st.x.mu.Unlock()
	if !st.x.ended {
		st.x.Sent = timeline.Bytes{Header: st.x.Sent.Header + sum.sent.Header, Body: st.x.Sent.Body + sum.sent.Body}
		st.x.Received = timeline.Bytes{Header: st.x.Received.Header + sum.received.Header, Body: st.x.Received.Body + sum.received.Body}
	}
}

// end gives the slot back and closes the record, once. It returns the error as
// the caller gets it.
func (st *stream) end(err error) error {
	if err != nil {
		if why := gaveUp(st.x); why != nil {
			err = why
		}
		err = st.fault(err)
	}
	if st.ended.Swap(true) {
		return err
	}
	sum, _ := st.c.meter.take(&st.bytes)
	st.count(sum)
	v := verdict{answered: true}
	if gone := st.c.cc.Err(); gone != nil {
		v.close, v.rude = gone.Error(), true
	}
	st.c.t.release(st.s, v)
	st.x.end(err)
	return err
}

// fault is an error as the reader of the body gets it.
func (st *stream) fault(err error) error {
	return &Error{Step: timeline.Receive, Origin: st.x.origin.String(), Sent: true, Err: err, exchange: &st.x.Exchange}
}

// An http2Body is the body of a response on a stream.
type http2Body struct {
	*stream
	body    io.ReadCloser
	closing atomic.Bool // Close was called
	failed  error       // what a Read returned; belongs to who reads
}

// Timeline implements timeline.Carrier.
func (b *http2Body) Timeline() *timeline.Exchange { return &b.x.Exchange }

// Read implements io.Reader.
func (b *http2Body) Read(p []byte) (int, error) {
	if b.failed != nil {
		return 0, b.failed
	}
	n, err := b.body.Read(p)
	switch {
	case err == io.EOF:
		b.end(nil)
	case err != nil && b.closing.Load():
		b.failed = b.fault(ErrBodyClosed)
		return n, b.failed
	case err != nil:
		b.failed = b.end(err)
		return n, b.failed
	}
	return n, err
}

// Close implements io.Closer. A stream whose body is not over is reset.
func (b *http2Body) Close() error {
	b.closing.Store(true)
	err := b.body.Close()
	b.end(nil)
	return err
}
