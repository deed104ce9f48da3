package linger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// errChanged is a cause of cancelling.
var errChanged = errors.New("changed my mind")

// waysToGiveUp are those that callers have. Each arms a request and returns what
// gives it up, and the error that is to come of it.
var waysToGiveUp = []struct {
	name string
	arm  func(*http.Request) (armed *http.Request, giveUp func())
	want error
}{
	{"cause", func(req *http.Request) (*http.Request, func()) {
		ctx, cancel := context.WithCancelCause(req.Context())
		return req.WithContext(ctx), func() { cancel(errChanged) }
	}, errChanged},
	{"deadline", func(req *http.Request) (*http.Request, func()) {
		ctx, cancel := context.WithTimeout(req.Context(), time.Hour)
		context.AfterFunc(ctx, cancel)
		return req.WithContext(ctx), func() { <-ctx.Done() }
	}, context.DeadlineExceeded},
	{"Request.Cancel", func(req *http.Request) (*http.Request, func()) {
		given := make(chan struct{})
		req.Cancel = given //lint:ignore SA1019 http.Client sets it
		return req, func() { close(given) }
	}, errRequestCanceled},
}

// TestGiveUp gives an exchange up at each of its steps, in each way.
func TestGiveUp(t *testing.T) {
	large := func() io.Reader { return strings.NewReader(strings.Repeat("x", 1<<20)) }
	never := func() io.Reader {
		r, _ := io.Pipe()
		return r
	}
	hang := func(p *peer, over chan bool) { io.Copy(io.Discard, p.in) }
	says := func(text string) func(*peer, chan bool) {
		return func(p *peer, over chan bool) {
			p.request()
			io.WriteString(p, text)
			hang(p, over)
		}
	}
	tests := []struct {
		name   string
		script func(*peer, chan bool)
		body   func() io.Reader
		step   timeline.Phase
		sent   bool
	}{
		{"writing the head", func(p *peer, over chan bool) { <-over }, nil, timeline.Send, false},
		{"writing the body", func(p *peer, over chan bool) { p.head(); <-over }, large, timeline.Send, true},
		{"reading the body to send", hang, never, timeline.Send, true},
		{"waiting", hang, nil, timeline.Wait, true},
		{"waiting, body written", hang, large, timeline.Wait, true},
		{"within the head", says("HTTP/1.1 200 OK\r\nA: b"), nil, timeline.Wait, true},
		{"behind an interim answer", says("HTTP/1.1 103 Early Hints\r\n\r\n"), nil, timeline.Wait, true},
		{"within a body of known length", says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"), nil, timeline.Receive, true},
		{"within a chunked body", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), nil, timeline.Receive, true},
		{"within a body until close", says("HTTP/1.1 200 OK\r\n\r\nab"), nil, timeline.Receive, true},
	}
	for _, tt := range tests {
		for _, way := range waysToGiveUp {
			t.Run(tt.name+" by "+way.name, func(t *testing.T) {
				inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
					over := make(chan bool)
					piped(w, func(p *peer) { tt.script(p, over) }, echo)
					req := request(t, "POST", "http://peer/", "")
					if tt.body != nil {
						req.Body = io.NopCloser(tt.body())
						if r, ok := tt.body().(io.ReadCloser); ok {
							req.Body = r
						}
					}
					req, giveUp := way.arm(req)
					done := w.start(req)[0]
					giveUp()
					a := <-done
					close(over)
					var e *Error
					if !errors.As(a.err, &e) || !errors.Is(a.err, way.want) || e.MayBeApplied != tt.sent || e.Step != tt.step {
						t.Fatalf("%v: %+v", a.err, e)
					}
					if timeout := way.want == context.DeadlineExceeded; e.Timeout() != timeout {
						t.Errorf("Timeout is %v", !timeout)
					}
					if a := w.get("http://peer/2"); a.body != "/2" || a.err != nil {
						t.Errorf("the next: %q, %v", a.body, a.err)
					}
				})
			})
		}
	}
}

// TestGivenUpBeforehand: such a request is not sent, nor dialled for.
func TestGivenUpBeforehand(t *testing.T) {
	for _, way := range waysToGiveUp {
		inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
			dialled := piped(w, echo)
			req, giveUp := way.arm(request(t, "GET", "http://peer/", ""))
			giveUp()
			if a := w.do(req); !errors.Is(a.err, way.want) || sentOf(a.err) || dialled.Load() > 0 {
				t.Errorf("%s: %v, dialled %d times", way.name, a.err, dialled.Load())
			}
		})
	}
}

// TestGivenUpAtTheEnd: news that the caller has given up which come when the
// exchange is over do not harm the next one on its connection.
func TestGivenUpAtTheEnd(t *testing.T) {
	srv := serve(t, echo)
	for _, s := range []Strategy{persistent, pipelining(8)} {
		t.Run(fmt.Sprint("depth ", s.Depth), func(t *testing.T) {
			w := watch(t, s)
			for i := range 1000 {
				ctx, cancel := context.WithCancel(t.Context())
				given := make(chan struct{})
				req := request(t, "GET", srv.url+"/one", "").WithContext(ctx)
				req.Cancel = given //lint:ignore SA1019 http.Client sets it
				resp, err := w.RoundTrip(req)
				if err != nil {
					t.Fatalf("%d: %v", i, err)
				}
				go cancel()
				go close(given)
				io.ReadAll(resp.Body)
				if a := w.get(srv.url + "/two"); a.body != "/two" || a.err != nil {
					t.Fatalf("%d: %q, %v", i, a.body, a.err)
				}
			}
		})
	}
}

// TestClientTimeout: http.Client tells a foreign RoundTripper of its Timeout by
// the context and by Request.Cancel.
func TestClientTimeout(t *testing.T) {
	for _, head := range []string{"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"} {
		inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
			piped(w, func(p *peer) {
				p.request()
				io.WriteString(p, head)
				p.request()
			})
			client := http.Client{Transport: w, Timeout: time.Second}
			resp, err := client.Get("http://peer/")
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				resp.Body.Close()
			}
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() || !strings.Contains(err.Error(), "Client.Timeout") {
				t.Errorf("after %q: %v", head, err)
			}
		})
	}
}

// TestTwoTimersOfOneTimeout: where http.Client's own timer fires before the
// context's, it is the time all the same that has ended the exchange.
func TestTwoTimersOfOneTimeout(t *testing.T) {
	for range 20 {
		inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
			piped(w, func(p *peer) {
				p.request()
				p.request()
			})
			deadline := time.Now().Add(time.Second)
			given := make(chan struct{})
			first := time.AfterFunc(time.Until(deadline), func() { close(given) })
			defer first.Stop()
			ctx, cancel := context.WithDeadline(t.Context(), deadline)
			defer cancel()
			req := request(t, "GET", "http://peer/", "").WithContext(ctx)
			req.Cancel = given //lint:ignore SA1019 http.Client sets it
			if a := w.do(req); !errors.Is(a.err, context.DeadlineExceeded) || errors.Is(a.err, context.Canceled) {
				t.Error(a.err)
			}
		})
	}
}

// TestResponseHeaderTimeout: the limit runs from the end of the request, or of
// the answer before, to the end of the head.
func TestResponseHeaderTimeout(t *testing.T) {
	const limit = 5 * time.Second
	fails := func(a answer) bool {
		var timeout net.Error
		return errors.Is(a.err, ErrHeaderTimeout) && errors.As(a.err, &timeout) && timeout.Timeout() && sentOf(a.err)
	}
	slow := func(d time.Duration, text string) func(*peer) {
		return func(p *peer) {
			io.Copy(io.Discard, p.request().Body)
			time.Sleep(d)
			io.WriteString(p, text)
			p.request()
		}
	}
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	tests := []struct {
		name   string
		script func(*peer)
		method string
		body   func() io.Reader
		fails  bool
	}{
		{"in time", slow(limit-1, ok), "GET", nil, false},
		{"late", slow(limit+1, ok), "GET", nil, true},
		{"interim in time, answer late", func(p *peer) {
			slow(limit-1, "HTTP/1.1 103 Early Hints\r\n\r\n")(p)
		}, "GET", nil, true},
		{"half a head", slow(0, "HTTP/1.1 200 OK\r\n"), "GET", nil, true},
		{"late body", func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			time.Sleep(2 * limit)
			p.say("ok")
		}, "GET", nil, false},
		{"slow upload", slow(limit-1, ok), "POST", func() io.Reader { return &slowReader{pieces: 4, pause: limit} }, false},
		{"slow upload, late", slow(limit+1, ok), "POST", func() io.Reader { return &slowReader{pieces: 4, pause: limit} }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				w.ResponseHeaderTimeout = limit
				piped(w, tt.script, echo)
				req := request(t, tt.method, "http://peer/", "")
				if tt.body != nil {
					req.Body = io.NopCloser(tt.body())
				}
				a := w.do(req)
				if tt.fails && !fails(a) || !tt.fails && (a.err != nil || a.body != "ok") {
					t.Errorf("%q, %v after %v", a.body, a.err, a.e.Duration)
				}
			})
		})
	}
	t.Run("pipeline", func(t *testing.T) {
		inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
			w.ResponseHeaderTimeout = limit
			piped(w, func(p *peer) {
				for i := range 3 {
					p.want("GET", fmt.Sprintf("/%d", i))
				}
				time.Sleep(limit - 1)
				p.answer("/0")
				time.Sleep(limit - 1)
				p.answer("/1")
				p.request()
			}, echo)
			done := w.start(gets(t, 3)...)
			mustSay(t, done[0], "/0")
			mustSay(t, done[1], "/1")
			if a := <-done[2]; !fails(a) {
				t.Errorf("%q, %v", a.body, a.err)
			}
		})
	})
}

// A slowReader gives a few octets after each pause.
type slowReader struct {
	pieces int
	pause  time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.pieces--; r.pieces < 0 {
		return 0, io.EOF
	}
	time.Sleep(r.pause) // virtual
	return copy(p, "octets"), nil
}

// TestCancelStorm: 2,000 exchanges of which most are given up at random moments
// leave no goroutine and no slot behind, and do no harm to the others.
func TestCancelStorm(t *testing.T) {
	srv := serve(t, func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			io.Copy(io.Discard, req.Body)
			switch len(req.URL.Path) % 3 {
			case 0:
				p.answer(req.URL.Path + strings.Repeat("x", 20_000))
			case 1:
				p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(req.URL.Path), req.URL.Path)
			default:
				p.answer(req.URL.Path)
			}
		}
	})
	for _, s := range []Strategy{persistent, named(t, "persistent6"), pipelining(8), named(t, "parallel"), {Protocol: HTTP11}} {
		t.Run(fmt.Sprintf("%s %d", s.Name, s.Conns), func(t *testing.T) {
			w := watch(t, s)
			var users sync.WaitGroup
			for user := range 10 {
				users.Go(func() {
					dice := rand.New(rand.NewPCG(uint64(user), 7))
					for i := range 40 {
						w.maybeGiveUp(dice, fmt.Sprintf("%s/%d", srv.url, user*1000+i))
					}
				})
			}
			users.Wait()
		})
	}
}

// maybeGiveUp makes a request, and gives it up at a random moment, more often
// than not.
func (w *watched) maybeGiveUp(dice *rand.Rand, url string) {
	method, body := "GET", ""
	if dice.IntN(3) == 0 {
		method, body = "POST", strings.Repeat("x", 1<<dice.IntN(17))
	}
	req := request(w.t, method, url, body)
	req, giveUp := waysToGiveUp[dice.IntN(2)*2].arm(req)
	spared := dice.IntN(4) == 0
	if !spared {
		time.AfterFunc(time.Duration(dice.ExpFloat64()*float64(300*time.Microsecond)), giveUp)
	}
	a := w.do(req)
	if spared && (a.err != nil || !strings.HasPrefix(a.body, req.URL.Path)) {
		w.t.Errorf("%s %s: %q, %v", method, url, a.body, a.err)
	}
	if a.err != nil && !errors.Is(a.err, errChanged) && !errors.Is(a.err, errRequestCanceled) {
		w.t.Errorf("%s %s: %v", method, url, a.err)
	}
	if spared {
		giveUp()
	}
}

// TestInterruptIsFinal: no deadline that is set later revives a connection that
// was interrupted.
func TestInterruptIsFinal(t *testing.T) {
	mine, theirs := net.Pipe()
	defer theirs.Close()
	c := newHTTP1(&Transport{}, mine, newWire(mine), timeline.Conn{}, nil)
	defer c.close()
	c.interrupt()
	c.setReadDeadline(time.Time{})
	if _, err := mine.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Read: %v", err)
	}
}
