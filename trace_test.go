package linger

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A hookLog is what the hooks of a request's context were told, in order.
type hookLog struct {
	mu   sync.Mutex
	told []string // guarded by mu
}

func (l *hookLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, fmt.Sprintf(format, args...))
}

func (l *hookLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.told)
}

// hooks returns hooks that write down all that does not differ from run to run.
func (l *hookLog) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:              func(addr string) { l.add("GetConn %v", strings.Contains(addr, ":")) },
		GotConn:              func(i httptrace.GotConnInfo) { l.add("GotConn %T reused %v idle %v", i.Conn, i.Reused, i.WasIdle) },
		PutIdleConn:          func(err error) { l.add("PutIdleConn %v", err) },
		GotFirstResponseByte: func() { l.add("GotFirstResponseByte") },
		Got100Continue:       func() { l.add("Got100Continue") },
		Got1xxResponse:       func(code int, h textproto.MIMEHeader) error { l.add("Got1xx %d %v", code, h); return nil },
		ConnectStart:         func(network, addr string) { l.add("ConnectStart %s", network) },
		ConnectDone:          func(network, addr string, err error) { l.add("ConnectDone %s %v", network, err) },
		TLSHandshakeStart:    func() { l.add("TLSHandshakeStart") },
		TLSHandshakeDone:     func(s tls.ConnectionState, err error) { l.add("TLSHandshakeDone %v %v", s.HandshakeComplete, err) },
		WroteHeaderField:     func(name string, values []string) { l.add("WroteHeaderField %s", strings.ToLower(name)) },
		WroteHeaders:         func() { l.add("WroteHeaders") },
		Wait100Continue:      func() { l.add("Wait100Continue") },
		WroteRequest:         func(i httptrace.WroteRequestInfo) { l.add("WroteRequest %v", i.Err) },
	}
}

// hinting answers behind an interim response; it reads the body, for which a
// server asks that knows Expect.
func hinting(rw http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	rw.Header().Set("Link", "</a>")
	rw.WriteHeader(http.StatusEarlyHints)
	io.WriteString(rw, "ok")
}

// overEveryWay runs a test on HTTP/1.1 in clear, on HTTP/1.1 over TLS and on
// HTTP/2, each on linger and on net/http.
func overEveryWay(t *testing.T, h http.HandlerFunc, test func(t *testing.T, std *http.Transport, w *watched, url string)) {
	for _, way := range []string{"plain", "tls", "h2"} {
		t.Run(way, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(h)
			srv.EnableHTTP2 = way == "h2"
			if way == "plain" {
				srv.Start()
			} else {
				srv.StartTLS()
			}
			t.Cleanup(srv.Close)
			std := srv.Client().Transport.(*http.Transport)
			w := watch(t, Strategy{})
			w.TLSClientConfig = std.TLSClientConfig.Clone()
			test(t, std, w, srv.URL)
			std.CloseIdleConnections()
		})
	}
}

// told makes a request with hooks, reads the answer, and returns what the hooks
// were told: the fields of the head in order of their names.
func told(t *testing.T, rt http.RoundTripper, req *http.Request) []string {
	t.Helper()
	l := &hookLog{}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), l.hooks()))
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Error(err)
	}
	resp.Body.Close()
	eventually(t, "the request is told to be written", func() bool {
		return slices.ContainsFunc(l.all(), func(line string) bool { return strings.HasPrefix(line, "WroteRequest") })
	})
	all := l.all()
	first := slices.IndexFunc(all, isField)
	last := slices.Index(all, "WroteHeaders")
	if first < 0 || last < first {
		t.Fatalf("no fields of a head: %q", all)
	}
	slices.Sort(all[first:last])
	return all
}

func isField(line string) bool { return strings.HasPrefix(line, "WroteHeaderField") }

// TestHooks: the hooks of httptrace are told the same, in the same order, as by
// net/http: on a new connection and on a kept one, with a body that is asked for.
func TestHooks(t *testing.T) {
	overEveryWay(t, hinting, func(t *testing.T, std *http.Transport, w *watched, url string) {
		std.ExpectContinueTimeout = forever
		w.ExpectContinueTimeout = forever
		for range 2 {
			requests := map[string]func() *http.Request{
				"GET":  func() *http.Request { return request(t, "GET", url, "") },
				"POST": func() *http.Request { return request(t, "POST", url, "abc") },
				"POST, expecting": func() *http.Request {
					req := request(t, "POST", url, "abc")
					req.Header.Set("Expect", "100-continue")
					return req
				},
			}
			for _, name := range []string{"GET", "POST", "POST, expecting"} {
				want, got := told(t, std, requests[name]()), told(t, w, requests[name]())
				sortFree(got)
				sortFree(want)
				if !slices.Equal(got, want) {
					t.Errorf("%s:\nlinger   %q\nnet/http %q", name, got, want)
				}
			}
		}
	})
}

// sortFree puts in one order what has none, since who writes does not wait for who
// reads: what is told from WroteHeaders on and, on HTTP/2, all behind GotConn.
func sortFree(told []string) {
	from := slices.Index(told, "WroteHeaders")
	if slices.Contains(told, "WroteHeaderField :path") {
		from = slices.IndexFunc(told, func(line string) bool { return strings.HasPrefix(line, "GotConn") })
	}
	slices.Sort(told[from:])
}

// TestHookOfTheWrittenRequest: WroteRequest is told once for each, after the head
// and, where one goroutine writes and reads, before the answer.
func TestHookOfTheWrittenRequest(t *testing.T) {
	overEveryWay(t, hinting, func(t *testing.T, _ *http.Transport, w *watched, url string) {
		for _, body := range []string{"", "abc", strings.Repeat("x", 100_000)} {
			all := told(t, w, request(t, "POST", url, body))
			head, wrote, answer := slices.Index(all, "WroteHeaders"), slices.Index(all, "WroteRequest <nil>"), slices.Index(all, "GotFirstResponseByte")
			free := len(body) > inlineBody || slices.Contains(all, "WroteHeaderField :path") // HTTP/2 reads in another goroutine
			if head > wrote || (wrote > answer && !free) || wrote != slices.IndexFunc(all, func(s string) bool { return strings.HasPrefix(s, "WroteRequest") }) {
				t.Errorf("body of %d: %q", len(body), all)
			}
		}
	})
}

// TestHookRefusesInterim: the error of Got1xxResponse is the exchange's.
func TestHookRefusesInterim(t *testing.T) {
	refused := errors.New("no hints, please")
	overEveryWay(t, hinting, func(t *testing.T, _ *http.Transport, w *watched, url string) {
		req := request(t, "GET", url, "")
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(int, textproto.MIMEHeader) error { return refused },
		}))
		if a := w.do(req); !errors.Is(a.err, refused) || a.e.Tries != 1 {
			t.Errorf("got %v after %d tries", a.err, a.e.Tries)
		}
		if a := w.get(url); a.err != nil || a.body != "ok" {
			t.Errorf("the next one: %v", a.err)
		}
	})
}

// TestHookBoundsInterim: whoever is told of interim responses bounds their number.
func TestHookBoundsInterim(t *testing.T) {
	const many = 20
	chatty := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X", strings.Repeat("x", 1000))
		for range many {
			rw.WriteHeader(http.StatusEarlyHints)
		}
	}
	overEveryWay(t, chatty, func(t *testing.T, _ *http.Transport, w *watched, url string) {
		w.MaxResponseHeaderBytes = 5000
		l := &hookLog{}
		req := request(t, "GET", url, "")
		a := w.do(req.WithContext(httptrace.WithClientTrace(req.Context(), l.hooks())))
		seen := slices.DeleteFunc(l.all(), func(s string) bool { return !strings.HasPrefix(s, "Got1xx") })
		if a.err != nil || len(seen) != many {
			t.Errorf("%d interim responses, %v", len(seen), a.err)
		}
		if a := w.get(url); !errors.Is(a.err, ErrHeaderTooLarge) {
			t.Errorf("without hooks: %v", a.err)
		}
	})
}

// TestNoHooks: hooks that are not set are not called.
func TestNoHooks(t *testing.T) {
	overEveryWay(t, hinting, func(t *testing.T, _ *http.Transport, w *watched, url string) {
		req := request(t, "POST", url, "abc")
		req.Header.Set("Expect", "100-continue")
		if a := w.do(req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{}))); a.err != nil || a.body != "ok" {
			t.Errorf("%q, %v", a.body, a.err)
		}
	})
}

// TestHookOfALostConnection: whoever looks hears that a connection is not kept,
// and why.
func TestHookOfALostConnection(t *testing.T) {
	w := watch(t, persistent)
	srv := serve(t, func(p *peer) {
		p.request()
		p.answer("ok", "Connection: close")
	})
	all := told(t, w, request(t, "GET", srv.url, ""))
	last := all[len(all)-1]
	if !strings.HasPrefix(last, "PutIdleConn ") || last == "PutIdleConn <nil>" {
		t.Errorf("%q", all)
	}
}

// TestHooksOfAStaleConnection: nothing is said to be written where nothing was.
func TestHooksOfAStaleConnection(t *testing.T) {
	ended := make(chan struct{})
	srv := serve(t, func(p *peer) {
		p.want("GET", "/1")
		p.answer("/1")
		p.Conn.(*net.TCPConn).CloseWrite()
		close(ended)
		p.request()
	}, echo)
	w := watch(t, persistent)
	wantAnswer(t, w.get(srv.url+"/1"), "/1", 1)
	<-ended
	l := &hookLog{}
	req := request(t, "GET", srv.url+"/2", "")
	a := w.do(req.WithContext(httptrace.WithClientTrace(req.Context(), l.hooks())))
	wantAnswer(t, a, "/2", 2)
	all := l.all()
	lost := slices.Index(all, "GotConn *net.TCPConn reused true idle true")
	if lost < 0 || all[lost+1] != "GetConn true" {
		t.Errorf("behind the connection that was lost: %q", all)
	}
}
