package page

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// A foreign keeps the timelines of a RoundTripper that keeps none itself, from
// what net/http/httptrace tells.
//
// What it cannot tell: bytes of heads and of framing, which stay 0, and the
// cause of sending, waiting and receiving, which stays unknown.
type foreign struct {
	now  func() time.Time
	ours atomic.Bool // the RoundTripper keeps timelines after all

	mu sync.Mutex
	// mu guards what follows.
	exchanges int
	conns     map[net.Conn]*foreignConn
}

// A foreignConn is a connection that was seen to carry an exchange.
type foreignConn struct{ number, exchanges int }

func newForeign(now func() time.Time) *foreign {
	return &foreign{now: now, conns: make(map[net.Conn]*foreignConn)}
}

func (f *foreign) isOurs() { f.ours.Store(true) }

// record makes the record of one exchange, nil if the RoundTripper is known to
// keep its own.
func (f *foreign) record(method, url string) *recorder {
	if f.ours.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.exchanges++
	return &recorder{
		foreign:  f,
		exchange: &timeline.Exchange{Number: f.exchanges, Method: method, URL: url},
		dials:    make(map[string]time.Duration),
	}
}

// use counts an exchange on a connection.
func (f *foreign) use(c net.Conn) (number, nth int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	conn := f.conns[c]
	if conn == nil {
		conn = &foreignConn{number: len(f.conns) + 1}
		f.conns[c] = conn
	}
	conn.exchanges++
	return conn.number, conn.exchanges
}

// A recorder writes one exchange. Its hooks may be called at once and after the
// exchange has ended: phases only go forward, and a closed record is left
// alone.
type recorder struct {
	foreign *foreign

	mu sync.Mutex
	// mu guards what follows.
	exchange *timeline.Exchange
	phase    timeline.Phase
	told     bool // a hook was called
	closed   bool
	dials    map[string]time.Duration // under way, by address
}

// begin starts the clock of the exchange.
func (r *recorder) begin(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchange.Start = at
	r.exchange.Enter(timeline.Queue, timeline.Queued, at)
}

var foreignCauses = [timeline.NumPhases]timeline.Cause{
	timeline.Queue:   timeline.Queued,
	timeline.DNS:     timeline.NameLookup,
	timeline.Connect: timeline.Handshake,
	timeline.TLS:     timeline.TLSHandshake,
}

// enterLocked goes on to a later phase. It returns false if the exchange is in
// that phase or past it.
func (r *recorder) enterLocked(p timeline.Phase) bool {
	if r.closed || p <= r.phase {
		return false
	}
	if r.phase == timeline.Connect {
		r.abandonDialsLocked()
	}
	r.phase = p
	r.exchange.Enter(p, foreignCauses[p], r.foreign.now())
	return true
}

func (r *recorder) trace() *httptrace.ClientTrace {
	enter := func(p timeline.Phase) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = true
		r.enterLocked(p)
	}
	return &httptrace.ClientTrace{
		GetConn:              r.getConn,
		DNSStart:             func(httptrace.DNSStartInfo) { enter(timeline.DNS) },
		ConnectStart:         r.connectStart,
		ConnectDone:          r.connectDone,
		TLSHandshakeStart:    func() { enter(timeline.TLS) },
		GotConn:              r.gotConn,
		WroteRequest:         func(httptrace.WroteRequestInfo) { enter(timeline.Wait) },
		GotFirstResponseByte: func() { enter(timeline.Receive) },
	}
}

// getConn is called again, after the request was sent, when it is tried on
// another connection.
func (r *recorder) getConn(string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = true
	if r.closed || r.phase < timeline.Send {
		return
	}
	r.exchange.Note("failed on this connection, sent again")
	r.phase = timeline.Queue
	r.exchange.Enter(timeline.Queue, timeline.Queued, r.foreign.now())
}

func (r *recorder) connectStart(_, addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = true
	r.enterLocked(timeline.Connect)
	if !r.closed && r.phase == timeline.Connect {
		r.dials[addr] = r.foreign.now().Sub(r.exchange.Start)
	}
}

func (r *recorder) connectDone(_, addr string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	start, underWay := r.dials[addr]
	if r.closed || r.phase != timeline.Connect || !underWay {
		return
	}
	delete(r.dials, addr)
	note := addr
	if err != nil {
		note = oneLine(fmt.Sprintf("%s: %v", addr, err))
	}
	r.attemptLocked(start, note)
}

// abandonDialsLocked ends the dials that were overtaken by another, or by a
// connection that became free.
func (r *recorder) abandonDialsLocked() {
	for addr, start := range r.dials {
		r.attemptLocked(start, addr+": not waited for")
	}
	clear(r.dials)
}

func (r *recorder) attemptLocked(start time.Duration, note string) {
	r.exchange.Attempt(timeline.Span{
		Phase: timeline.Connect, Cause: timeline.Handshake,
		Start: start, End: r.foreign.now().Sub(r.exchange.Start), Note: note,
	})
}

func (r *recorder) gotConn(info httptrace.GotConnInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = true
	if !r.enterLocked(timeline.Send) {
		return
	}
	e := r.exchange
	e.Tries++
	e.Conn = timeline.Conn{Local: addrPort(info.Conn.LocalAddr()), Remote: addrPort(info.Conn.RemoteAddr())}
	e.Conn.Number, e.Nth = r.foreign.use(info.Conn)
	switch {
	case info.WasIdle:
		e.Reason = fmt.Sprintf("reused: idle for %v", info.IdleTime)
	case info.Reused || e.Nth > 1:
		e.Reason = "reused"
	default:
		e.Reason = "new connection"
	}
}

// response notes what the head tells. A RoundTripper that calls no hooks leaves
// one span up to here, in which it did who knows what.
func (r *recorder) response(at time.Time, resp *http.Response) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.exchange
	e.Protocol, e.Status = resp.Proto, resp.StatusCode
	if t := resp.TLS; t != nil {
		e.Conn.TLS = tls.VersionName(t.Version) + " " + tls.CipherSuiteName(t.CipherSuite)
	}
	r.unexplainedLocked()
	if r.phase < timeline.Receive {
		r.phase = timeline.Receive
		e.Enter(timeline.Receive, timeline.Unknown, at)
	}
}

func (r *recorder) unexplainedLocked() {
	if !r.told && len(r.exchange.Spans) == 1 {
		r.exchange.Spans[0].Phase, r.exchange.Spans[0].Cause = timeline.Wait, timeline.Unknown
		r.exchange.Tries = 1
	}
}

// count adds bytes of the body.
func (r *recorder) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.exchange.Received.Body += int64(n)
}

// finish closes the record and hands it out.
func (r *recorder) finish(at time.Time, err error) *timeline.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.exchange
	}
	r.unexplainedLocked()
	r.abandonDialsLocked()
	r.exchange.Finish(at, err)
	r.closed = true
	return r.exchange
}

func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		ap := tcp.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
