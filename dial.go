package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// Opening a connection: name → addresses → TCP → TLS, each with its span.

const (
	// attemptDelay is how long an attempt goes alone before the next address is
	// tried beside it: "a simple implementation can have a fixed delay … a
	// recommended value is 250 milliseconds" — RFC 8305 §5.
	attemptDelay = 250 * time.Millisecond

	// alpnHTTP2 is the name of HTTP/2 over TLS in ALPN (RFC 9113 §3.2).
	alpnHTTP2 = "h2"

	defaultDialTimeout = 30 * time.Second
)

// A dialRecord tells how a connection was opened, in spans of absolute time:
// which exchange it will belong to is not known while it is written.
type dialRecord struct{ spans []dialSpan }

type dialSpan struct {
	phase      timeline.Phase
	cause      timeline.Cause
	start, end time.Time
	note       string
	attempts   []dialSpan
}

func (r *dialRecord) add(s dialSpan) { r.spans = append(r.spans, s) }

// tell writes the record into an exchange, as far as it falls after what the
// exchange has recorded so far: the time before is the exchange's own.
func (r *dialRecord) tell(e *timeline.Exchange) {
	from := e.Start.Add(e.Spans[len(e.Spans)-1].Start)
	for _, s := range r.spans {
		if !s.end.After(from) {
			continue
		}
		e.Enter(s.phase, s.cause, s.start)
		e.Note(s.note)
		for _, a := range s.attempts {
			e.Attempt(timeline.Span{Phase: a.phase, Cause: a.cause, Start: a.start.Sub(e.Start), End: a.end.Sub(e.Start), Note: a.note})
		}
		e.Enter(timeline.Queue, timeline.Queued, s.end)
	}
}

// runDial carries out a dial order and hands the connection to the pool.
func (t *Transport) runDial(d dialOrder) {
	defer t.conns.dials.Done()
	if d.pause > 0 && !sleep(t.life(), d.pause) {
		t.startDials(t.pool().failed(lostDial{d, nil, ErrClosed}, time.Now()))
		return
	}
	record := &dialRecord{}
	ctx, cancel := context.WithTimeout(t.life(), t.dialTimeout())
	defer cancel()
	c, err := t.open(ctx, d.to.key, record)
	now := time.Now()
	if err != nil {
		t.startDials(t.pool().failed(lostDial{d, record, err}, now))
		return
	}
	orders, err := t.pool().opened(d, c, record, now)
	if err != nil {
		c.close()
	}
	t.startDials(orders)
}

// startDials carries out what the pool ordered, each dial in a goroutine of its
// own: a dial outlives the exchange that asked for it.
func (t *Transport) startDials(orders []dialOrder) {
	for _, d := range orders {
		go t.runDial(d)
	}
}

// sleep waits for d, or until ctx is done, which it reports as false.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// open makes a connection to an origin, and records how.
func (t *Transport) open(ctx context.Context, to origin, r *dialRecord) (conn, error) {
	raw, err := t.dialTCP(ctx, to, r)
	if err != nil {
		return nil, err
	}
	about := timeline.Conn{Number: int(t.connections.Add(1)), Local: addrPort(raw.LocalAddr()), Remote: addrPort(raw.RemoteAddr())}
	w := &wire{Conn: raw}
	if to.scheme != "https" {
		if t.Strategy.Protocol == HTTP2 {
			return t.newHTTP2(ctx, w, about, nil)
		}
		return newHTTP1(t, w, w, about, nil), nil
	}
	return t.openTLS(ctx, to, w, about, r)
}

// openTLS shakes hands on a new connection and goes on in the protocol agreed.
func (t *Transport) openTLS(ctx context.Context, to origin, w *wire, about timeline.Conn, r *dialRecord) (conn, error) {
	secured := tls.Client(w, t.tlsConfig(to))
	start := time.Now()
	err := secured.HandshakeContext(ctx)
	state := secured.ConnectionState()
	span := dialSpan{phase: timeline.TLS, cause: timeline.TLSHandshake, start: start, end: time.Now(), note: tlsNote(state, err)}
	r.add(span)
	if err != nil {
		w.Close()
		return nil, &dialError{step: timeline.TLS, err: err}
	}
	about.TLS = tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
	switch {
	case state.NegotiatedProtocol == alpnHTTP2:
		return t.newHTTP2(ctx, secured, about, &state)
	case t.Strategy.Protocol == HTTP2:
		secured.Close()
		return nil, &dialError{step: timeline.TLS, err: ErrNoHTTP2}
	}
	return newHTTP1(t, secured, w, about, &state), nil
}

func tlsNote(state tls.ConnectionState, err error) string {
	switch {
	case err != nil:
		return plain(err)
	case state.DidResume:
		return tls.VersionName(state.Version) + ", session resumed"
	}
	return tls.VersionName(state.Version)
}

// tlsConfig is the caller's, never written to, with name and protocols filled in.
func (t *Transport) tlsConfig(to origin) *tls.Config {
	cfg := &tls.Config{}
	if t.TLSClientConfig != nil {
		cfg = t.TLSClientConfig.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(to.addr)
	}
	switch t.Strategy.Protocol {
	case HTTP10, HTTP11:
		cfg.NextProtos = []string{"http/1.1"}
	default:
		cfg.NextProtos = []string{alpnHTTP2, "http/1.1"}
	}
	return cfg
}

// dialTCP connects to an origin: by the caller's function where there is one,
// else to the first of its addresses that answers.
func (t *Transport) dialTCP(ctx context.Context, to origin, r *dialRecord) (net.Conn, error) {
	if t.DialContext != nil {
		start := time.Now()
		c, err := t.DialContext(ctx, "tcp", to.addr)
		r.add(attemptSpan(to.addr, start, time.Now(), err))
		if err != nil {
			return nil, &dialError{step: timeline.Connect, err: err}
		}
		return c, nil
	}
	addrs, err := t.addresses(ctx, to, r)
	if err != nil {
		return nil, err
	}
	return race(ctx, interleave(addrs), r, dialAddr)
}

// addresses looks up an origin's host.
func (t *Transport) addresses(ctx context.Context, to origin, r *dialRecord) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(to.addr)
	if err != nil {
		return nil, &dialError{step: timeline.DNS, err: err}
	}
	start := time.Now()
	addrs, err := t.lookup(ctx, host, port)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	if err != nil {
		r.add(dialSpan{phase: timeline.DNS, cause: timeline.NameLookup, start: start, end: time.Now(), note: plain(err)})
		return nil, &dialError{step: timeline.DNS, err: err}
	}
	if _, literal := netip.ParseAddr(host); literal != nil {
		r.add(dialSpan{phase: timeline.DNS, cause: timeline.NameLookup, start: start, end: time.Now(), note: host + " is " + join(addrs)})
	}
	return addrs, nil
}

func (t *Transport) lookup(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	if t.Resolve != nil {
		return t.Resolve(ctx, host, port)
	}
	return Resolve(ctx, host, port)
}

// Resolve looks a host and a port (a number, or a service's name) up with the
// system's resolver. It is what a Transport does unless told otherwise.
func Resolve(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	addrs := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip.Unmap(), uint16(number))
	}
	return addrs, nil
}

func join(addrs []netip.AddrPort) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.Addr().String()
	}
	return strings.Join(words, ", ")
}

// interleave orders addresses so that the families alternate, beginning with
// that of the first one (RFC 8305 §4).
func interleave(addrs []netip.AddrPort) []netip.AddrPort {
	var first, second []netip.AddrPort
	for _, a := range addrs {
		if a.Addr().Is4() == addrs[0].Addr().Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	mixed := make([]netip.AddrPort, 0, len(addrs))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(second) {
			mixed = append(mixed, second[i])
		}
	}
	return mixed
}

// An attempt is what became of dialling one address.
type attempt struct {
	conn net.Conn
	span dialSpan
	err  error
}

// race dials addresses one after the other, the next when the one before has
// failed or has taken attemptDelay, and returns the first connection made (RFC
// 8305 §5). It waits for the attempts it no longer needs, which end with ctx.
func race(ctx context.Context, addrs []netip.AddrPort, r *dialRecord, dial dialFunc) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	span := dialSpan{phase: timeline.Connect, cause: timeline.Handshake, start: time.Now()}
	done := make(chan attempt, len(addrs))
	next := time.NewTimer(0)
	defer next.Stop()
	var won net.Conn
	var failures []attempt
	started, ended := 0, 0
	for won == nil && ended < len(addrs) {
		select {
		case <-next.C:
			if started < len(addrs) {
				go attemptOne(ctx, dial, addrs[started], done)
				started++
				next.Reset(attemptDelay)
			}
		case a := <-done:
			ended++
			span.attempts = append(span.attempts, a.span)
			if won = a.conn; won == nil {
				failures = append(failures, a)
				next.Reset(0)
			}
		}
	}
	span.end = time.Now()
	cancel()
	for ; ended < started; ended++ {
		a := <-done
		if a.conn != nil {
			a.conn.Close()
			a.span.note += ": connected too late"
		}
		span.attempts = append(span.attempts, a.span)
	}
	if won == nil {
		r.add(span)
		return nil, allFailed(failures)
	}
	span.note = won.RemoteAddr().String()
	r.add(span)
	return won, nil
}

type dialFunc func(context.Context, netip.AddrPort) (net.Conn, error)

func dialAddr(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr.String())
}

func attemptOne(ctx context.Context, dial dialFunc, addr netip.AddrPort, done chan<- attempt) {
	start := time.Now()
	c, err := dial(ctx, addr)
	done <- attempt{conn: c, err: err, span: attemptSpan(addr.String(), start, time.Now(), err)}
}

func attemptSpan(addr string, start, end time.Time, err error) dialSpan {
	s := dialSpan{phase: timeline.Connect, cause: timeline.Handshake, start: start, end: end, note: addr}
	switch {
	case errors.Is(err, context.Canceled):
		s.note += ": no longer needed"
	case err != nil:
		s.note += ": " + plain(err)
	}
	return s
}

// allFailed makes one error of the attempts' errors: the first decides what it
// is, all are told.
func allFailed(failures []attempt) error {
	e := &dialError{step: timeline.Connect, err: failures[0].err}
	for _, f := range failures {
		e.tried = append(e.tried, f.span.note)
	}
	return e
}
