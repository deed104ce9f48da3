package linger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// TestMayRetry: "A user agent MUST NOT automatically retry a request with a
// non-idempotent method unless it has some means to know that the request
// semantics are actually idempotent, regardless of the method, or some means to
// detect that the original request was never applied" —
// https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2.
func TestMayRetry(t *testing.T) {
	get := traits{idempotent: true, rewindable: true}
	post := traits{rewindable: true}
	streamed := traits{hasBody: true}                      // a POST without GetBody
	streamedPut := traits{hasBody: true, idempotent: true} // a PUT without GetBody
	reset := syscall.ECONNRESET
	tests := []struct {
		name   string
		lost   lost
		traits traits
		tries  int
		proven bool
		again  bool
	}{
		{"stale", lost{err: reset, loss: lossStale}, post, 1, false, true},
		{"stale, whatever was tried", lost{err: reset, loss: lossStale}, post, 100, false, true},
		{"not written", lost{err: reset}, post, 1, false, true},
		{"not written, body gone", lost{err: reset}, streamed, 1, false, false},
		{"not written, too often", lost{err: reset}, post, maxTries, false, false},
		{"not processed", lost{err: reset, loss: lossUnprocessed}, post, 1, false, true},
		{"not processed, body gone", lost{err: reset, loss: lossUnprocessed}, streamed, 1, false, false},

		{"GET on a kept connection", lost{err: reset, loss: lossUnanswered, reused: true}, get, 1, false, true},
		{"PUT on a kept connection, body gone", lost{err: reset, loss: lossUnanswered, reused: true}, streamedPut, 1, false, false},
		{"POST on a kept connection", lost{err: reset, loss: lossUnanswered, reused: true}, post, 1, false, false},
		{"GET on a kept connection, too often", lost{err: reset, loss: lossUnanswered, reused: true}, get, maxTries, false, false},
		{"GET on the only connection of an origin", lost{err: reset, loss: lossUnanswered}, get, unprovenTries - 1, false, true},
		{"GET on the only connection of an origin, too often", lost{err: reset, loss: lossUnanswered}, get, unprovenTries, false, false},
		{"GET on a new connection of a proven origin", lost{err: reset, loss: lossUnanswered}, get, 1, true, true},
		{"POST on a new connection of a proven origin", lost{err: reset, loss: lossUnanswered}, post, 1, true, false},

		{"cancelled", lost{err: context.Canceled, loss: lossGivenUp, reused: true}, get, 1, true, false},
		{"cancelled, not written", lost{err: context.Canceled, loss: lossGivenUpUnsent}, get, 1, true, false},
		{"half an answer", lost{err: io.ErrUnexpectedEOF, loss: lossAnswered, reused: true}, get, 1, true, false},
		{"no answer in time", lost{err: ErrHeaderTimeout, loss: lossUnanswered, reused: true}, get, 1, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			again, why := mayRetry(&tt.lost, tt.traits, tt.tries, tt.proven)
			if again != tt.again || again != (why != "") {
				t.Errorf("%v, %q", again, why)
			}
		})
	}
}

// wantClosedIdle checks the error of an exchange that a kept connection lost.
func wantClosedIdle(t *testing.T, a answer) {
	var e *Error
	if !errors.As(a.err, &e) || !errors.Is(e, ErrServerClosedIdle) || !errors.Is(e, ErrServerClosed) {
		t.Fatalf("got %v", a.err)
	}
	// The goroutine that has written the last of a large body may not have said so yet.
	if !e.Sent || (e.Step != timeline.Wait && e.Step != timeline.Send) || e.Conn != a.e.Conn || !e.Conn.Local.IsValid() || !e.Conn.Remote.IsValid() {
		t.Errorf("sent %v, step %v, on %+v, not %+v", e.Sent, e.Step, e.Conn, a.e.Conn)
	}
}

// TestCutAfterRequest: a kept connection ends when the request was read, so that
// nobody can tell whether it was applied.
func TestCutAfterRequest(t *testing.T) {
	tests := []struct {
		name, method string
		body         string
		plain        bool // the body cannot be made anew
		key          bool // it has an Idempotency-Key
		again        bool
	}{
		{"GET", "GET", "", false, false, true},
		{"HEAD", "HEAD", "", false, false, true},
		{"OPTIONS", "OPTIONS", "", false, false, true},
		{"TRACE", "TRACE", "", false, false, true},
		{"DELETE", "DELETE", "", false, false, true},
		{"PUT", "PUT", "small", false, false, true},
		{"PUT of much", "PUT", strings.Repeat("large", 10000), false, false, true},
		{"PUT of a stream", "PUT", "stream", true, false, false},
		{"POST", "POST", "small", false, false, false},
		{"POST of nothing", "POST", "", false, false, false},
		{"POST of much", "POST", strings.Repeat("large", 10000), false, false, false},
		{"POST with a key", "POST", "small", false, true, true},
		{"POST of a stream with a key", "POST", "stream", true, true, false},
		{"PATCH", "PATCH", "small", false, false, false},
		{"unknown method", "PROPFIND", "", false, false, false},
	}
	for _, tt := range tests {
		for name, end := range map[string]func(*peer){"FIN": func(p *peer) { p.Close() }, "RST": (*peer).reset} {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				var got atomic.Value
				srv := serve(t, func(p *peer) {
					p.want("GET", "/1")
					p.answer("/1")
					io.Copy(io.Discard, p.want(tt.method, "/2").Body)
					end(p)
				}, func(p *peer) {
					body, _ := io.ReadAll(p.want(tt.method, "/2").Body)
					got.Store(string(body))
					p.say("HTTP/1.1 204 No Content\r\n\r\n")
				})
				w := watch(t, persistent)
				if a := w.get(srv.url + "/1"); a.err != nil {
					t.Fatal(a.err)
				}
				req := request(t, tt.method, srv.url+"/2", tt.body)
				if tt.plain {
					req.GetBody = nil
				}
				if tt.key {
					req.Header["Idempotency-Key"] = nil // "there is no value": not sent
				}
				a := w.do(req)
				switch {
				case tt.again && (a.err != nil || got.Load() != tt.body || a.e.Tries != 2):
					t.Errorf("%v after %d tries, the server got %d bytes", a.err, a.e.Tries, len(fmt.Sprint(got.Load())))
				case !tt.again && (!sentOf(a.err) || a.e.Tries != 1):
					t.Errorf("%v after %d tries, sent: %v", a.err, a.e.Tries, sentOf(a.err))
				case !tt.again:
					wantClosedIdle(t, a)
				}
			})
		}
	}
}

// TestBodyThatCannotBeMadeAgain: an error of GetBody ends the exchange, and says
// so.
func TestBodyThatCannotBeMadeAgain(t *testing.T) {
	srv := serve(t, func(p *peer) {
		p.want("GET", "/1")
		p.answer("/1")
		p.request()
	})
	w := watch(t, persistent)
	w.get(srv.url + "/1")
	why := errors.New("the file is gone")
	req := request(t, "PUT", srv.url+"/2", "body")
	req.GetBody = func() (io.ReadCloser, error) { return nil, why }
	if a := w.do(req); !errors.Is(a.err, why) || !sentOf(a.err) {
		t.Errorf("got %v", a.err)
	}
}

// A countedBody counts how often it is closed, and notes a read after that.
type countedBody struct {
	io.Reader
	closed    atomic.Int32
	readAfter atomic.Bool
}

func (b *countedBody) Read(p []byte) (int, error) {
	if b.closed.Load() > 0 {
		b.readAfter.Store(true)
	}
	return b.Reader.Read(p)
}

func (b *countedBody) Close() error {
	b.closed.Add(1)
	return nil
}

// TestRequestBodyIsClosed: "RoundTrip must always close the body, including on
// errors, but depending on the implementation may do so in a separate goroutine
// even after RoundTrip returns" — http.RoundTripper. It is closed once, as is
// each that GetBody has made.
func TestRequestBodyIsClosed(t *testing.T) {
	answers := func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			io.Copy(io.Discard, req.Body)
			p.answer("ok")
		}
	}
	early := func(p *peer) {
		p.request()
		p.answer("early", "Connection: close")
		io.Copy(io.Discard, p.in)
	}
	hang := func(p *peer) { io.Copy(io.Discard, p.in) }
	cutSecond := func(p *peer) {
		p.request()
		p.answer("one")
		p.request()
	}
	invalid := func(req *http.Request) { req.Method = "NO SUCH" }
	tests := []struct {
		name   string
		script func(*peer)
		twist  func(*http.Request)
		fails  bool
	}{
		{"answered", answers, nil, false},
		{"answered early", early, nil, false},
		{"sent again", cutSecond, func(req *http.Request) { req.Method = "PUT" }, false},
		{"not sent again", cutSecond, nil, true},
		{"invalid method", answers, invalid, true},
		{"no URL", answers, func(req *http.Request) { req.URL = nil }, true},
		{"invalid field", answers, func(req *http.Request) { req.Header.Set("A", "\n") }, true},
		{"refused", answers, func(req *http.Request) { req.URL.Host = "127.0.0.1:1" }, true},
		{"too short", answers, func(req *http.Request) { req.ContentLength += 5 }, true},
		{"too long", answers, func(req *http.Request) { req.ContentLength-- }, true},
		{"no answer in time", hang, nil, true},
	}
	for _, tt := range tests {
		for _, size := range []int{10, 100_000} {
			t.Run(fmt.Sprint(tt.name, " ", size), func(t *testing.T) {
				srv := serve(t, tt.script, answers)
				w := watch(t, persistent)
				if tt.name == "no answer in time" {
					w.ResponseHeaderTimeout = 1
				}
				if tt.name == "sent again" || tt.name == "not sent again" {
					w.get(srv.url)
				}
				var mu sync.Mutex
				var bodies []*countedBody
				made := func() (io.ReadCloser, error) {
					mu.Lock()
					defer mu.Unlock()
					b := &countedBody{Reader: strings.NewReader(strings.Repeat("x", size))}
					bodies = append(bodies, b)
					return b, nil
				}
				req := request(t, "POST", srv.url, "")
				req.Body, _ = made()
				req.GetBody, req.ContentLength = made, int64(size)
				if tt.twist != nil {
					tt.twist(req)
				}
				if a := w.do(req); (a.err != nil) != tt.fails {
					t.Errorf("%q, %v", a.body, a.err)
				}
				w.Close() // waits for the goroutines that still send
				for i, b := range bodies {
					if n := b.closed.Load(); n != 1 || b.readAfter.Load() {
						t.Errorf("body %d of %d was closed %d times, read after that: %v", i+1, len(bodies), n, b.readAfter.Load())
					}
				}
			})
		}
	}
}

// TestNeverAppliedTwice posts to a server that resets connections at random
// places, and counts there what was applied.
func TestNeverAppliedTwice(t *testing.T) {
	var mu sync.Mutex
	applied := make(map[string]int)
	dice := rand.New(rand.NewPCG(3, 4))
	roll := func() int {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(12)
	}
	srv := serve(t, func(p *peer) {
		for {
			if roll() == 0 {
				p.reset() // idle
				return
			}
			req := p.request()
			if req == nil {
				return
			}
			if roll() == 0 {
				p.reset() // with a body unread
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			mu.Lock()
			applied[req.URL.Path]++
			mu.Unlock()
			switch roll() {
			case 0:
				p.reset() // without an answer
				return
			case 1:
				p.say("HTTP/1.1 200 OK\r\nCont")
				p.reset()
				return
			case 2:
				p.Close()
				return
			}
			p.answer("done")
		}
	})
	for _, s := range []Strategy{persistent, pipelining(8), {Protocol: HTTP11}} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			w := watch(t, s)
			var users sync.WaitGroup
			for user := range 4 {
				users.Go(func() {
					for i := range 125 {
						path := fmt.Sprintf("/%d-%d-%d-%d", s.Conns, s.Depth, user, i)
						a := w.do(request(t, "POST", srv.url+path, strings.Repeat("x", []int{10, 20_000}[i%2])))
						mu.Lock()
						n := applied[path]
						mu.Unlock()
						if n > 1 || a.err == nil && n != 1 || a.err != nil && n > 0 && !sentOf(a.err) {
							t.Errorf("%s was applied %d times: %v", path, n, a.err)
						}
					}
				})
			}
			users.Wait()
		})
	}
}

// TestNothingWrittenIsSentAgain: a connection whose first write fails has got
// nothing of the request, whatever its method.
func TestNothingWrittenIsSentAgain(t *testing.T) {
	srv := serve(t, echo)
	w := watch(t, persistent)
	var dialled atomic.Int32
	w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		if dialled.Add(1) == 1 {
			c = deafConn{c}
		}
		return c, err
	}
	req := request(t, "POST", srv.url+"/1", "")
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader("once")), 4
	a := w.do(req)
	if a.err != nil || a.body != "/1" || a.e.Tries != 2 || a.e.In(timeline.Connect) == 0 {
		t.Errorf("%q, %v", a.body, a.err)
	}
}

// A deafConn takes nothing.
type deafConn struct{ net.Conn }

func (deafConn) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestCutRequest: a request of which only the first bytes could be written may
// have an answer, but no other may follow it.
func TestCutRequest(t *testing.T) {
	w := watch(t, persistent)
	dialled := piped(w, func(p *peer) {
		io.ReadFull(p.in, make([]byte, 10))
		p.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad")
		if _, err := p.in.Peek(1); err == nil {
			t.Error("something was written behind half a request")
		}
	}, echo)
	dial := w.DialContext
	w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if dialled.Load() == 1 {
			c = &tiredConn{Conn: c}
		}
		return c, err
	}
	body := &countedBody{Reader: strings.NewReader("body")}
	req := request(t, "POST", "http://peer/", "")
	req.Body, req.ContentLength = body, 4
	if a := w.do(req); a.body != "bad" || a.err != nil || body.closed.Load() != 1 || a.e.Sent.Total() != 10 {
		t.Errorf("%q, %v, the body was closed %d times, sent %+v", a.body, a.err, body.closed.Load(), a.e.Sent)
	}
	if a := w.get("http://peer/2"); a.body != "/2" || a.err != nil {
		t.Errorf("the next: %q, %v", a.body, a.err)
	}
}

// A tiredConn takes ten bytes and no more; then it takes all, which a connection
// that has failed must not be asked for.
type tiredConn struct {
	net.Conn
	failed bool
}

func (c *tiredConn) Write(p []byte) (int, error) {
	if c.failed {
		return c.Conn.Write(p)
	}
	c.failed = true
	n, _ := c.Conn.Write(p[:10])
	return n, syscall.EPIPE
}

// TestRequestBodyWithoutEnd: the answer is over and says that the connection is,
// so nobody wants the rest of a body that is still being read.
func TestRequestBodyWithoutEnd(t *testing.T) {
	for _, field := range []string{"Connection: close", "X: y"} {
		t.Run(field, func(t *testing.T) {
			w := watch(t, persistent)
			srv := serve(t, func(p *peer) {
				p.request()
				p.answer("enough", field)
				io.Copy(io.Discard, p.in)
			})
			r, feed := io.Pipe()
			req := request(t, "POST", srv.url, "")
			req.Body = r
			if a := w.do(req); a.body != "enough" || a.err != nil {
				t.Errorf("%q, %v", a.body, a.err)
			}
			if _, err := feed.Write([]byte("more")); err != io.ErrClosedPipe {
				t.Errorf("the body is still wanted: %v", err)
			}
		})
	}
}
