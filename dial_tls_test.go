package linger

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// TestMaySpeak: which protocols are left by Protocols, Strategy and route.
func TestMaySpeak(t *testing.T) {
	secure, clear := route{origin: origin{"https", "h:443"}}, route{origin: origin{"http", "h:80"}}
	forward := route{origin: origin{scheme: "http"}, proxy: "http://p"}
	socket := route{origin: origin{"https", "h:443"}, http1: true}
	for _, tt := range []struct {
		set  string // "-" for nil
		want Protocol
		to   route
		may  string
	}{
		{"-", Negotiate, secure, "12"}, {"-", Negotiate, clear, "1"}, {"-", Negotiate, forward, "1"}, {"-", Negotiate, socket, "1"},
		{"-", HTTP11, secure, "1"}, {"-", HTTP10, secure, "1"}, {"-", HTTP11, clear, "1"},
		{"-", HTTP2, secure, "2"}, {"-", HTTP2, clear, "2"}, {"-", HTTP2, forward, ""}, {"-", HTTP2, socket, ""},
		{"1", Negotiate, secure, "1"}, {"1", Negotiate, clear, "1"}, {"1", HTTP2, secure, ""},
		{"2", Negotiate, secure, "2"}, {"2", Negotiate, clear, ""}, {"2", HTTP11, secure, ""}, {"2", Negotiate, socket, ""},
		{"u", Negotiate, clear, "2"}, {"u", Negotiate, secure, ""}, {"u", Negotiate, forward, ""},
		{"1u", Negotiate, clear, "1"}, {"1u", HTTP2, clear, "2"}, {"1u", Negotiate, secure, "1"},
		{"12", Negotiate, secure, "12"}, {"12", HTTP2, clear, ""}, {"", Negotiate, secure, ""},
	} {
		var set *http.Protocols
		if tt.set != "-" {
			set = new(http.Protocols)
			set.SetHTTP1(strings.Contains(tt.set, "1"))
			set.SetHTTP2(strings.Contains(tt.set, "2"))
			set.SetUnencryptedHTTP2(strings.Contains(tt.set, "u"))
		}
		got := maySpeak(set, tt.want, tt.to)
		if want := (spoken{strings.Contains(tt.may, "1"), strings.Contains(tt.may, "2")}); got != want {
			t.Errorf("%q, %v, %v: %+v, want %+v", tt.set, tt.want, tt.to, got, want)
		}
	}
}

// TestNothingToSpeak says what wanted which protocol.
func TestNothingToSpeak(t *testing.T) {
	for want, to := range map[string]route{
		"proxy":     {origin: origin{scheme: "http"}, proxy: "http://p"},
		"WebSocket": {origin: origin{"https", "h:443"}, http1: true},
		"by http,":  {origin: origin{"http", "h:80"}},
	} {
		if err := nothingToSpeak(to); !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

// TestAgreed: what is spoken after ALPN, and what must not be.
func TestAgreed(t *testing.T) {
	for _, tt := range []struct {
		may   spoken
		alpn  string
		http2 bool
		bad   string
	}{
		{spoken{true, true}, "h2", true, ""}, {spoken{true, true}, "http/1.1", false, ""}, {spoken{true, true}, "", false, ""},
		{spoken{true, false}, "http/1.0", false, ""}, {spoken{false, true}, "h2", true, ""},
		{spoken{true, false}, "h2", false, "must not be spoken"}, {spoken{false, true}, "http/1.1", false, "does not speak HTTP/2"},
		{spoken{false, true}, "", false, "does not speak HTTP/2"}, {spoken{true, true}, "acme-tls/1", false, "not HTTP"},
	} {
		http2, err := tt.may.agreed(tt.alpn)
		if http2 != tt.http2 || (err == nil) != (tt.bad == "") || (err != nil && !strings.Contains(err.Error(), tt.bad)) {
			t.Errorf("%+v, %q: %v, %v", tt.may, tt.alpn, http2, err)
		}
	}
}

// TestOffers: what ALPN offers, beside what the caller's configuration has.
func TestOffers(t *testing.T) {
	for _, tt := range []struct {
		may      spoken
		in, want string
	}{
		{spoken{true, true}, "", "h2 http/1.1"}, {spoken{true, false}, "", "http/1.1"}, {spoken{false, true}, "", "h2 http/1.1"},
		{spoken{true, true}, "http/1.1 h2", "http/1.1 h2"}, {spoken{true, false}, "h2 acme", "acme http/1.1"}, {spoken{true, true}, "acme", "acme h2 http/1.1"},
	} {
		in := strings.Fields(tt.in)
		before := slices.Clone(in)
		if got := strings.Join(tt.may.offers(in), " "); got != tt.want || !slices.Equal(in, before) {
			t.Errorf("%+v, %q: %s, want %s", tt.may, tt.in, got, tt.want)
		}
	}
}

// TestProtocols: Transport.Protocols decides what is spoken.
func TestProtocols(t *testing.T) {
	for _, tt := range []struct {
		set     func(*http.Protocols)
		secure  bool
		want    string // empty: an error
		because string
	}{
		{func(p *http.Protocols) { p.SetHTTP1(true); p.SetHTTP2(true) }, true, "HTTP/2.0", ""},
		{func(p *http.Protocols) { p.SetHTTP1(true) }, true, "HTTP/1.1", ""},
		{func(p *http.Protocols) { p.SetHTTP2(true) }, true, "HTTP/2.0", ""},
		{func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, false, "HTTP/2.0", ""},
		{func(p *http.Protocols) { p.SetUnencryptedHTTP2(true); p.SetHTTP1(true) }, false, "HTTP/1.1", ""},
		{func(p *http.Protocols) { p.SetHTTP2(true) }, false, "", "do not both allow any protocol"},
		{func(*http.Protocols) {}, true, "", "do not both allow any protocol"},
	} {
		var set http.Protocols
		tt.set(&set)
		t.Run(fmt.Sprintf("%v TLS %v", set, tt.secure), func(t *testing.T) {
			srv := h2server(t, tt.secure, 10, http.HandlerFunc(kinds))
			w := watch(t, Strategy{})
			w.TLSClientConfig = trusting(srv)
			w.Protocols = &set
			a := w.get(srv.URL + "/x")
			if (a.err == nil) != (tt.want != "") || a.e.Protocol != tt.want || (a.err != nil && !strings.Contains(a.err.Error(), tt.because)) {
				t.Errorf("%q, %v; want %q", a.e.Protocol, a.err, tt.want)
			}
		})
	}
}

// TestWebSocketWantsHTTP1: the opening of a WebSocket goes on a connection of
// HTTP/1 even where HTTP/2 would do.
func TestWebSocketWantsHTTP1(t *testing.T) {
	srv := h2server(t, true, 10, http.HandlerFunc(kinds))
	w := watch(t, Strategy{})
	w.TLSClientConfig = trusting(srv)
	if a := w.get(srv.URL); a.err != nil || a.e.Protocol != "HTTP/2.0" {
		t.Errorf("%v in %s", a.err, a.e.Protocol)
	}
	req := request(t, "GET", srv.URL, "")
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	if a := w.do(req); a.err != nil || a.e.Protocol != "HTTP/1.1" {
		t.Errorf("%v in %s", a.err, a.e.Protocol)
	}
}

// TestDialTLSContext: the caller's function may shake hands, or leave it to
// linger, or not speak of TLS at all.
func TestDialTLSContext(t *testing.T) {
	srv := h2server(t, true, 10, http.HandlerFunc(kinds))
	addr := srv.Listener.Addr().String()
	for _, tt := range []struct {
		name   string
		protos []string
		dial   func(ctx context.Context, cfg *tls.Config) (net.Conn, error)
		want   string // empty: an error
		tls    bool
	}{
		{"before the handshake", nil, func(_ context.Context, cfg *tls.Config) (net.Conn, error) {
			c, err := net.Dial("tcp", addr)
			return tls.Client(c, cfg), err
		}, "HTTP/1.1", true},
		{"after it", []string{"h2"}, func(ctx context.Context, cfg *tls.Config) (net.Conn, error) {
			return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", addr)
		}, "HTTP/2.0", true},
		{"HTTP/2 before the handshake", []string{"h2", "http/1.1"}, func(_ context.Context, cfg *tls.Config) (net.Conn, error) {
			c, err := net.Dial("tcp", addr)
			return tls.Client(c, cfg), err
		}, "HTTP/2.0", true},
		{"wrapped, with its state", []string{"h2"}, func(_ context.Context, cfg *tls.Config) (net.Conn, error) {
			c, err := tls.Dial("tcp", addr, cfg)
			return struct{ *tls.Conn }{c}, err
		}, "HTTP/2.0", true},
		{"wrapped, without", nil, func(_ context.Context, cfg *tls.Config) (net.Conn, error) {
			c, err := tls.Dial("tcp", addr, cfg)
			return struct{ net.Conn }{c}, err
		}, "HTTP/1.1", false},
		{"nothing", nil, func(context.Context, *tls.Config) (net.Conn, error) { return nil, nil }, "", false},
		{"a failure", nil, func(context.Context, *tls.Config) (net.Conn, error) { return nil, net.ErrClosed }, "", false},
		{"untrusted", nil, func(context.Context, *tls.Config) (net.Conn, error) {
			c, err := net.Dial("tcp", addr)
			return tls.Client(c, &tls.Config{ServerName: "example.com"}), err
		}, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, Strategy{})
			cfg := trusting(srv)
			cfg.ServerName, cfg.NextProtos = "example.com", tt.protos
			w.DialTLSContext = func(ctx context.Context, network, to string) (net.Conn, error) {
				if network != "tcp" || to != "a.test:443" {
					t.Errorf("asked for %s, %s", network, to)
				}
				return tt.dial(ctx, cfg)
			}
			for range 2 {
				a := w.get("https://a.test/x")
				if (a.err == nil) != (tt.want != "") || a.e.Protocol != tt.want || a.err == nil && (a.resp.TLS != nil) != tt.tls {
					t.Errorf("%q, %v; want %q", a.e.Protocol, a.err, tt.want)
				}
			}
		})
	}
}

// TestDialsNothing: a dial function must return something.
func TestDialsNothing(t *testing.T) {
	w := watch(t, Strategy{})
	w.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	if a := w.get("http://a.test/"); !errors.Is(a.err, errNothingDialled) {
		t.Errorf("got %v", a.err)
	}
}

// TestUnixSocket: everything but the 4-tuple works on a Unix socket.
func TestUnixSocket(t *testing.T) {
	t.Run("clear", func(t *testing.T) { testUnixSocket(t, (*httptest.Server).Start, "http") })
	t.Run("TLS", func(t *testing.T) { testUnixSocket(t, (*httptest.Server).StartTLS, "https") })
}

func testUnixSocket(t *testing.T, start func(*httptest.Server), scheme string) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(kinds))
	srv.Listener.Close()
	srv.Listener = l
	srv.EnableHTTP2 = true
	start(srv)
	defer srv.Close()
	w := watch(t, Strategy{})
	w.TLSClientConfig = trusting(srv)
	w.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	for i := range 2 {
		a := w.get(scheme + "://example.com/x")
		if a.err != nil || a.body != strings.Repeat("/x", 1000) || a.e.Conn.Number != 1 || a.e.Nth != i+1 || a.e.Conn.Remote.IsValid() {
			t.Errorf("%v on %+v, %d", a.err, a.e.Conn, a.e.Nth)
		}
	}
	srv.CloseClientConnections()
	if a := w.get(scheme + "://example.com/x"); a.err != nil || a.e.Conn.Number != 2 {
		t.Errorf("%v on %+v, after the server closed it", a.err, a.e.Conn)
	}
}

// TestSessionsAreResumed: a second connection resumes the first one's session,
// unless told not to.
func TestSessionsAreResumed(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(kinds))
	defer srv.Close()
	for _, tt := range []struct {
		name string
		set  func(*tls.Config)
		want bool
	}{
		{"by default", func(*tls.Config) {}, true},
		{"from the caller's cache", func(c *tls.Config) { c.ClientSessionCache = tls.NewLRUClientSessionCache(1) }, true},
		{"who verifies is asked each time", func(c *tls.Config) {
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return nil }
		}, false},
		{"who has certificates is asked each time", func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
		}, false},
		{"not to", func(c *tls.Config) { c.SessionTicketsDisabled = true }, false},
	} {
		w := watch(t, named(t, "serial"))
		w.TLSClientConfig = trusting(srv)
		tt.set(w.TLSClientConfig)
		w.get(srv.URL)
		if a := w.get(srv.URL); a.err != nil || a.resp.TLS.DidResume != tt.want || strings.Contains(notesOf(a.e), "session resumed") != tt.want {
			t.Errorf("%s: %v, notes %q", tt.name, a.err, notesOf(a.e))
		}
	}
}

// TestTLSHandshakeTimeout limits the handshake alone.
func TestTLSHandshakeTimeout(t *testing.T) {
	for _, tt := range []struct{ set, want time.Duration }{{0, 10 * time.Second}, {3 * time.Second, 3 * time.Second}, {-1, 30 * time.Second}} {
		inVirtualTime(t, Strategy{}, func(t *testing.T, w *watched) {
			w.TLSHandshakeTimeout = tt.set
			piped(w, func(p *peer) { io.Copy(io.Discard, p.in) })
			a := w.get("https://a.test/")
			var e *Error
			if !errors.As(a.err, &e) || e.Step != timeline.TLS || !e.Timeout() || a.e.In(timeline.TLS) != tt.want {
				t.Errorf("%v: got %v after %v", tt.set, a.err, a.e.In(timeline.TLS))
			}
			if own := errors.Is(a.err, errTLSTimeout); own != (tt.set >= 0) {
				t.Errorf("%v: got %v", tt.set, a.err)
			}
		})
	}
}

// TestCertificateErrors: what crypto/x509 says can be asked for.
func TestCertificateErrors(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(kinds))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the clients that go away
	srv.StartTLS()
	defer srv.Close()
	w := watch(t, Strategy{})
	w.TLSClientConfig = trusting(srv)
	w.Resolve = resolveTo(addrPort(srv.Listener.Addr()))
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	if a := w.get("https://b.test/"); !errors.As(a.err, &name) || name.Host != "b.test" {
		t.Errorf("got %v", a.err)
	}
	stranger := watch(t, Strategy{})
	if a := stranger.get(srv.URL); !errors.As(a.err, &authority) {
		t.Errorf("got %v", a.err)
	}
}

// TestDialTrace: the hooks of httptrace that concern dialling are called for the
// request whose dial it is, in the order of net/http.
func TestDialTrace(t *testing.T) {
	srv := h2server(t, true, 10, http.HandlerFunc(kinds))
	port := addrPort(srv.Listener.Addr()).Port()
	var mu sync.Mutex
	var called []string
	add := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		called = append(called, what)
	}
	trace := &httptrace.ClientTrace{
		DNSStart:          func(i httptrace.DNSStartInfo) { add("DNSStart " + i.Host) },
		DNSDone:           func(i httptrace.DNSDoneInfo) { add("DNSDone") },
		ConnectStart:      func(network, addr string) { add("ConnectStart " + network) },
		ConnectDone:       func(_, _ string, err error) { add("ConnectDone") },
		TLSHandshakeStart: func() { add("TLSHandshakeStart") },
		TLSHandshakeDone:  func(s tls.ConnectionState, err error) { add("TLSHandshakeDone " + s.NegotiatedProtocol) },
	}
	w := watch(t, Strategy{})
	w.TLSClientConfig = trusting(srv)
	w.TLSClientConfig.ServerName = "example.com"
	req := request(t, "GET", fmt.Sprintf("https://localhost:%d", port), "")
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	for range 2 { // the second dials nothing
		if a := w.do(req); a.err != nil {
			t.Fatal(a.err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	// "localhost" may be two addresses, on one of which nothing listens.
	got := strings.Join(slices.Compact(called), ", ")
	for strings.Contains(got, "ConnectStart tcp, ConnectDone, ConnectStart tcp, ConnectDone") {
		got = strings.Replace(got, "ConnectStart tcp, ConnectDone, ", "", 1)
	}
	if want := "DNSStart localhost, DNSDone, ConnectStart tcp, ConnectDone, TLSHandshakeStart, TLSHandshakeDone h2"; got != want {
		t.Errorf("called: %s\nwant:   %s", got, want)
	}
}

// TestDialHasTheRequestsValues, and not its end.
func TestDialHasTheRequestsValues(t *testing.T) {
	type key struct{}
	srv := serve(t, echo)
	w := watch(t, Strategy{})
	w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, limited := ctx.Deadline()
		if ctx.Value(key{}) != "value" || !limited {
			t.Errorf("value %v, limited %v", ctx.Value(key{}), limited)
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
	req := request(t, "GET", srv.url+"/x", "")
	wantAnswer(t, w.do(req.WithContext(context.WithValue(req.Context(), key{}, "value"))), "/x", 1)
}
