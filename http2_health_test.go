package linger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/timeline"
)

// mute lets a peer read on without answering anything, PINGs neither, and counts
// these.
func (h *h2peer) mute() (pings int) {
	for {
		f, err := h.ReadFrame()
		if err != nil {
			return pings
		}
		if p, ok := f.(*http2.PingFrame); ok && !p.IsAck() {
			pings++
		}
	}
}

// TestHTTP2Health: a connection whose server says nothing any more is found by a
// PING after SendPingTimeout and closed PingTimeout later; what may be sent again
// is, over another connection (golang/go#36026).
func TestHTTP2Health(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config *http.HTTP2Config
		method string
		after  time.Duration // 0: never
		fails  bool
	}{
		{"by default", nil, "GET", 30 * time.Second, false},
		{"as told", &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 2 * time.Second}, "GET", 7 * time.Second, false},
		{"what may have been applied", nil, "POST", 30 * time.Second, true},
		{"no PINGs", &http.HTTP2Config{SendPingTimeout: -1}, "GET", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				w.HTTP2 = tt.config
				pings := make(chan int, 1)
				piped(w, inHTTP2(0, func(h *h2peer) { pings <- h.mute() }, h2echo)...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				a := w.do(request(t, tt.method, "http://peer/x", "").WithContext(ctx))
				if (a.err != nil) != tt.fails || (tt.after > 0 && a.e.Duration.Truncate(time.Second) != tt.after) || (tt.after == 0 && a.e.Duration != time.Hour) {
					t.Errorf("got %v after %v", a.err, a.e.Duration)
				}
				if tt.after > 0 && tt.fails && !errors.Is(a.err, errPingTimeout) {
					t.Errorf("got %v", a.err)
				}
				w.CloseIdleConnections()
				if n := <-pings; (n == 1) != (tt.after > 0) {
					t.Errorf("%d PINGs", n)
				}
				if n := w.Stats().Closed[CloseTimeout]; (n == 1) != (tt.after > 0) {
					t.Errorf("%d connections closed for a timeout: %v", n, w.Stats().Closed)
				}
			})
		})
	}
}

// TestHTTP2Asleep: a connection that was idle for longer than SendPingTimeout is
// asked when it is used again, together with the request.
func TestHTTP2Asleep(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			h.reply(h.wantRequest().id, "one")
			h.mute() // gone without a word
		}, h2echo)...)
		wantAnswer(t, w.get("http://peer/1"), "one", 1)
		time.Sleep(time.Minute) // of virtual time
		a := w.get("http://peer/2")
		wantAnswer(t, a, "/2", 2)
		if a.e.Duration != defaultPing {
			t.Errorf("it took %v", a.e.Duration)
		}
	})
}

// TestHTTP2Doubted: after a request ran out of time, nothing is put on its
// connection until the server has answered a PING (golang/go#48810).
func TestHTTP2Doubted(t *testing.T) {
	for _, alive := range []bool{true, false} {
		t.Run(fmt.Sprint(alive), func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				piped(w, inHTTP2(0, func(h *h2peer) {
					h.deaf = true
					h.wantRequest()
					for {
						f, err := h.ReadFrame()
						if err != nil {
							return
						}
						if p, ok := f.(*http2.PingFrame); ok && alive {
							h.wantQuiet()
							time.Sleep(3 * time.Second) // of virtual time
							h.WritePing(true, p.Data)
							break
						}
					}
					h2echo(h)
				}, h2echo)...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if a := w.do(request(t, "GET", "http://peer/1", "").WithContext(ctx)); !errors.Is(a.err, context.DeadlineExceeded) {
					t.Errorf("got %v", a.err)
				}
				a := w.get("http://peer/2")
				wantAnswer(t, a, "/2", 1)
				want, number := 3*time.Second, 1
				if !alive {
					want, number = defaultPing, 2
				}
				if got := a.e.In(timeline.Queue).Truncate(time.Millisecond); got != want || a.e.Conn.Number != number {
					t.Errorf("on connection %d after %v in the queue", a.e.Conn.Number, got)
				}
			})
		})
	}
}

// TestHTTP2BreaksOff: what a server must not do ends the connection, and the
// server is told why; who was on it learns it.
func TestHTTP2BreaksOff(t *testing.T) {
	raw := func(kind http2.FrameType, flags http2.Flags, id uint32, payload ...byte) func(*h2peer, uint32) {
		return func(h *h2peer, _ uint32) { h.WriteRawFrame(kind, flags, id, payload) }
	}
	for _, tt := range []struct {
		name string
		do   func(h *h2peer, id uint32)
		want http2.ErrCode
	}{
		{"PUSH_PROMISE", func(h *h2peer, id uint32) {
			h.WritePushPromise(http2.PushPromiseParam{StreamID: id, PromiseID: 2, EndHeaders: true})
		}, http2.ErrCodeProtocol},
		{"DATA on stream 0", raw(http2.FrameData, 0, 0, 'x'), http2.ErrCodeProtocol},
		{"DATA on a stream nobody opened", raw(http2.FrameData, 0, 99, 'x'), http2.ErrCodeProtocol},
		{"DATA with more padding than there is", raw(http2.FrameData, http2.FlagDataPadded, 1, 9, 'x'), http2.ErrCodeProtocol},
		{"HEADERS on a stream nobody opened", func(h *h2peer, _ uint32) { h.headers(99, false, ":status", "200") }, http2.ErrCodeProtocol},
		{"HEADERS on a stream of the server's", func(h *h2peer, _ uint32) { h.headers(2, false, ":status", "200") }, http2.ErrCodeProtocol},
		{"RST_STREAM of a stream nobody opened", func(h *h2peer, _ uint32) { h.WriteRSTStream(99, http2.ErrCodeCancel) }, http2.ErrCodeProtocol},
		{"WINDOW_UPDATE of a stream nobody opened", func(h *h2peer, _ uint32) { h.WriteWindowUpdate(99, 1) }, http2.ErrCodeProtocol},
		{"a window too large", func(h *h2peer, _ uint32) { h.WriteWindowUpdate(0, 1<<31-1) }, http2.ErrCodeFlowControl},
		{"windows too large by SETTINGS", func(h *h2peer, id uint32) {
			h.WriteWindowUpdate(id, 1<<30)
			h.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		}, http2.ErrCodeFlowControl},
		{"SETTINGS out of range", func(h *h2peer, _ uint32) {
			h.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1})
		}, http2.ErrCodeProtocol},
		{"a frame too large", raw(http2.FrameData, 0, 1, make([]byte, 16385)...), http2.ErrCodeFrameSize},
		{"a PING of seven octets", raw(http2.FramePing, 0, 0, 1, 2, 3, 4, 5, 6, 7), http2.ErrCodeFrameSize},
		{"something within a field block", func(h *h2peer, id uint32) {
			h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x88}})
			h.WritePing(false, [8]byte{})
		}, http2.ErrCodeProtocol},
		{"a field block that is none", func(h *h2peer, id uint32) {
			h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0xff, 0xff, 0xff}, EndHeaders: true})
		}, http2.ErrCodeCompression},
		{"CONTINUATION without end", func(h *h2peer, id uint32) {
			h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x88}})
			for range 5000 {
				h.WriteContinuation(id, false, nil)
			}
		}, http2.ErrCodeEnhanceYourCalm},
		{"a field block without end", func(h *h2peer, id uint32) {
			h.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: []byte{0x88}})
			for range 200 {
				h.WriteContinuation(id, false, slices.Repeat([]byte{0x88}, 16384))
			}
		}, http2.ErrCodeEnhanceYourCalm},
		{"empty DATA without end", flood(func(h *h2peer, id uint32) { h.WriteData(id, false, nil) }), http2.ErrCodeEnhanceYourCalm},
		{"SETTINGS without end", flood(func(h *h2peer, _ uint32) { h.WriteSettings() }), http2.ErrCodeEnhanceYourCalm},
		{"PINGs without end", flood(func(h *h2peer, _ uint32) { h.WritePing(false, [8]byte{}) }), http2.ErrCodeEnhanceYourCalm},
		{"PRIORITY without end", flood(func(h *h2peer, id uint32) { h.WritePriority(id, http2.PriorityParam{Weight: 1}) }), http2.ErrCodeEnhanceYourCalm},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				code := make(chan http2.ErrCode, 1)
				piped(w, inHTTP2(0, func(h *h2peer) {
					defer close(code)
					id := h.wantHead().StreamID
					tt.do(h, id)
					for f := h.next(); f != nil; f = h.next() {
						if f, ok := f.(*http2.GoAwayFrame); ok {
							code <- f.ErrCode
						}
					}
				}, h2echo)...)
				a := w.do(request(t, "POST", "http://peer/1", ""))
				var broken http2.ConnectionError
				if tt.name == "CONTINUATION without end" || tt.name == "a field block without end" {
					if !errors.Is(a.err, ErrHeaderTooLarge) {
						t.Errorf("got %v", a.err)
					}
				} else if !errors.As(a.err, &broken) || http2.ErrCode(broken) != tt.want {
					t.Errorf("got %v", a.err)
				}
				if got, told := <-code; got != tt.want || !told {
					t.Errorf("the server was told %v (%v), want %v", got, told, tt.want)
				}
				wantAnswer(t, w.get("http://peer/2"), "/2", 1)
				if n := w.Stats().Closed[CloseBroken]; n != 1 {
					t.Errorf("closed: %v", w.Stats().Closed)
				}
			})
		})
	}
}

// flood does the same thing more often than anybody bears.
func flood(do func(*h2peer, uint32)) func(*h2peer, uint32) {
	return func(h *h2peer, id uint32) {
		h.headers(id, false, ":status", "200")
		for range 2*maxIdleFrames + 2 {
			do(h, id)
		}
	}
}

// TestHTTP2Ignored: "Implementations MUST ignore and discard frames of unknown
// types", https://www.rfc-editor.org/rfc/rfc9113#section-4.1; PRIORITY is
// deprecated; late frames of streams that have ended are nothing to speak of.
func TestHTTP2Ignored(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		dialled := piped(w, inHTTP2(0, func(h *h2peer) {
			old := h.wantRequest().id
			h.reply(old, "one")
			id := h.wantRequest().id
			h.WriteRawFrame(0xbe, 0xff, id, []byte("whatever"))
			h.WriteRawFrame(0xbe, 0xff, 0, nil)
			h.WriteSettings(http2.Setting{ID: 0xbeef, Val: 7})
			h.WritePriority(id, http2.PriorityParam{Weight: 3})
			h.WritePriority(99, http2.PriorityParam{Weight: 3})
			h.headers(old, false, "x-late", "kept in HPACK's table")
			h.WriteData(old, false, []byte("late"))
			h.WriteWindowUpdate(old, 1)
			h.WriteRSTStream(old, http2.ErrCodeCancel)
			h.headers(id, false, ":status", "200", "x-late", "kept in HPACK's table")
			h.WriteData(id, true, []byte("two"))
			h.waitForEnd()
		})...)
		wantAnswer(t, w.get("http://peer/1"), "one", 1)
		a := w.get("http://peer/2")
		wantAnswer(t, a, "two", 1)
		if a.header.Get("X-Late") != "kept in HPACK's table" || dialled.Load() != 1 {
			t.Errorf("%v over %d connections", a.header, dialled.Load())
		}
	})
}

// TestHTTP2Answers: a PING is answered with its own octets.
func TestHTTP2AnswersPings(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			id := h.wantRequest().id
			for i := range uint64(100) {
				var data [8]byte
				binary.BigEndian.PutUint64(data[:], i)
				h.WritePing(false, data)
			}
			for i := uint64(0); i < 100; {
				f, err := h.ReadFrame()
				if err != nil {
					t.Error(err)
					return
				}
				if p, ok := f.(*http2.PingFrame); ok {
					if got := binary.BigEndian.Uint64(p.Data[:]); !p.IsAck() || got != i {
						t.Errorf("got %v where %d was wanted", p, i)
					}
					i++
				}
			}
			h.reply(id, "ok")
			h.waitForEnd()
		})...)
		wantAnswer(t, w.get("http://peer/"), "ok", 1)
	})
}

// TestHTTP2LastStream: "Long-lived connections can result in an endpoint
// exhausting the available range of stream identifiers … can establish a new
// connection for new streams", https://www.rfc-editor.org/rfc/rfc9113#section-5.1.1.
func TestHTTP2LastStream(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		dialled := piped(w, inHTTP2(0, h2echo)...)
		wantAnswer(t, w.get("http://peer/1"), "/1", 1)
		for _, o := range w.conns.origins {
			c := o.conns[0].conn.(*http2Conn)
			c.mu.Lock()
			c.nextID = maxStreamID - 2
			c.mu.Unlock()
		}
		for i, want := range []int{1, 1, 2, 2} {
			a := w.get("http://peer/x")
			wantAnswer(t, a, "/x", 1)
			if a.e.Conn.Number != want {
				t.Errorf("exchange %d is on connection %d, want %d", i, a.e.Conn.Number, want)
			}
		}
		if n := dialled.Load(); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestHTTP2GoAwayTwice: a server that is about to stop says so with the highest
// number first, and then which streams it will process:
// https://www.rfc-editor.org/rfc/rfc9113#section-6.8.
func TestHTTP2GoAwayTwice(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			first, second := h.wantRequest(), h.wantRequest()
			h.WriteGoAway(1<<31-1, http2.ErrCodeNo, nil)
			h.sync()
			h.WriteGoAway(first.id, http2.ErrCodeNo, nil)
			h.reply(first.id, first.path)
			_ = second
			h.waitForEnd()
		}, h2echo)...)
		tries := 0
		for i, a := range w.all("http://peer", 2) {
			wantAnswer(t, a, fmt.Sprintf("/%d", i), a.e.Tries)
			tries += a.e.Tries
		}
		if tries != 3 {
			t.Errorf("%d tries for both, want 3", tries)
		}
		synctest.Wait()
		if n := w.Stats().Closed[CloseAnnounced]; n != 1 {
			t.Errorf("closed: %v", w.Stats().Closed)
		}
	})
}

// TestHTTP2PingsBorne: a silent stream is kept for hours by a server with the
// policy of gRPC's: more than two PINGs, each within five minutes of the one
// before and with no HEADERS or DATA of the server's in between, end the
// connection (grpc-go, internal/transport/http2_server.go).
func TestHTTP2PingsBorne(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			r := h.wantRequest()
			h.headers(r.id, false, ":status", "200")
			pings, strikes, begun, last := 0, 0, time.Now(), time.Time{}
			for time.Since(begun) < 3*time.Hour {
				f, err := h.ReadFrame()
				if err != nil {
					break
				}
				p, ok := f.(*http2.PingFrame)
				if !ok {
					continue
				}
				if time.Since(last) < 5*time.Minute {
					strikes++
				}
				last = time.Now()
				pings++
				h.WritePing(true, p.Data)
			}
			h.WriteData(r.id, true, []byte("at last"))
			h.waitForEnd()
			if strikes > 2 || pings < 20 {
				t.Errorf("%d PINGs, %d of them too early", pings, strikes)
			}
		})...)
		given := func() { // one that gives up, and has the connection asked after
			time.Sleep(time.Hour) // of virtual time
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			w.do(request(t, "GET", "http://peer/late", "").WithContext(ctx))
		}
		done := make(chan answer)
		go func() { done <- w.get("http://peer/watch") }()
		given()
		given()
		wantAnswer(t, <-done, "at last", 1)
	})
}
