package linger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// wantData reads on until so many octets of a stream's body have come, and says
// whether they end it.
func (h *h2peer) wantData(id uint32, size int) (ended bool) {
	for size > 0 {
		f, ok := h.next().(*http2.DataFrame)
		if !ok || f.StreamID != id || len(f.Data()) > size {
			h.t.Errorf("got %v where %d octets of stream %d were wanted", f, size, id)
			return false
		}
		size -= len(f.Data())
		ended = f.StreamEnded()
	}
	return ended
}

// wantQuiet checks that the client says nothing more by itself.
func (h *h2peer) wantQuiet() {
	synctest.Wait()
	if h.in.Buffered() > 0 || !h.silent() {
		f, err := h.ReadFrame()
		h.t.Errorf("got %v, %v where nothing was wanted", f, err)
	}
}

// TestHTTP2Upload: a body is sent as the windows of stream and connection allow,
// whatever SETTINGS make of them meanwhile:
// https://www.rfc-editor.org/rfc/rfc9113#section-6.9.2.
func TestHTTP2Upload(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		body := strings.Repeat("0123456789", 20_000)
		piped(w, inHTTP2(0, func(h *h2peer) {
			h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1000})
			h.sync()
			r := h.wantRequest()
			h.wantData(r.id, 1000)
			h.wantQuiet()
			h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1500})
			h.wantData(r.id, 500)
			h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 500}) // 1000 below zero
			h.sync()
			h.WriteWindowUpdate(r.id, 1000)
			h.sync()
			h.wantQuiet()
			h.WriteWindowUpdate(r.id, 1<<20)
			h.wantData(r.id, 65535-1500) // what the connection allows
			h.wantQuiet()
			h.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20})
			h.WriteWindowUpdate(0, 1<<20)
			if !h.wantData(r.id, len(body)-65535) {
				t.Error("the body did not end with its last octet")
			}
			h.reply(r.id, "ok")
			h.waitForEnd()
		})...)
		warm := make(chan answer, 1)
		go func() {
			time.Sleep(time.Second) // of virtual time: the SETTINGS have come
			warm <- w.do(request(t, "PUT", "http://peer/", body))
		}()
		w.Warm(t.Context(), "http://peer", 1)
		a := <-warm
		wantAnswer(t, a, "ok", 1)
		if a.e.Sent.Body < int64(len(body)) {
			t.Errorf("sent %+v", a.e.Sent)
		}
	})
}

// TestHTTP2Download: the windows are given back as the caller reads, and no
// sooner; a slow reader of one stream holds up no other.
func TestHTTP2Download(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		w.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 40_000, MaxReceiveBufferPerConnection: 100_000}
		updates := func(h *h2peer) map[uint32]uint32 {
			sum := map[uint32]uint32{}
			for {
				synctest.Wait()
				if h.in.Buffered() == 0 && h.silent() {
					return sum
				}
				f, err := h.ReadFrame()
				if err != nil {
					t.Error(err)
					return sum
				}
				if f, ok := f.(*http2.WindowUpdateFrame); ok {
					sum[f.StreamID] += f.Increment
				}
			}
		}
		sent, read := make(chan struct{}), make(chan struct{})
		dialled := piped(w, inHTTP2(0, func(h *h2peer) {
			slow, other := h.wantRequest(), h.wantRequest()
			if slow.path != "/slow" {
				slow, other = other, slow
			}
			h.headers(slow.id, false, ":status", "200")
			for range 4 {
				h.WriteData(slow.id, false, make([]byte, 10_000))
			}
			h.reply(other.id, "other")
			close(sent)
			if got := updates(h); len(got) > 0 {
				t.Errorf("nothing was read, and %v given back", got)
			}
			read <- struct{}{}
			if got := updates(h); got[slow.id] != 30_000 || got[0] != 0 {
				t.Errorf("30,000 octets were read, and %v given back", got)
			}
			read <- struct{}{}
			h.wantReset(slow.id, http2.ErrCodeCancel)
			for range 2 {
				h.WriteData(slow.id, false, make([]byte, 10_000)) // were on their way
			}
			if got := updates(h); got[0] < 50_000 || got[slow.id] != 0 {
				t.Errorf("after the end %v was given back", got)
			}
			close(read)
			h2echo(h)
		}, h2echo)...)
		others := make(chan answer, 1)
		go func() { others <- w.get("http://peer/other") }()
		resp, err := w.RoundTrip(request(t, "GET", "http://peer/slow", ""))
		if err != nil {
			t.Fatal(err)
		}
		<-sent
		wantAnswer(t, <-others, "other", 1)
		<-read
		if _, err := io.ReadFull(resp.Body, make([]byte, 30_000)); err != nil {
			t.Error(err)
		}
		<-read
		resp.Body.Close()
		<-read
		wantAnswer(t, w.get("http://peer/x"), "/x", 1)
		if n := dialled.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestHTTP2EarlyAnswer: "A server can send a complete response prior to the client
// sending an entire request … RST_STREAM with an error code of NO_ERROR … Clients
// MUST NOT discard responses as a result",
// https://www.rfc-editor.org/rfc/rfc9113#section-8.1.
func TestHTTP2EarlyAnswer(t *testing.T) {
	for _, reset := range []bool{true, false} {
		t.Run(fmt.Sprint(reset), func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				dialled := piped(w, inHTTP2(0, func(h *h2peer) {
					r := h.wantRequest()
					h.wantData(r.id, 65535)
					h.headers(r.id, false, ":status", "413")
					h.WriteData(r.id, true, []byte("too large"))
					if reset {
						h.WriteRSTStream(r.id, http2.ErrCodeNo)
					} else {
						h.wantReset(r.id, http2.ErrCodeNo)
					}
					h.WriteWindowUpdate(0, 65535)
					h2echo(h)
				})...)
				body := &endless{}
				req := request(t, "PUT", "http://peer/1", "")
				req.Body, req.ContentLength = body, -1
				a := w.do(req)
				wantAnswer(t, a, "too large", 1)
				if a.status != 413 || body.closed != 1 {
					t.Errorf("status %d; the body was closed %d times", a.status, body.closed)
				}
				wantAnswer(t, w.get("http://peer/2"), "/2", 1)
				if dialled.Load() != 1 {
					t.Errorf("%d connections", dialled.Load())
				}
			})
		})
	}
}

// An endless body.
type endless struct{ closed int }

func (b *endless) Read(p []byte) (int, error) {
	if b.closed > 0 {
		return 0, errors.New("read after Close")
	}
	return len(p), nil
}

func (b *endless) Close() error { b.closed++; return nil }

// TestHTTP2Expect: a body that is announced waits for 100 (Continue), and for no
// longer than ExpectContinueTimeout; a refusal spares it.
func TestHTTP2Expect(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script func(h *h2peer, id uint32)
		body   bool
		status int
		waits  time.Duration
	}{
		{"asked for", func(h *h2peer, id uint32) {
			h.sync()
			h.wantQuiet()
			h.headers(id, false, ":status", "100")
			h.wantData(id, 4)
			h.reply(id, "ok")
		}, true, 200, 0},
		{"refused", func(h *h2peer, id uint32) {
			h.headers(id, true, ":status", "417")
			h.wantReset(id, http2.ErrCodeNo)
		}, false, 417, 0},
		{"not answered", func(h *h2peer, id uint32) {
			h.wantData(id, 4)
			h.reply(id, "ok")
		}, true, 200, 3 * time.Second},
		{"answered at once", func(h *h2peer, id uint32) {
			h.headers(id, false, ":status", "200")
			h.wantData(id, 4)
			h.WriteData(id, true, []byte("ok"))
		}, true, 200, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				w.ExpectContinueTimeout = 3 * time.Second
				piped(w, inHTTP2(0, func(h *h2peer) {
					tt.script(h, h.wantRequest().id)
					h2echo(h)
				})...)
				req := request(t, "PUT", "http://peer/", "body")
				req.Header.Set("Expect", "100-continue")
				a := w.do(req)
				if a.err != nil || a.status != tt.status || (a.e.Sent.Body > 0) != tt.body || a.e.Duration.Truncate(time.Millisecond) != tt.waits {
					t.Errorf("status %d, %v after %v, sent %+v", a.status, a.err, a.e.Duration, a.e.Sent)
				}
				wantAnswer(t, w.get("http://peer/2"), "/2", 1)
			})
		})
	}
}

// TestHTTP2UploadFails: the body's own fault is what the caller gets, its stream
// is reset, and nobody else notices.
func TestHTTP2UploadFails(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, tt := range []struct {
		name   string
		body   io.Reader
		length int64
		want   error
	}{
		{"fails", io.MultiReader(strings.NewReader("half"), failing{broken}), -1, broken},
		{"too short", strings.NewReader("half"), 8, io.ErrUnexpectedEOF},
		{"too long", strings.NewReader("half and more"), 8, errLongBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				piped(w, inHTTP2(0, func(h *h2peer) {
					r := h.wantRequest()
					for f := h.next(); f != nil; f = h.next() {
						if f, ok := f.(*http2.RSTStreamFrame); ok {
							if f.StreamID != r.id || f.ErrCode != http2.ErrCodeCancel {
								t.Errorf("got %v", f)
							}
							break
						}
					}
					h2echo(h)
				})...)
				req := request(t, "PUT", "http://peer/1", "")
				req.Body, req.ContentLength = io.NopCloser(tt.body), tt.length
				var e *Error
				if a := w.do(req); !errors.Is(a.err, tt.want) || !errors.As(a.err, &e) || !e.Sent || a.e.Tries != 1 {
					t.Errorf("got %v", a.err)
				}
				wantAnswer(t, w.get("http://peer/2"), "/2", 1)
			})
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestHTTP2UploadGivenUp: whoever gives up while a body is being sent, or is not
// to be had, or nobody reads it, gets his error at once; the body is closed and
// read no more.
func TestHTTP2UploadGivenUp(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		for _, blocked := range []bool{false, true} {
			w.CloseIdleConnections()
			piped(w, inHTTP2(0, func(h *h2peer) {
				id := h.wantRequest().id
				for f := h.next(); f != nil; f = h.next() {
					if f, ok := f.(*http2.RSTStreamFrame); ok && f.StreamID == id {
						break
					}
				}
				h.WriteWindowUpdate(0, 65535)
				h2echo(h)
			})...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			req := request(t, "PUT", "http://peer/1", "").WithContext(ctx)
			body := &endless{}
			req.Body, req.ContentLength = body, -1
			r, out := io.Pipe()
			if blocked {
				req.Body = r
			}
			a := w.do(req)
			if !errors.Is(a.err, context.DeadlineExceeded) {
				t.Errorf("got %v", a.err)
			}
			if !blocked && body.closed != 1 {
				t.Errorf("the body was closed %d times", body.closed)
			} else if blocked {
				if _, err := out.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("the body is still read: %v", err)
				}
			}
			wantAnswer(t, w.get("http://peer/2"), "/2", 1)
		}
	})
}

// TestHTTP2DeafPeer: a server that reads nothing holds up no cancelling; after
// WriteByteTimeout the connection is given up.
func TestHTTP2DeafPeer(t *testing.T) {
	for _, limit := range []time.Duration{0, 5 * time.Second} {
		t.Run(limit.String(), func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				w.HTTP2 = &http.HTTP2Config{WriteByteTimeout: limit}
				gone := make(chan struct{})
				w.DialContext = func(context.Context, string, string) (net.Conn, error) {
					mine, theirs := net.Pipe()
					w.peers.Go(func() {
						<-gone
						theirs.Close()
					})
					return mine, nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				a := w.do(request(t, "POST", "http://peer/1", "x").WithContext(ctx))
				if !errors.Is(a.err, context.DeadlineExceeded) || a.e.Duration != 2*time.Second {
					t.Errorf("got %v after %v", a.err, a.e.Duration)
				}
				if limit > 0 {
					time.Sleep(limit) // of virtual time
					synctest.Wait()
					if s := w.Stats(); s.Open != 0 {
						t.Errorf("%d connections are open", s.Open)
					}
				}
				close(gone)
			})
		})
	}
}
