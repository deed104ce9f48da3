package linger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/timeline"
)

// What a connection manager must get right, and no other test is about.

// TestBothWriteFirst: neither side waits for the other to read. The server begins a
// large answer before it has read any of a large body, or sends back what comes.
func TestBothWriteFirst(t *testing.T) {
	const size = 16 << 20 // more than sockets and windows hold
	want := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	everywhere(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.NewResponseController(rw).EnableFullDuplex()
		if r.URL.Path == "/first" {
			rw.Write(want)
			rw.(http.Flusher).Flush()
			io.Copy(io.Discard, r.Body)
			return
		}
		io.Copy(rw, r.Body)
	}), func(t *testing.T, w *watched, url string) {
		for _, path := range []string{"/first", "/back"} {
			req := request(t, "POST", url+path, "")
			req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(want)), size
			if a := w.do(req); a.err != nil || a.body != string(want) {
				t.Errorf("%s: %d bytes, %v", path, len(a.body), a.err)
			}
		}
	})
}

// A writeCounter counts writes.
type writeCounter struct {
	net.Conn
	writes *atomic.Int32
}

func (c writeCounter) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// TestOneWrite: a head, and a small body with it, are written at once.
func TestOneWrite(t *testing.T) {
	srv := serve(t, echo)
	w := watch(t, persistent)
	var writes atomic.Int32
	w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return writeCounter{c, &writes}, err
	}
	for _, body := range []string{"", "small", strings.Repeat("x", 1000)} {
		writes.Store(0)
		if a := w.do(request(t, "POST", srv.url+"/1", body)); a.err != nil {
			t.Error(a.err)
		}
		if n := writes.Load(); n != 1 {
			t.Errorf("a body of %d bytes and its head took %d writes", len(body), n)
		}
	}
}

// TestEarlyAnswerIsSeen: the answer to a request of 10 MiB that nobody reads is
// seen every time, over TLS and HTTP/2 too (golang/go#51109).
func TestEarlyAnswerIsSeen(t *testing.T) {
	const tries = 200
	body := strings.Repeat("x", 10<<20)
	post := func(t *testing.T, w *watched, url string) {
		for i := range tries {
			if a := w.do(request(t, "POST", url, body)); a.status != 413 || a.body != "too much" || a.err != nil {
				t.Fatalf("%d: %d %q, %v", i, a.status, a.body, a.err)
			}
		}
	}
	t.Run("TLS", func(t *testing.T) {
		w := watch(t, persistent)
		srv := serveMaybeTLS(t, w, true, func(p *peer) {
			p.request()
			p.say("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much")
		})
		post(t, w, srv.url)
	})
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 tls=%v", secure), func(t *testing.T) {
			srv := h2server(t, secure, 100, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				rw.WriteHeader(http.StatusRequestEntityTooLarge)
				io.WriteString(rw, "too much")
			}))
			w := watch(t, named(t, "multiplexed"))
			if secure {
				w.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			}
			post(t, w, srv.URL)
		})
	}
	t.Run("HTTP/2, connection closed", func(t *testing.T) {
		srv := serveH2(t, 0, func(h *h2peer) {
			r := h.wantRequest()
			h.headers(r.id, false, ":status", "413")
			h.WriteData(r.id, true, []byte("too much"))
			h.WriteRSTStream(r.id, http2.ErrCodeNo)
			h.WriteGoAway(r.id, http2.ErrCodeNo, nil)
		})
		w := watch(t, named(t, "multiplexed"))
		post(t, w, srv.url)
	})
}

// TestIdleConnectionKeepsNoRequest: what belongs to a request can be collected once
// its exchange is over, though its connection stays (golang/go#51354).
func TestIdleConnectionKeepsNoRequest(t *testing.T) {
	everywhere(t, http.HandlerFunc(kinds), func(t *testing.T, w *watched, url string) {
		w.Observe = nil // which keeps all that it has seen
		type key struct{}
		var kept atomic.Int32
		for i := range 10 {
			func() {
				big := new([1 << 16]byte)
				kept.Add(1)
				runtime.AddCleanup(big, func(int) { kept.Add(-1) }, 0)
				req := request(t, "POST", fmt.Sprintf("%s/%d", url, i), "x")
				req = req.WithContext(context.WithValue(req.Context(), key{}, big))
				if a := w.do(req); a.err != nil {
					t.Error(a.err)
				}
			}()
		}
		eventually(t, "requests are collected", func() bool {
			runtime.GC()
			return kept.Load() == 0
		})
	})
}

// TestShutdownInTheMiddle: whatever was handed over before ends in peace, whatever
// comes later fails without having been sent.
func TestShutdownInTheMiddle(t *testing.T) {
	var applied sync.Map
	everywhere(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		applied.Store(r.URL.Path, true)
		io.WriteString(rw, strings.Repeat(r.URL.Path, 500))
	}), func(t *testing.T, w *watched, url string) {
		applied.Clear()
		var callers sync.WaitGroup
		var answered atomic.Int32
		begun := make(chan bool, 1)
		for caller := range 8 {
			callers.Go(func() {
				for i := 0; ; i++ {
					path := fmt.Sprintf("/%d-%d", caller, i)
					a := w.do(request(t, []string{"GET", "POST"}[i%2], url+path, ""))
					if errors.Is(a.err, ErrClosed) {
						if _, ok := applied.Load(path); ok || sentOf(a.err) {
							t.Errorf("%s was applied, and the error says closed, sent: %v", path, sentOf(a.err))
						}
						return
					}
					if a.err != nil || a.body != strings.Repeat(path, 500) {
						t.Errorf("%s: %d bytes, %v", path, len(a.body), a.err)
					}
					if answered.Add(1) == 50 {
						begun <- true
					}
				}
			})
		}
		<-begun
		if err := w.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		callers.Wait()
	})
}

// TestTunnelHasNoDeadline: limits of the exchange do not hold for the connection
// that is handed over.
func TestTunnelHasNoDeadline(t *testing.T) {
	inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
		w.ResponseHeaderTimeout = time.Second
		piped(w, func(p *peer) {
			p.request()
			p.say("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
			time.Sleep(time.Hour) // virtual
			p.say("late")
			io.Copy(io.Discard, p.in)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		req := request(t, "GET", "http://peer/", "").WithContext(ctx)
		req.Header.Set("Connection", "upgrade")
		req.Header.Set("Upgrade", "x")
		resp, err := w.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4)
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "late" {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := resp.Body.(io.Writer).Write([]byte("too")); err != nil {
			t.Error(err)
		}
		resp.Body.Close()
		if e := TimelineOf(resp); e.Check() != nil || e.In(timeline.Receive) > time.Minute {
			t.Errorf("%+v", e)
		}
	})
}

// TestUnreadBodyHoldsUpNobody: answers that nobody reads, each as large as its
// window, leave room for those of others on the same connection.
func TestUnreadBodyHoldsUpNobody(t *testing.T) {
	const unread = 10
	big := make([]byte, 2*streamWindow)
	srv := h2server(t, false, 250, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			rw.Write(big)
			return
		}
		io.WriteString(rw, r.URL.Path)
	}))
	w := watch(t, named(t, "multiplexed"))
	for range unread {
		resp, err := w.RoundTrip(request(t, "GET", srv.URL+"/big", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
	}
	eventually(t, "the windows are full", func() bool {
		all := w.Connections()
		return len(all) == 1 && all[0].Received >= unread*streamWindow
	})
	if a := w.get(srv.URL + "/small"); a.body != "/small" || a.err != nil {
		t.Errorf("%q, %v", a.body, a.err)
	}
}
