package linger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// pipelining is one connection with that many requests outstanding.
func pipelining(depth int) Strategy {
	return Strategy{Name: "pipelined", Conns: 1, Depth: depth, Protocol: HTTP11}
}

// closing answers n requests with their paths, the last with that field if it is
// not empty, and ends the connection as it is told.
func closing(n int, field string, end func(*peer)) func(*peer) {
	return func(p *peer) {
		for i := 1; ; i++ {
			req := p.request()
			switch {
			case req == nil:
				return
			case i < n:
				p.answer(req.URL.Path)
				continue
			case field != "":
				p.answer(req.URL.Path, field)
			default:
				p.answer(req.URL.Path)
			}
			end(p)
			return
		}
	}
}

// hangUp reads what is there to be read before it closes: the client sees FIN.
func hangUp(p *peer) {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	io.Copy(io.Discard, p.in)
}

// walkOut closes with requests unread: the client sees RST behind the answers.
func walkOut(p *peer) { p.Close() }

// TestThousandAnswers: "A client that pipelines requests SHOULD retry unanswered
// requests if the connection closes before it receives all of the corresponding
// responses" — https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2.
func TestThousandAnswers(t *testing.T) {
	ends := []struct {
		name, field string
		end         func(*peer)
	}{
		{"announced, FIN", "Connection: close", hangUp},
		{"announced, unread requests", "Connection: close", walkOut},
		{"announced, RST", "Connection: close", (*peer).reset},
		{"unannounced, FIN", "", hangUp},
		{"unannounced, unread requests", "", walkOut},
		{"unannounced, RST", "", (*peer).reset},
	}
	for _, depth := range []int{2, 8, 64} {
		for _, e := range ends {
			t.Run(fmt.Sprintf("depth %d, %s", depth, e.name), func(t *testing.T) {
				srv := serve(t, closing(10, e.field, e.end))
				w := watch(t, pipelining(depth))
				for i, a := range w.all(srv.url, 1000) {
					if want := fmt.Sprintf("/%d", i); a.err != nil || a.body != want {
						t.Errorf("%d: %q, %v, after %d tries", i, a.body, a.err, a.e.Tries)
					}
				}
				checkOrder(t, w)
			})
		}
	}
}

// checkOrder holds the records of a pipelined run against each other: no two
// exchanges have the same place on a connection.
func checkOrder(t *testing.T, w *watched) {
	t.Helper()
	type place struct{ conn, nth int }
	taken := make(map[place]*timeline.Exchange)
	for _, e := range w.exchanges() {
		if e.Error != "" {
			continue
		}
		at := place{e.Conn.Number, e.Nth}
		if other := taken[at]; other != nil {
			t.Errorf("exchanges %d and %d were both number %d on connection %d", other.Number, e.Number, at.nth, at.conn)
		}
		taken[at] = e
	}
}

func TestPipelineWithHead(t *testing.T) {
	srv := serve(t, func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			if req.Method == "HEAD" {
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
				continue
			}
			p.answer(strings.Repeat(req.URL.Path, 3))
		}
	})
	w := watch(t, pipelining(8))
	done := make(chan answer)
	for i := range 100 {
		go func() {
			if i%3 == 0 {
				done <- w.do(request(t, "HEAD", srv.url+"/h", ""))
				return
			}
			done <- w.get(srv.url + "/g")
		}()
	}
	for range 100 {
		a := <-done
		want := map[string]string{"HEAD": "", "GET": "/g/g/g"}[a.e.Method]
		if a.err != nil || a.body != want {
			t.Errorf("%s: %q, %v", a.e.Method, a.body, a.err)
		}
	}
	if n := srv.accepted.Load(); n != 1 {
		t.Errorf("%d connections, not 1", n)
	}
}

// TestFirstGoesAloneAfterLoss: "a client … MUST NOT pipeline immediately after
// connection establishment, since the first remaining request in the prior
// pipeline might have caused an error response that can be lost again if
// multiple requests are sent on a prematurely closed connection" —
// https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2.
func TestFirstGoesAloneAfterLoss(t *testing.T) {
	inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
		dialled := piped(w, func(p *peer) {
			for i := range 6 {
				p.want("GET", fmt.Sprintf("/%d", i))
			}
			p.answer("/0")
		}, func(p *peer) {
			alone := p.request() // whichever of them is the first to be back in the queue
			if !p.silent() {
				t.Error("the first did not go alone on the new connection")
			}
			p.answer(alone.URL.Path)
			var rest []string // lent at once, they are written in any order
			for range 4 {
				rest = append(rest, p.request().URL.Path)
			}
			for _, path := range rest {
				p.answer(path)
			}
			p.want("GET", "/end")
			p.answer("/end")
		})
		for i, done := range w.start(gets(t, 6)...) {
			mustSay(t, done, fmt.Sprintf("/%d", i))
		}
		w.get("http://peer/end")
		if n := dialled.Load(); n != 2 {
			t.Errorf("%d connections, not 2", n)
		}
	})
}

// TestNothingBehind: "A user agent SHOULD NOT pipeline requests after a
// non-idempotent method, until the final response status code for that method
// has been received" — https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2. Nor
// does linger behind what may change the connection.
func TestNothingBehind(t *testing.T) {
	tests := []struct{ method, body, field, value string }{
		{method: "POST"},
		{method: "PATCH", body: "patch"},
		{method: "PUT", body: "put"},
		{method: "GET", field: "Upgrade", value: "websocket"},
		{method: "GET", field: "Connection", value: "close"},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.field+tt.body, func(t *testing.T) {
			inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
				piped(w, func(p *peer) {
					p.want("GET", "/0")
					if !p.silent() {
						t.Error("it was sent behind another request")
					}
					p.answer("/0")
					io.Copy(io.Discard, p.want(tt.method, "/alone").Body)
					if !p.silent() {
						t.Error("another request was sent behind it")
					}
					p.answer("/alone")
					echo(p)
				}, echo)
				alone := request(t, tt.method, "http://peer/alone", tt.body)
				if tt.field != "" {
					alone.Header.Set(tt.field, tt.value)
				}
				reqs := append(gets(t, 1), alone)
				done := w.start(append(reqs, gets(t, 3)[1:]...)...)
				for i, want := range []string{"/0", "/alone", "/1", "/2"} {
					mustSay(t, done[i], want)
				}
			})
		})
	}
}

// TestInterimInPipeline: a 1xx is no answer, so it does not end anybody's turn.
func TestInterimInPipeline(t *testing.T) {
	inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
		dialled := piped(w, func(p *peer) {
			for i := range 3 {
				p.want("GET", fmt.Sprintf("/%d", i))
			}
			for i := range 3 {
				p.say("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
				p.answer(fmt.Sprintf("/%d", i))
			}
		})
		for i, done := range w.start(gets(t, 3)...) {
			mustSay(t, done, fmt.Sprintf("/%d", i))
		}
		if n := dialled.Load(); n != 1 {
			t.Errorf("%d connections, not 1", n)
		}
	})
}

// TestCancelledInTheMiddle: the answer to a request whose caller has gone is
// thrown away, and those behind it get their own.
func TestCancelledInTheMiddle(t *testing.T) {
	tests := []struct {
		name   string
		answer func(*peer)
		conns  int32
	}{
		{"small", func(p *peer) { p.answer("thrown away") }, 1},
		{"no body", func(p *peer) { p.say("HTTP/1.1 204 No Content\r\n\r\n") }, 1},
		{"interim first", func(p *peer) { p.say("HTTP/1.1 103 Early Hints\r\n\r\n"); p.answer("thrown away") }, 1},
		{"chunked", func(p *peer) {
			p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n")
		}, 1},
		{"huge", func(p *peer) { p.answer(strings.Repeat("x", 10<<20)) }, 2},
		{"endless", func(p *peer) {
			p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			for {
				if _, err := io.WriteString(p, "3\r\nabc\r\n"); err != nil {
					return
				}
			}
		}, 2},
		{"stalled", func(p *peer) {
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na")
			p.request()
		}, 2},
		{"last of all", func(p *peer) { p.answer("thrown away", "Connection: close") }, 2},
		{"none", func(p *peer) { p.Close() }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
				gone := make(chan struct{})
				dialled := piped(w, func(p *peer) {
					for i := range 4 {
						p.want("GET", fmt.Sprintf("/%d", i))
					}
					<-gone
					p.answer("/0")
					tt.answer(p)
					p.answer("/2")
					p.answer("/3")
				}, echo)
				reqs := gets(t, 4)
				why := errors.New("changed my mind")
				ctx, cancel := context.WithCancelCause(t.Context())
				reqs[1] = reqs[1].WithContext(ctx)
				done := w.start(reqs...)
				cancel(why)
				if a := <-done[1]; !errors.Is(a.err, why) {
					t.Errorf("cancelled: %v", a.err)
				}
				close(gone)
				mustSay(t, done[0], "/0")
				mustSay(t, done[2], "/2")
				mustSay(t, done[3], "/3")
				if n := dialled.Load(); n != tt.conns {
					t.Errorf("%d connections, not %d", n, tt.conns)
				}
			})
		})
	}
}

// TestDiscardedAnswerWithoutOctets: the end of an answer of length 0 is known with
// its head. Nobody waits for more, and the connection is kept, without the bound in
// time that the answer had.
func TestDiscardedAnswerWithoutOctets(t *testing.T) {
	inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
		gone := make(chan struct{})
		piped(w, func(p *peer) {
			p.want("GET", "/0")
			p.want("GET", "/1")
			<-gone
			p.answer("/0")
			p.answer("")
			p.want("GET", "/2")
			time.Sleep(2 * discardTime) // virtual
			p.answer("/2")
			p.request()
		})
		reqs := gets(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		reqs[1] = reqs[1].WithContext(ctx)
		done := w.start(reqs...)
		cancel()
		<-done[1]
		close(gone)
		mustSay(t, done[0], "/0")
		synctest.Wait()
		if s := w.Stats(); s.Idle != 1 || s.Active != 0 {
			t.Errorf("%+v", s.Counts)
		}
		wantAnswer(t, w.get("http://peer/2"), "/2", 1)
	})
}

// TestFirstInLineCancelled: whoever reads and gives up takes the connection
// along; those behind are sent again.
func TestFirstInLineCancelled(t *testing.T) {
	for _, said := range []string{"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na"} {
		t.Run(said, func(t *testing.T) {
			inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
				dialled := piped(w, func(p *peer) {
					p.want("GET", "/0")
					p.want("GET", "/1")
					p.want("GET", "/2")
					p.say("%s", said)
					p.request()
				}, echo)
				reqs := gets(t, 3)
				ctx, cancel := context.WithCancel(t.Context())
				reqs[0] = reqs[0].WithContext(ctx)
				done := w.start(reqs...)
				cancel()
				if a := <-done[0]; !errors.Is(a.err, context.Canceled) {
					t.Errorf("cancelled: %v", a.err)
				}
				mustSay(t, done[1], "/1")
				mustSay(t, done[2], "/2")
				if n := dialled.Load(); n != 2 {
					t.Errorf("%d connections, not 2", n)
				}
			})
		})
	}
}

// TestCancelledWhileWritingBehind: an exchange that cannot get its request
// written, because the server does not read, gives up without harm to those
// before it.
func TestCancelledWhileWritingBehind(t *testing.T) {
	t.Run("last", func(t *testing.T) { testCancelledWhileWriting(t, 2) })
	t.Run("another behind it", func(t *testing.T) { testCancelledWhileWriting(t, 3) })
}

func testCancelledWhileWriting(t *testing.T, requests int) {
	inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
		goOn := make(chan struct{})
		dialled := piped(w, func(p *peer) {
			p.want("GET", "/0")
			p.in.Peek(1)
			p.in.Discard(p.in.Buffered()) // a part of a request too long to be read at once
			<-goOn
			if !p.silent() {
				t.Error("something was written behind half a request")
			}
			p.answer("/0")
			p.request()
		}, echo)
		reqs := gets(t, requests)
		ctx, cancel := context.WithCancel(t.Context())
		reqs[1].Header.Set("X", strings.Repeat("long ", 4000))
		reqs[1] = reqs[1].WithContext(ctx)
		done := w.start(reqs...)
		cancel()
		if a := <-done[1]; !errors.Is(a.err, context.Canceled) || !sentOf(a.err) {
			t.Errorf("cancelled: %v", a.err)
		}
		close(goOn)
		if a := mustSay(t, done[0], "/0"); a.e.Tries != 1 {
			t.Errorf("the first needed %d tries", a.e.Tries)
		}
		if requests == 2 {
			time.Sleep(2 * closeWait) // virtual
			if open := w.Stats().Open; open != 0 {
				t.Errorf("%d connections are kept, though nothing can be written on them", open)
			}
			return
		}
		mustSay(t, done[2], "/2")
		if n := dialled.Load(); n != 2 {
			t.Errorf("%d connections, not 2", n)
		}
	})
}

// sentOf is Sent of an *Error.
func sentOf(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.MayBeApplied
}

// TestPipelineToHTTP10 is about a server whose answers say that it does not know
// of pipelines, though it keeps the connection.
func TestPipelineToHTTP10(t *testing.T) {
	inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
		answer := func(p *peer) {
			p.say("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
		}
		dialled := piped(w, func(p *peer) {
			p.want("GET", "/0")
			answer(p)
			for i := range 5 {
				p.request()
				if !p.silent() {
					t.Errorf("a request was written ahead, behind number %d", i)
				}
				answer(p)
			}
		})
		mustSay(t, w.start(gets(t, 1)...)[0], "ok")
		for _, done := range w.start(gets(t, 5)...) {
			mustSay(t, done, "ok")
		}
		if n := dialled.Load(); n != 1 {
			t.Errorf("%d connections, not 1", n)
		}
	})
}

// TestHeadOfLine: the time in which another answer is read or waited for is told
// as such, and no more than that time.
func TestHeadOfLine(t *testing.T) {
	inVirtualTime(t, pipelining(8), func(t *testing.T, w *watched) {
		const slow, own = 3 * time.Second, 2 * time.Second
		piped(w, func(p *peer) {
			p.want("GET", "/0")
			p.want("GET", "/1")
			time.Sleep(slow) // virtual: the slow server under test
			p.answer("/0")
			time.Sleep(own)
			p.answer("/1")
		})
		done := w.start(gets(t, 2)...)
		first, second := mustSay(t, done[0], "/0").e, mustSay(t, done[1], "/1").e
		if got := spent(first, timeline.Wait, timeline.HeadOfLine); got != 0 {
			t.Errorf("the first stood behind others for %v", got)
		}
		if got := spent(second, timeline.Wait, timeline.HeadOfLine); got != slow {
			t.Errorf("the second stood behind the first for %v, not %v", got, slow)
		}
		if got := spent(second, timeline.Wait, timeline.Unknown); got != own {
			t.Errorf("the second waited for its own answer for %v, not %v", got, own)
		}
		if second.Nth != 2 || second.Reason != "pipelined behind 1" {
			t.Errorf("the second is number %d: %s", second.Nth, second.Reason)
		}
	})
}

// spent sums the spans of one phase and cause.
func spent(e *timeline.Exchange, p timeline.Phase, c timeline.Cause) (sum time.Duration) {
	for _, s := range e.Spans {
		if s.Phase == p && s.Cause == c {
			sum += s.Duration()
		}
	}
	return sum
}

// TestMixedUsers: some read, some close early, some give up, all at once on one
// connection, and each who reads reads its own.
func TestMixedUsers(t *testing.T) {
	srv := serve(t, func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			size, _ := strconv.Atoi(req.URL.Query().Get("size"))
			body := strings.Repeat(req.URL.Path, size)
			switch {
			case size%3 == 1:
				p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
				for half := range slices.Chunk([]byte(body), len(body)/2+1) {
					p.say("%x\r\n%s\r\n", len(half), half)
				}
				p.say("0\r\n\r\n")
			case size%50 == 2:
				p.answer(body, "Connection: close")
				hangUp(p) // a reset would destroy answers on their way
				return
			default:
				p.answer(body)
			}
		}
	})
	for _, depth := range []int{1, 2, 8} {
		t.Run(fmt.Sprint("depth ", depth), func(t *testing.T) {
			w := watch(t, pipelining(depth))
			var users sync.WaitGroup
			for i := range 12 {
				users.Go(func() { w.useMixed(srv.url, rand.New(rand.NewPCG(1, uint64(i)))) })
			}
			users.Wait()
			checkOrder(t, w)
		})
	}
}

// useMixed makes requests of random sizes and does not always read the answers.
func (w *watched) useMixed(url string, dice *rand.Rand) {
	for range 100 {
		path, size := fmt.Sprintf("/%d-", dice.IntN(1000)), dice.IntN(30)+1
		if dice.IntN(10) == 0 {
			size *= 2000
		}
		ctx, cancel := context.WithCancel(context.Background())
		req := request(w.t, "GET", fmt.Sprintf("%s%s?size=%d", url, path, size), "").WithContext(ctx)
		habit := dice.IntN(8)
		if habit == 0 {
			time.AfterFunc(time.Duration(dice.IntN(500))*time.Microsecond, cancel)
		}
		resp, err := w.RoundTrip(req)
		switch {
		case err != nil && habit != 0:
			w.t.Errorf("%s of %d: %v", path, size, err)
		case err != nil:
		case habit == 1:
			resp.Body.Close()
		case habit == 2:
			io.CopyN(io.Discard, resp.Body, 100)
			resp.Body.Close()
		default:
			body, err := io.ReadAll(resp.Body)
			if want := strings.Repeat(path, size); habit != 0 && (err != nil || string(body) != want) {
				w.t.Errorf("%s of %d: %d bytes, want %d; %v", path, size, len(body), len(want), err)
			}
			resp.Body.Close()
		}
		cancel()
	}
}

// TestAnnouncedInThePipeline: "A client that receives a "close" connection
// option MUST cease sending requests on that connection", and those it has
// sent were not processed — https://www.rfc-editor.org/rfc/rfc9112#section-9.6.
func TestAnnouncedInThePipeline(t *testing.T) {
	inVirtualTime(t, pipelining(2), func(t *testing.T, w *watched) {
		goOn := make(chan struct{})
		piped(w, func(p *peer) {
			p.want("GET", "/0")
			p.want("GET", "/1")
			p.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
			<-goOn
			p.say("/0")
			if _, err := p.in.Peek(1); err == nil {
				t.Error("a request came behind the announced end")
			}
		}, echo)
		done := w.start(gets(t, 3)...)
		close(goOn)
		mustSay(t, done[0], "/0")
		behind := mustSay(t, done[1], "/1").e
		mustSay(t, done[2], "/2")
		told := false
		for _, s := range behind.Spans {
			told = told || strings.Contains(s.Note, "sent again: the server announced the end of connection 1 before this request")
		}
		if !told || behind.Tries != 2 {
			t.Errorf("%d tries: %+v", behind.Tries, behind.Spans)
		}
	})
}

// TestBrokenPipelineIsLearned: what the loss of a pipeline teaches does not
// depend on who gives its slot back first, and is learned once.
func TestBrokenPipelineIsLearned(t *testing.T) {
	reads := outcome{ended: exchangeCut, others: true, conn: connEndsNow, why: CloseCut}
	behind := outcome{conn: connEndsAfter, why: CloseCut}
	for _, outcomes := range [][]outcome{{reads, behind, behind}, {behind, behind, reads}, {behind, reads, behind}} {
		now := time.Now()
		p := pool{strategy: pipelining(8)}
		o := p.origin(route{origin: origin{"http", "peer:80"}})
		pc := &pooled{conn: &fakeConn{depth: 8}, home: o}
		p.join(pc)
		for range 3 {
			p.lend(pc, &exchange{}, "", now)
		}
		for i, oc := range outcomes {
			p.release(slot{pooled: pc, nth: i + 1}, oc, now)
		}
		if o.broken != 1 || o.limit != 0 {
			t.Errorf("%+v: broken %d times, limit %d", outcomes, o.broken, o.limit)
		}
	}
}
