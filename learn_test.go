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
