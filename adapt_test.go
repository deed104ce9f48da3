package linger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	demo "github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/timeline"
)

// TestFewConnectionsBorne: a server that bears two connections answers everybody,
// whatever the strategy would rather have, and the timelines say why there were
// no more.
func TestFewConnectionsBorne(t *testing.T) {
	for name, beyond := range map[string]demo.Beyond{"refuses": demo.Refuse, "resets": demo.Reset} {
		for _, s := range Strategies() {
			t.Run(name+" "+s.Name, func(t *testing.T) {
				srv, err := demo.Start(demo.Config{Site: demo.Many(60), Faults: demo.Faults{
					MaxConns: 2, Beyond: beyond, ThinkTime: 3 * time.Millisecond, // so that exchanges are under way together
				}})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { srv.Close() })
				w := watch(t, s)
				for i, a := range w.all(strings.TrimSuffix(srv.URL(), "/"), 60) {
					if a.err != nil {
						t.Errorf("%d: %v after %d tries: %s", i, a.err, a.e.Tries, notesOf(a.e))
					}
				}
				told := false
				for _, e := range w.exchanges() {
					told = told || strings.Contains(notesOf(e), "at a time from now on")
				}
				if s.Conns > 2 && !told {
					t.Error("no timeline says why there were fewer connections")
				}
				if got := srv.Stats().MostOpen; got > 2 {
					t.Errorf("%d connections at once were borne", got)
				}
			})
		}
	}
}

// TestDown: nobody waits for a server that is down, and the error says so.
func TestDown(t *testing.T) {
	for _, s := range Strategies() {
		t.Run(s.Name, func(t *testing.T) {
			w := watch(t, s)
			url := "http://" + closedPort(t).String()
			for _, a := range w.all(url, 30) {
				var e *Error
				if !errors.As(a.err, &e) || e.Step != timeline.Connect || !errors.Is(e, syscall.ECONNREFUSED) || !strings.Contains(e.Hint(), "nothing listens") || e.MayBeApplied {
					t.Errorf("got %v", a.err)
				}
				if a.e.Tries != 0 || notesOf(a.e) == "" {
					t.Errorf("%d tries: %+v", a.e.Tries, a.e.Spans)
				}
			}
		})
	}
}

// TestDownInTheMiddle: a server that goes down while it is used costs each
// exchange no more than its tries, and all of them together little more time than
// it may take to notice.
func TestDownInTheMiddle(t *testing.T) {
	for _, s := range Strategies() {
		if s.Protocol == HTTP2 {
			continue // its server is another one; the pool is the same
		}
		t.Run(s.Name, func(t *testing.T) {
			inVirtualTime(t, s, func(t *testing.T, w *watched) {
				var down atomic.Bool
				var served atomic.Int32
				piped(w, func(p *peer) {
					for req := p.request(); req != nil && !down.Load(); req = p.request() {
						if served.Add(1) > 10 {
							down.Store(true)
							return
						}
						p.answer(req.URL.Path)
						if req.Close {
							return
						}
					}
				})
				open := w.DialContext
				w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if down.Load() {
						return nil, opError("connect", syscall.ECONNREFUSED)
					}
					return open(ctx, network, addr)
				}
				failed := 0
				for _, a := range w.all("http://peer", 60) {
					if a.err != nil {
						failed++
					}
					if a.e.Tries > maxTries {
						t.Errorf("%d tries", a.e.Tries)
					}
					if limit := noticeTime + lastPause; a.e.Duration > limit {
						t.Errorf("%s took %v: %s", a.e.URL, a.e.Duration, notesOf(a.e))
					}
				}
				if failed < 60-10 {
					t.Errorf("%d failed of 60, 10 can have been answered", failed)
				}
			})
		})
	}
}

// TestComesBack: an origin that was down is used again when it is up.
func TestComesBack(t *testing.T) {
	w := watch(t, named(t, "persistent6"))
	srv := serve(t, echo)
	target := strings.TrimPrefix(srv.url, "http://")
	var up atomic.Bool
	w.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		if !up.Load() {
			return nil, opError("connect", syscall.ECONNREFUSED)
		}
		return new(net.Dialer).DialContext(ctx, network, target)
	}
	for range 3 {
		for _, a := range w.all("http://a.test", 10) {
			if a.err == nil {
				t.Error("an answer of nobody")
			}
		}
	}
	up.Store(true)
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() { wantAnswer(t, w.get(fmt.Sprintf("http://a.test/%d", i)), fmt.Sprintf("/%d", i), 1) })
	}
	wg.Wait()
}

// refusesBeyond lets the first n dials through, and refuses the others.
func refusesBeyond(w *watched, n int32) {
	open := w.DialContext
	var dials atomic.Int32
	w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if dials.Add(1) > n {
			return nil, opError("connect", syscall.ECONNREFUSED)
		}
		return open(ctx, network, addr)
	}
}

// TestTurnedAwayInVain: whose dial is refused waits for the connection that is open,
// but not for as long as a response on it may last. Neither does who comes later,
// and is held back by what was learned from the first.
func TestTurnedAwayInVain(t *testing.T) {
	inVirtualTime(t, Strategy{}, func(t *testing.T, w *watched) {
		piped(w, func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			p.request()
		})
		refusesBeyond(w, 1)
		long, err := w.RoundTrip(request(t, "GET", "http://peer/", ""))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 3 {
			time.Sleep(time.Duration(i) * time.Second)
			wg.Go(func() {
				begun := time.Now()
				a := w.do(request(t, "GET", "http://peer/two", ""))
				var e *Error
				if !errors.As(a.err, &e) || e.Step != timeline.Connect || !errors.Is(e, syscall.ECONNREFUSED) {
					t.Errorf("%d: got %v", i, a.err)
				}
				took := time.Since(begun)
				if most := 2*turnedAwayWait + tickPause; took < turnedAwayWait-tickPause || took > most || (i == 0 && took > turnedAwayWait+tickPause) {
					t.Errorf("%d: it failed after %v: %s", i, took, notesOf(a.e))
				}
			})
		}
		wg.Wait()
		long.Body.Close()
	})
}

// TestTurnedAwayAndServed: a server that bears one connection serves all who wait
// for it, however long that takes them, as long as it goes on answering.
func TestTurnedAwayAndServed(t *testing.T) {
	inVirtualTime(t, Strategy{}, func(t *testing.T, w *watched) {
		piped(w, func(p *peer) {
			for req := p.request(); req != nil; req = p.request() {
				time.Sleep(2 * time.Second)
				p.answer(req.URL.Path)
			}
		})
		refusesBeyond(w, 1)
		for i, a := range w.all("http://peer", 10) {
			if a.err != nil {
				t.Errorf("%d: %v: %s", i, a.err, notesOf(a.e))
			}
		}
	})
}
