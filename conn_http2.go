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
	"sync/atomic"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// An HTTP/2 connection: net/http's ClientConn makes the frames, on a connection
// that linger has opened. A meter between the two counts what belongs to each
// stream, and hears when the server refuses streams or ends the connection:
// ClientConn does not tell.

// initialStreams is how many streams one assumes before the peer's SETTINGS
// have come (RFC 9113 §6.5.2 recommends no fewer as a peer's limit).
const initialStreams = 100

type http2Conn struct {
	t      *Transport
	cc     *http.ClientConn
	meter  *meter
	name   timeline.Conn
	tls    *tls.ConnectionState
	pooled atomic.Pointer[pooled]
	told   atomic.Bool // changed will be called
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
	cc.SetStateHook(func(*http.ClientConn) { c.tell() })
	return c, nil
}

func (c *http2Conn) about() timeline.Conn { return c.name }
func (c *http2Conn) multiplexed() bool    { return true }
func (c *http2Conn) free(int) int         { return c.cc.Available() }
func (c *http2Conn) reserve() bool        { return c.cc.Reserve() == nil }
func (c *http2Conn) unreserve()           { c.cc.Release() }
func (c *http2Conn) close()               { c.cc.Close() }
func (c *http2Conn) finish()              { c.cc.Close() }

// pooledAs implements conn. What happened before the pool knew the connection
// is told now.
func (c *http2Conn) pooledAs(p *pooled) {
	c.pooled.Store(p)
	c.tell()
}

// tell has changed called soon. ClientConn's hook may be called with the pool's
// mutex held, by reserve, so it must not wait for the pool.
func (c *http2Conn) tell() {
	if c.t.life().Err() == nil && !c.told.Swap(true) {
		go c.changed()
	}
}

// changed tells the pool that streams were freed, that the peer's limit has
// changed, that the connection has ended, or that the server will take no more
// streams: those under way then end in peace, and new ones go elsewhere.
func (c *http2Conn) changed() {
	c.told.Store(false)
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
	c        *http2Conn
	x        *exchange
	s        slot
	id       atomic.Uint32 // 0 until its HEADERS were written
	answered atomic.Bool
	ended    atomic.Bool
}

// roundTrip implements conn.
func (c *http2Conn) roundTrip(x *exchange, s slot) (*http.Response, error) {
	if err := c.cc.Err(); err != nil && s.nth > 1 {
		c.unreserve()
		return nil, &lost{err: err, step: timeline.Queue, stale: true}
	}
	st := &stream{c: c, x: x, s: s}
	x.enter(timeline.Send, timeline.Unknown)
	resp, err := c.cc.RoundTrip(st.request())
	if err != nil {
		return nil, st.lost(err)
	}
	resp.TLS, resp.Request = c.tls, x.req
	x.mu.Lock()
	x.Protocol, x.Status = resp.Proto, resp.StatusCode
	x.mu.Unlock()
	if resp.Body == http.NoBody {
		st.end(nil)
		resp.Body = endedBody{x}
		return resp, nil
	}
	resp.Body = &http2Body{stream: st, body: resp.Body}
	return resp, nil
}

// request is the exchange's request with hooks on it that write its spans.
func (st *stream) request() *http.Request {
	ctx := httptrace.WithClientTrace(st.x.ctx, &httptrace.ClientTrace{
		WroteHeaders:         st.wroteHeaders,
		WroteRequest:         st.wroteRequest,
		GotFirstResponseByte: st.firstByte,
	})
	req := st.x.req.WithContext(ctx)
	if st.x.body != nil {
		req.Body = st.x.body
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		req.Header = req.Header.Clone()
		if req.Header == nil {
			req.Header = make(http.Header)
		}
		req.Header.Set("User-Agent", defaultUserAgent)
	}
	return req
}

// wroteHeaders is called while no other stream can write its HEADERS: the
// newest one of the connection is this.
func (st *stream) wroteHeaders() { st.id.Store(st.c.meter.newest()) }

func (st *stream) wroteRequest(httptrace.WroteRequestInfo) {
	if st.x.phase() == timeline.Send {
		st.x.enter(timeline.Wait, timeline.Unknown)
	}
}

func (st *stream) firstByte() {
	st.answered.Store(true)
	st.x.enter(timeline.Receive, timeline.Unknown)
}

// lost says how the exchange failed.
func (st *stream) lost(err error) *lost {
	id := st.id.Load()
	sum, code := st.c.meter.take(id)
	st.count(sum)
	l := &lost{err: err, step: st.x.phase(), written: id != 0, answered: st.answered.Load(), reused: st.s.nth > 1}
	var timeout net.Error
	switch why := gaveUp(st.x); {
	case why != nil:
		l.err, l.canceled = why, true
	case code != processed:
		// "The REFUSED_STREAM error code … indicates that the stream is being
		// closed prior to any processing"; streams above a GOAWAY's last one
		// "were not processed" — RFC 9113 §8.7, §6.8.
		l.err, l.unprocessed = fmt.Errorf("%s: %w", code, err), true
		l.refused, l.counted = code == refusedBy, code != goneAway
	case errors.As(err, &timeout) && timeout.Timeout() && st.c.t.ResponseHeaderTimeout > 0:
		l.err = fmt.Errorf("%w: nothing for %v", ErrHeaderTimeout, st.c.t.ResponseHeaderTimeout)
	case st.c.cc.Err() != nil && !l.answered:
		l.err = fmt.Errorf("%w (%w)", ErrServerClosed, err)
	}
	if st.c.cc.Err() == nil { // a stream's fault is not its connection's
		l.left, l.fine = true, !errors.Is(l.err, ErrHeaderTimeout)
	}
	return l
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
		err = &Error{Step: timeline.Receive, Origin: st.x.origin.String(), Sent: true, Err: err, exchange: &st.x.Exchange}
	}
	if st.ended.Swap(true) {
		return err
	}
	sum, _ := st.c.meter.take(st.id.Load())
	st.count(sum)
	v := verdict{answered: true}
	if gone := st.c.cc.Err(); gone != nil {
		v.close, v.rude = gone.Error(), true
	}
	st.c.t.release(st.s, v)
	st.x.end(err)
	return err
}

// An http2Body is the body of a response on a stream.
type http2Body struct {
	*stream
	body io.ReadCloser
}

// Timeline implements timeline.Carrier.
func (b *http2Body) Timeline() *timeline.Exchange { return &b.x.Exchange }

// Read implements io.Reader.
func (b *http2Body) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	switch {
	case err == io.EOF:
		b.end(nil)
	case err != nil && b.ended.Load():
		return n, ErrBodyClosed
	case err != nil:
		return n, b.end(err)
	}
	return n, err
}

// Close implements io.Closer. A stream whose body is not over is reset.
func (b *http2Body) Close() error {
	err := b.body.Close()
	b.end(nil)
	return err
}
