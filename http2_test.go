package linger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lingerhttp/linger/timeline"
)

// prefaceSize is the length of what a client says first (RFC 9113 §3.4).
const prefaceSize = int64(len(http2.ClientPreface))

// An h2peer is the server's end of an HTTP/2 connection, in the hands of a
// script. It acknowledges SETTINGS and PINGs, unless it is deaf.
type h2peer struct {
	*peer
	*http2.Framer
	deaf  bool
	block bytes.Buffer
	enc   *hpack.Encoder
}

// A h2request is what a client asked on a stream.
type h2request struct {
	id           uint32
	method, path string
	ended        bool // no body follows
}

// serveH2 is serve for HTTP/2 with prior knowledge.
func serveH2(t *testing.T, limit uint32, scripts ...func(*h2peer)) *scripted {
	t.Helper()
	return serve(t, inHTTP2(limit, scripts...)...)
}

// inHTTP2 makes scripts of a plain connection of those of HTTP/2. The server's
// preface is an empty SETTINGS frame, or one that limits streams if limit is
// positive.
func inHTTP2(limit uint32, scripts ...func(*h2peer)) []func(*peer) {
	var plain []func(*peer)
	for _, script := range scripts {
		plain = append(plain, func(p *peer) {
			out := newEager(p)
			defer out.finish()
			h := &h2peer{peer: p, Framer: http2.NewFramer(out, p.in)}
			h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
			h.enc = hpack.NewEncoder(&h.block)
			if _, err := io.CopyN(io.Discard, p.in, prefaceSize); err != nil {
				return
			}
			if limit > 0 {
				h.allow(limit)
			} else {
				h.WriteSettings()
			}
			script(h)
		})
	}
	return plain
}

// An eager writer never waits for the one who reads: over a pipe, two who both
// write first would wait for each other.
type eager struct {
	w    io.Writer
	out  chan []byte
	done chan struct{}
}

func newEager(w io.Writer) *eager {
	e := &eager{w: w, out: make(chan []byte, 1<<16), done: make(chan struct{})}
	go e.run()
	return e
}

func (e *eager) run() {
	defer close(e.done)
	for p := range e.out {
		e.w.Write(p)
	}
}

func (e *eager) Write(p []byte) (int, error) {
	e.out <- bytes.Clone(p)
	return len(p), nil
}

// finish waits until all is written.
func (e *eager) finish() {
	close(e.out)
	<-e.done
}

// allow says how many streams may be open at once.
func (h *h2peer) allow(n uint32) {
	h.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: n})
}

// next reads the next frame that is not about the connection alone, nil if it
// has ended.
func (h *h2peer) next() http2.Frame {
	for {
		f, err := h.ReadFrame()
		if err != nil {
			return nil
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				h.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() && !h.deaf {
				h.WritePing(true, f.Data)
			}
		case *http2.WindowUpdateFrame:
		default:
			return f
		}
	}
}

// wantRequest reads on until a request begins.
func (h *h2peer) wantRequest() h2request {
	for {
		switch f := h.next().(type) {
		case nil:
			h.t.Errorf("connection %d: no request where one was wanted", h.n)
			return h2request{}
		case *http2.MetaHeadersFrame:
			return h2request{id: f.StreamID, method: f.PseudoValue("method"), path: f.PseudoValue("path"), ended: f.StreamEnded()}
		}
	}
}

// wantReset reads on until a stream is reset, and checks the code.
func (h *h2peer) wantReset(id uint32, code http2.ErrCode) {
	for {
		switch f := h.next().(type) {
		case nil:
			h.t.Errorf("connection %d: stream %d was not reset", h.n, id)
			return
		case *http2.RSTStreamFrame:
			if f.StreamID != id || f.ErrCode != code {
				h.t.Errorf("stream %d was reset with %v, want %d with %v", f.StreamID, f.ErrCode, id, code)
			}
			return
		}
	}
}

// waitForEnd reads on until the client closes the connection.
func (h *h2peer) waitForEnd() {
	for h.next() != nil {
	}
}

// sync waits until the client has taken in all that was written.
func (h *h2peer) sync() {
	h.WritePing(false, [8]byte{'s', 'y', 'n', 'c'})
	for {
		f, err := h.ReadFrame()
		if err != nil {
			h.t.Errorf("connection %d: ended before the client had taken everything in", h.n)
			return
		}
		if p, ok := f.(*http2.PingFrame); ok && p.IsAck() {
			return
		}
	}
}

func (h *h2peer) headers(id uint32, end bool, pairs ...string) {
	h.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		h.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: h.block.Bytes(), EndHeaders: true, EndStream: end})
}

// reply answers with a body.
func (h *h2peer) reply(id uint32, body string) {
	h.headers(id, false, ":status", "200")
	h.WriteData(id, true, []byte(body))
}

// h2echo answers each request with its path until the connection ends.
func h2echo(h *h2peer) {
	posts := map[uint32]bool{}
	for f := h.next(); f != nil; f = h.next() {
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			h.headers(f.StreamID, false, ":status", "200", "x-path", f.PseudoValue("path"))
			posts[f.StreamID] = !f.StreamEnded()
			if f.StreamEnded() {
				h.WriteData(f.StreamID, true, []byte(f.PseudoValue("path")))
			}
		case *http2.DataFrame:
			if f.StreamEnded() && posts[f.StreamID] {
				h.WriteData(f.StreamID, true, []byte("posted"))
			}
		}
	}
}

// wantAnswer checks an answer's body and how many tries it took.
func wantAnswer(t *testing.T, a answer, body string, tries int) {
	t.Helper()
	if a.err != nil || a.body != body {
		t.Errorf("%s: got %q, %v, want %q", a.e.URL, a.body, a.err, body)
	}
	if a.e != nil && a.e.Tries != tries {
		t.Errorf("%s took %d tries, want %d", a.e.URL, a.e.Tries, tries)
	}
}

// notesOf joins the notes of an exchange's spans.
func notesOf(e *timeline.Exchange) string {
	var notes []string
	for _, s := range e.Spans {
		notes = append(notes, s.Note)
	}
	return strings.Join(notes, "; ")
}

// TestHTTP2GoAway: "streams with identifiers higher than the indicated last
// stream … might be retried on a new connection"; "once sent, the sender will
// ignore frames sent on streams initiated by the receiver if the stream has an
// identifier higher than the included last stream identifier",
// https://www.rfc-editor.org/rfc/rfc9113#section-6.8. The streams below finish.
func TestHTTP2GoAway(t *testing.T) {
	for _, code := range []http2.ErrCode{http2.ErrCodeNo, http2.ErrCodeEnhanceYourCalm} {
		t.Run(code.String(), func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			above := make(chan string, 6)
			srv := serveH2(t, 0, func(h *h2peer) {
				paths := map[uint32]string{}
				for range 6 {
					r := h.wantRequest()
					paths[r.id] = r.path
				}
				h.WriteGoAway(5, code, nil)
				for id, path := range paths {
					if id > 5 {
						above <- path
					}
				}
				close(above)
				for _, id := range []uint32{5, 1, 3} {
					h.reply(id, paths[id])
				}
				h.waitForEnd()
			}, h2echo)
			answers := map[string]answer{}
			var mu sync.Mutex
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					path := fmt.Sprintf("/%d", i)
					req := request(t, "POST", srv.url+path, "")
					a := w.do(req)
					mu.Lock()
					defer mu.Unlock()
					answers[path] = a
				})
			}
			wg.Wait()
			again := slices.Collect(func(yield func(string) bool) {
				for p := range above {
					yield(p)
				}
			})
			for path, a := range answers {
				if slices.Contains(again, path) {
					wantAnswer(t, a, path, 2)
					if !strings.Contains(notesOf(a.e), "sent again: the server closed the connection before this stream") {
						t.Errorf("the notes are %q", notesOf(a.e))
					}
				} else {
					wantAnswer(t, a, path, 1)
				}
			}
			if n := srv.accepted.Load(); len(again) != 3 || n != 2 {
				t.Errorf("%d were sent again over %d connections, want 3 over 2", len(again), n)
			}
		})
	}
}

// TestHTTP2GoAwayWhileIdle: an idle connection that the server will not use any
// more is closed, though the server leaves it open.
func TestHTTP2GoAwayWhileIdle(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	ended := make(chan struct{})
	srv := serveH2(t, 0, func(h *h2peer) {
		h.reply(h.wantRequest().id, "one")
		h.WriteGoAway(1, http2.ErrCodeNo, nil)
		h.waitForEnd()
		close(ended)
	}, h2echo)
	wantAnswer(t, w.get(srv.url+"/1"), "one", 1)
	<-ended
	wantAnswer(t, w.get(srv.url+"/2"), "/2", 1)
}

// TestHTTP2GoAwayThenClose: Close ends what is under way on a connection that
// drains.
func TestHTTP2GoAwayThenClose(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	said, ended := make(chan struct{}), make(chan struct{})
	srv := serveH2(t, 0, func(h *h2peer) {
		r := h.wantRequest()
		h.headers(r.id, false, ":status", "200")
		h.WriteGoAway(r.id, http2.ErrCodeNo, nil)
		close(said)
		h.waitForEnd()
		close(ended)
	})
	resp, err := w.RoundTrip(request(t, "GET", srv.url+"/1", ""))
	if err != nil {
		t.Fatal(err)
	}
	<-said
	eventually(t, "the GOAWAY has come", func() bool {
		w.conns.mu.Lock()
		defer w.conns.mu.Unlock()
		return w.conns.origins[route{origin: origin{"http", strings.TrimPrefix(srv.url, "http://")}}].conns[0].state == ConnLeaving
	})
	w.Close()
	<-ended
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the body ended as if nothing had happened")
	}
}

// TestHTTP2GoAwayAlways: a server that processes nothing is not asked for ever.
func TestHTTP2GoAwayAlways(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	srv := serveH2(t, 0, func(h *h2peer) {
		h.wantRequest()
		h.WriteGoAway(0, http2.ErrCodeNo, nil)
		h.waitForEnd()
	})
	a := w.get(srv.url + "/")
	if a.err == nil || a.e.Tries != maxTries || srv.accepted.Load() != maxTries {
		t.Errorf("%v after %d tries on %d connections, want %d", a.err, a.e.Tries, srv.accepted.Load(), maxTries)
	}
	var e *Error
	if errors.As(a.err, &e); e.MayBeApplied || !e.Sent {
		t.Errorf("a request that was sent and never processed: sent %v, may be applied %v", e.Sent, e.MayBeApplied)
	}
}

// TestHTTP2Refused: "Requests that have not been processed have not failed;
// clients MAY automatically retry them, even those with non-idempotent methods",
// https://www.rfc-editor.org/rfc/rfc9113#section-8.7.
func TestHTTP2Refused(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			srv := serveH2(t, 0, func(h *h2peer) {
				h.WriteRSTStream(h.wantRequest().id, http2.ErrCodeRefusedStream)
				h2echo(h)
			})
			body := map[string]string{"GET": "/x", "POST": "posted"}[method]
			a := w.do(request(t, method, srv.url+"/x", map[string]string{"POST": "data"}[method]))
			wantAnswer(t, a, body, 2)
			if srv.accepted.Load() != 1 || !strings.Contains(notesOf(a.e), "sent again: the server refused the stream") {
				t.Errorf("over %d connections: %s", srv.accepted.Load(), notesOf(a.e))
			}
		})
	}
}

func TestHTTP2RefusedAlways(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	var streams atomic.Int32
	srv := serveH2(t, 0, func(h *h2peer) {
		for f := h.next(); f != nil; f = h.next() {
			if f, ok := f.(*http2.MetaHeadersFrame); ok {
				streams.Add(1)
				h.WriteRSTStream(f.StreamID, http2.ErrCodeRefusedStream)
			}
		}
	})
	a := w.get(srv.url + "/")
	if a.err == nil || streams.Load() != maxTries {
		t.Errorf("%v after %d streams, want %d", a.err, streams.Load(), maxTries)
	}
}

// TestHTTP2RefusedBeyond: that a server bears fewer streams than it says is
// learned, and everybody is served.
func TestHTTP2RefusedBeyond(t *testing.T) {
	for _, bears := range []int{1, 3} {
		t.Run(fmt.Sprint(bears), func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				var mu sync.Mutex
				open, refusals := 0, 0
				piped(w, inHTTP2(100, func(h *h2peer) {
					h.reply(h.wantRequest().id, "known") // from now on the limit is known
					for f := h.next(); f != nil; f = h.next() {
						f, ok := f.(*http2.MetaHeadersFrame)
						if !ok {
							continue
						}
						mu.Lock()
						if open == bears {
							refusals++
							h.WriteRSTStream(f.StreamID, http2.ErrCodeRefusedStream)
						} else {
							open++
							id := f.StreamID
							time.AfterFunc(time.Millisecond, func() {
								mu.Lock()
								defer mu.Unlock()
								open--
								h.reply(id, "ok")
							})
						}
						mu.Unlock()
					}
				})...)
				wantAnswer(t, w.get("http://peer"), "known", 1)
				for range 2 {
					for _, a := range w.all("http://peer", 60) {
						wantAnswer(t, a, "ok", a.e.Tries)
					}
				}
				// Each was refused once at the most, but for the last ones that were
				// refused while the number was being learned.
				if refusals > 70 {
					t.Errorf("%d streams were refused for 120 exchanges", refusals)
				}
			})
		})
	}
}

// TestHTTP2Reset: a stream that is reset otherwise has failed, and its
// connection goes on.
func TestHTTP2Reset(t *testing.T) {
	for _, code := range []http2.ErrCode{http2.ErrCodeInternal, http2.ErrCodeCancel, http2.ErrCodeNo} {
		t.Run(code.String(), func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			srv := serveH2(t, 0, func(h *h2peer) {
				h.WriteRSTStream(h.wantRequest().id, code)
				h2echo(h)
			})
			a := w.get(srv.url + "/1")
			var e *Error
			if !errors.As(a.err, &e) || e.Step != timeline.Wait || !e.MayBeApplied || a.e.Tries != 1 {
				t.Errorf("got %v, want a failure to wait: %+v", a.err, a.e)
			}
			wantAnswer(t, w.get(srv.url+"/2"), "/2", 1)
			if n := srv.accepted.Load(); n != 1 {
				t.Errorf("%d connections, want 1", n)
			}
		})
	}
}

// TestHTTP2Lost: what a connection that ends takes with it.
func TestHTTP2Lost(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		before       int  // exchanges before, on the same connection
		begin        bool // the answer has begun
		tries        int
		fails        bool
	}{
		{"GET on a new connection", "GET", 0, false, 2, false},
		{"POST on a new connection", "POST", 0, false, 1, true},
		{"GET on a kept one", "GET", 1, false, 2, false},
		{"POST on a kept one", "POST", 1, false, 1, true},
		{"in the middle of an answer", "GET", 1, true, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			srv := serveH2(t, 0, func(h *h2peer) {
				for range tt.before {
					h.reply(h.wantRequest().id, "before")
				}
				r := h.wantRequest()
				if tt.begin {
					h.headers(r.id, false, ":status", "200", "content-length", "10")
					h.WriteData(r.id, false, []byte("half"))
				}
			}, h2echo)
			for range tt.before {
				wantAnswer(t, w.get(srv.url+"/before"), "before", 1)
			}
			a := w.do(request(t, tt.method, srv.url+"/x", ""))
			if (a.err != nil) != tt.fails || a.e.Tries != tt.tries {
				t.Fatalf("%v after %d tries", a.err, a.e.Tries)
			}
			var e *Error
			switch {
			case !tt.fails:
				wantAnswer(t, a, "/x", tt.tries)
			case !errors.As(a.err, &e) || !e.MayBeApplied || e.Hint() == "":
				t.Errorf("the error is %v (%+v), hint %q", a.err, e, e.Hint())
			case tt.begin && (e.Step != timeline.Receive || !errors.Is(e, io.ErrUnexpectedEOF)):
				t.Errorf("in the middle of the answer: %v", e)
			case !tt.begin && (e.Step != timeline.Wait || !errors.Is(e, ErrServerClosed)):
				t.Errorf("before the answer: %v", e)
			}
		})
	}
}

func TestHTTP2IdleConnectionClosedByTheServer(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	srv := serveH2(t, 0, func(h *h2peer) { h.reply(h.wantRequest().id, "one") }, h2echo)
	wantAnswer(t, w.get(srv.url+"/1"), "one", 1)
	eventually(t, "the pool has noticed", func() bool { return w.Stats().Open == 0 })
	a := w.get(srv.url + "/2")
	wantAnswer(t, a, "/2", 1)
	if a.e.Nth != 1 || a.e.Conn.Number != 2 {
		t.Errorf("exchange %d on connection %d", a.e.Nth, a.e.Conn.Number)
	}
}

// TestHTTP2OrderOnTheConnection: of exchanges that waited for one connection, that is
// first on it whose stream is; and no other has the time in which it was opened.
func TestHTTP2OrderOnTheConnection(t *testing.T) {
	const n = 30
	w := watch(t, named(t, "multiplexed"))
	srv := serveH2(t, 100, func(h *h2peer) {
		for range n {
			r := h.wantRequest()
			h.reply(r.id, fmt.Sprint((r.id+1)/2))
		}
		h2echo(h)
	})
	for _, a := range w.all(srv.url, n) {
		if a.err != nil || a.body != fmt.Sprint(a.e.Nth) {
			t.Errorf("%v: number %d is number %s on the wire", a.err, a.e.Nth, a.body)
			continue
		}
		if took := a.e.In(timeline.Connect); took > 0 && a.e.Nth != 1 {
			t.Errorf("number %d has %v of opening the connection", a.e.Nth, took)
		}
	}
}

// TestHTTP2StreamsLimited: exchanges beyond the peer's limit wait in the pool; a
// stream that ends wakes one of them, and so does a higher limit.
func TestHTTP2StreamsLimited(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	waiting := func(n int) {
		eventually(t, fmt.Sprintf("%d wait in the pool", n), func() bool { return w.Stats().Waiting == n })
	}
	srv := serveH2(t, 1, func(h *h2peer) {
		h.reply(h.wantRequest().id, "known") // from now on the limit is known
		first := h.wantRequest()
		waiting(9)
		h.reply(first.id, "ok")
		second := h.wantRequest()
		waiting(8)
		h.allow(4)
		four := []uint32{second.id, h.wantRequest().id, h.wantRequest().id, h.wantRequest().id}
		waiting(5)
		h.allow(2)
		for _, id := range four[:2] {
			h.reply(id, "ok")
		}
		h.WritePing(false, [8]byte{})
		waiting(5)
		for _, id := range four[2:] {
			h.reply(id, "ok")
		}
		two := []uint32{h.wantRequest().id, h.wantRequest().id}
		waiting(3)
		h.allow(100)
		for range 3 {
			two = append(two, h.wantRequest().id)
		}
		waiting(0)
		for _, id := range two {
			h.reply(id, "ok")
		}
		h.waitForEnd()
	})
	wantAnswer(t, w.get(srv.url), "known", 1)
	for _, a := range w.all(srv.url, 10) {
		wantAnswer(t, a, "ok", 1)
	}
}

// TestHTTP2GivenUpCounts: a stream that was given up counts against the limit
// until the server shows that it is alive; what comes after it is in the queue.
func TestHTTP2GivenUpCounts(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	reached, hear := make(chan struct{}), make(chan struct{})
	srv := serveH2(t, 1, func(h *h2peer) {
		h.reply(h.wantRequest().id, "known") // from now on the limit is known
		h.deaf = true
		r := h.wantRequest()
		close(reached)
		h.wantReset(r.id, http2.ErrCodeCancel)
		ping := false
		for !ping {
			f, err := h.ReadFrame()
			if err != nil {
				return
			}
			if f, ok := f.(*http2.PingFrame); ok {
				<-hear
				h.WritePing(true, f.Data)
				ping = true
			}
		}
		h.deaf = false
		h2echo(h)
	})
	wantAnswer(t, w.get(srv.url), "known", 1)
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan answer)
	go func() { first <- w.do(request(t, "GET", srv.url+"/1", "").WithContext(ctx)) }()
	<-reached
	cancel()
	if a := <-first; !errors.Is(a.err, context.Canceled) {
		t.Errorf("got %v", a.err)
	}
	second := make(chan answer)
	go func() { second <- w.get(srv.url + "/2") }()
	close(hear)
	a := <-second
	wantAnswer(t, a, "/2", 1)
	if n := srv.accepted.Load(); n != 1 || a.e.Conn.Number != 1 {
		t.Errorf("%d connections", n)
	}
}

// h2server is net/http's server with HTTP/2, in clear or over TLS, and HTTP/1.1.
func h2server(t *testing.T, secure bool, limit int, h http.Handler) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetHTTP2(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: limit}
	if secure {
		srv.EnableHTTP2 = true
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	return srv
}

// TestHTTP2Bursts: hundreds of exchanges at once over one connection, whatever
// it allows.
func TestHTTP2Bursts(t *testing.T) {
	for _, limit := range []int{1, 10, 100} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %v", limit, secure), func(t *testing.T) {
				var now, most atomic.Int32
				srv := h2server(t, secure, limit, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					n := now.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					defer now.Add(-1)
					io.WriteString(rw, r.URL.Path)
				}))
				w := watch(t, named(t, "multiplexed"))
				if secure {
					w.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
				}
				// At first the limit is not known: the server may refuse streams, or end
				// the connection for one too many. From then on nothing is amiss.
				for _, known := range []bool{false, true} {
					conns := map[int]bool{}
					for i, a := range w.all(srv.URL, 300) {
						conns[a.e.Conn.Number] = true
						wantAnswer(t, a, fmt.Sprintf("/%d", i), a.e.Tries)
						if a.e.Protocol != "HTTP/2.0" || (known && a.e.Tries > 1) {
							t.Errorf("%d in %s after %d tries: %s", i, a.e.Protocol, a.e.Tries, notesOf(a.e))
						}
					}
					if known && len(conns) > 1 {
						t.Errorf("%d connections", len(conns))
					}
				}
				if n := int(most.Load()); n > limit {
					t.Errorf("%d streams at once, the server allows %d", n, limit)
				}
			})
		}
	}
}

// TestHTTP2SeveralConnections: a further connection is opened when the streams
// of the others are used up, and the next exchange goes to the least loaded.
func TestHTTP2SeveralConnections(t *testing.T) {
	gate := make(chan struct{})
	srv := h2server(t, false, 4, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(200)
		rw.(http.Flusher).Flush()
		select {
		case <-gate:
		case <-r.Context().Done():
		}
	}))
	w := watch(t, Strategy{Conns: 3, Protocol: HTTP2})
	var open []*http.Response
	load := map[int]int{}
	begin := func() int {
		resp, err := w.RoundTrip(request(t, "GET", srv.URL, ""))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, resp)
		n := TimelineOf(resp).Conn.Number
		load[n]++
		return n
	}
	for i := range 12 {
		if n := begin(); n != 1+i/4 {
			t.Errorf("exchange %d is on connection %d: %v", i, n, load)
		}
	}
	for _, i := range []int{1, 5, 6, 9} { // one of the first, two of the second, one of the third
		open[i].Body.Close()
		load[TimelineOf(open[i]).Conn.Number]--
	}
	if n := begin(); n != 2 {
		t.Errorf("on connection %d, the least loaded is 2: %v", n, load)
	}
	close(gate)
	for _, resp := range open {
		resp.Body.Close()
	}
}

// TestHTTP2Cancelled: a stream that is given up is reset with CANCEL, its slot
// comes back, the connection stays, and nothing remembers it.
func TestHTTP2Cancelled(t *testing.T) {
	for _, tt := range []struct {
		name string
		give func(*http.Response, func())
	}{
		{"body closed", func(r *http.Response, _ func()) { r.Body.Close(); r.Body.Close() }},
		{"context cancelled", func(r *http.Response, cancel func()) { cancel(); io.ReadAll(r.Body); r.Body.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			srv := serveH2(t, 0, func(h *h2peer) {
				for range 50 {
					r := h.wantRequest()
					h.headers(r.id, false, ":status", "200")
					h.WriteData(r.id, false, []byte("part"))
					h.wantReset(r.id, http2.ErrCodeCancel)
				}
				h2echo(h)
			})
			for range 50 {
				ctx, cancel := context.WithCancel(context.Background())
				resp, err := w.RoundTrip(request(t, "GET", srv.url+"/x", "").WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				tt.give(resp, cancel)
				cancel()
				if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
					t.Errorf("read after the end: %v", err)
				}
			}
			wantAnswer(t, w.get(srv.url+"/last"), "/last", 1)
			if n := srv.accepted.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
			wantForgotten(t, w)
		})
	}
}

// wantForgotten checks that no connection remembers a stream.
func wantForgotten(t *testing.T, w *watched) {
	t.Helper()
	w.conns.mu.Lock()
	defer w.conns.mu.Unlock()
	for _, o := range w.conns.origins {
		for _, pc := range o.conns {
			c := pc.conn.(*http2Conn)
			c.mu.Lock()
			if len(c.streams) > 0 {
				t.Errorf("%d streams are remembered", len(c.streams))
			}
			c.mu.Unlock()
		}
	}
}

// TestHTTP2CancelledWhileSending races cancelling against the HEADERS frame.
func TestHTTP2CancelledWhileSending(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	srv := serveH2(t, 0, h2echo)
	wantAnswer(t, w.get(srv.url+"/first"), "/first", 1)
	var wg sync.WaitGroup
	for range 300 {
		ctx, cancel := context.WithCancel(context.Background())
		wg.Go(func() { w.do(request(t, "GET", srv.url+"/x", "").WithContext(ctx)) })
		wg.Go(cancel)
	}
	wg.Wait()
	wantAnswer(t, w.get(srv.url+"/last"), "/last", 1)
	eventually(t, "every stream has ended", func() bool {
		s := w.Stats()
		return s.Idle == s.Open
	})
	wantForgotten(t, w)
}

// stalledConn writes nothing more once it is stopped, until it is let go.
type stalledConn struct {
	net.Conn
	stop atomic.Bool
	at   chan struct{} // a write stands still
	free chan struct{}
}

func (c *stalledConn) Write(p []byte) (int, error) {
	if c.stop.Swap(false) {
		close(c.at)
		<-c.free
	}
	return c.Conn.Write(p)
}

// TestHTTP2GivenUpInTheWrite: an exchange that is given up while its HEADERS are
// being written counts as sent, and its stream is forgotten all the same.
func TestHTTP2GivenUpInTheWrite(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	srv := serveH2(t, 0, h2echo)
	stalled := &stalledConn{at: make(chan struct{}), free: make(chan struct{})}
	w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		stalled.Conn = c
		return stalled, err
	}
	wantAnswer(t, w.get(srv.url+"/1"), "/1", 1)
	stalled.stop.Store(true)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-stalled.at
		cancel()
	}()
	a := w.do(request(t, "GET", srv.url+"/2", "").WithContext(ctx))
	var e *Error
	if !errors.As(a.err, &e) || !errors.Is(e, context.Canceled) || !e.MayBeApplied {
		t.Errorf("got %v, sent %v", a.err, e.MayBeApplied)
	}
	close(stalled.free)
	wantAnswer(t, w.get(srv.url+"/3"), "/3", 1)
	wantForgotten(t, w)
}

// TestHTTP2Interim: "A client MUST be able to parse one or more 1xx responses
// received prior to a final response", https://www.rfc-editor.org/rfc/rfc9110#section-15.2.
// The wait lasts until the final one.
func TestHTTP2Interim(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			r := h.wantRequest()
			for range 20 {
				h.headers(r.id, false, ":status", "103", "link", "</style.css>; rel=preload")
			}
			h.sync()
			time.Sleep(5 * time.Second) // of virtual time: what the server takes
			h.reply(r.id, "final")
			h.waitForEnd()
		})...)
		a := w.get("http://peer/")
		wantAnswer(t, a, "final", 1)
		if a.status != 200 || a.e.In(timeline.Wait) != 5*time.Second || a.e.In(timeline.Receive) != 0 {
			t.Errorf("status %d, %+v", a.status, a.e.Spans)
		}
	})
}

func TestHTTP2InterimWithoutEnd(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	w.MaxResponseHeaderBytes = 64 << 10
	srv := serveH2(t, 0, func(h *h2peer) {
		r := h.wantRequest()
		for range 10_000 {
			h.headers(r.id, false, ":status", "103", "link", "</style.css>; rel=preload")
		}
		h2echo(h)
	})
	if a := w.get(srv.url + "/"); !errors.Is(a.err, ErrHeaderTooLarge) {
		t.Errorf("got %v", a.err)
	}
	wantAnswer(t, w.get(srv.url+"/2"), "/2", 1)
}

// TestHTTP2WithoutBody: a response without a body has ended when it is handed
// out, whether or not its body is closed.
func TestHTTP2WithoutBody(t *testing.T) {
	for _, tt := range []struct {
		name, method string
		head         []string
		length       int64
	}{
		{"HEAD", "HEAD", []string{":status", "200", "content-length", "100"}, 100},
		{"no content", "GET", []string{":status", "204"}, 0},
		{"not modified", "GET", []string{":status", "304", "content-length", "100"}, 100},
		{"length 0", "GET", []string{":status", "200", "content-length", "0"}, 0},
		{"redirect", "GET", []string{":status", "302", "location", "/"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			srv := serveH2(t, 0, func(h *h2peer) {
				h.headers(h.wantRequest().id, true, tt.head...)
				h.waitForEnd()
			})
			resp, err := w.RoundTrip(request(t, tt.method, srv.url+"/", ""))
			if err != nil {
				t.Fatal(err)
			}
			if seen := w.exchanges(); len(seen) != 1 || w.Stats().Idle != 1 {
				t.Errorf("%d exchanges have ended, %+v", len(seen), w.Stats())
			}
			if body, err := io.ReadAll(resp.Body); len(body) > 0 || err != nil {
				t.Errorf("body %q, %v", body, err)
			}
			if resp.ContentLength != tt.length {
				t.Errorf("length %d, want %d", resp.ContentLength, tt.length)
			}
			wantForgotten(t, w)
		})
	}
}

// TestHTTP2Trailer: trailers are there when the body has been read, and when
// there is none.
func TestHTTP2Trailer(t *testing.T) {
	for _, body := range []string{"", "body"} {
		t.Run(body, func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			srv := serveH2(t, 0, func(h *h2peer) {
				r := h.wantRequest()
				h.headers(r.id, false, ":status", "200", "trailer", "x-sum", "content-length", fmt.Sprint(len(body)))
				if body != "" {
					h.WriteData(r.id, false, []byte(body))
				}
				h.headers(r.id, true, "x-sum", "42")
				h.waitForEnd()
			})
			a := w.get(srv.url + "/")
			wantAnswer(t, a, body, 1)
			if got := a.resp.Trailer.Get("X-Sum"); got != "42" {
				t.Errorf("the trailer is %q", got)
			}
		})
	}
}

// TestHTTP2Bytes holds what an exchange is charged with against the frames that
// the server saw and sent.
func TestHTTP2Bytes(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	seen := map[string]*timeline.Exchange{}
	var mu sync.Mutex
	charge := func(path string, sent, received timeline.Bytes) {
		mu.Lock()
		defer mu.Unlock()
		if seen[path] == nil {
			seen[path] = &timeline.Exchange{}
		}
		e := seen[path]
		e.Sent.Header += sent.Header
		e.Sent.Body += sent.Body
		e.Received.Header += received.Header
		e.Received.Body += received.Body
	}
	srv := serveH2(t, 0, func(h *h2peer) {
		paths := map[uint32]string{}
		h.ReadMetaHeaders = nil // to see each frame
		dec := hpack.NewDecoder(4096, nil)
		h.SetReuseFrames()
		h.WriteWindowUpdate(0, 1<<24)
		for f := h.next(); f != nil; f = h.next() {
			id, size := f.Header().StreamID, int64(f.Header().Length)+9
			switch f := f.(type) {
			case *http2.HeadersFrame:
				all, err := dec.DecodeFull(f.HeaderBlockFragment())
				if err != nil || !f.HeadersEnded() {
					t.Errorf("headers: %v", err)
				}
				for _, field := range all {
					if field.Name == ":path" {
						paths[id] = field.Value
					}
				}
				charge(paths[id], timeline.Bytes{Header: size}, timeline.Bytes{})
				h.WriteWindowUpdate(id, 1<<24)
			case *http2.DataFrame:
				charge(paths[id], timeline.Bytes{Body: size}, timeline.Bytes{})
			}
			if end, ok := f.(interface{ StreamEnded() bool }); ok && end.StreamEnded() {
				h.headers(id, false, ":status", "200")
				charge(paths[id], timeline.Bytes{}, timeline.Bytes{Header: int64(h.block.Len()) + 9})
				for range 3 {
					h.WriteData(id, false, make([]byte, 1000))
				}
				h.WriteData(id, true, nil)
				charge(paths[id], timeline.Bytes{}, timeline.Bytes{Body: 3*1009 + 9})
			}
		}
	})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			method, body := "GET", ""
			if i%2 == 1 {
				method, body = "POST", strings.Repeat("x", i*1000)
			}
			if a := w.do(request(t, method, fmt.Sprintf("%s/%d", srv.url, i), body)); a.err != nil || len(a.body) != 3000 {
				t.Errorf("%d: %d bytes, %v", i, len(a.body), a.err)
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	for _, e := range w.exchanges() {
		path := strings.TrimPrefix(e.URL, srv.url)
		if want := seen[path]; e.Sent != want.Sent || e.Received != want.Received {
			t.Errorf("%s: sent %+v and received %+v, the server counts %+v and %+v", path, e.Sent, e.Received, want.Sent, want.Received)
		}
	}
}

// TestHTTP2LargeBodies sends and receives more than every window, at once.
func TestHTTP2LargeBodies(t *testing.T) {
	const size = 12 << 20
	body := strings.Repeat("0123456789abcdef", size/16)
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint(secure), func(t *testing.T) {
			srv := h2server(t, secure, 100, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.Copy(rw, r.Body) }))
			w := watch(t, named(t, "multiplexed"))
			if secure {
				w.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			}
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					a := w.do(request(t, "PUT", srv.URL, body))
					if a.err != nil || a.body != body || a.e.Received.Body < size || a.e.Sent.Body < size {
						t.Errorf("%d bytes came back, %v; %+v", len(a.body), a.err, a.e)
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestHTTP2NotSpoken: a server that answers in HTTP/1 is told from one that
// closes the connection.
func TestHTTP2NotSpoken(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	srv := serve(t, func(p *peer) {
		p.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		p.in.WriteTo(io.Discard)
	})
	a := w.get(srv.url)
	var e *Error
	if !errors.Is(a.err, ErrNoHTTP2) || !errors.As(a.err, &e) || e.Hint() == "" || srv.accepted.Load() != 1 {
		t.Errorf("%v, over %d connections", a.err, srv.accepted.Load())
	}
}

// TestHTTP2HeaderTimeout: in virtual time, a server that does not answer costs a
// request its ResponseHeaderTimeout, and the connection its future.
func TestHTTP2HeaderTimeout(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		w.ResponseHeaderTimeout = 7 * time.Second
		piped(w, inHTTP2(0, (*h2peer).waitForEnd, h2echo)...)
		a := w.get("http://peer/1")
		var e *Error
		if !errors.Is(a.err, ErrHeaderTimeout) || !errors.As(a.err, &e) || !e.Timeout() || e.Step != timeline.Wait {
			t.Errorf("got %v", a.err)
		}
		if a.e.Duration != w.ResponseHeaderTimeout || a.e.In(timeline.Wait) != a.e.Duration {
			t.Errorf("it took %v, of which it waited %v", a.e.Duration, a.e.In(timeline.Wait))
		}
		b := w.get("http://peer/2")
		wantAnswer(t, b, "/2", 1)
		if b.e.Conn.Number != 2 {
			t.Errorf("on connection %d", b.e.Conn.Number)
		}
	})
}

// TestHTTP2NoLongerUsable: a connection that carries on what it has but takes
// nothing new, for whatever reason, is left, and nobody fails for it.
func TestHTTP2NoLongerUsable(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, w *watched, url string)
	}{
		{"the client asks to close", func(t *testing.T, w *watched, url string) {
			req := request(t, "GET", url+"/last", "")
			req.Close = true
			wantAnswer(t, w.do(req), "/last", 1)
		}},
		{"the server complains", func(t *testing.T, w *watched, url string) {
			if a := w.get(url + "/wrong"); a.err == nil {
				t.Error("a stream that was reset has succeeded")
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			srv := serveH2(t, 0, func(h *h2peer) {
				held := h.wantRequest()
				h.headers(held.id, false, ":status", "200")
				r := h.wantRequest()
				if r.path == "/wrong" {
					h.WriteRSTStream(r.id, http2.ErrCodeProtocol)
				} else {
					h.reply(r.id, r.path)
				}
				h.waitForEnd()
			}, h2echo)
			held, err := w.RoundTrip(request(t, "GET", srv.url+"/held", ""))
			if err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, w, srv.url)
			for range 3 {
				a := w.get(srv.url + "/next")
				wantAnswer(t, a, "/next", a.e.Tries)
				if a.e.Conn.Number != 2 || a.e.Tries > 2 {
					t.Errorf("on connection %d after %d tries", a.e.Conn.Number, a.e.Tries)
				}
			}
			held.Body.Close()
		})
	}
}

// TestHTTP2MoreThanAllowed: "An endpoint that receives a HEADERS frame that causes
// its advertised concurrent stream limit to be exceeded MUST treat this as a
// stream error of type PROTOCOL_ERROR or REFUSED_STREAM",
// https://www.rfc-editor.org/rfc/rfc9113#section-5.1.2. Streams that were begun
// before the limit was known may do so.
func TestHTTP2MoreThanAllowed(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	again := make(chan string, 1)
	srv := serve(t, func(p *peer) { // it says its limit late
		h := &h2peer{peer: p, Framer: http2.NewFramer(p, p.in)}
		h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		h.enc = hpack.NewEncoder(&h.block)
		io.CopyN(io.Discard, p.in, prefaceSize)
		first, second := h.wantRequest(), h.wantRequest()
		again <- second.path
		h.allow(1)
		h.headers(first.id, false, ":status", "200")
		h.WriteRSTStream(second.id, http2.ErrCodeProtocol)
		h.WriteData(first.id, false, []byte("and it goes on"))
		h.waitForEnd()
	}, inHTTP2(1, h2echo)[0])
	held := make(chan *http.Response, 2)
	for i := range 2 {
		go func() {
			resp, err := w.RoundTrip(request(t, "GET", fmt.Sprintf("%s/%d", srv.url, i), ""))
			if err != nil {
				t.Error(err)
			}
			held <- resp
		}()
	}
	path := <-again
	for range 2 {
		resp := <-held
		if resp == nil {
			continue
		}
		defer resp.Body.Close()
		e := TimelineOf(resp)
		if tries := map[bool]int{true: 2, false: 1}[resp.Request.URL.Path == path]; e.Tries != tries || e.Conn.Number != tries {
			t.Errorf("%s is on connection %d after %d tries: %s", e.URL, e.Conn.Number, e.Tries, notesOf(e))
		}
	}
}

// headerField is a field whose value says what it is; ":status" is 200.
func headerField(name string) hpack.HeaderField {
	if name == ":status" {
		return hpack.HeaderField{Name: name, Value: "200"}
	}
	return hpack.HeaderField{Name: name, Value: name + "'s"}
}
