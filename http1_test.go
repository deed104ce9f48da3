package linger

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inVirtualTime runs a test of one Transport in a synctest bubble: time passes
// only when everybody waits.
func inVirtualTime(t *testing.T, s Strategy, test func(t *testing.T, w *watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, watch(t, s)) })
}

// piped lets a Transport dial scripted peers in memory, as serve does on
// loopback. It counts the connections.
func piped(w *watched, scripts ...func(*peer)) *atomic.Int32 {
	var dialled atomic.Int32
	w.DialContext = func(context.Context, string, string) (net.Conn, error) {
		n := int(dialled.Add(1)) - 1
		mine, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			scripts[min(n, len(scripts)-1)](&peer{Conn: theirs, t: w.t, in: bufio.NewReader(theirs), n: n})
		}()
		return mine, nil
	}
	return &dialled
}

// silent reports whether the client says nothing more. It is for a bubble, in
// which the time it waits passes only when the client has nothing left to do.
func (p *peer) silent() bool {
	p.SetReadDeadline(time.Now().Add(time.Microsecond))
	defer p.SetReadDeadline(time.Time{})
	_, err := p.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// start sends requests one after the other, each when the one before has got as
// far as it can. The answers come in their order.
func (w *watched) start(reqs ...*http.Request) []<-chan answer {
	var all []<-chan answer
	for _, req := range reqs {
		done := make(chan answer, 1)
		go func() { done <- w.do(req) }()
		all = append(all, done)
		synctest.Wait()
	}
	return all
}

// gets makes GETs of /0, /1, and so on.
func gets(t *testing.T, n int) []*http.Request {
	var reqs []*http.Request
	for i := range n {
		reqs = append(reqs, request(t, "GET", "http://peer/"+string(rune('0'+i)), ""))
	}
	return reqs
}

// mustSay receives an answer and checks it.
func mustSay(t *testing.T, done <-chan answer, body string) answer {
	t.Helper()
	a := <-done
	if a.err != nil || a.body != body {
		t.Errorf("exchange %d: %q, %v, want %q", a.e.Number, a.body, a.err, body)
	}
	return a
}
