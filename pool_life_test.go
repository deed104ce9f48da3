package linger

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestShutdown: idle connections are closed at once, nothing new begins, what was
// begun ends, those included that still wait; then all is closed.
func TestShutdown(t *testing.T) {
	limited(t, func(tr *Transport) { tr.Strategy.Conns = 1 }, func(t *testing.T, w *watched, _ *atomic.Int32) {
		w.get("http://idle.test/")
		held := w.hold("http://a.test/0")
		waits := w.start(request(t, "GET", "http://a.test/1", ""))[0]
		down := make(chan error, 1)
		go func() { down <- w.Shutdown(context.Background()) }()
		synctest.Wait()
		if s := w.Stats(); s.Idle != 0 || s.Active != 1 || s.Waiting != 1 {
			t.Errorf("%+v", s.Counts)
		}
		for _, url := range []string{"http://a.test/2", "http://new.test/"} {
			if a := w.get(url); !errors.Is(a.err, ErrClosed) {
				t.Errorf("a new exchange: %v", a.err)
			}
		}
		select {
		case err := <-down:
			t.Errorf("it is down with an exchange under way: %v", err)
		default:
		}
		held.Body.Close()
		mustSay(t, waits, "/1")
		if err := <-down; err != nil {
			t.Error(err)
		}
		if s := w.Stats(); s.Open != 0 || s.Closed[CloseByCaller] != 2 {
			t.Errorf("%+v", s.Counts)
		}
		if err := w.Shutdown(context.Background()); err != nil {
			t.Errorf("once more: %v", err)
		}
	})
}

// TestShutdownIsCutShort: when its context ends first, all is closed.
func TestShutdownIsCutShort(t *testing.T) {
	inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
		piped(w, halfAnswer)
		held := w.hold("http://a.test/0")
		why := errors.New("no patience")
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, why)
		defer cancel()
		if err := w.Shutdown(ctx); err != why {
			t.Errorf("got %v", err)
		}
		if _, err := io.ReadAll(held.Body); !errors.Is(err, ErrClosed) {
			t.Errorf("the body ends with %v", err)
		}
	})
}

// TestShutdownOfNothing needs no time.
func TestShutdownOfNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 100 {
		tr := &Transport{}
		if err := tr.Shutdown(ctx); err != nil {
			t.Fatalf("with nothing under way: %v", err)
		}
	}
}

// TestShutdownLetsRetriesThrough: an exchange that is sent again is not a new one.
func TestShutdownLetsRetriesThrough(t *testing.T) {
	inVirtualTime(t, Strategy{Protocol: HTTP11}, func(t *testing.T, w *watched) {
		piped(w, func(p *peer) {
			p.request()
			p.answer("")
			p.request()
			time.Sleep(time.Second) // then the kept connection is cut
		}, echo)
		w.get("http://a.test/0")
		again := w.start(request(t, "GET", "http://a.test/1", ""))[0]
		if err := w.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if a := mustSay(t, again, "/1"); a.e.Tries != 2 {
			t.Errorf("%d tries", a.e.Tries)
		}
		if s := w.Stats(); s.Retried[RetryLost] != 1 {
			t.Errorf("retried %v", s.Retried)
		}
	})
}

// TestNetworkChanged: nothing of before is used for what comes after.
func TestNetworkChanged(t *testing.T) {
	limited(t, func(tr *Transport) { tr.Strategy.Conns = 2 }, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		held := []io.Closer{w.hold("http://a.test/0").Body, w.hold("http://a.test/0").Body}
		w.get("http://b.test/")
		w.NetworkChanged()
		if s := w.Stats(); s.Idle != 0 || s.Closed[CloseNetworkGone] != 1 || s.Active != 2 {
			t.Errorf("%+v", s.Counts)
		}
		wantConn(t, w.get("http://a.test/1"), 4) // although two of a are open
		wantConn(t, w.get("http://b.test/1"), 5)
		for _, h := range held {
			h.Close()
		}
		synctest.Wait()
		w.wantClosed(CloseNetworkGone, 3)
		wantConn(t, w.get("http://a.test/2"), 4)
	})
}

// TestNetworkChangedWhileDialling: a dial under way is begun anew, for the exchange
// that waits for it as for who warms up.
func TestNetworkChangedWhileDialling(t *testing.T) {
	limited(t, func(*Transport) {}, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		open := w.DialContext
		w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := open(ctx, network, addr)
			if dialled.Load() <= 2 {
				<-ctx.Done() // the old network drops every packet
				c.Close()
				return nil, ctx.Err()
			}
			return c, err
		}
		warmed := make(chan error, 1)
		go func() { warmed <- w.Warm(context.Background(), "http://b.test", 1) }()
		waits := w.start(request(t, "GET", "http://a.test/1", ""))[0]
		time.Sleep(time.Second)
		w.NetworkChanged()
		if a := mustSay(t, waits, "/1"); a.e.Duration != time.Second {
			t.Errorf("it took %v: %s", a.e.Duration, notesOf(a.e))
		}
		if err := <-warmed; err != nil {
			t.Error(err)
		}
		if s := w.Stats(); s.DialsFailed != 2 || s.Opened != 2 {
			t.Errorf("%+v", s.Counts)
		}
	})
}

// TestNetworkChangedIsNotTrusted: a connection that was being opened when the
// network changed is not used, if its dial did not heed its context.
func TestNetworkChangedIsNotTrusted(t *testing.T) {
	limited(t, func(*Transport) {}, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		open := w.DialContext
		w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(time.Second)
			return open(ctx, network, addr)
		}
		waits := w.start(request(t, "GET", "http://a.test/1", ""))[0]
		w.NetworkChanged()
		wantConn(t, mustSay(t, waits, "/1"), 2)
		w.wantClosed(CloseNetworkGone, 1)
	})
}

// TestWarm: connections are there before they are needed.
func TestWarm(t *testing.T) {
	limited(t, func(tr *Transport) { tr.Strategy.Conns = 3 }, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		if err := w.Warm(context.Background(), "http://a.test/", 3); err != nil {
			t.Fatal(err)
		}
		if s := w.Stats().Origins["http://a.test:80"]; s.Idle != 3 || s.Open != 3 {
			t.Errorf("%+v", s)
		}
		if err := w.Warm(context.Background(), "http://A.test:80", 2); err != nil {
			t.Error(err)
		}
		if a := w.get("http://a.test/1"); dialled.Load() != 3 || !strings.HasPrefix(a.e.Reason, "new connection") {
			t.Errorf("%d dials, %q", dialled.Load(), a.e.Reason)
		}
		for _, tt := range []struct {
			origin string
			n      int
			want   string
		}{
			{"http://a.test", 4, "warming up http://a.test: 4 connections are more than Strategy.Conns allows: 3"},
			{"http://a.test/path", 1, "want scheme, host and port only"},
			{"//a.test", 1, `unsupported protocol scheme ""`},
			{"ftp://a.test", 1, `unsupported protocol scheme "ftp"`},
			{"http://", 1, "no Host in request URL"},
		} {
			if err := w.Warm(context.Background(), tt.origin, tt.n); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %s", tt.origin, err, tt.want)
			}
		}
	})
}

// TestWarmInHTTP2 opens as many connections as were asked for, though the streams
// of one would do.
func TestWarmInHTTP2(t *testing.T) {
	inVirtualTime(t, Strategy{Protocol: HTTP2}, func(t *testing.T, w *watched) {
		dialled := piped(w, inHTTP2(100, h2echo)...)
		if err := w.Warm(context.Background(), "http://peer", 3); err != nil {
			t.Fatal(err)
		}
		if s := w.Stats(); s.Open != 3 || dialled.Load() != 3 || s.Protocols["HTTP/2.0"] != 3 {
			t.Errorf("%+v", s.Counts)
		}
		wantAnswer(t, w.get("http://peer/1"), "/1", 1)
	})
}

// TestWarmFails tells what failed, when the context ended, or the Transport was
// closed; what was opened is kept.
func TestWarmFails(t *testing.T) {
	limited(t, func(*Transport) {}, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		open := w.DialContext
		w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			switch {
			case strings.HasPrefix(addr, "down"):
				return nil, opError("connect", syscall.EHOSTUNREACH)
			case strings.HasPrefix(addr, "slow"):
				time.Sleep(10 * time.Second)
			}
			return open(ctx, network, addr)
		}
		if err := w.Warm(context.Background(), "http://down.test", 2); !errors.Is(err, syscall.EHOSTUNREACH) {
			t.Errorf("got %v", err)
		}
		why := errors.New("no patience")
		ctx, cancel := context.WithTimeoutCause(context.Background(), time.Second, why)
		defer cancel()
		if err := w.Warm(ctx, "http://slow.test", 2); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		time.Sleep(10 * time.Second)
		if s := w.Stats().Origins["http://slow.test:80"]; s.Idle != 2 {
			t.Errorf("%+v", s)
		}
		closed := make(chan error, 1)
		go func() { closed <- w.Warm(context.Background(), "http://slower.test", 2) }()
		synctest.Wait()
		w.Close()
		if err := <-closed; !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		if err := w.Warm(context.Background(), "http://a.test", 1); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
	})
}

// TestWarmMakesRoom: at MaxConns connections that are idle elsewhere give way, and
// where none is, Warm waits for one.
func TestWarmMakesRoom(t *testing.T) {
	limited(t, func(tr *Transport) { tr.MaxConns = 2 }, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		w.get("http://b.test/")
		held := w.hold("http://c.test/")
		warmed := make(chan error, 1)
		go func() { warmed <- w.Warm(context.Background(), "http://a.test", 2) }()
		synctest.Wait()
		if s := w.Stats().Origins["http://a.test:80"]; s.Open != 1 || len(warmed) > 0 {
			t.Errorf("%+v", s)
		}
		held.Body.Close()
		if err := <-warmed; err != nil {
			t.Error(err)
		}
		if s := w.Stats(); s.Origins["http://a.test:80"].Idle != 2 || s.Open != 2 || s.Closed[CloseMadeRoom] != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// TestShutdownEndsWarm: nobody opens connections for later any more.
func TestShutdownEndsWarm(t *testing.T) {
	limited(t, func(*Transport) {}, func(t *testing.T, w *watched, dialled *atomic.Int32) {
		open := w.DialContext
		w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(time.Second)
			return open(ctx, network, addr)
		}
		warmed := make(chan error, 1)
		go func() { warmed <- w.Warm(context.Background(), "http://a.test", 2) }()
		synctest.Wait()
		held := make(chan answer, 1)
		go func() { held <- w.get("http://b.test/1") }()
		synctest.Wait()
		if err := w.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-warmed; !errors.Is(err, ErrClosed) {
			t.Errorf("Warm: %v", err)
		}
		mustSay(t, held, "/1")
		if n := dialled.Load(); n > 3 {
			t.Errorf("%d dials", n)
		}
	})
}

// TestForgottenTransport: of a Transport that nobody holds any more nothing is left
// once its connections are closed, though nobody has called Close.
func TestForgottenTransport(t *testing.T) {
	srv := serve(t, echo)
	collected := make(chan bool)
	func() {
		tr := &Transport{}
		resp, err := tr.RoundTrip(request(t, "GET", srv.url, ""))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		tr.CloseIdleConnections()
		runtime.AddCleanup(tr, func(done chan bool) { close(done) }, collected)
	}()
	eventually(t, "it is collected", func() bool {
		runtime.GC()
		select {
		case <-collected:
			return true
		default:
			return false
		}
	})
}
