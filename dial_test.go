package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// closedPort is an address on which nothing listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return addrPort(l.Addr())
}

// resolveTo resolves every name to the given addresses.
func resolveTo(addrs ...netip.AddrPort) func(context.Context, string, string) ([]netip.AddrPort, error) {
	return func(context.Context, string, string) ([]netip.AddrPort, error) { return addrs, nil }
}

// TestSecondAddress: an address that refuses costs an attempt, and the timeline
// tells of both.
func TestSecondAddress(t *testing.T) {
	srv := serve(t, echo)
	good := netip.MustParseAddrPort(strings.TrimPrefix(srv.url, "http://"))
	bad := closedPort(t)
	w := watch(t, named(t, "persistent"))
	w.Resolve = resolveTo(bad, good)
	a := w.get("http://a.test/x")
	wantAnswer(t, a, "/x", 1)
	i := slices.IndexFunc(a.e.Spans, func(s timeline.Span) bool { return s.Phase == timeline.Connect })
	if i < 0 || len(a.e.Spans[i].Attempts) != 2 {
		t.Fatalf("the spans are %+v", a.e.Spans)
	}
	first, second := a.e.Spans[i].Attempts[0], a.e.Spans[i].Attempts[1]
	if first.Note != bad.String()+": connection refused" || second.Note != good.String() || second.Start < first.End {
		t.Errorf("the attempts are %+v", a.e.Spans[i].Attempts)
	}
	if a.e.Conn.Remote != good {
		t.Errorf("it is on %v", a.e.Conn.Remote)
	}
}

// TestDialFails tells the failures of dialling apart.
func TestDialFails(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(kinds))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of the clients that do not trust it
	secure.StartTLS()
	defer secure.Close()
	trusted := secure.Client().Transport.(*http.Transport).TLSClientConfig
	plainly := httptest.NewServer(http.HandlerFunc(kinds))
	defer plainly.Close()
	ends := serve(t, func(p *peer) { p.in.Peek(1) })
	down := closedPort(t)
	for _, tt := range []struct {
		name, url string
		set       func(*Transport)
		step      timeline.Phase
		text      string
		hint      string
	}{
		{"no such host", "http://a.test/", func(tr *Transport) {
			tr.Resolve = func(context.Context, string, string) ([]netip.AddrPort, error) {
				return nil, &net.DNSError{Err: "no such host", Name: "a.test", IsNotFound: true}
			}
		}, timeline.DNS, "no such host", "spelling"},
		{"resolver broken", "http://a.test/", func(tr *Transport) {
			tr.Resolve = func(context.Context, string, string) ([]netip.AddrPort, error) {
				return nil, &net.DNSError{Err: "server misbehaving", Name: "a.test"}
			}
		}, timeline.DNS, "server misbehaving", "resolver"},
		{"no addresses", "http://a.test/", func(tr *Transport) { tr.Resolve = resolveTo() }, timeline.DNS, "no such host", "spelling"},
		{"refused", "http://" + down.String(), nil, timeline.Connect, "connection refused", "nothing listens"},
		{"refused everywhere", "http://a.test/", func(tr *Transport) { tr.Resolve = resolveTo(down, down) },
			timeline.Connect, down.String() + ": connection refused, " + down.String(), "nothing listens"},
		{"refused by a foreign dialler", "http://a.test/", func(tr *Transport) {
			tr.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, opError("connect", syscall.ECONNREFUSED)
			}
		}, timeline.Connect, "connection refused", "nothing listens"},
		{"unknown authority", secure.URL, nil, timeline.TLS, "unknown authority", "authority"},
		{"wrong name", secure.URL, func(tr *Transport) {
			tr.TLSClientConfig = &tls.Config{RootCAs: trusted.RootCAs, ServerName: "other.test"}
		}, timeline.TLS, "not other.test", "another name"},
		{"no TLS", strings.Replace(plainly.URL, "http:", "https:", 1), nil, timeline.TLS, "does not look like a TLS handshake", "http://"},
		{"ended in the handshake", strings.Replace(ends.url, "http:", "https:", 1), nil, timeline.TLS, "", "its log"},
		{"no HTTP/2", secure.URL, func(tr *Transport) {
			tr.TLSClientConfig = trusted
			tr.Strategy = named(t, "multiplexed")
		}, timeline.TLS, "does not speak HTTP/2", "another strategy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, named(t, "persistent"))
			if tt.set != nil {
				tt.set(w.Transport)
			}
			for range 2 { // the second is told no other
				a := w.get(tt.url)
				var e *Error
				if !errors.As(a.err, &e) {
					t.Fatalf("got %v", a.err)
				}
				if e.Step != tt.step || e.MayBeApplied || !strings.Contains(e.Error(), tt.text) || !strings.Contains(e.Hint(), tt.hint) {
					t.Errorf("%v failed in %v (sent %v), hint %q", e, e.Step, e.MayBeApplied, e.Hint())
				}
				if n := len(a.e.Spans); a.e.Tries != 0 || !slices.ContainsFunc(a.e.Spans, func(s timeline.Span) bool { return s.Phase == tt.step }) {
					t.Errorf("%d tries, %d spans: %+v", a.e.Tries, n, a.e.Spans)
				}
			}
		})
	}
}

// gated lets a Transport dial only when it is told to.
type gated struct {
	asked chan context.Context
	reply chan func() (net.Conn, error)
}

func gate(w *watched) *gated {
	g := &gated{asked: make(chan context.Context, 100), reply: make(chan func() (net.Conn, error))}
	w.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		g.asked <- ctx
		return (<-g.reply)()
	}
	return g
}

// TestDialOutlivesItsExchange: a dial goes on when the exchange that asked for it
// is cancelled, and its connection is kept for the next.
func TestDialOutlivesItsExchange(t *testing.T) {
	srv := serve(t, echo)
	w := watch(t, named(t, "persistent"))
	g := gate(w)
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan answer)
	go func() { first <- w.do(request(t, "GET", srv.url+"/1", "").WithContext(ctx)) }()
	dialCtx := <-g.asked
	cancel()
	a := <-first
	var e *Error
	if !errors.Is(a.err, context.Canceled) || !errors.As(a.err, &e) || e.Step != timeline.Queue || e.MayBeApplied {
		t.Errorf("got %v", a.err)
	}
	if dialCtx.Err() != nil {
		t.Error("the dial was cancelled with the exchange")
	}
	g.reply <- func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(srv.url, "http://")) }
	eventually(t, "the connection is kept", func() bool { s := w.Stats(); return s.Open == 1 && s.Idle == 1 })
	b := w.get(srv.url + "/2")
	wantAnswer(t, b, "/2", 1)
	if b.e.Nth != 1 || b.e.Conn.Number != 1 || b.e.Reason != "new connection: 1 of 1 open" || b.e.In(timeline.Connect) != 0 {
		t.Errorf("%+v", b.e)
	}
}

// TestFailedDialFailsOne: a failed dial fails the exchange whose dial it was, and
// no other.
func TestFailedDialFailsOne(t *testing.T) {
	srv := serve(t, echo)
	w := watch(t, named(t, "persistent6"))
	g := gate(w)
	answers := make(chan answer, 3)
	for i := range 3 {
		go func() { answers <- w.get(fmt.Sprintf("%s/%d", srv.url, i)) }()
		<-g.asked
	}
	broken := errors.New("out of luck")
	g.reply <- func() (net.Conn, error) { return nil, broken }
	if a := <-answers; !errors.Is(a.err, broken) {
		t.Errorf("got %q, %v", a.body, a.err)
	}
	for range 2 {
		g.reply <- func() (net.Conn, error) { return net.Dial("tcp", strings.TrimPrefix(srv.url, "http://")) }
	}
	for range 2 {
		if a := <-answers; a.err != nil {
			t.Error(a.err)
		}
	}
	if len(g.asked) > 0 {
		t.Errorf("%d dials more than exchanges", len(g.asked))
	}
}

// TestDialTimeout: DialTimeout ends a dial in each of its stages.
func TestDialTimeout(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for _, tt := range []struct {
		name, url string
		set       func(*watched)
		step      timeline.Phase
	}{
		{"resolving", "http://a.test/", func(w *watched) {
			w.Resolve = func(ctx context.Context, _, _ string) ([]netip.AddrPort, error) { return nil, hang(ctx) }
		}, timeline.DNS},
		{"connecting", "http://a.test/", func(w *watched) {
			w.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, hang(ctx) }
		}, timeline.Connect},
		{"shaking hands", "https://a.test/", func(w *watched) { piped(w, func(p *peer) { io.Copy(io.Discard, p.in) }) }, timeline.TLS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "persistent"), func(t *testing.T, w *watched) {
				w.DialTimeout = 3 * time.Second
				tt.set(w)
				a := w.get(tt.url)
				var e *Error
				if !errors.As(a.err, &e) || e.Step != tt.step || !e.Timeout() || e.Hint() == "" || !strings.HasSuffix(e.Error(), "context deadline exceeded") {
					t.Errorf("got %v, timeout %v, hint %q", a.err, e.Timeout(), e.Hint())
				}
				if a.e.Duration != w.DialTimeout || a.e.In(tt.step) != w.DialTimeout {
					t.Errorf("it took %v: %+v", a.e.Duration, a.e.Spans)
				}
			})
		})
	}
}

// TestCloseWhileDialling: Close ends the dials and those who wait for them, and
// closes a connection that comes all the same.
func TestCloseWhileDialling(t *testing.T) {
	for _, comes := range []bool{false, true} {
		t.Run(fmt.Sprint(comes), func(t *testing.T) {
			w := watch(t, named(t, "persistent6"))
			asked := make(chan struct{})
			var closed atomic.Int32
			w.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
				asked <- struct{}{}
				<-ctx.Done()
				if comes {
					return counted{Conn: dead{}, closed: &closed}, nil
				}
				return nil, ctx.Err()
			}
			answers := make(chan answer, 3)
			for range 3 {
				go func() { answers <- w.get("http://a.test/") }()
				<-asked
			}
			w.Close()
			for range 3 {
				if a := <-answers; !errors.Is(a.err, ErrClosed) {
					t.Errorf("got %v", a.err)
				}
			}
			if n := closed.Load(); comes && n != 3 {
				t.Errorf("%d of 3 connections were closed", n)
			}
			if a := w.get("http://a.test/"); !errors.Is(a.err, ErrClosed) {
				t.Errorf("after Close: %v", a.err)
			}
		})
	}
}

// dead is a connection without a use.
type dead struct{ net.Conn }

func (dead) LocalAddr() net.Addr { return nil }

// TestCloseInTheMiddle: an exchange under way ends with ErrClosed.
func TestCloseInTheMiddle(t *testing.T) {
	for _, name := range []string{"persistent", "pipelined", "multiplexed"} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, named(t, name))
			reached := make(chan struct{})
			srv := serve(t, func(p *peer) { p.request(); close(reached); io.Copy(io.Discard, p.in) })
			if name == "multiplexed" {
				srv = serveH2(t, 0, func(h *h2peer) { h.wantRequest(); close(reached); h.waitForEnd() })
			}
			got := make(chan answer)
			go func() { got <- w.get(srv.url) }()
			<-reached
			w.Close()
			if a := <-got; !errors.Is(a.err, ErrClosed) {
				t.Errorf("got %v", a.err)
			}
		})
	}
}

// TestNegotiated: the zero Strategy speaks what TLS negotiates, and HTTP/1.1 in clear.
func TestNegotiated(t *testing.T) {
	for _, tt := range []struct {
		name  string
		start func(*httptest.Server)
		want  string
	}{
		{"clear", (*httptest.Server).Start, "HTTP/1.1"},
		{"TLS", (*httptest.Server).StartTLS, "HTTP/1.1"},
		{"TLS with HTTP/2", func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() }, "HTTP/2.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(kinds))
			tt.start(srv)
			defer srv.Close()
			w := watch(t, Strategy{})
			cfg := &tls.Config{InsecureSkipVerify: true}
			w.TLSClientConfig = cfg
			a := w.get(srv.URL + "/x")
			if a.err != nil || a.e.Protocol != tt.want || (a.e.Conn.TLS != "") != (a.resp.TLS != nil) {
				t.Errorf("%v in %s, %+v", a.err, a.e.Protocol, a.e.Conn)
			}
			if cfg.NextProtos != nil || cfg.ServerName != "" {
				t.Error("the caller's configuration was written to")
			}
		})
	}
}

// TestIdleConnTimeout: connections are closed when they have been idle for
// IdleConnTimeout, no sooner.
func TestIdleConnTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{0, 300 * time.Millisecond, 5 * time.Second, -1} {
		t.Run(fmt.Sprint(timeout), func(t *testing.T) {
			inVirtualTime(t, named(t, "persistent"), func(t *testing.T, w *watched) {
				w.IdleConnTimeout = timeout
				limit := timeout
				if limit == 0 {
					limit = defaultIdleTimeout
				}
				piped(w, echo)
				wantOpen := func(when string, want int) {
					t.Helper()
					synctest.Wait()
					if got := w.Stats().Open; got != want {
						t.Errorf("%s: %d open, want %d", when, got, want)
					}
				}
				w.Stats() // the sweeper's clock runs from the first use
				time.Sleep(time.Second / 3)
				wantAnswer(t, w.get("http://peer/1"), "/1", 1)
				if timeout < 0 {
					time.Sleep(never)
					wantOpen("after a year", 1)
					return
				}
				time.Sleep(limit - time.Nanosecond)
				wantOpen("just before", 1)
				wantAnswer(t, w.get("http://peer/2"), "/2", 1)
				time.Sleep(limit - time.Nanosecond)
				wantOpen("used in between", 1)
				time.Sleep(time.Nanosecond)
				wantOpen("at the end", 0)
			})
		})
	}
}

// TestCloseIdleConnections closes what carries nothing, and nothing else.
func TestCloseIdleConnections(t *testing.T) {
	for _, name := range []string{"persistent6", "multiplexed"} {
		t.Run(name, func(t *testing.T) {
			hold, held := make(chan struct{}), make(chan struct{})
			srv := h2server(t, false, 10, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/hold" {
					close(held)
					<-hold
				}
			}))
			w := watch(t, named(t, name))
			w.get(srv.URL)
			w.CloseIdleConnections()
			eventually(t, "nothing is open", func() bool { return w.Stats().Open == 0 })
			done := make(chan answer)
			go func() { done <- w.get(srv.URL + "/hold") }()
			<-held
			w.CloseIdleConnections()
			if s := w.Stats(); s.Open != 1 {
				t.Errorf("a connection in use was closed: %+v", s)
			}
			close(hold)
			if a := <-done; a.err != nil {
				t.Error(a.err)
			}
		})
	}
}
