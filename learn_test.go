package linger

import (
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
