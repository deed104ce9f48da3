package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// Shaking hands for TLS, and which protocol is spoken then.

const (
	// Names of protocols in ALPN: RFC 9113 §3.2, RFC 7301 §6.
	alpnHTTP2  = "h2"
	alpnHTTP11 = "http/1.1"
	alpnHTTP10 = "http/1.0"

	// defaultTLSTimeout is http.DefaultTransport's.
	defaultTLSTimeout = 10 * time.Second
)

// spoken is the set of protocols that may be spoken on a connection.
type spoken struct{ http1, http2 bool }

// maySpeak decides which protocols may be spoken on a route. In clear nothing
// negotiates: where HTTP/1 may be spoken it is.
func maySpeak(set *http.Protocols, want Protocol, to route) spoken {
	secure := to.scheme == "https"
	s := spoken{http1: true, http2: secure || want == HTTP2}
	if set != nil {
		s = spoken{http1: set.HTTP1(), http2: set.UnencryptedHTTP2()}
		if secure {
			s.http2 = set.HTTP2()
		}
	}
	s.http1 = s.http1 && want != HTTP2
	s.http2 = s.http2 && want != HTTP10 && want != HTTP11 && !to.http1 && !to.forwards()
	s.http2 = s.http2 && (secure || !s.http1)
	return s
}

// nothingToSpeak is the error where no protocol may be spoken on a route.
func nothingToSpeak(to route) error {
	const why = ", and Protocols and Strategy.Protocol do not both allow "
	switch {
	case to.forwards():
		return errors.New("a proxy that forwards requests speaks HTTP/1" + why + "that")
	case to.http1:
		return errors.New("a WebSocket begins in HTTP/1" + why + "that")
	}
	return fmt.Errorf("it is to be reached by %s%sany protocol for it", to.scheme, why)
}

// agreed says whether HTTP/2 is to be spoken on a connection on which ALPN agreed
// on a protocol, empty if on none, or what is wrong with that.
func (s spoken) agreed(protocol string) (http2 bool, err error) {
	switch {
	case protocol == alpnHTTP2 && s.http2:
		return true, nil
	case protocol == alpnHTTP2:
		return false, fmt.Errorf("the server chose HTTP/2, which must not be spoken here")
	case protocol != "" && protocol != alpnHTTP11 && protocol != alpnHTTP10:
		return false, fmt.Errorf("the server chose the protocol %q, which is not HTTP", protocol)
	case !s.http1:
		return false, ErrNoHTTP2
	}
	return false, nil
}

// offers are the protocols to offer in ALPN: those that may be spoken, beside what
// the caller's configuration offers. HTTP/1.1 is offered even where it will not do:
// a server that chooses it then is known to speak no HTTP/2, while one that is
// offered nothing it speaks ends the handshake without a word on why.
func (s spoken) offers(configured []string) []string {
	offers := slices.DeleteFunc(slices.Clone(configured), func(p string) bool { return p == alpnHTTP2 && !s.http2 })
	for _, p := range []string{alpnHTTP2, alpnHTTP11} {
		if !slices.Contains(offers, p) && (p != alpnHTTP2 || s.http2) {
			offers = append(offers, p)
		}
	}
	return offers
}

// tlsConfig is the caller's, never written to, with what it leaves open filled in.
// A name that it has is the origin's, not that of a proxy.
func (t *Transport) tlsConfig(host string, may spoken, proxy bool) *tls.Config {
	cfg := &tls.Config{}
	if t.TLSClientConfig != nil {
		cfg = t.TLSClientConfig.Clone()
	}
	if cfg.ServerName == "" || proxy {
		cfg.ServerName = host
	}
	if ip, err := netip.ParseAddr(cfg.ServerName); err == nil {
		cfg.ServerName = ip.WithZone("").String() // no certificate names a zone
	}
	if cfg.ClientSessionCache == nil && cfg.VerifyPeerCertificate == nil && cfg.GetClientCertificate == nil {
		cfg.ClientSessionCache = t.sessions // a resumed handshake would not call those functions
	}
	cfg.NextProtos = may.offers(cfg.NextProtos)
	return cfg
}

// errTLSTimeout is what a handshake gets that takes longer than TLSHandshakeTimeout.
var errTLSTimeout = &limitError{"TLS handshake timeout", true}

// secure shakes hands on a link. On its failure the link is closed.
func (d *dialler) secure(ctx context.Context, l *link, cfg *tls.Config) error {
	secured := tls.Client(l.Conn, cfg)
	state, err := d.handshake(ctx, secured)
	if d.to.proxy != "" { // there may be two handshakes to tell apart
		last := &d.record.spans[len(d.record.spans)-1]
		last.note = cfg.ServerName + ": " + last.note
	}
	if err != nil {
		l.Close()
		return &dialError{step: timeline.TLS, err: err}
	}
	l.Conn = secured
	l.secured(state)
	return nil
}

// handshake shakes hands within TLSHandshakeTimeout, and tells of it.
func (d *dialler) handshake(ctx context.Context, c *tls.Conn) (tls.ConnectionState, error) {
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	start := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit(d.t.TLSHandshakeTimeout, defaultTLSTimeout))
	err := c.HandshakeContext(limited)
	switch r := (tls.RecordHeaderError{}); {
	case err == nil:
	case limited.Err() == context.DeadlineExceeded && ctx.Err() == nil:
		err = errTLSTimeout
	case errors.As(err, &r) && string(r.RecordHeader[:]) == "HTTP/":
		err = fmt.Errorf("%w: %w", http.ErrSchemeMismatch, err)
	}
	cancel()
	state := tls.ConnectionState{}
	if err == nil {
		state = c.ConnectionState()
	}
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(state, err)
	}
	d.record.add(dialSpan{phase: timeline.TLS, cause: timeline.TLSHandshake, start: start, end: time.Now(), note: tlsNote(state, err)})
	return state, err
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

// dialTLS opens a link by DialTLSContext, which has shaken hands on it or leaves
// that to us.
func (d *dialler) dialTLS(ctx context.Context, addr string) (*link, error) {
	start := time.Now()
	c, err := d.t.DialTLSContext(ctx, "tcp", addr)
	if err == nil && c == nil {
		err = errNothingDialled
	}
	d.record.add(attemptSpan(addr, start, time.Now(), err))
	if err != nil {
		return nil, &dialError{step: timeline.Connect, err: d.explained(err)}
	}
	l := d.t.newLink(c)
	if secured, ok := c.(*tls.Conn); ok && !secured.ConnectionState().HandshakeComplete {
		if _, err := d.handshake(ctx, secured); err != nil {
			c.Close()
			return nil, &dialError{step: timeline.TLS, err: err}
		}
	}
	if secured, ok := c.(interface{ ConnectionState() tls.ConnectionState }); ok {
		l.secured(secured.ConnectionState())
	}
	return l, nil
}

// A link is a connection whose HTTP has not begun.
type link struct {
	net.Conn       // what HTTP is put on
	wire     *wire // what is below all else
	about    timeline.Conn
	tls      *tls.ConnectionState
}

// newLink numbers a connection that was opened.
func (t *Transport) newLink(c net.Conn) *link {
	c = completeConn(c)
	about := timeline.Conn{Number: int(t.connections.Add(1)), Local: addrPort(c.LocalAddr()), Remote: addrPort(c.RemoteAddr())}
	w := newWire(c)
	return &link{Conn: w, wire: w, about: about}
}

// secured notes what TLS agreed on.
func (l *link) secured(state tls.ConnectionState) {
	l.tls = &state
	l.about.TLS = tls.VersionName(state.Version) + " " + tls.CipherSuiteName(state.CipherSuite)
}

// alpn is the protocol that TLS agreed on, empty if none or if that is not known.
func (l *link) alpn() string {
	if l.tls == nil {
		return ""
	}
	return l.tls.NegotiatedProtocol
}
