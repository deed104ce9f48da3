package linger

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// TestHTTP2EndsBelowZero: a body that ends while SETTINGS have made its window
// negative ends with an empty frame, for which no window is needed:
// https://www.rfc-editor.org/rfc/rfc9113#section-6.9.1.
func TestHTTP2EndsBelowZero(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		body, more := io.Pipe()
		piped(w, inHTTP2(0, func(h *h2peer) {
			r := h.wantRequest()
			h.wantData(r.id, 1000)
			h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 500}) // 500 below zero
			h.sync()
			more.Close()
			if f, ok := h.next().(*http2.DataFrame); !ok || len(f.Data()) > 0 || !f.StreamEnded() {
				t.Errorf("got %v where the end was wanted", f)
			}
			h.reply(r.id, "ok")
			h.waitForEnd()
		})...)
		req := request(t, "PUT", "http://peer/", "")
		req.Body, req.ContentLength = body, -1
		go more.Write(make([]byte, 1000))
		wantAnswer(t, w.do(req), "ok", 1)
	})
}

// atOnce writes frames so that they come together.
func (h *h2peer) atOnce(frames func()) {
	var all bytes.Buffer
	framer := h.Framer
	h.Framer = http2.NewFramer(&all, nil)
	frames()
	h.Framer = framer
	h.Write(all.Bytes())
}

// TestHTTP2GivenUpWithData: what came for a request whose caller gave up before he
// could see it is given back to the connection's window.
func TestHTTP2GivenUpWithData(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		const window = 70_000
		w.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: window}
		dialled := piped(w, inHTTP2(0, func(h *h2peer) {
			first, second := h.wantRequest(), h.wantRequest()
			if first.path != "/first" {
				first, second = second, first
			}
			h.sync()
			h.atOnce(func() {
				h.headers(first.id, false, ":status", "200")
				h.WriteData(first.id, false, make([]byte, 10_000))
				h.headers(second.id, false, ":status", "103") // its hook waits until the first has given up
			})
			h.wantReset(first.id, http2.ErrCodeCancel)
			h.reply(second.id, "second")
			h.waitForEnd()
		})...)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan answer)
		go func() { first <- w.do(request(t, "GET", "http://peer/first", "").WithContext(ctx)) }()
		trace := &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error {
			cancel()
			if a := <-first; !errors.Is(a.err, context.Canceled) {
				t.Errorf("got %v", a.err)
			}
			return nil
		}}
		a := w.do(request(t, "GET", "http://peer/second", "").WithContext(httptrace.WithClientTrace(t.Context(), trace)))
		wantAnswer(t, a, "second", 1)
		wantWindow(t, w, window)
		if dialled.Load() != 1 {
			t.Errorf("%d connections", dialled.Load())
		}
	})
}

// TestHTTP2Abandoned: a caller gives up with the response in hand and never touches
// its body. The slot, the stream and the connection's window come back at once, the
// record ends with the cause, and what has come of the body can be read yet.
func TestHTTP2Abandoned(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprint(whole), func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				const window = 70_000
				w.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: window}
				piped(w, inHTTP2(0, func(h *h2peer) {
					r := h.wantRequest()
					h.headers(r.id, false, ":status", "200")
					h.WriteData(r.id, whole, make([]byte, 10_000))
					if !whole {
						h.wantReset(r.id, http2.ErrCodeCancel)
					}
					h2echo(h)
				})...)
				ctx, cancel := context.WithCancelCause(t.Context())
				resp, err := w.RoundTrip(request(t, "GET", "http://peer/", "").WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				changed := errors.New("changed my mind")
				cancel(changed)
				synctest.Wait()
				if s := w.Stats(); s.Active != 0 || s.Idle != 1 {
					t.Errorf("%d active, %d idle", s.Active, s.Idle)
				}
				if seen := w.exchanges(); len(seen) != 1 || !strings.Contains(seen[0].Error, changed.Error()) {
					t.Errorf("ended: %+v", seen)
				}
				wantForgotten(t, w)
				body, err := io.ReadAll(resp.Body)
				var e *Error
				if len(body) != 10_000 || (whole != (err == nil)) || (!whole && (!errors.Is(err, changed) || !errors.As(err, &e))) {
					t.Errorf("read %d octets, %v", len(body), err)
				}
				if err := resp.Body.Close(); err != nil {
					t.Error(err)
				}
				wantWindow(t, w, window)
				a := w.get("http://peer/2")
				wantAnswer(t, a, "/2", 1)
				if a.e.Conn.Number != 1 {
					t.Errorf("on connection %d", a.e.Conn.Number)
				}
			})
		})
	}
}

// wantWindow checks that each connection's window is given back, or to be.
func wantWindow(t *testing.T, w *watched, window int64) {
	t.Helper()
	w.conns.mu.Lock()
	defer w.conns.mu.Unlock()
	for _, o := range w.conns.origins {
		c := o.conns[0].conn.(*http2Conn)
		c.mu.Lock()
		if r := c.receive; r.left+r.owed != window {
			t.Errorf("of the window %d octets are left and %d to be given back, want %d", r.left, r.owed, window)
		}
		c.mu.Unlock()
	}
}

// TestHTTP2LeastWindow: "A receiver MUST treat the receipt of a WINDOW_UPDATE frame
// with a flow-control window increment of 0 as a … connection error",
// https://www.rfc-editor.org/rfc/rfc9113#section-6.9: none is sent.
func TestHTTP2LeastWindow(t *testing.T) {
	srv := h2server(t, false, 0, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "ok") }))
	for _, size := range []int{initialWindow, initialWindow + 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			w := watch(t, named(t, "multiplexed"))
			w.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerConnection: size}
			wantAnswer(t, w.get(srv.URL), "ok", 1)
		})
	}
}

// TestHTTP2BodyOutOfTime: when the time of a request runs out in the middle of its
// answer, its connection is doubted as well.
func TestHTTP2BodyOutOfTime(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			h.headers(h.wantRequest().id, false, ":status", "200")
			h.mute()
		}, h2echo)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if a := w.do(request(t, "GET", "http://peer/1", "").WithContext(ctx)); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Errorf("got %v", a.err)
		}
		a := w.get("http://peer/2")
		wantAnswer(t, a, "/2", 1)
		if a.e.Conn.Number != 2 {
			t.Errorf("on connection %d", a.e.Conn.Number)
		}
	})
}

// TestHTTP2ManyEnds: streams that end with empty DATA, or are reset, are no flood,
// however many: each was asked for.
func TestHTTP2ManyEnds(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		dialled := piped(w, inHTTP2(0, func(h *h2peer) {
			for f := h.next(); f != nil; f = h.next() {
				if f, ok := f.(*http2.MetaHeadersFrame); ok {
					h.headers(f.StreamID, false, ":status", "200")
					h.WriteData(f.StreamID, true, nil)
					h.WriteRSTStream(f.StreamID, http2.ErrCodeNo)
				}
			}
		})...)
		for range maxIdleFrames + 1 {
			if a := w.get("http://peer/"); a.err != nil {
				t.Fatal(a.err)
			}
		}
		if dialled.Load() != 1 {
			t.Errorf("%d connections", dialled.Load())
		}
	})
}

// TestHTTP2UnreadHeaders: "A receiver MUST terminate the connection with a
// connection error … if it does not decompress a field block",
// https://www.rfc-editor.org/rfc/rfc9113#section-4.3.
func TestHTTP2UnreadHeaders(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			id := h.wantRequest().id
			h.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersPadded|http2.FlagHeadersEndHeaders, id, []byte{9, 0x88})
			if f, ok := h.next().(*http2.GoAwayFrame); !ok || f.ErrCode != http2.ErrCodeProtocol {
				t.Errorf("got %v where GOAWAY was wanted", f)
			}
			h.waitForEnd()
		})...)
		if a := w.do(request(t, "POST", "http://peer/1", "")); !errors.As(a.err, new(http2.ConnectionError)) {
			t.Errorf("got %v", a.err)
		}
		synctest.Wait()
		if s := w.Stats(); s.Open != 0 {
			t.Errorf("%d connections are open", s.Open)
		}
	})
}

// A deadlined connection takes all that is written, and knows until when it may be.
type deadlined struct {
	net.Conn
	until []time.Time
}

func (d *deadlined) Write(p []byte) (int, error) { return len(p), nil }
func (d *deadlined) SetWriteDeadline(until time.Time) error {
	d.until = append(d.until, until)
	return nil
}

// TestHTTP2WriteByteTimeoutEnds: the limit of one write does not hold for what is
// written after it, which may be much later.
func TestHTTP2WriteByteTimeoutEnds(t *testing.T) {
	socket := &deadlined{}
	c := &http2Conn{socket: socket, cfg: http2Config{write: time.Second}}
	if err := c.writeSocket([]byte("x")); err != nil {
		t.Error(err)
	}
	if n := len(socket.until); n != 2 || socket.until[0].IsZero() || !socket.until[1].IsZero() {
		t.Errorf("deadlines %v, want one, and then none", socket.until)
	}
}

// TestHTTP2WantsHTTP1: "The endpoint requires that HTTP/1.1 be used instead of
// HTTP/2", https://www.rfc-editor.org/rfc/rfc9113#section-7. Where it may be, it is.
func TestHTTP2WantsHTTP1(t *testing.T) {
	for _, protocol := range []Protocol{Negotiate, HTTP2} {
		t.Run(protocol.String(), func(t *testing.T) {
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				fmt.Fprintf(rw, "%s %s", r.Proto, body)
			}))
			refuse := inHTTP2(0, func(h *h2peer) {
				h.WriteRSTStream(h.wantRequest().id, http2.ErrCodeHTTP11Required)
				h.waitForEnd()
			})[0]
			srv.TLS = &tls.Config{NextProtos: []string{alpnHTTP2, "http/1.1"}}
			srv.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
				alpnHTTP2: func(_ *http.Server, c *tls.Conn, _ http.Handler) {
					refuse(&peer{Conn: c, t: t, in: bufio.NewReader(c)})
				},
			}
			srv.StartTLS()
			t.Cleanup(srv.Close)
			w := watch(t, Strategy{Protocol: protocol})
			w.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			a := w.do(request(t, "POST", srv.URL, "x"))
			if protocol == Negotiate {
				wantAnswer(t, a, "HTTP/1.1 x", 2)
			} else if !errors.As(a.err, new(http2.StreamError)) || a.e.Tries != 1 {
				t.Errorf("got %v after %d tries", a.err, a.e.Tries)
			}
		})
	}
}

// TestHTTP2CountError: HTTP2.CountError is told what net/http tells it of.
func TestHTTP2CountError(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(h *h2peer, id uint32)
		want []string
	}{
		{"reset", func(h *h2peer, id uint32) { h.WriteRSTStream(id, http2.ErrCodeInternal) }, []string{"recv_rststream_INTERNAL_ERROR", "read_frame_eof"}},
		{"unknown", func(h *h2peer, id uint32) { h.WriteRSTStream(id, 99) }, []string{"recv_rststream_ERR_UNKNOWN_99", "read_frame_eof"}},
		{"GOAWAY", func(h *h2peer, id uint32) { h.WriteGoAway(id, http2.ErrCodeEnhanceYourCalm, nil) }, []string{"recv_goaway_ENHANCE_YOUR_CALM", "read_frame_eof"}},
		{"GOAWAY in peace", func(h *h2peer, id uint32) { h.WriteGoAway(id, http2.ErrCodeNo, nil) }, []string{"read_frame_eof"}},
		{"broken", func(h *h2peer, _ uint32) { h.headers(99, true) }, []string{"read_frame_conn_error_PROTOCOL_ERROR"}},
		{"cut", func(h *h2peer, _ uint32) { h.Write([]byte{0, 0, 1}) }, []string{"read_frame_unexpected_eof"}},
		{"silent", func(h *h2peer, _ uint32) { h.mute() }, []string{"conn_close_lost_ping", "read_frame_other"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				var got []string
				w.HTTP2 = &http.HTTP2Config{CountError: func(name string) { got = append(got, name) }} // by one goroutine after the other
				piped(w, inHTTP2(0, func(h *h2peer) {
					id := h.wantRequest().id
					h.sync()
					tt.do(h, id)
				})...)
				if a := w.do(request(t, "POST", "http://peer/", "")); a.err == nil {
					t.Error("no error")
				}
				synctest.Wait()
				if !slices.Equal(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}
