package linger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// TestPoolAtRandom plays thousands of games over every kind of strategy and limit.
func TestPoolAtRandom(t *testing.T) {
	kinds := map[string]*Transport{
		"no limit":                  {},
		"lifetimes":                 {Strategy: Strategy{Conns: 3, Exchanges: 2, Depth: 2}},
		"pipelines":                 {Strategy: Strategy{Conns: 3, Depth: 4}},
		"HTTP/1.0":                  {Strategy: Strategy{Conns: 2, Protocol: HTTP10}},
		"streams":                   {Strategy: Strategy{Conns: 3, Protocol: HTTP2}},
		"strict":                    {Strategy: Strategy{Protocol: HTTP2}, HTTP2: &http.HTTP2Config{StrictMaxConcurrentRequests: true}},
		"in all":                    {MaxConns: 3},
		"one in all":                {MaxConns: 1, Strategy: Strategy{Depth: 3}},
		"streams in all, in turn":   {MaxConns: 3, Strategy: Strategy{Protocol: HTTP2, Reuse: RoundRobin, Exchanges: 20}},
		"pipelines in all, by load": {MaxConns: 4, MaxIdleConns: 2, Strategy: Strategy{Conns: 2, Depth: 3, Reuse: LeastLoaded}},
		"idle":                      {MaxIdleConns: 2, MaxIdleConnsPerOrigin: 1, IdleConnTimeout: 10 * time.Second, Strategy: Strategy{Reuse: RoundRobin}},
		"age":                       {MaxConnAge: 30 * time.Second, Jitter: 1, MaxWaiting: 3, Strategy: Strategy{Conns: 2, Exchanges: 12}},
	}
	for _, s := range Strategies() {
		kinds[s.Name] = &Transport{Strategy: s}
	}
	games := 200
	if testing.Short() {
		games = 50
	}
	for name, kind := range kinds {
		streams := 0
		if kind.Strategy.Protocol == HTTP2 {
			streams = 5
		}
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(games) {
				g := newPoolGameOf(t, seed, kind.Clone(), streams, 1+int(seed%3))
				for range 120 {
					g.step()
				}
				if seed%4 > 0 {
					g.finish()
				}
				g.shutDown()
			}
		})
	}
}

// refusal is how a server refuses a connection.
var refusal error = &dialError{step: timeline.Connect, err: syscall.ECONNREFUSED}

// TestPoolLearnsTheLimit: a server that refuses connections beyond a number gets
// no more than that, until it is forgotten.
func TestPoolLearnsTheLimit(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 6}, 0)
	for range 10 {
		g.acquire()
	}
	g.settle()
	if len(g.orders) != 6 {
		t.Fatalf("%d dials ordered, want 6", len(g.orders))
	}
	for range 2 {
		g.dial(nil)
		g.settle()
	}
	for range 4 {
		g.dial(refusal)
		g.settle()
	}
	if o := g.origin(); o.limit != 2 || len(g.orders) != 0 || len(g.waiting) != 8 || g.gone > 0 {
		t.Fatalf("limit %d, %d dials, %d wait, %d failed", o.limit, len(g.orders), len(g.waiting), g.gone)
	}
	for _, w := range g.waiting {
		if n := w.x.Spans[0].Note; n != "" && !strings.Contains(n, "the server turned a connection away (connection refused): 2 at a time from now on") {
			t.Errorf("the note is %q", n)
		}
	}
	for _, w := range slices.Clone(g.waiting) {
		if w.turned != nil { // it would not wait for so long
			g.waiting = []*waiter{w}
			g.abandon()
		}
	}
	g.waiting = slices.Clone(g.origin().waiters)
	g.now = g.now.Add(learnedFor - 1)
	g.tick()
	if len(g.orders) > 0 {
		t.Errorf("dials before the limit was forgotten")
	}
	g.now = g.now.Add(1)
	if due := g.p.due; due.After(g.now) || due.IsZero() {
		t.Errorf("the limit is forgotten at %v, and looked at again at %v", g.now, due)
	}
	g.tick()
	if len(g.orders) != 4 {
		t.Errorf("%d dials after the limit was forgotten, want 4", len(g.orders))
	}
}

// TestPoolDownAtOnce: who refuses the first connection is down, and so is who
// refuses long after the last was closed.
func TestPoolDownAtOnce(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1}, 0)
	fail := func(n int) {
		t.Helper()
		for range n {
			g.acquire()
		}
		gone := g.gone
		for i := range n {
			if len(g.orders) != 1 || g.orders[0].pause != 0 {
				t.Fatalf("%d: orders %+v", i, g.orders)
			}
			g.dial(refusal)
			g.settle()
		}
		if g.gone != gone+n || len(g.waiting) > 0 {
			t.Fatalf("%d failed of %d, %d wait", g.gone-gone, n, len(g.waiting))
		}
	}
	fail(5)
	g.acquire()
	g.dial(nil)
	g.settle()
	s := g.lent[0]
	g.lent = nil
	g.p.release(s, outcome{ended: exchangeAnswered, conn: connEndsAfter, why: CloseAnnounced}, g.now)
	g.p.drop(g.now, s.pooled)
	g.now = g.now.Add(noticeTime)
	fail(5)
}

// TestPoolDownInTheMiddle: an origin that refuses after its last connection was
// closed gets a second to notice that, in which it is asked ever less often;
// then everybody fails at once.
func TestPoolDownInTheMiddle(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 6}, 0)
	g.acquire()
	g.dial(nil)
	g.settle()
	for range 60 {
		g.acquire()
	}
	for len(g.orders) > 0 {
		g.dial(refusal)
	}
	g.settle()
	s := g.lent[0]
	g.lent = nil
	g.want(g.p.drop(g.now, s.pooled))
	start := g.now
	var pauses []time.Duration
	for len(g.orders) > 0 {
		if len(g.orders) > 1 {
			t.Fatalf("%d dials at once to an origin that bears 1", len(g.orders))
		}
		if p := g.orders[0].pause; p > 0 {
			pauses = append(pauses, p)
			g.now = g.now.Add(p)
		}
		g.dial(refusal)
		g.settle()
	}
	if len(g.waiting) > 0 {
		t.Errorf("%d still wait", len(g.waiting))
	}
	if took := g.now.Sub(start); took > noticeTime+lastPause || len(pauses) < 3 {
		t.Errorf("it took %v, with pauses of %v", took, pauses)
	}
	for i := range pauses[1:] {
		if pauses[i+1] != min(lastPause, 2*pauses[i]) {
			t.Errorf("pauses %v", pauses)
		}
	}
}

// TestPoolStreamsRefused: a connection that refuses streams gets no more than
// were on it, for a while.
func TestPoolStreamsRefused(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1, Protocol: HTTP2}, 0)
	for range 10 {
		g.acquire()
	}
	g.streams = 1 // fakes an HTTP/2 connection
	g.dial(nil)
	c := g.conns[0]
	c.streams = 100
	g.want(g.p.kick(c.pc, g.now))
	g.settle()
	if len(g.lent) != 10 {
		t.Fatalf("%d streams, want 10", len(g.lent))
	}
	for range 7 {
		s := g.lent[len(g.lent)-1]
		g.lent = g.lent[:len(g.lent)-1]
		if todo, _ := g.p.release(s, outcome{ended: exchangeRefused}, g.now); todo != nil {
			t.Errorf("for a stream that was refused nothing is to be done: %+v", todo)
		}
		g.acquire()
	}
	if len(g.lent) != 3 || len(g.waiting) != 7 {
		t.Errorf("%d on a connection that bears 3, %d wait", len(g.lent), len(g.waiting))
	}
	g.now = g.now.Add(learnedFor)
	g.p.kick(c.pc, g.now)
	if g.settle(); len(g.lent) != 10 {
		t.Errorf("%d on a connection of 100 streams after the refusals were forgotten", len(g.lent))
	}
}

// TestPoolForgetsRefusalsInTurn: each connection's refusals are forgotten in their
// own time, whoever waits then.
func TestPoolForgetsRefusalsInTurn(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 2, Protocol: HTTP2}, 0)
	g.streams = 1
	for range 2 {
		g.acquire()
		g.dial(nil)
		g.settle()
	}
	for _, c := range g.conns {
		c.streams = 2
	}
	for range 3 {
		g.acquire()
	}
	for _, s := range g.lent[2:] { // one of each connection is refused, a second apart
		g.p.release(s, outcome{ended: exchangeRefused}, g.now)
		g.now = g.now.Add(time.Second)
	}
	g.lent = g.lent[:2]
	g.settle()
	if len(g.waiting) != 1 {
		t.Fatalf("%d wait, want 1", len(g.waiting))
	}
	g.tick() // what was due before is not known any more
	g.now = g.now.Add(learnedFor - 2*time.Second)
	if due := g.p.due; due.After(g.now) {
		t.Fatalf("the pool looks %v too late", due.Sub(g.now))
	}
	g.tick()
	if g.settle(); len(g.waiting) != 0 {
		t.Errorf("%d wait still", len(g.waiting))
	}
}

// TestPoolDrains: a connection whose end was announced keeps what is on it, does
// not count against the limit, and is closed when the last exchange has ended.
func TestPoolDrains(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1, Protocol: HTTP2}, 4)
	g.acquire()
	g.dial(nil)
	g.settle()
	old := g.conns[0]
	if todo := g.p.leaves(old.pc, CloseAnnounced, g.now); todo != nil {
		t.Fatalf("with an exchange on it nothing is to be done: %+v", todo)
	}
	g.acquire()
	if len(g.orders) != 1 {
		t.Fatalf("%d dials beside a connection that drains, want 1", len(g.orders))
	}
	g.dial(nil)
	g.settle()
	g.check()
	if len(g.lent) != 2 || g.lent[1].reason != "new connection: 1 of 1 open" {
		t.Fatalf("%d lent: %+v", len(g.lent), g.lent)
	}
	if todo, _ := g.p.release(g.lent[0], outcome{ended: exchangeAnswered}, g.now); todo == nil || len(todo.finish) != 1 {
		t.Errorf("it is over and nobody is to close it: %+v", todo)
	}
	// Whoever drains and is idle is closed at once, and those that still drain
	// are not forgotten by Close.
	if todo := g.p.leaves(g.conns[1].pc, CloseAnnounced, g.now); todo != nil {
		t.Errorf("with an exchange on it nothing is to be done: %+v", todo)
	}
	if all := g.p.shut(g.now).or(); len(all) != 2 {
		t.Errorf("%d connections to close, want 2", len(all))
	}
}

func TestPoolUnusedSlot(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1}, 0)
	g.acquire()
	g.dial(nil)
	g.settle()
	s := g.lent[0]
	g.lent = nil
	g.p.release(s, outcome{ended: exchangeUnused}, g.now)
	g.acquire()
	if s := g.lent[0]; s.nth != 1 || s.dial == nil || s.reason != "new connection: 1 of 1 open" {
		t.Errorf("the next one is not the first on the connection: %+v", s)
	}
}

func TestPoolClosed(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1}, 0)
	for range 3 {
		g.acquire()
	}
	closing := g.p.shut(g.now).or()
	for _, w := range g.waiting {
		<-w.ready
		if !errors.Is(w.err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", w.err)
		}
	}
	if len(closing) > 0 {
		t.Errorf("%d connections to close of none", len(closing))
	}
	if _, w, _ := g.p.acquire(g.newExchange(), g.now); w == nil || !errors.Is(w.err, ErrClosed) {
		t.Error("a slot of a closed pool")
	}
	c := &fakeConn{depth: 1}
	if _, err := g.p.opened(g.orders[0], c, nil, g.now); !errors.Is(err, ErrClosed) || c.pc != nil {
		t.Errorf("a connection joined a closed pool: %v", err)
	}
}

func TestRefusedAndCut(t *testing.T) {
	for _, tt := range []struct {
		err          error
		refused, cut bool
	}{
		{syscall.ECONNREFUSED, true, false},
		{syscall.ECONNRESET, true, true},
		{syscall.EPIPE, true, true},
		{io.EOF, true, true},
		{fmt.Errorf("x: %w", io.ErrUnexpectedEOF), true, true},
		{ErrServerClosed, true, true},
		{syscall.ETIMEDOUT, false, false},
		{syscall.EHOSTUNREACH, false, false},
		{errors.New("bad certificate"), false, false},
	} {
		if refused(tt.err) != tt.refused || cut(tt.err) != tt.cut {
			t.Errorf("%v: refused %v, cut %v", tt.err, refused(tt.err), cut(tt.err))
		}
	}
}

// TestPoolForgetsTheSwept: of connections that come in bursts and are swept from
// under the one in use nothing remains.
func TestPoolForgetsTheSwept(t *testing.T) {
	g := newPoolGameOf(t, 1, &Transport{IdleConnTimeout: time.Second}, 0, 1)
	for range 50 {
		for range 10 {
			g.acquire()
		}
		for len(g.orders) > 0 {
			g.dial(nil)
			g.settle()
		}
		for len(g.lent) > 0 {
			g.p.release(g.lent[0], outcome{ended: exchangeAnswered}, g.now)
			g.lent = g.lent[1:]
		}
		g.now = g.now.Add(time.Second - 1)
		g.acquire() // one is used all the time
		g.now = g.now.Add(1)
		g.p.release(g.lent[0], outcome{ended: exchangeAnswered}, g.now)
		g.lent = nil
		g.want(g.p.tick(g.now))
		for len(g.closing) > 0 {
			g.dropClosing()
		}
	}
	if o := g.origin(); len(o.conns) != 1 || o.idle.len != 1 {
		t.Errorf("%d connections, %d idle ones, want 1", len(o.conns), o.idle.len)
	}
}
