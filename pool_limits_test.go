package linger

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/lingerhttp/linger/timeline"
)

// limited runs a test of a Transport with limits, whose every dial leads to an
// echo, in virtual time.
func limited(t *testing.T, set func(*Transport), test func(t *testing.T, w *watched, dialled *atomic.Int32)) {
	t.Helper()
	inVirtualTime(t, Strategy{Protocol: HTTP11}, func(t *testing.T, w *watched) {
		set(w.Transport)
		test(t, w, piped(w, echo))
	})
}

// hold makes an exchange that keeps its slot until its body is closed.
func (w *watched) hold(url string) *http.Response {
	w.t.Helper()
	resp, err := w.RoundTrip(request(w.t, "GET", url, ""))
	if err != nil {
		w.t.Fatal(err)
	}
	return resp
}

// wantConn checks which connection carried an exchange.
func wantConn(t *testing.T, a answer, number int) {
	t.Helper()
	if a.err != nil || a.e.Conn.Number != number {
		t.Errorf("%s: connection %d, %v, want connection %d", a.e.URL, a.e.Conn.Number, a.err, number)
	}
}

// wantClosed checks how many connections have been closed for a reason.
func (w *watched) wantClosed(why CloseReason, n int64) {
	w.t.Helper()
	if s := w.Stats(); s.Closed[why] != n {
		w.t.Errorf("closed %v, want %d for %q", s.Closed, n, why)
	}
}

// TestMaxConns: at the limit the connection that was idle for longest makes room.
func TestMaxConns(t *testing.T) {
	limited(t, func(tr *Transport) { tr.MaxConns = 2 }, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		for i, host := range []string{"a", "b", "a", "c"} {
			wantConn(t, w.get("http://"+host+".test/"), []int{1, 2, 1, 3}[i])
			time.Sleep(time.Second)
		}
		w.wantClosed(CloseMadeRoom, 1)
		wantConn(t, w.get("http://a.test/"), 1)
		wantConn(t, w.get("http://b.test/"), 4)
		if s := w.Stats(); s.Open != 2 || dialled.Load() != 4 {
			t.Errorf("%d open, %d dialled", s.Open, dialled.Load())
		}
	})
}

// TestMaxConnsIsFair: who waits for a connection of another origin than the one in
// use is served in its turn, although the connection would have gone on.
func TestMaxConnsIsFair(t *testing.T) {
	limited(t, func(tr *Transport) { tr.MaxConns = 1 }, func(t *testing.T, w *watched, _ *atomic.Int32) {
		held := w.hold("http://a.test/")
		var reqs []*http.Request
		for _, url := range []string{"http://b.test/1", "http://a.test/2", "http://c.test/3", "http://a.test/4"} {
			reqs = append(reqs, request(t, "GET", url, ""))
		}
		done := w.start(reqs...)
		held.Body.Close()
		for i, d := range done {
			wantConn(t, mustSay(t, d, reqs[i].URL.Path), i+2)
		}
		w.wantClosed(CloseMadeRoom, 4)
	})
}

// TestBusyStreamsMakeRoom: a connection that is never idle, as one with streams may
// be, takes no more of them when another origin has waited for its turn.
func TestBusyStreamsMakeRoom(t *testing.T) {
	g := newPoolGameOf(t, 1, &Transport{MaxConns: 1, Strategy: Strategy{Protocol: HTTP2}}, 0, 2)
	g.streams = 1
	a, b := g.keys[0], g.keys[1]
	for range 3 {
		g.acquireOf(a)
	}
	g.dial(nil)
	g.conns[0].streams = 100
	g.want(g.p.kick(g.conns[0].pc, g.now))
	g.settle()
	g.acquireOf(b)
	if len(g.orders) > 0 || len(g.waiting) != 1 {
		t.Fatalf("%d dials at the limit", len(g.orders))
	}
	s, _ := take1(g, &g.lent)
	todo, _ := g.p.release(s, outcome{ended: exchangeAnswered}, g.now)
	g.want(todo)
	if pc := g.conns[0].pc; pc.state != ConnLeaving || pc.why != CloseMadeRoom {
		t.Errorf("it is %v (%s)", pc.state, pc.why)
	}
	g.acquireOf(a)
	g.check()
	for len(g.lent) > 0 {
		s, _ := take1(g, &g.lent)
		todo, _ := g.p.release(s, outcome{ended: exchangeAnswered}, g.now)
		g.want(todo)
	}
	g.dropClosing()
	if len(g.orders) != 1 || g.orders[0].to.key != b {
		t.Errorf("dials %+v", g.orders)
	}
}

// acquireOf is acquire of one origin.
func (g *poolGame) acquireOf(key route) {
	all := g.keys
	g.keys = []route{key}
	g.acquire()
	g.keys = all
}

// TestMaxIdleConns: of more idle connections the one that was idle for longest is
// closed.
func TestMaxIdleConns(t *testing.T) {
	for _, tt := range []struct {
		name string
		set  func(*Transport)
		idle int
		next [2]int // connections that carry the next exchange of each
	}{
		{"in all", func(tr *Transport) { tr.MaxIdleConns = 2 }, 2, [2]int{3, 4}},
		{"of one origin", func(tr *Transport) { tr.MaxIdleConnsPerOrigin = 1 }, 2, [2]int{3, 4}},
		{"none kept", func(tr *Transport) { tr.MaxIdleConns = -1 }, 0, [2]int{5, 6}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limited(t, tt.set, func(t *testing.T, w *watched, _ *atomic.Int32) {
				var held []*http.Response
				for _, host := range []string{"a", "a", "a", "b"} {
					held = append(held, w.hold("http://"+host+".test/"))
				}
				for _, resp := range held {
					resp.Body.Close()
				}
				if s := w.Stats(); s.Idle != tt.idle || s.Open != tt.idle || s.Closed[CloseIdleLimit] != int64(4-tt.idle) {
					t.Errorf("%+v, want %d idle", s.Counts, tt.idle)
				}
				wantConn(t, w.get("http://a.test/"), tt.next[0])
				wantConn(t, w.get("http://b.test/"), tt.next[1])
			})
		})
	}
}

// TestMaxWaiting: beyond the limit nobody waits.
func TestMaxWaiting(t *testing.T) {
	limited(t, func(tr *Transport) { tr.MaxWaiting, tr.Strategy.Conns = 2, 1 }, func(t *testing.T, w *watched, _ *atomic.Int32) {
		held := w.hold("http://a.test/0")
		waiting := w.start(request(t, "GET", "http://a.test/1", ""), request(t, "GET", "http://a.test/2", ""))
		full := w.get("http://a.test/3")
		var e *Error
		if !errors.As(full.err, &e) || !errors.Is(e, ErrQueueFull) || e.Step != timeline.Queue || e.Sent || e.Timeout() || full.e.Duration != 0 {
			t.Errorf("%v after %v", full.err, full.e.Duration)
		}
		wantAnswer(t, w.get("http://b.test/4"), "/4", 1)
		held.Body.Close()
		mustSay(t, waiting[0], "/1")
		mustSay(t, waiting[1], "/2")
	})
}

// TestQueueTimeout: the pool's limit and the request's are told apart.
func TestQueueTimeout(t *testing.T) {
	limited(t, func(tr *Transport) { tr.QueueTimeout, tr.Strategy.Conns = time.Second, 1 }, func(t *testing.T, w *watched, _ *atomic.Int32) {
		held := w.hold("http://a.test/0")
		defer held.Body.Close()
		late := w.get("http://a.test/1")
		var e *Error
		if !errors.As(late.err, &e) || !errors.Is(e, ErrQueueTimeout) || e.Step != timeline.Queue || e.Sent || !e.Timeout() {
			t.Errorf("got %v", late.err)
		}
		if late.e.Duration != time.Second {
			t.Errorf("it took %v", late.e.Duration)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		a := w.do(request(t, "GET", "http://a.test/2", "").WithContext(ctx))
		if !errors.Is(a.err, context.DeadlineExceeded) || errors.Is(a.err, ErrQueueTimeout) {
			t.Errorf("the request's own limit is told as %v", a.err)
		}
		if s := w.Stats(); s.Waiting != 0 || s.Waited != 3 || s.WaitTime != 3*time.Second/2 {
			t.Errorf("waiting %d, waited %d for %v", s.Waiting, s.Waited, s.WaitTime)
		}
	})
}

// TestQueueTimeoutOfADial: a dial counts as waiting, outlives who asked for it, and
// its connection is the next one's.
func TestQueueTimeoutOfADial(t *testing.T) {
	limited(t, func(tr *Transport) { tr.QueueTimeout = time.Second }, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		open := w.DialContext
		w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(3 * time.Second)
			return open(ctx, network, addr)
		}
		if a := w.get("http://a.test/1"); !errors.Is(a.err, ErrQueueTimeout) {
			t.Errorf("got %v", a.err)
		}
		time.Sleep(1500 * time.Millisecond)
		wantAnswer(t, w.get("http://a.test/2"), "/2", 1)
		if n := dialled.Load(); n != 1 {
			t.Errorf("%d dials", n)
		}
	})
}

// TestKeepAliveHint: a connection is kept no longer than its server says, less a
// margin.
func TestKeepAliveHint(t *testing.T) {
	for _, tt := range []struct {
		name  string
		limit time.Duration
		hint  string
		keeps time.Duration // 0: not at all; negative: for ever
	}{
		{"nothing said", -1, "", -1},
		{"the server's", 0, "timeout=5", 4 * time.Second},
		{"the server's is longer", 10 * time.Second, "timeout=60, max=100", 10 * time.Second},
		{"the server's is short", 0, "timeout=1", 500 * time.Millisecond},
		{"the server's alone", -1, "timeout=15", 14 * time.Second},
		{"no more", 0, "max=0", 0},
		{"unreadable", 0, "timeout=soon, max=x", 90 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				w.IdleConnTimeout = tt.limit
				piped(w, func(p *peer) {
					for req := p.request(); req != nil; req = p.request() {
						p.answer("", "Keep-Alive: "+tt.hint)
					}
				})
				w.get("http://peer/1")
				if tt.keeps != 0 {
					time.Sleep(max(tt.keeps-1, 0) + max(-tt.keeps, 0)*time.Hour)
					wantConn(t, w.get("http://peer/2"), 1)
				}
				if tt.keeps < 0 {
					return
				}
				time.Sleep(max(tt.keeps, closeWait))
				synctest.Wait()
				if s := w.Stats(); s.Open != 0 || s.Closed[CloseIdle]+s.Closed[CloseExchanges] != 1 {
					t.Errorf("%v after the last exchange: %+v", tt.keeps, s.Counts)
				}
				wantConn(t, w.get("http://peer/3"), 2)
			})
		})
	}
}

// sleptFor is a time on a machine that slept: the wall clock has gone on, the
// monotonic one has not. It reports false if this version of package time keeps its
// clocks in another way.
func sleptFor(at time.Time, d time.Duration) (time.Time, bool) {
	later := at
	*(*uint64)(unsafe.Pointer(&later)) += uint64(d/time.Second) << 30 // the seconds of the wall clock
	return later, later.Sub(at) == 0 && later.Round(0).Sub(at.Round(0)) == d
}

// TestIdleWhileAsleep: a connection is as old as the clock says that says more.
func TestIdleWhileAsleep(t *testing.T) {
	since := time.Now()
	slept, ok := sleptFor(since, time.Hour)
	if !ok {
		t.Skip("package time has changed")
	}
	for _, tt := range []struct {
		now  time.Time
		want time.Duration
	}{
		{since, 0},
		{since.Add(time.Minute), time.Minute},
		{slept, time.Hour},
		{slept.Add(time.Second), time.Hour + time.Second},
		{since.Round(0).Add(time.Minute), time.Minute},
	} {
		if got := idleFor(since, tt.now); got != tt.want {
			t.Errorf("idle for %v at %v, want %v", got, tt.now, tt.want)
		}
	}
	g := newPoolGame(t, 1, Strategy{}, 0)
	g.now = since
	g.acquire()
	g.dial(nil)
	g.settle()
	s, _ := take1(g, &g.lent)
	g.p.release(s, outcome{ended: exchangeAnswered}, since)
	g.now = slept
	g.acquire()
	if len(g.lent) != 0 || g.conns[0].pc.why != CloseIdle {
		t.Errorf("%d lent; the connection has left for %q", len(g.lent), g.conns[0].pc.why)
	}
}

// TestMaxConnAge: an old connection takes no more exchanges; what is on it ends.
func TestMaxConnAge(t *testing.T) {
	limited(t, func(tr *Transport) { tr.MaxConnAge, tr.Jitter = time.Minute, -1 }, func(t *testing.T, w *watched, _ *atomic.Int32) {
		w.get("http://a.test/")
		time.Sleep(time.Minute - 1)
		held := w.hold("http://a.test/")
		time.Sleep(2 * time.Nanosecond)
		wantConn(t, w.get("http://a.test/"), 2)
		if s := w.Stats(); s.Open != 2 || s.Active != 1 {
			t.Errorf("%+v", s.Counts)
		}
		held.Body.Close()
		synctest.Wait()
		w.wantClosed(CloseAge, 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.wantClosed(CloseAge, 2)
	})
}

// TestJitter: what bounds a connection's life is shortened by a share of it.
func TestJitter(t *testing.T) {
	for _, tt := range []struct {
		jitter    float64
		exchanges int
		wantLife  int
		wantAge   time.Duration
	}{
		{0, 100, 95, 95 * time.Second},
		{-1, 100, 100, 100 * time.Second},
		{1, 100, 50, 50 * time.Second},
		{7, 100, 50, 50 * time.Second},
		{1, 10, 5, 50 * time.Second},
		{1, 9, 9, 50 * time.Second},
		{1, 1, 1, 50 * time.Second},
		{1, 0, 0, 50 * time.Second},
	} {
		g := newPoolGameOf(t, 1, &Transport{Jitter: tt.jitter, MaxConnAge: 100 * time.Second, Strategy: Strategy{Exchanges: tt.exchanges}}, 0, 1)
		g.p.limits.dice = func() float64 { return 0.5 }
		g.acquire()
		g.dial(nil)
		if pc := g.conns[0].pc; pc.life != tt.wantLife || pc.retireAt.Sub(g.now) != tt.wantAge {
			t.Errorf("%+v: %d exchanges, %v", tt, pc.life, pc.retireAt.Sub(g.now))
		}
	}
}

// TestReuseOrder holds each order against three connections that have carried one
// exchange each.
func TestReuseOrder(t *testing.T) {
	for _, tt := range []struct {
		reuse Reuse
		want  []int
	}{
		{LastUsed, []int{3, 3, 3, 3}},
		{LeastLoaded, []int{3, 2, 1, 1}},
		{RoundRobin, []int{1, 2, 3, 1}},
	} {
		t.Run(fmt.Sprint(tt.reuse), func(t *testing.T) {
			limited(t, func(tr *Transport) { tr.Strategy.Reuse = tt.reuse }, func(t *testing.T, w *watched, _ *atomic.Int32) {
				var held [3]*http.Response
				for i := range held {
					held[i] = w.hold("http://a.test/")
				}
				for i := range held {
					held[i].Body.Close()
				}
				for i, n := range tt.want {
					if a := w.get("http://a.test/"); a.e.Conn.Number != n {
						t.Errorf("exchange %d on connection %d, want %d", i, a.e.Conn.Number, n)
					}
				}
			})
		})
	}
}

// TestStreamsOverSeveralConnections: another HTTP/2 connection is opened when the
// streams are used up, unless that is not wanted; new exchanges go to the least
// loaded, and a connection that turned out not to be needed is closed.
func TestStreamsOverSeveralConnections(t *testing.T) {
	for _, strict := range []bool{false, true} {
		tr := &Transport{Strategy: Strategy{Protocol: HTTP2}, HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: strict}}
		g := newPoolGameOf(t, 1, tr, 1, 1)
		g.acquire()
		g.dial(nil)
		g.settle()
		g.acquire()
		if want := 1; strict == (len(g.orders) == want) {
			t.Fatalf("strict %v: %d dials for an exchange beyond the streams", strict, len(g.orders))
		}
		if strict {
			continue
		}
		g.dial(nil)
		g.settle()
		for i, n := range []int{3, 5} {
			g.conns[i].streams = n
		}
		for range 4 { // 1 and 1 are on them: of these each gets two
			g.acquire()
		}
		if a, b := g.conns[0].pc.inFlight, g.conns[1].pc.inFlight; a != 3 || b != 3 {
			t.Errorf("%d and %d streams", a, b)
		}
		g.acquire()
		if len(g.lent) != 7 || g.conns[1].pc.inFlight != 4 {
			t.Errorf("the last is not where there is room: %d lent", len(g.lent))
		}
	}
	g := newPoolGame(t, 1, Strategy{}, 0)
	g.acquire()
	g.acquire()
	d := g.orders
	c := &fakeConn{streams: 10}
	todo, err := g.p.opened(d[0], c, nil, g.now)
	g.want(todo)
	if _, again := g.p.opened(d[1], &fakeConn{streams: 10}, nil, g.now); err != nil || again != errSurplus {
		t.Errorf("%v; the second connection, which nobody waits for: %v", err, again)
	}
	g.p.dials.Add(-2)
	if s := g.tr.Stats(); s.Opened != 2 || s.Closed[CloseSurplus] != 1 || s.Open != 1 || s.Dialling != 0 {
		t.Errorf("%+v", s.Counts)
	}
}

// TestStrictStreams: with StrictMaxConcurrentRequests there is one HTTP/2 connection,
// though several were dialled before its protocol was known.
func TestStrictStreams(t *testing.T) {
	g := newPoolGameOf(t, 1, &Transport{HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: true}}, 0, 1)
	g.acquire()
	g.acquire()
	d := g.orders
	g.p.dials.Add(-2)
	if _, err := g.p.opened(d[0], &fakeConn{streams: 1}, nil, g.now); err != nil {
		t.Fatal(err)
	}
	todo, err := g.p.opened(d[1], &fakeConn{streams: 1}, nil, g.now)
	if err != errSurplus || (todo != nil && len(todo.dials) > 0) {
		t.Errorf("the second connection: %v, %+v", err, todo)
	}
	g.orders = nil
	g.settle()
	if len(g.lent) != 1 || len(g.waiting) != 1 {
		t.Fatalf("%d lent, %d wait", len(g.lent), len(g.waiting))
	}
	s, _ := take1(g, &g.lent)
	g.p.release(s, outcome{ended: exchangeAnswered}, g.now)
	if g.settle(); len(g.lent) != 1 {
		t.Error("the stream that was given back is not lent to who waits")
	}
}

// TestAbandonedOriginIsForgotten: of an origin for which there was no room, and
// whose only waiter has gone, nothing remains.
func TestAbandonedOriginIsForgotten(t *testing.T) {
	g := newPoolGameOf(t, 1, &Transport{MaxConns: 1, IdleConnTimeout: -1}, 0, 2)
	g.acquireOf(g.keys[0])
	g.dial(nil)
	g.settle()
	g.acquireOf(g.keys[1])
	g.abandon()
	if due := g.p.due; due.IsZero() {
		t.Fatal("nothing is due")
	}
	g.now = g.now.Add(noticeTime)
	g.tick()
	if _, known := g.p.origins[g.keys[1]]; known {
		t.Error("it is still known")
	}
	g.check()
}

// TestLearnedLimitIsForgotten: who waits because an origin bore no more connections
// is served when that is forgotten, though nothing else happens.
func TestLearnedLimitIsForgotten(t *testing.T) {
	limited(t, func(*Transport) {}, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		open := w.DialContext
		var refusing atomic.Bool
		refusing.Store(true)
		w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if refusing.Load() && dialled.Load() > 0 {
				return nil, opError("connect", syscall.ECONNREFUSED)
			}
			return open(ctx, network, addr)
		}
		held := w.hold("http://a.test/0")
		ctx, giveUp := context.WithCancel(t.Context())
		turned := w.start(request(t, "GET", "http://a.test/1", "").WithContext(ctx))[0]
		waits := w.start(request(t, "GET", "http://a.test/1", ""))[0]
		giveUp() // it would not wait for so long
		<-turned
		refusing.Store(false)
		a := mustSay(t, waits, "/1")
		if a.e.Duration != learnedFor {
			t.Errorf("it took %v", a.e.Duration)
		}
		held.Body.Close()
	})
}

// TestFailedDialFailsItsOwn: a dial is offered to whoever is first in line, and
// fails, if it does, only the exchange whose dial it was.
func TestFailedDialFailsItsOwn(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{}, 0)
	for range 3 {
		g.acquire()
	}
	third := g.orders[2]
	g.orders = g.orders[:2]
	g.want(g.p.failed(lostDial{third, nil, errors.New("no route")}, g.now))
	g.p.dials.Done()
	g.settle()
	if third.owner.err == nil || len(g.waiting) != 2 || len(g.orders) != 2 {
		t.Fatalf("the third got %v, %d wait, %d dials", third.owner.err, len(g.waiting), len(g.orders))
	}
	second := g.orders[1]
	if _, err := g.p.opened(second, &fakeConn{depth: 1}, nil, g.now); err != nil {
		t.Fatal(err)
	}
	first := g.waiting[0]
	for _, w := range g.waiting[1:] {
		if sooner(w.x, first.x) {
			first = w
		}
	}
	select {
	case <-first.ready:
	default:
		t.Error("the first in line did not get the second's connection")
	}
}

// TestLastExchangeSaysSo: "A client that does not wish to maintain a persistent
// connection beyond the current request SHOULD send a "close" connection option" —
// https://www.rfc-editor.org/rfc/rfc9112#section-9.6. The server closes first, and
// holds the TIME_WAIT.
func TestLastExchangeSaysSo(t *testing.T) {
	limited(t, func(tr *Transport) { tr.Strategy.Exchanges = 3 }, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		var closes []bool
		piped(w, func(p *peer) {
			for req := p.request(); req != nil; req = p.request() {
				closes = append(closes, req.Close)
				p.answer("ok")
				if req.Close {
					return
				}
			}
		})
		for range 7 {
			w.get("http://a.test/")
			synctest.Wait()
		}
		if got, want := fmt.Sprint(closes), "[false false true false false true false]"; got != want {
			t.Errorf("the requests said %s, want %s", got, want)
		}
		w.wantClosed(CloseExchanges, 2)
	})
}
