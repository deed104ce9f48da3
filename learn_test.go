package linger

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// breaksPipelines answers a request that stands alone, and resets the connection
// in the middle of an answer when another request stands behind it.
func breaksPipelines(p *peer) {
	for req := p.request(); req != nil; req = p.request() {
		p.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := p.in.Peek(1)
		p.SetReadDeadline(time.Time{})
		if err == nil {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			p.reset()
			return
		}
		p.answer(req.URL.Path)
	}
}

// TestPipelinesThatBreakAreGivenUp loses no more answers than it takes to learn
// that an origin does not bear pipelining. That answers come while requests stand
// alone proves nothing.
func TestPipelinesThatBreakAreGivenUp(t *testing.T) {
	srv := serve(t, breaksPipelines)
	w := watch(t, named(t, "pipelined"))
	failed := 0
	for _, a := range w.all(srv.url, 20) {
		if a.err != nil {
			failed++
		}
	}
	if failed > brokenPipelines {
		t.Errorf("%d answers were lost before it learned, want at most %d", failed, brokenPipelines)
	}
	told := false
	for _, e := range w.exchanges() {
		for _, s := range e.Spans {
			told = told || strings.Contains(s.Note, "no requests are written ahead")
		}
	}
	if !told {
		t.Error("no timeline tells why pipelining was given up")
	}
}

// TestRefusalsBeforeTheFirstConnection refuses dials that were begun together
// before any of them has succeeded: only the last one tells whether the origin is
// down, or bears no more than it has accepted.
func TestRefusalsBeforeTheFirstConnection(t *testing.T) {
	for _, accepts := range []int{0, 1, 2} {
		g := newPoolGame(t, 1, Strategy{Conns: 6}, 0)
		for range 6 {
			g.acquire()
		}
		for range 6 - accepts {
			if g.dial(refusal); accepts > 0 {
				g.settle()
				if g.gone > 0 {
					t.Fatalf("with %d to be accepted, one failed before that was known", accepts)
				}
			}
		}
		for range accepts {
			g.dial(nil)
		}
		g.settle()
		switch o := g.origin(); {
		case accepts == 0 && (g.gone != 6 || len(g.waiting) > 0):
			t.Errorf("the origin is down: %d failed and %d wait, of 6", g.gone, len(g.waiting))
		case accepts > 0 && (g.gone != 0 || o.limit != accepts || len(g.waiting) != 6-accepts):
			t.Errorf("%d accepted: %d failed, %d wait, limit %d", accepts, g.gone, len(g.waiting), o.limit)
		}
	}
}

// TestLessonsAreAlwaysTold turns a dial away whose exchange was served by another
// connection meanwhile: the timeline of somebody says so.
func TestLessonsAreAlwaysTold(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 2}, 0)
	for range 2 {
		g.acquire()
	}
	g.dial(nil)
	g.settle()
	first := g.lent[0]
	g.p.release(first, outcome{ended: exchangeAnswered}, g.now)
	g.lent = nil
	g.settle() // the second exchange gets the first's connection
	g.dial(refusal)
	next := g.newExchange()
	if _, w, _ := g.p.acquire(next, g.now); w == nil {
		t.Fatal("there is a slot that should not be")
	}
	told := strings.Contains(next.Spans[0].Note, "1 at a time from now on")
	g.p.release(g.lent[0], outcome{ended: exchangeAnswered}, g.now)
	if told = told || strings.Contains(next.Spans[0].Note, "1 at a time from now on"); !told {
		t.Errorf("nobody tells the lesson: %+v", next.Spans)
	}
}

// abortGame opens connections until n have answered side by side.
func abortGame(t *testing.T, n int) *poolGame {
	g := newPoolGame(t, 1, Strategy{}, 0)
	for range n {
		g.acquire()
	}
	for range n {
		g.dial(nil)
	}
	g.settle()
	for len(g.lent) > 0 {
		g.releaseAs(0, outcome{ended: exchangeAnswered})
	}
	return g
}

// releaseAs gives the i-th slot back, and has closed what is to be closed.
func (g *poolGame) releaseAs(i int, oc outcome) {
	s := g.lent[i]
	g.lent = slices.Delete(g.lent, i, i+1)
	todo, _ := g.p.release(s, oc, g.now)
	g.want(todo)
	for len(g.closing) > 0 {
		g.dropClosing()
	}
	g.check()
}

// TestAbortedAnswersAreNoLesson: an origin that has answered on many connections and
// cuts one new one in twenty, for what was asked on it, keeps as many.
func TestAbortedAnswersAreNoLesson(t *testing.T) {
	const many, every = 16, 20
	g := abortGame(t, many)
	fresh := 0
	for range 50 * every {
		for len(g.lent) < many {
			g.acquire()
			g.dial(nil)
			if g.settle(); len(g.waiting) > 0 {
				t.Fatalf("with %d connections in use one waits, limit %d", len(g.lent), g.origin().limit)
			}
		}
		i := g.dice.IntN(many)
		oc := outcome{ended: exchangeAnswered, conn: connEndsNow, why: CloseAsked}
		if g.lent[i].nth == 1 {
			if fresh++; fresh%every == 0 {
				oc = outcome{ended: exchangeCut, conn: connEndsNow, why: CloseCut}
			}
		}
		g.releaseAs(i, oc)
	}
	if o := g.origin(); o.limit != 0 || fresh < every {
		t.Errorf("limit %d after %d new connections", o.limit, fresh)
	}
}

// TestCutsInARow: three new connections cut one after the other are too many, though
// as many were borne before, and so is one that was never borne.
func TestCutsInARow(t *testing.T) {
	cut := outcome{ended: exchangeCut, conn: connEndsNow, why: CloseCut}
	g := abortGame(t, 4)
	for n, want := range []int{0, 0, 3} {
		for len(g.lent) < 4 {
			g.acquire()
			g.dial(nil)
			g.settle()
		}
		if n == 0 {
			g.releaseAs(0, outcome{ended: exchangeAnswered, conn: connEndsNow, why: CloseAsked})
			g.acquire()
			g.dial(nil)
			g.settle()
		}
		g.releaseAs(len(g.lent)-1, cut)
		if got := g.origin().limit; got != want {
			t.Errorf("after %d cuts the limit is %d, want %d", n+1, got, want)
		}
	}
	g = abortGame(t, 4)
	for range 5 {
		g.acquire()
	}
	g.dial(nil)
	g.settle()
	if g.releaseAs(4, cut); g.origin().limit != 4 {
		t.Errorf("the fifth connection was cut: limit %d, want 4", g.origin().limit)
	}
}
