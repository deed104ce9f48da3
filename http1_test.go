package linger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/lingerhttp/linger/internal/http1"
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
		w.peers.Go(func() {
			defer theirs.Close()
			scripts[min(n, len(scripts)-1)](&peer{Conn: theirs, t: w.t, in: bufio.NewReader(theirs), n: n})
		})
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

// TestAnswerBeforeRequestIsOver: "A client sending a message body SHOULD monitor
// the network connection for an error response while it is transmitting the
// request" — https://www.rfc-editor.org/rfc/rfc9112#section-9.5. What the server
// said before it reset the connection is seen, every time.
func TestAnswerBeforeRequestIsOver(t *testing.T) {
	const size = 10 << 20
	refuse := func(p *peer) {
		p.say("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much")
	}
	tests := []struct {
		name   string
		times  int
		length int64
		script func(*peer)
	}{
		{"unread, closed", 200, size, func(p *peer) { p.request(); refuse(p) }},
		{"unread, closed, chunked", 200, -1, func(p *peer) { p.request(); refuse(p) }},
		{"some read, reset", 200, size, func(p *peer) { io.CopyN(io.Discard, p.request().Body, 1<<20); refuse(p) }},
		{"drained", 20, size, func(p *peer) { p.request(); refuse(p); hangUp(p) }},
		{"read first", 20, size, func(p *peer) { io.Copy(io.Discard, p.request().Body); refuse(p) }},
		{"left open", 20, size, func(p *peer) {
			for req := p.request(); req != nil; req = p.request() {
				p.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo much")
				io.Copy(io.Discard, req.Body)
			}
		}},
	}
	body := strings.Repeat("x", size)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := serve(t, tt.script)
			w := watch(t, persistent)
			for i := range tt.times {
				req := request(t, "POST", srv.url, body)
				req.ContentLength = tt.length
				if a := w.do(req); a.status != 413 || a.body != "too much" || a.err != nil {
					t.Fatalf("%d: %d %q, %v", i, a.status, a.body, a.err)
				}
			}
		})
	}
}

// TestRequestBody is about bodies that are not what they promise.
func TestRequestBody(t *testing.T) {
	why := errors.New("the disk is broken")
	broken := func(n int) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(why))
	}
	of := func(n int) io.Reader { return strings.NewReader(strings.Repeat("x", n)) }
	tests := []struct {
		name   string
		body   io.Reader
		length int64
		inline bool // it could be made anew, so that a small one goes with the head
		want   error
	}{
		{"short", of(9), 10, false, io.ErrUnexpectedEOF},
		{"short, inline", of(9), 10, true, io.ErrUnexpectedEOF},
		{"short by much", of(100_000), 200_000, false, io.ErrUnexpectedEOF},
		{"empty", of(0), 10, false, io.ErrUnexpectedEOF},
		{"empty, inline", of(0), 10, true, io.ErrUnexpectedEOF},
		{"long", of(11), 10, false, errLongBody},
		{"long, inline", of(11), 10, true, errLongBody},
		{"long by much", of(200_000), 100_000, false, errLongBody},
		{"broken", broken(9), 10, false, why},
		{"broken, inline", broken(9), 10, true, why},
		{"broken, large", broken(100_000), 200_000, false, why},
		{"broken, chunked", broken(100_000), -1, false, why},
		{"broken at once", broken(0), -1, false, why},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := serve(t, func(p *peer) {
				if req := p.request(); req != nil {
					if _, err := io.Copy(io.Discard, req.Body); err == nil {
						t.Error("the server took it for a whole request")
					}
				}
			}, echo)
			w := watch(t, persistent)
			req := request(t, "POST", srv.url, "")
			req.Body, req.ContentLength = io.NopCloser(tt.body), tt.length
			if tt.inline {
				req.GetBody = func() (io.ReadCloser, error) { return req.Body, nil }
			}
			a := w.do(req)
			if !errors.Is(a.err, tt.want) || sentOf(a.err) != !tt.inline || a.e.Tries != 1 {
				t.Errorf("got %v after %d tries, sent: %v", a.err, a.e.Tries, sentOf(a.err))
			}
			if a = w.get(srv.url + "/2"); a.body != "/2" {
				t.Errorf("the next: %v", a.err)
			}
		})
	}
}

// TestRequestBodyFailsAfterAnswer: the answer's body tells what went wrong.
func TestRequestBodyFailsAfterAnswer(t *testing.T) {
	srv := serve(t, func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
		io.Copy(io.Discard, p.in)
	})
	w := watch(t, persistent)
	why := errors.New("the disk is broken")
	r, feed := io.Pipe()
	req := request(t, "POST", srv.url, "")
	req.Body = r
	resp, err := w.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	feed.CloseWithError(why)
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// TestInterim: "A client MUST be able to parse one or more 1xx responses received
// prior to a final response, even if the client does not expect one" —
// https://www.rfc-editor.org/rfc/rfc9110#section-15.2.
func TestInterim(t *testing.T) {
	const hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
	for _, tt := range []struct {
		n    int
		want error
	}{{1, nil}, {1000, nil}, {10000, ErrHeaderTooLarge}} {
		t.Run(fmt.Sprint(tt.n), func(t *testing.T) {
			srv := serve(t, func(p *peer) {
				p.request()
				io.WriteString(p, strings.Repeat(hint, tt.n))
				p.answer("ok")
				io.Copy(io.Discard, p.in)
			})
			w := watch(t, persistent)
			w.MaxResponseHeaderBytes = 2000 * len(hint)
			a := w.get(srv.url)
			if !errors.Is(a.err, tt.want) {
				t.Fatalf("got %v", a.err)
			}
			if want := int64(tt.n*len(hint) + len("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")); a.err == nil && a.e.Received.Header != want {
				t.Errorf("%d bytes of heads, not %d", a.e.Received.Header, want)
			}
		})
	}
	t.Run("101 unasked", func(t *testing.T) {
		srv := serve(t, func(p *peer) {
			p.request()
			p.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
		})
		if a := watch(t, persistent).get(srv.url); a.err == nil {
			t.Error("taken")
		}
	})
}

// TestExpect: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1.
func TestExpect(t *testing.T) {
	const wait = 3 * time.Second
	tests := []struct {
		name   string
		limit  time.Duration // ExpectContinueTimeout
		script func(*peer)
		status int
		took   time.Duration
		again  bool // the connection can be used again
	}{
		{"100", wait, func(p *peer) {
			p.head()
			if !p.silent() {
				t.Error("the body was not held back")
			}
			p.say("HTTP/1.1 100 Continue\r\n\r\n")
			io.CopyN(io.Discard, p.in, 5)
			p.answer("ok")
		}, 200, 0, true},
		{"never asked for", wait, func(p *peer) {
			p.head()
			io.CopyN(io.Discard, p.in, 5)
			p.answer("ok")
		}, 200, wait, true},
		{"no limit given", 0, func(p *peer) {
			p.head()
			io.CopyN(io.Discard, p.in, 5)
			p.answer("ok")
		}, 200, time.Second, true},
		{"not waited for", -1, func(p *peer) {
			p.head()
			io.CopyN(io.Discard, p.in, 5)
			p.answer("ok")
		}, 200, 0, true},
		{"refused", wait, func(p *peer) {
			p.head()
			p.say("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
			if _, err := p.in.ReadByte(); err == nil {
				t.Error("the body was sent all the same")
			}
		}, 417, reuseWait, false},
		{"answered without asking, at the end", wait, func(p *peer) {
			p.head()
			p.answer("ok", "Connection: close")
			if _, err := p.in.ReadByte(); err == nil {
				t.Error("the body was sent to a server that closes")
			}
		}, 200, 0, false},
		{"answered without asking", wait, func(p *peer) {
			p.head()
			p.answer("ok")
			io.CopyN(io.Discard, p.in, 5)
		}, 200, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				w.ExpectContinueTimeout = tt.limit
				dialled := piped(w, func(p *peer) {
					tt.script(p)
					echo(p)
				}, echo)
				req := request(t, "PUT", "http://peer/", "12345")
				req.Header.Set("Expect", "100-continue")
				a := w.do(req)
				if a.err != nil || a.status != tt.status || a.e.Duration > tt.took+time.Millisecond || a.e.Duration < tt.took && tt.status < 300 {
					t.Errorf("%d after %v, %v", a.status, a.e.Duration, a.err)
				}
				if a := w.get("http://peer/2"); a.body != "/2" {
					t.Errorf("the next: %v", a.err)
				}
				if got := dialled.Load() == 1; got != tt.again {
					t.Errorf("%d connections", dialled.Load())
				}
			})
		})
	}
}

// head reads the head of a request alone.
func (p *peer) head() {
	for {
		line, err := p.in.ReadString('\n')
		if err != nil {
			p.t.Errorf("connection %d: no head: %v", p.n, err)
			return
		}
		if line == "\r\n" {
			return
		}
	}
}

// TestHeads is about heads of responses, as they come and a byte at a time.
func TestHeads(t *testing.T) {
	is := func(target error) func(error) bool {
		return func(err error) bool { return errors.Is(err, target) }
	}
	malformed := func(err error) bool { return errors.As(err, new(*http1.SyntaxError)) }
	const ok = "HTTP/1.1 200 OK\r\n"
	tests := []struct {
		name, say string
		fails     func(error) bool // nil: the body is "ok"
	}{
		{"length", ok + "Content-Length: 2\r\n\r\nok", nil},
		{"same length twice", ok + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", nil},
		{"obs-fold", ok + "A: b\r\n c\r\nContent-Length: 2\r\n\r\nok", nil},
		{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", nil},
		{"no reason", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", nil},
		{"chunked beats length", ok + "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", nil},
		{"chunk extension", ok + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n", nil},
		{"one chunk each", ok + "Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n", nil},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok", nil},

		{"differing lengths", ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", malformed},
		{"sign in a length", ok + "Content-Length: +2\r\n\r\nok", malformed},
		{"space before colon", ok + "Content-Length : 2\r\n\r\nok", malformed},
		{"fold before the first", ok + " A: b\r\nContent-Length: 2\r\n\r\nok", malformed},
		{"NUL", ok + "A: b\x00\r\nContent-Length: 2\r\n\r\nok", malformed},
		{"bare CR", ok + "A: b\rc\r\nContent-Length: 2\r\n\r\nok", malformed},
		{"bare LF in chunks", ok + "Transfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", malformed},
		{"no CRLF behind chunk", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", malformed},
		{"chunk size overflows", ok + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok", malformed},
		{"chunk line without end", ok + "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("a", 5000), is(http1.ErrTooLarge)},
		{"other coding", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", func(err error) bool { return errors.As(err, new(*http1.CodingError)) }},
		{"garbage", "SSH-2.0-OpenSSH_9.9\r\n", is(ErrNotHTTP)},
		{"empty line first", "\r\n" + ok + "Content-Length: 2\r\n\r\nok", is(ErrNotHTTP)},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", func(err error) bool { return errors.As(err, new(*http1.VersionError)) }},
		{"half a head", ok + "Content-Length: 2\r\n", is(io.ErrUnexpectedEOF)},
		{"nothing", "", is(ErrServerClosed)},
		{"too large", ok + strings.Repeat("A: b\r\n", 1000) + "Content-Length: 2\r\n\r\nok", is(ErrHeaderTooLarge)},
		{"one endless line", ok + "A: " + strings.Repeat("b", 10000), is(ErrHeaderTooLarge)},
	}
	for _, tt := range tests {
		for _, piece := range []int{1 << 20, 1} {
			t.Run(fmt.Sprint(tt.name, " by ", piece), func(t *testing.T) {
				w := watch(t, persistent)
				w.MaxResponseHeaderBytes = 4000
				dialled := piped(w, func(p *peer) {
					p.request()
					for part := range slices.Chunk([]byte(tt.say), piece) {
						if _, err := p.Write(part); err != nil {
							return
						}
					}
				})
				a := w.get("http://peer/")
				switch {
				case tt.fails == nil && (a.err != nil || a.body != "ok"):
					t.Errorf("%q, %v", a.body, a.err)
				case tt.fails != nil && (a.err == nil || !tt.fails(a.err) || !errors.As(a.err, new(*Error))):
					t.Errorf("%q, %v", a.body, a.err)
				}
				want := int32(1)
				if tt.say == "" {
					want = unprovenTries // it may be one connection too many
				}
				if n := dialled.Load(); n != want {
					t.Errorf("%d connections, want %d", n, want)
				}
			})
		}
	}
}

// TestHeaderFields: what callers see of heads and trailers.
func TestHeaderFields(t *testing.T) {
	w := watch(t, persistent)
	piped(w, func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nset-cookie: a\r\nSet-Cookie: b\r\nX: one\r\n two\r\nTrailer: Sum, Other\r\n" +
			"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSum: 9\r\nContent-Length: 5\r\n\r\n")
	})
	resp, err := w.RoundTrip(request(t, "GET", "http://peer/", ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header; !slices.Equal(got["Set-Cookie"], []string{"a", "b"}) || got.Get("X") != "one two" || len(got) != 2 {
		t.Errorf("header %v", got)
	}
	if _, announced := resp.Trailer["Sum"]; !announced || resp.Trailer.Get("Sum") != "" || len(resp.Trailer) != 2 {
		t.Errorf("before the end the trailer is %v", resp.Trailer)
	}
	io.Copy(io.Discard, resp.Body)
	if resp.Trailer.Get("Sum") != "9" || resp.Trailer["Content-Length"] != nil {
		t.Errorf("the trailer is %v", resp.Trailer)
	}
	if resp.ContentLength != -1 || !slices.Equal(resp.TransferEncoding, []string{"chunked"}) || resp.Status != "200 OK" || resp.Request == nil {
		t.Errorf("%+v", resp)
	}
}

// TestRefused: what could be read as another request is not sent. "…a recipient
// that … could be vulnerable to request smuggling or response splitting" begins
// with a sender that lets such octets through.
func TestRefused(t *testing.T) {
	tests := []struct {
		name  string
		twist func(*http.Request)
	}{
		{"name", func(req *http.Request) { req.Header["A\r\nB"] = []string{"x"} }},
		{"empty name", func(req *http.Request) { req.Header[""] = []string{"x"} }},
		{"name with colon", func(req *http.Request) { req.Header["A: b"] = []string{"x"} }},
		{"value CR LF", func(req *http.Request) { req.Header.Set("A", "x\r\nB: y") }},
		{"value LF", func(req *http.Request) { req.Header.Set("A", "x\nB: y") }},
		{"value NUL", func(req *http.Request) { req.Header.Set("A", "x\x00") }},
		{"user agent", func(req *http.Request) { req.Header.Set("User-Agent", "x\r\nB: y") }},
		{"trailer", func(req *http.Request) { req.Trailer = http.Header{"A\r\nB": nil} }},
		{"trailer value", func(req *http.Request) { req.Trailer = http.Header{"A": {"b\r\nC: d"}} }},
		{"trailer of framing", func(req *http.Request) { req.Trailer = http.Header{"content-length": nil} }},
		{"method", func(req *http.Request) { req.Method = "GET / HTTP/1.1\r\nA: b\r\n\r\nGET" }},
		{"method with space", func(req *http.Request) { req.Method = "GET " }},
		{"host", func(req *http.Request) { req.Host = "a\r\nB: c" }},
		{"host with space", func(req *http.Request) { req.Host = "a b" }},
		{"URL's host", func(req *http.Request) { req.URL.Host = "peer\r\nB: c" }},
		{"no host", func(req *http.Request) { req.URL.Host = "" }},
		{"port alone", func(req *http.Request) { req.URL.Host = ":80" }},
		{"scheme", func(req *http.Request) { req.URL.Scheme = "ftp" }},
		{"query CR LF", func(req *http.Request) { req.URL.RawQuery = "a HTTP/1.1\r\nB: c" }},
		{"query space", func(req *http.Request) { req.URL.RawQuery = "a b" }},
		{"query DEL", func(req *http.Request) { req.URL.RawQuery = "a\x7f" }},
		{"opaque", func(req *http.Request) { req.URL.Opaque = "//peer/ HTTP/1.1\r\nB: c" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, persistent)
			dialled := piped(w, echo)
			req := request(t, "GET", "http://peer/", "")
			tt.twist(req)
			a := w.do(req)
			if a.err == nil || sentOf(a.err) || dialled.Load() > 0 || strings.ContainsAny(a.err.Error(), "\r\n") {
				t.Errorf("%v, dialled %d times", a.err, dialled.Load())
			}
		})
	}
}

// TestEscaped: octets of a path that would end it are escaped, not refused.
func TestEscaped(t *testing.T) {
	w := watch(t, persistent)
	piped(w, echo)
	req := request(t, "GET", "http://peer/", "")
	req.URL.Path = "/a b\r\nC: d"
	if a := w.do(req); a.body != req.URL.Path || a.err != nil {
		t.Errorf("%q, %v", a.body, a.err)
	}
}

// TestFieldsOfOurOwn: framing and Host are linger's to say, in whatever case a
// caller puts them into the header.
func TestFieldsOfOurOwn(t *testing.T) {
	for _, name := range []string{"Content-Length", "content-length", "Transfer-Encoding", "TRANSFER-ENCODING", "host", "trailer"} {
		w := watch(t, persistent)
		piped(w, func(p *peer) {
			head, _ := http1Head(p)
			if strings.Contains(strings.ToLower(head), strings.ToLower(name)+": evil") {
				t.Errorf("%s went out: %q", name, head)
			}
			p.answer("ok")
		})
		req := request(t, "GET", "http://peer/", "")
		req.Header[name] = []string{"evil"}
		if a := w.do(req); a.err != nil {
			t.Error(a.err)
		}
	}
}

// http1Head reads the lines of a head.
func http1Head(p *peer) (head string, err error) {
	for !strings.HasSuffix(head, "\r\n\r\n") && err == nil {
		var line string
		line, err = p.in.ReadString('\n')
		head += line
	}
	return head, err
}

// TestSameRequestSameBytes: the head is the same each time, whatever order a map
// has.
func TestSameRequestSameBytes(t *testing.T) {
	var first string
	w := watch(t, persistent)
	piped(w, func(p *peer) {
		for {
			head, err := http1Head(p)
			if err != nil {
				return
			}
			if first == "" {
				first = head
			}
			if head != first {
				t.Errorf("%q\nand\n%q", head, first)
			}
			io.CopyN(io.Discard, p.in, int64(len("2\r\nok\r\n0\r\nA: \r\nB: \r\nC: \r\nD: \r\nE: \r\n\r\n")))
			p.answer("ok")
		}
	})
	for range 50 {
		req := request(t, "POST", "http://peer/", "ok")
		req.ContentLength = -1
		req.Trailer = http.Header{}
		for _, name := range []string{"A", "B", "C", "D", "E"} {
			req.Header.Set(name, "x")
			req.Trailer.Set(name, "")
		}
		if a := w.do(req); a.err != nil {
			t.Fatal(a.err)
		}
	}
}

// TestHTTP10Body: "A client MUST NOT send a request containing Transfer-Encoding
// unless it knows the server will handle HTTP/1.1 requests (or later minor
// revisions)" — https://www.rfc-editor.org/rfc/rfc9112#section-6.1.
func TestHTTP10Body(t *testing.T) {
	w := watch(t, Strategy{Protocol: HTTP10})
	dialled := piped(w, echo)
	req := request(t, "POST", "http://peer/", "body")
	req.ContentLength = -1
	if a := w.do(req); a.err == nil || dialled.Load() > 0 {
		t.Errorf("%q, %v", a.body, a.err)
	}
}
