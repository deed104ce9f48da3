package linger

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

func TestOutcomeOf(t *testing.T) {
	failed := fmt.Errorf("x: %w", io.EOF)
	for _, tt := range []struct {
		name string
		l    lost
		want outcome
	}{
		{"found ended", lost{err: io.EOF, loss: lossStale}, outcome{ended: exchangeCut, conn: connEndsNow, why: CloseByServer}},
		{"bytes unasked", lost{err: errUnasked, loss: lossStale}, outcome{conn: connEndsNow, why: CloseBroken}},
		{"cut", lost{err: failed, loss: lossUnanswered, others: true}, outcome{ended: exchangeCut, others: true, conn: connEndsNow, why: CloseCut}},
		{"cut before it was written", lost{err: failed}, outcome{ended: exchangeCut, conn: connEndsNow, why: CloseCut}},
		{"cut in the answer", lost{err: failed, loss: lossAnswered}, outcome{conn: connEndsNow, why: CloseCut}},
		{"given up", lost{err: context.Canceled, loss: lossGivenUp}, outcome{conn: connEndsNow, why: CloseGivenUp}},
		{"closed", lost{err: ErrClosed, loss: lossGivenUp}, outcome{conn: connEndsNow, why: CloseByCaller}},
		{"no answer in time", lost{err: ErrHeaderTimeout, loss: lossUnanswered}, outcome{conn: connEndsNow, why: CloseTimeout}},
		{"no answer in time on a stream", lost{err: ErrHeaderTimeout, loss: lossUnanswered, conn: connDoomed}, outcome{conn: connEndsAfter, why: CloseTimeout}},
		{"the network's fault", lost{err: &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}, loss: lossUnanswered}, outcome{conn: connEndsNow, why: CloseCut}},
		{"broken", lost{err: ErrNotHTTP, loss: lossAnswered}, outcome{conn: connEndsNow, why: CloseBroken}},
		{"behind the last", lost{err: ErrServerClosed, loss: lossUnprocessed, conn: connDoomed}, outcome{conn: connEndsAfter, why: CloseAnnounced}},
		{"behind a cut", lost{err: ErrServerClosed, loss: lossUnanswered, conn: connDoomed}, outcome{conn: connEndsAfter, why: CloseCut}},
		{"GOAWAY", lost{err: failed, loss: lossUnprocessed}, outcome{conn: connEndsNow, why: CloseAnnounced}},
		{"a stream's fault", lost{err: failed, loss: lossUnanswered, conn: connLives}, outcome{}},
		{"a stream refused", lost{err: failed, loss: lossUnprocessed, conn: connLives, refused: true}, outcome{ended: exchangeRefused}},
		{"left before it wrote", lost{err: context.Canceled, loss: lossGivenUpUnsent, conn: connLives}, outcome{ended: exchangeUnused}},
		{"left in the line", lost{err: context.Canceled, loss: lossGivenUp, conn: connLives}, outcome{}},
		{"left with half a request", lost{err: context.Canceled, loss: lossGivenUp, conn: connDoomed}, outcome{conn: connEndsAfter, why: CloseGivenUp}},
	} {
		if got := outcomeOf(&tt.l); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestRetryReason(t *testing.T) {
	for _, tt := range []struct {
		l    lost
		want RetryReason
	}{
		{lost{loss: lossStale}, RetryStale},
		{lost{loss: lossUnprocessed}, RetryUnprocessed},
		{lost{loss: lossGuessed}, RetryUnprocessed},
		{lost{loss: lossUnsent}, RetryUnsent},
		{lost{loss: lossUnanswered, reused: true}, RetryLost},
	} {
		if got := retryReason(&tt.l); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.l, got, tt.want)
		}
	}
}

func TestHTTP2CloseReason(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want CloseReason
	}{
		{errPingTimeout, CloseTimeout},
		{fmt.Errorf("x: %w", http2.ConnectionError(http2.ErrCodeProtocol)), CloseBroken},
		{fmt.Errorf("%w: it answers in HTTP/1", ErrNoHTTP2), CloseBroken},
		{ErrServerClosed, ""}, // CloseByServer or CloseCut, as it was idle or not
	} {
		if got := http2CloseReason(tt.err); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestKeepAliveOf(t *testing.T) {
	for _, tt := range []struct {
		lines []string
		want  *keepAlive
	}{
		{nil, nil},
		{[]string{"timeout=5, max=100"}, &keepAlive{5 * time.Second, 100}},
		{[]string{"Timeout = 5", `MAX="3"`}, &keepAlive{5 * time.Second, 3}},
		{[]string{"timeout=0"}, &keepAlive{0, -1}},
		{[]string{"timeout=-1, max=, x=3, max"}, &keepAlive{-1, -1}},
		{[]string{"timeout=99999999999999999999"}, &keepAlive{-1, -1}},
		{[]string{""}, &keepAlive{-1, -1}},
	} {
		got := keepAliveOf(http.Header{"Keep-Alive": tt.lines})
		if (got == nil) != (tt.want == nil) || (got != nil && *got != *tt.want) {
			t.Errorf("%q: %+v, want %+v", tt.lines, got, tt.want)
		}
	}
}

// TestStatesGoOn tries every step from every state.
func TestStatesGoOn(t *testing.T) {
	for from := ConnIdle; from <= ConnGone; from++ {
		for to := ConnIdle; to <= ConnGone; to++ {
			p := &pool{}
			pc := &pooled{conn: &fakeConn{depth: 1}, home: p.origin(route{})}
			p.join(pc)
			if from > ConnIdle && !p.move(pc, from) {
				t.Fatalf("from idle to %v", from)
			}
			want := to > from || (from == ConnActive && to == ConnIdle)
			if got := p.move(pc, to); got != want {
				t.Errorf("from %v to %v: %v", from, to, got)
			}
			now, open := from, 1
			if want {
				now = to
			}
			if now == ConnGone {
				open = 0
			}
			if pc.state != now || p.open() != open || len(pc.home.conns) != open || (now == ConnIdle) != (p.idle.len == 1) {
				t.Errorf("from %v to %v: it is %v, %d are open, %d idle", from, to, pc.state, p.open(), p.idle.len)
			}
		}
	}
}

// TestCloseReasons: of every connection that has ended the statistics say why.
func TestCloseReasons(t *testing.T) {
	says := func(script func(p *peer)) func(*peer) {
		return func(p *peer) {
			p.request()
			script(p)
			io.Copy(io.Discard, p.in)
		}
	}
	for _, tt := range []struct {
		name string
		want CloseReason
		set  func(*watched)
		peer func(*peer)
		act  func(*watched) // nil: one GET
	}{
		{"announced", CloseAnnounced, nil, says(func(p *peer) { p.answer("ok", "Connection: close"); p.Close() }), nil},
		{"until close", CloseAnnounced, nil, says(func(p *peer) { p.say("HTTP/1.1 200 OK\r\n\r\nok"); p.Close() }), nil},
		{"asked", CloseAsked, nil, says(func(p *peer) { p.answer("ok", "Connection: close"); p.Close() }), func(w *watched) {
			req := request(w.t, "GET", "http://peer/", "")
			req.Close = true
			w.do(req)
		}},
		{"the strategy's only exchange", CloseExchanges, func(w *watched) { w.Strategy.Exchanges = 1 }, echo, nil},
		{"the strategy's last exchange", CloseExchanges, func(w *watched) { w.Strategy.Exchanges = 2 }, echo, func(w *watched) {
			w.get("http://peer/1")
			w.get("http://peer/2")
		}},
		{"cut before the answer", CloseCut, nil, says(func(p *peer) { p.Close() }), func(w *watched) { w.do(request(w.t, "POST", "http://peer/", "x")) }},
		{"cut in the answer", CloseCut, nil, says(func(p *peer) { p.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); p.Close() }), nil},
		{"the body is not read", CloseGivenUp, nil, halfAnswer, func(w *watched) { w.hold("http://peer/").Body.Close() }},
		{"given up", CloseGivenUp, nil, says(func(*peer) {}), func(w *watched) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			w.do(request(w.t, "GET", "http://peer/", "").WithContext(ctx))
		}},
		{"not HTTP", CloseBroken, nil, says(func(p *peer) { p.say("SSH-2.0-x\r\n") }), nil},
		{"bytes beyond the answer", CloseBroken, nil, says(func(p *peer) { p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more") }), nil},
		{"two lengths", CloseBroken, nil, says(func(p *peer) {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
		}), nil},
		{"no answer in time", CloseTimeout, func(w *watched) { w.ResponseHeaderTimeout = time.Second }, says(func(*peer) {}), nil},
		{"idle", CloseIdle, nil, echo, func(w *watched) { w.get("http://peer/"); time.Sleep(defaultIdleTimeout) }},
		{"idle ones closed", CloseByCaller, nil, echo, func(w *watched) { w.get("http://peer/"); w.CloseIdleConnections() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				if tt.set != nil {
					tt.set(w)
				}
				if tt.act == nil {
					tt.act = func(w *watched) { w.get("http://peer/") }
				}
				piped(w, tt.peer, echo)
				tt.act(w)
				time.Sleep(closeWait)
				synctest.Wait()
				w.wantClosed(tt.want, 1)
				if s := w.Stats(); len(s.Closed) != 1 {
					t.Errorf("closed %v", s.Closed)
				}
			})
		})
	}
}

// TestFoundClosed: that the server closed an idle connection is seen when it is to
// be used again, and so are bytes that nobody had asked for.
func TestFoundClosed(t *testing.T) {
	for why, last := range map[CloseReason]func(*peer){
		CloseByServer: func(p *peer) { p.Close() },
		CloseBroken:   func(p *peer) { p.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") },
	} {
		t.Run(string(why), func(t *testing.T) {
			goOn, done := make(chan bool), make(chan bool)
			srv := serve(t, func(p *peer) {
				p.request()
				p.answer("ok")
				<-goOn
				last(p)
				close(done)
				io.Copy(io.Discard, p.in)
			}, echo)
			w := watch(t, persistent)
			w.get(srv.url + "/1")
			goOn <- true
			<-done // over loopback it is there then
			wantAnswer(t, w.get(srv.url+"/2"), "/2", 2)
			w.wantClosed(why, 1)
			if s := w.Stats(); s.Retried[RetryStale] != 1 {
				t.Errorf("retried %v", s.Retried)
			}
		})
	}
}

// TestStatsAddUp counts a little of everything, over origins of which one is
// forgotten.
func TestStatsAddUp(t *testing.T) {
	inVirtualTime(t, Strategy{Protocol: HTTP11}, func(t *testing.T, w *watched) {
		w.Strategy.Conns = 1
		piped(w, func(p *peer) {
			p.request()
			p.answer("", "Connection: close")
		}, echo)
		w.get("http://once.test/")
		held := w.hold("http://a.test/0")
		waits := w.start(request(t, "GET", "http://a.test/1", ""))[0]
		time.Sleep(time.Second)
		if s := w.Stats().Origins["http://a.test:80"]; s.Active != 1 || s.Waiting != 1 || s.Exchanges != 1 || s.Waited != 2 {
			t.Errorf("%+v", s)
		}
		held.Body.Close()
		mustSay(t, waits, "/1")
		time.Sleep(noticeTime + tickPause)
		synctest.Wait()
		s := w.Stats()
		if _, known := s.Origins["http://once.test:80"]; known || len(s.Origins) != 1 {
			t.Errorf("origins %v", s.Origins)
		}
		want := Counts{Open: 1, Idle: 1, Exchanges: 3, Waited: 3, WaitTime: time.Second, Opened: 2}
		got := s.Counts
		got.Closed, got.Retried, got.Protocols = nil, nil, nil
		if fmt.Sprint(got) != fmt.Sprint(want) || s.Closed[CloseAnnounced] != 1 || s.Protocols["HTTP/1.1"] != 1 || len(s.Retried) != 0 {
			t.Errorf("%+v", s.Counts)
		}
		s.Closed["changed by the caller"]++
		if n := len(w.Stats().Closed); n != 1 {
			t.Errorf("the pool's own count can be written to: %d reasons", n)
		}
	})
}
