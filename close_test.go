package linger

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// endsSoon fails the test if f does not return: what it waits for would come
// late or never.
func endsSoon(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("does not end: %s\n%s", what, strings.Join(ours(), "\n\n"))
	}
}

// halfAnswer answers with half of what it announces, and waits.
func halfAnswer(p *peer) {
	p.request()
	p.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
	io.Copy(io.Discard, p.in)
}

// TestCloseEndsEverything closes a Transport on which something waits that would
// wait for a long time, or for ever.
func TestCloseEndsEverything(t *testing.T) {
	t.Run("http.Client's Timeout", func(t *testing.T) {
		s := serve(t, halfAnswer)
		tr := &Transport{}
		resp, err := (&http.Client{Transport: tr, Timeout: time.Hour}).Get(s.url)
		if err != nil {
			t.Fatal(err)
		}
		endsSoon(t, "Close", func() { tr.Close() })
		resp.Body.Close()
	})
	t.Run("a request body that blocks", func(t *testing.T) {
		s := serve(t, halfAnswer)
		tr := &Transport{}
		blocks, w := io.Pipe()
		defer w.Close()
		req := request(t, "POST", s.url, "")
		req.Body, req.ContentLength = blocks, -1
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		endsSoon(t, "Close", func() { tr.Close() })
		resp.Body.Close()
	})
	t.Run("an exchange behind a body that nobody reads", func(t *testing.T) {
		s := serve(t, halfAnswer)
		w := watch(t, named(t, "pipelined"))
		resp, err := w.RoundTrip(request(t, "GET", s.url, ""))
		if err != nil {
			t.Fatal(err)
		}
		behind := make(chan answer, 1)
		go func() { behind <- w.get(s.url) }()
		eventually(t, "the second stands in line", func() bool { return w.inFlight() == 2 })
		w.Close()
		endsSoon(t, "the one behind", func() {
			if a := <-behind; !errors.Is(a.err, ErrClosed) {
				t.Errorf("got %v, want ErrClosed", a.err)
			}
		})
		resp.Body.Close()
	})
}

// inFlight counts the exchanges that hold a slot.
func (w *watched) inFlight() int {
	p := w.pool()
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, o := range p.origins {
		for _, pc := range o.conns {
			n += pc.inFlight
		}
	}
	return n
}

// TestBodyIsTheNextTrys cuts a kept connection while a PUT waits for 100
// (Continue): its body, which cannot be made anew, is untouched, so that it is
// sent again, whatever the goroutine of the first try has come to.
func TestBodyIsTheNextTrys(t *testing.T) {
	s := serve(t, func(p *peer) {
		p.request()
		p.answer("a")
		p.request()
	})
	for i := range 400 {
		tr := &Transport{}
		kept, err := tr.RoundTrip(request(t, "GET", s.url, ""))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, kept.Body)
		req := request(t, "PUT", s.url, "")
		req.Body, req.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("hello"))), -1
		req.Header.Set("Expect", "100-continue")
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		resp.Body.Close()
		tr.Close()
	}
}

// TestSmallBodyThatBlocks: a body is read in the caller's goroutine only if that
// cannot block.
func TestSmallBodyThatBlocks(t *testing.T) {
	w := watch(t, named(t, "persistent"))
	s := serve(t, echo)
	ctx, cancel := context.WithCancel(context.Background())
	blocks, pw := io.Pipe()
	req := request(t, "PUT", s.url, "").WithContext(ctx)
	req.Body, req.ContentLength = blocks, 5
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("hello")), nil }
	time.AfterFunc(20*time.Millisecond, cancel)
	endsSoon(t, "RoundTrip after its context", func() {
		if a := w.do(req); !errors.Is(a.err, context.Canceled) {
			t.Errorf("got %v", a.err)
		}
	})
	pw.Close()
}

// TestKeptConnectionIsCalledKept reads the note of an exchange sent again.
func TestKeptConnectionIsCalledKept(t *testing.T) {
	s := serve(t, func(p *peer) { p.request(); p.answer("a"); p.request() }, echo)
	w := watch(t, named(t, "persistent"))
	w.get(s.url)
	told := false
	for _, span := range w.get(s.url + "/2").e.Spans {
		told = told || strings.Contains(span.Note, "the kept connection ended before an answer")
	}
	if !told {
		t.Error("no note tells that the kept connection ended")
	}
}

// TestLateSenderWritesNoSpan runs the goroutine of a body after the answer came.
func TestLateSenderWritesNoSpan(t *testing.T) {
	tr := &Transport{}
	defer tr.Close()
	req := request(t, "POST", "http://h/", "x")
	req.Header.Set("Expect", "100-continue")
	x := tr.begin(req, time.Now())
	b := (&http1Conn{t: tr}).newBodySender(x, 1)
	b.answered(401, false)
	x.enter(timeline.Receive, timeline.Unknown)
	b.awaitContinue()
	if x.phase() != timeline.Receive {
		t.Errorf("an exchange that receives is put back to %v", x.phase())
	}
}

// TestUnusedConnectionIsNotSpent: a caller gives up before its request is
// written; its connection is for one exchange, and is the next one's.
func TestUnusedConnectionIsNotSpent(t *testing.T) {
	s := serve(t, echo)
	w := watch(t, named(t, "serial"))
	ctx, cancel := context.WithCancel(context.Background())
	x := w.begin(request(t, "GET", s.url, "").WithContext(ctx), time.Now())
	if err := errors.Join(x.read(x.req, w.Strategy), w.chooseRoute(x)); err != nil {
		t.Fatal(err)
	}
	_, wait, orders := w.pool().acquire(x, time.Now())
	w.carryOut(orders)
	<-wait.ready
	cancel()
	x.carriedBy(wait.slot)
	_, err := wait.slot.conn.roundTrip(x, wait.slot)
	var l *lost
	if !errors.As(err, &l) {
		t.Fatalf("got %v", err)
	}
	w.giveBack(x, wait.slot, l)
	x.end(err)
	if a := w.get(s.url); a.e.Conn.Number != 1 {
		t.Errorf("connection %d; the first was never used", a.e.Conn.Number)
	}
}

// TestBothProtocolsAtOnce: an origin whose newest connection speaks HTTP/1 still
// lends the streams of its HTTP/2 one.
func TestBothProtocolsAtOnce(t *testing.T) {
	p := &pool{strategy: Strategy{Conns: 2}}
	now := time.Now()
	acquire := func(n int) (*waiter, *todo) {
		x := &exchange{route: route{origin: origin{"https", "h:443"}}, traits: traits{idempotent: true, rewindable: true}}
		x.Number = n
		_, w, orders := p.acquire(x, now)
		return w, orders
	}
	_, first := acquire(1)
	_, second := acquire(2)
	p.opened(first.dials[0], &fakeConn{number: 1, streams: 100}, nil, now)
	acquire(3)
	p.opened(second.dials[0], &fakeConn{number: 2, depth: 1}, nil, now)
	acquire(4) // on the idle HTTP/1 connection
	if w, _ := acquire(5); w != nil {
		t.Error("the fifth waits though the HTTP/2 connection has free streams")
	}
}
