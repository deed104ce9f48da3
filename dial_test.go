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
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// TestInterleave: "the client … SHOULD … alternate address families",
// https://www.rfc-editor.org/rfc/rfc8305#section-4.
func TestInterleave(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"4a", "4a"},
		{"4a 4b 4c", "4a 4b 4c"},
		{"6a 6b 4a 4b", "6a 4a 6b 4b"},
		{"4a 6a 6b 6c", "4a 6a 6b 6c"},
		{"6a 6b 6c 4a", "6a 4a 6b 6c"},
		{"4a 6a 4b 6b", "4a 6a 4b 6b"},
	} {
		var in []netip.AddrPort
		for w := range strings.FieldsSeq(tt.in) {
			in = append(in, address(w))
		}
		var got []string
		for _, a := range interleave(in) {
			got = append(got, nameOf(a))
		}
		if g := strings.Join(got, " "); g != tt.want {
			t.Errorf("%s is tried as %s, want %s", tt.in, g, tt.want)
		}
	}
}

// address makes an address of a name such as 4a or 6b: its family and a letter.
func address(name string) netip.AddrPort {
	format := "192.0.2.%d"
	if name[0] == '6' {
		format = "2001:db8::%d"
	}
	return netip.AddrPortFrom(netip.MustParseAddr(fmt.Sprintf(format, name[1]-'a'+1)), 80)
}

func nameOf(a netip.AddrPort) string {
	b := a.Addr().AsSlice()
	return fmt.Sprintf("%c%c", map[bool]rune{true: '4', false: '6'}[a.Addr().Is4()], 'a'+b[len(b)-1]-1)
}

// A fate of an address in a race: what becomes of dialling it, and after how long.
type dialFate struct {
	after time.Duration
	err   error // nil: it connects
	deaf  bool  // it does not mind that it is no longer needed
}

// A counted connection counts how often it is closed.
type counted struct {
	net.Conn
	closed *atomic.Int32
}

func (c counted) Close() error         { c.closed.Add(1); return nil }
func (c counted) RemoteAddr() net.Addr { return &net.TCPAddr{} }

const never = 365 * 24 * time.Hour

// TestRace runs races in virtual time: "the client SHOULD … start the next
// connection attempt" after 250 ms, or at once when one has failed:
// https://www.rfc-editor.org/rfc/rfc8305#section-5.
func TestRace(t *testing.T) {
	ms := time.Millisecond
	refused := opError("connect", syscall.ECONNREFUSED)
	for _, tt := range []struct {
		name   string
		fates  map[string]dialFate
		order  string
		within time.Duration // of the context; 0 is no limit
		winner string        // empty: none
		took   time.Duration
		begun  string // who was tried, and when, in ms
		closed int32  // losers that had connected
		told   string // in the notes of the attempts
	}{
		{"the first", map[string]dialFate{"6a": {after: 10 * ms}}, "6a 4a", 0, "6a", 10 * ms, "6a@0", 0, ""},
		{"just in time", map[string]dialFate{"6a": {after: 249 * ms}}, "6a 4a", 0, "6a", 249 * ms, "6a@0", 0, ""},
		{"the first refuses", map[string]dialFate{"6a": {after: 10 * ms, err: refused}, "4a": {after: 20 * ms}}, "6a 4a", 0, "4a", 30 * ms, "6a@0 4a@10", 0, "connection refused"},
		{"the first hangs", map[string]dialFate{"6a": {after: never}, "4a": {after: 20 * ms}}, "6a 4a", 0, "4a", 270 * ms, "6a@0 4a@250", 0, "no longer needed"},
		{"the first wins late", map[string]dialFate{"6a": {after: 260 * ms}, "4a": {after: 20 * ms}}, "6a 4a", 0, "6a", 260 * ms, "6a@0 4a@250", 0, "no longer needed"},
		{"both connect", map[string]dialFate{"6a": {after: 300 * ms, deaf: true}, "4a": {after: 20 * ms}}, "6a 4a", 0, "4a", 270 * ms, "6a@0 4a@250", 1, "connected too late"},
		{"all hang but the last", map[string]dialFate{"6a": {after: never}, "4a": {after: never}, "6b": {after: 5 * ms}}, "6a 4a 6b", 0, "6b", 505 * ms, "6a@0 4a@250 6b@500", 0, ""},
		{"a failure brings the next", map[string]dialFate{"6a": {after: never}, "4a": {after: 100 * ms, err: refused}, "6b": {after: 5 * ms}}, "6a 4a 6b", 0, "6b", 355 * ms, "6a@0 4a@250 6b@350", 0, ""},
		{"after a failure a delay again", map[string]dialFate{"6a": {after: 100 * ms, err: refused}, "4a": {after: never}, "6b": {after: 5 * ms}}, "6a 4a 6b", 0, "6b", 355 * ms, "6a@0 4a@100 6b@350", 0, ""},
		{"all refuse", map[string]dialFate{"6a": {err: refused}, "4a": {err: refused}}, "6a 4a", 0, "", 0, "6a@0 4a@0", 0, ""},
		{"time runs out", map[string]dialFate{"6a": {after: never}, "4a": {after: never}}, "6a 4a", time.Second, "", time.Second, "6a@0 4a@250", 0, "time ran out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var closed atomic.Int32
				var mu sync.Mutex
				var begun []string
				start := time.Now()
				dial := func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
					f := tt.fates[nameOf(a)]
					mu.Lock()
					begun = append(begun, fmt.Sprintf("%s@%d", nameOf(a), time.Since(start).Milliseconds()))
					mu.Unlock()
					if f.deaf {
						ctx = context.WithoutCancel(ctx)
					}
					if !sleep(ctx, f.after) {
						return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
					}
					if f.err != nil {
						return nil, f.err
					}
					return counted{closed: &closed}, nil
				}
				ctx := context.Background()
				if tt.within > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.within)
					defer cancel()
				}
				var addrs []netip.AddrPort
				for w := range strings.FieldsSeq(tt.order) {
					addrs = append(addrs, address(w))
				}
				r := &dialRecord{}
				c, err := race(ctx, addrs, r, dial)
				if (c != nil) != (tt.winner != "") || (err == nil) != (c != nil) {
					t.Fatalf("got %v, %v", c, err)
				}
				span := r.spans[0]
				if took := span.end.Sub(span.start); took != tt.took {
					t.Errorf("it took %v, want %v", took, tt.took)
				}
				if got := strings.Join(begun, " "); got != tt.begun {
					t.Errorf("begun %s, want %s", got, tt.begun)
				}
				if n := closed.Load(); n != tt.closed {
					t.Errorf("%d connections were closed, want %d", n, tt.closed)
				}
				checkRace(t, span, len(begun), tt.told)
			})
		})
	}
}

// checkRace checks what a race has recorded, as an exchange tells it.
func checkRace(t *testing.T, span dialSpan, attempts int, told string) {
	t.Helper()
	if len(span.attempts) != attempts {
		t.Errorf("%d attempts were recorded, want %d", len(span.attempts), attempts)
	}
	e := &timeline.Exchange{Start: span.start.Add(-time.Second)}
	e.Enter(timeline.Queue, timeline.Queued, e.Start)
	(&dialRecord{spans: []dialSpan{span}}).tell(e)
	e.Finish(span.end.Add(time.Second), nil)
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	var notes []string
	for _, s := range e.Spans {
		for _, a := range s.Attempts {
			notes = append(notes, a.Note)
		}
	}
	if len(notes) != attempts || !strings.Contains(strings.Join(notes, ", "), told) {
		t.Errorf("the attempts say %q, want %q", notes, told)
	}
}

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
				if e.Step != tt.step || e.Sent || !strings.Contains(e.Error(), tt.text) || !strings.Contains(e.Hint(), tt.hint) {
					t.Errorf("%v failed in %v (sent %v), hint %q", e, e.Step, e.Sent, e.Hint())
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
	if !errors.Is(a.err, context.Canceled) || !errors.As(a.err, &e) || e.Step != timeline.Queue || e.Sent {
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
				if !errors.As(a.err, &e) || e.Step != tt.step || !e.Timeout() || e.Hint() == "" || !strings.HasSuffix(e.Error(), "time ran out") {
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
