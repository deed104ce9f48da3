package linger

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// wantHead reads on until a request's head has come, whole.
func (h *h2peer) wantHead() *http2.MetaHeadersFrame {
	for f := h.next(); f != nil; f = h.next() {
		if f, ok := f.(*http2.MetaHeadersFrame); ok {
			return f
		}
	}
	h.t.Errorf("connection %d: no head where one was wanted", h.n)
	return &http2.MetaHeadersFrame{HeadersFrame: &http2.HeadersFrame{}}
}

// lines writes fields as lines of text.
func lines(f *http2.MetaHeadersFrame) []string {
	var all []string
	for _, field := range f.Fields {
		all = append(all, field.Name+": "+field.Value)
	}
	return all
}

// TestHTTP2Preface: "The client connection preface starts with a sequence of 24
// octets … followed by a SETTINGS frame",
// https://www.rfc-editor.org/rfc/rfc9113#section-3.4.
func TestHTTP2Preface(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config *http.HTTP2Config
		header int
		want   map[http2.SettingID]uint32
		window uint32
	}{
		{"defaults", nil, 0, map[http2.SettingID]uint32{http2.SettingEnablePush: 0, http2.SettingInitialWindowSize: 4 << 20,
			http2.SettingMaxFrameSize: 16 << 10, http2.SettingMaxHeaderListSize: 1 << 20, http2.SettingHeaderTableSize: 4096}, 1<<30 - 65535},
		{"told", &http.HTTP2Config{MaxReceiveBufferPerStream: 100_000, MaxReceiveBufferPerConnection: 200_000, MaxReadFrameSize: 1 << 20, MaxDecoderHeaderTableSize: 8192}, 5000,
			map[http2.SettingID]uint32{http2.SettingEnablePush: 0, http2.SettingInitialWindowSize: 100_000,
				http2.SettingMaxFrameSize: 1 << 20, http2.SettingMaxHeaderListSize: 5000, http2.SettingHeaderTableSize: 8192}, 200_000 - 65535},
		{"out of range", &http.HTTP2Config{MaxReceiveBufferPerStream: 1 << 30, MaxReceiveBufferPerConnection: 10, MaxReadFrameSize: 5}, 0,
			map[http2.SettingID]uint32{http2.SettingEnablePush: 0, http2.SettingInitialWindowSize: 4 << 20,
				http2.SettingMaxFrameSize: 16 << 10, http2.SettingMaxHeaderListSize: 1 << 20, http2.SettingHeaderTableSize: 4096}, 1<<30 - 65535},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				w.HTTP2, w.MaxResponseHeaderBytes = tt.config, tt.header
				piped(w, inHTTP2(0, func(h *h2peer) {
					f, err := h.ReadFrame()
					s, ok := f.(*http2.SettingsFrame)
					if !ok || s.IsAck() {
						t.Errorf("the first frame is %v, %v", f, err)
						return
					}
					got := map[http2.SettingID]uint32{}
					s.ForeachSetting(func(s http2.Setting) error { got[s.ID] = s.Val; return nil })
					if !maps.Equal(got, tt.want) {
						t.Errorf("got %v, want %v", got, tt.want)
					}
					f, err = h.ReadFrame()
					if u, ok := f.(*http2.WindowUpdateFrame); !ok || u.StreamID != 0 || u.Increment != tt.window {
						t.Errorf("then came %v, %v", f, err)
					}
					h2echo(h)
				})...)
				wantAnswer(t, w.get("http://peer/x"), "/x", 1)
			})
		})
	}
}

// TestHTTP2RequestHead holds requests against the fields that the server gets:
// https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1, §8.2.
func TestHTTP2RequestHead(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   []string // behind the pseudo fields
	}{
		{"nothing", func(*http.Request) {}, []string{"user-agent: linger", "accept-encoding: gzip"}},
		{"a name", func(r *http.Request) { r.Header.Set("User-Agent", "me"); r.Header.Set("Accept-Encoding", "br") }, []string{"accept-encoding: br", "user-agent: me"}},
		{"no name", func(r *http.Request) { r.Header["User-Agent"] = []string{""} }, []string{"accept-encoding: gzip"}},
		{"several values", func(r *http.Request) { r.Header["X-A"] = []string{"1", "2"} }, []string{"user-agent: linger", "accept-encoding: gzip", "x-a: 1", "x-a: 2"}},
		{"cookies", func(r *http.Request) { r.Header["Cookie"] = []string{"a=b; c=d;e=f", "g=h"} },
			[]string{"user-agent: linger", "accept-encoding: gzip", "cookie: a=b", "cookie: c=d", "cookie: e=f", "cookie: g=h"}},
		{"of HTTP/1's connection", func(r *http.Request) {
			for _, name := range []string{"Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Host", "Content-Length"} {
				r.Header.Set(name, "1")
			}
			r.Header.Set("Connection", "keep-alive")
		}, []string{"user-agent: linger", "accept-encoding: gzip"}},
		{"TE trailers", func(r *http.Request) { r.Header.Set("TE", "gzip, trailers") }, []string{"user-agent: linger", "accept-encoding: gzip", "te: trailers"}},
		{"TE otherwise", func(r *http.Request) { r.Header.Set("TE", "gzip") }, []string{"user-agent: linger", "accept-encoding: gzip"}},
		{"a body", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = "PUT", io.NopCloser(strings.NewReader("body")), 4
		},
			[]string{"user-agent: linger", "accept-encoding: gzip", "content-length: 4"}},
		{"a body of unknown length", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = "PUT", io.NopCloser(strings.NewReader("body")), -1
		},
			[]string{"user-agent: linger", "accept-encoding: gzip"}},
		{"an empty body", func(r *http.Request) { r.Method = "POST" }, []string{"user-agent: linger", "accept-encoding: gzip", "content-length: 0"}},
		{"a trailer", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = "PUT", io.NopCloser(strings.NewReader("body")), 4
			r.Trailer = http.Header{"X-B": {"2"}, "X-A": {"1"}}
		}, []string{"user-agent: linger", "accept-encoding: gzip", "content-length: 4", "trailer: X-A,X-B"}},
		{"more than a frame", func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("~", 50_000)) },
			[]string{"user-agent: linger", "accept-encoding: gzip", "x-long: " + strings.Repeat("~", 50_000)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				req := request(t, "GET", "http://peer/path?query", "")
				tt.change(req)
				piped(w, inHTTP2(0, func(h *h2peer) {
					f := h.wantHead()
					want := append([]string{":method: " + req.Method, ":scheme: http", ":authority: peer", ":path: /path?query"}, tt.want...)
					if got := lines(f); !slices.Equal(got, want) {
						t.Errorf("got  %.300q\nwant %.300q", got, want)
					}
					for end := f.StreamEnded(); !end; {
						e, ok := h.next().(interface{ StreamEnded() bool })
						end = !ok || e.StreamEnded()
					}
					h.reply(f.StreamID, "ok")
					h.waitForEnd()
				})...)
				wantAnswer(t, w.do(req), "ok", 1)
			})
		})
	}
}

// TestHTTP2RequestTrailer: trailers are sent behind the body with the values they
// have then, and behind none.
func TestHTTP2RequestTrailer(t *testing.T) {
	for _, body := range []string{"", "small", strings.Repeat("large", 100_000)} {
		t.Run(fmt.Sprint(len(body)), func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				piped(w, inHTTP2(0, func(h *h2peer) {
					id, size := h.wantHead().StreamID, 0
					for f := h.next(); f != nil; f = h.next() {
						switch f := f.(type) {
						case *http2.DataFrame:
							size += len(f.Data())
							h.WriteWindowUpdate(0, 1<<15)
							h.WriteWindowUpdate(id, 1<<15)
						case *http2.MetaHeadersFrame:
							if got := lines(f); !f.StreamEnded() || size != len(body) || !slices.Equal(got, []string{"x-sum: 42"}) {
								t.Errorf("after %d octets the trailer is %q, end %v", size, got, f.StreamEnded())
							}
							h.reply(id, "ok")
						}
					}
				})...)
				req := request(t, "PUT", "http://peer/", body)
				req.Trailer = http.Header{"X-Sum": {"42"}}
				wantAnswer(t, w.do(req), "ok", 1)
			})
		})
	}
}

// TestHTTP2LateTrailer: a trailer's value comes when the body has ended, and cannot
// be refused any more; what could be read as something else is not sent.
func TestHTTP2LateTrailer(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			id := h.wantHead().StreamID
			for f := h.next(); f != nil; f = h.next() {
				if f, ok := f.(*http2.MetaHeadersFrame); ok {
					if got := lines(f); !f.StreamEnded() || !slices.Equal(got, []string{"x-sum: 42  X: y"}) {
						t.Errorf("the trailer is %q, end %v", got, f.StreamEnded())
					}
					h.reply(id, "ok")
				}
			}
		})...)
		req := request(t, "PUT", "http://peer/", "")
		req.Trailer = http.Header{"X-Sum": nil}
		req.Body, req.ContentLength = io.NopCloser(&endsBy{strings.NewReader("body"), func() {
			req.Trailer["X-Sum"] = []string{"42\r\nX: y"}
			req.Trailer["Content-Length"] = []string{"9"}
			req.Trailer[":path"] = []string{"/"}
		}}), -1
		wantAnswer(t, w.do(req), "ok", 1)
	})
}

// An endsBy calls a function when its end is read.
type endsBy struct {
	io.Reader
	end func()
}

func (r *endsBy) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		r.end()
	}
	return n, err
}

// TestHTTP2RequestRefusedHere: what cannot be sent in HTTP/2, or is larger than
// the server takes, is not sent; the connection stays.
func TestHTTP2RequestRefusedHere(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		want   error
	}{
		{"larger than the server takes", func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("x", 2000)) }, errHeadTooLarge},
		{"Upgrade", func(r *http.Request) { r.Header.Set("Connection", "Upgrade"); r.Header.Set("Upgrade", "websocket") }, nil},
		{"a body that is too short", func(r *http.Request) { r.ContentLength = 10 }, io.ErrUnexpectedEOF},
		{"a body that is too long", func(r *http.Request) { r.ContentLength = 2 }, errLongBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				dialled := piped(w, inHTTP2(0, func(h *h2peer) {
					h.WriteSettings(http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 1000})
					h2echo(h)
				})...)
				wantAnswer(t, w.get("http://peer/1"), "/1", 1)
				req := request(t, "POST", "http://peer/2", "body")
				tt.change(req)
				a := w.do(req)
				var e *Error
				if !errors.As(a.err, &e) || e.Sent || (tt.want != nil && !errors.Is(e, tt.want)) {
					t.Errorf("got %v, want %v", a.err, tt.want)
				}
				wantAnswer(t, w.get("http://peer/3"), "/3", 1)
				if n := dialled.Load(); n != 1 {
					t.Errorf("%d connections", n)
				}
			})
		})
	}
}

// TestHTTP2Malformed: "Clients MUST NOT accept a malformed response",
// https://www.rfc-editor.org/rfc/rfc9113#section-8.1.1. The stream ends; HPACK's
// state is kept, and the connection goes on.
func TestHTTP2Malformed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		pairs []string
	}{
		{"no status", []string{"x-a", "1"}},
		{"an empty block", nil},
		{"status of two digits", []string{":status", "20"}},
		{"status below 100", []string{":status", "099"}},
		{"status in words", []string{":status", "2x0"}},
		{"two statuses", []string{":status", "200", ":status", "200"}},
		{"a request's pseudo field", []string{":status", "200", ":path", "/"}},
		{"an unknown pseudo field", []string{":status", "200", ":what", "ever"}},
		{"a pseudo field behind others", []string{"x-a", "1", ":status", "200"}},
		{"a name with a capital", []string{":status", "200", "X-a", "1"}},
		{"a name with a space", []string{":status", "200", "x a", "1"}},
		{"a value with a line end", []string{":status", "200", "x-a", "1\r\nx-b: 2"}},
		{"Connection", []string{":status", "200", "connection", "keep-alive"}},
		{"Transfer-Encoding", []string{":status", "200", "transfer-encoding", "chunked"}},
		{"two lengths", []string{":status", "200", "content-length", "1", "content-length", "2"}},
		{"a length with a sign", []string{":status", "200", "content-length", "+1"}},
		{"switching protocols", []string{":status", "101"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				dialled := piped(w, inHTTP2(0, func(h *h2peer) {
					r := h.wantRequest()
					h.headers(r.id, false, append(tt.pairs, "x-kept", "in HPACK's table")...)
					h.wantReset(r.id, http2.ErrCodeProtocol)
					r = h.wantRequest()
					h.headers(r.id, true, ":status", "204", "x-kept", "in HPACK's table")
					h.waitForEnd()
				})...)
				a := w.get("http://peer/1")
				var wrong http2.StreamError
				if !errors.As(a.err, &wrong) || wrong.Code != http2.ErrCodeProtocol || a.e.Tries != 1 {
					t.Errorf("got %v", a.err)
				}
				b := w.get("http://peer/2")
				if b.err != nil || b.header.Get("X-Kept") != "in HPACK's table" || dialled.Load() != 1 {
					t.Errorf("then %v, %v over %d connections", b.header, b.err, dialled.Load())
				}
			})
		})
	}
}

// TestHTTP2Length: "A request or response is also malformed if the value of a
// content-length header field does not equal the sum of the DATA frame payload
// lengths", https://www.rfc-editor.org/rfc/rfc9113#section-8.1.1.
func TestHTTP2Length(t *testing.T) {
	for _, tt := range []struct {
		name, length, body string
		cut                bool // END_STREAM stands on HEADERS
		want               string
	}{
		{"as told", "4", "body", false, ""},
		{"longer", "3", "body", false, "longer than its content-length"},
		{"shorter", "5", "body", false, "1 bytes are missing"},
		{"none of it", "5", "", true, "5 bytes are missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				piped(w, inHTTP2(0, func(h *h2peer) {
					r := h.wantRequest()
					h.headers(r.id, tt.cut, ":status", "200", "content-length", tt.length)
					if !tt.cut {
						h.WriteData(r.id, true, []byte(tt.body))
					}
					h2echo(h)
				})...)
				a := w.get("http://peer/1")
				if (a.err == nil) != (tt.want == "") || (a.err != nil && !strings.Contains(a.err.Error(), tt.want)) {
					t.Errorf("got %q, %v", a.body, a.err)
				}
				wantAnswer(t, w.get("http://peer/2"), "/2", 1)
			})
		})
	}
}

// TestHTTP2HeadInPieces: heads come padded, with a priority, and in as many
// CONTINUATION frames as somebody likes, but for a bound (CVE-2023-45288).
func TestHTTP2HeadInPieces(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			r := h.wantRequest()
			h.block.Reset()
			for _, f := range []string{":status", "x-a", "x-b"} {
				h.enc.WriteField(headerField(f))
			}
			block := h.block.Bytes()
			h.WriteHeaders(http2.HeadersFrameParam{StreamID: r.id, BlockFragment: block[:1], PadLength: 7, Priority: http2.PriorityParam{Weight: 3}})
			for _, b := range block[1 : len(block)-1] {
				h.WriteContinuation(r.id, false, []byte{b})
			}
			h.WriteContinuation(r.id, true, block[len(block)-1:])
			h.WriteDataPadded(r.id, false, []byte("pad"), make([]byte, 200))
			h.WriteDataPadded(r.id, false, nil, make([]byte, 255))
			h.WriteDataPadded(r.id, true, []byte("ded"), nil)
			h.waitForEnd()
		})...)
		a := w.get("http://peer/")
		wantAnswer(t, a, "padded", 1)
		if a.header.Get("X-A") != "x-a's" || a.header.Get("X-B") != "x-b's" {
			t.Errorf("the header is %v", a.header)
		}
	})
}

// TestHTTP2HeadTooLarge: a head beyond MaxResponseHeaderBytes fails its exchange
// alone, as long as it can be decoded in bounds.
func TestHTTP2HeadTooLarge(t *testing.T) {
	for _, pieces := range []int{1, 100} {
		t.Run(fmt.Sprint(pieces), func(t *testing.T) {
			inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
				w.MaxResponseHeaderBytes = 2000
				dialled := piped(w, inHTTP2(0, func(h *h2peer) {
					r := h.wantRequest()
					pairs := []string{":status", "200"}
					for i := range pieces {
						pairs = append(pairs, fmt.Sprintf("x-%d", i), strings.Repeat("~", 3000/pieces))
					}
					h.headers(r.id, true, pairs...)
					h2echo(h)
				})...)
				if a := w.get("http://peer/1"); !errors.Is(a.err, ErrHeaderTooLarge) || a.e.Tries != 1 {
					t.Errorf("got %v after %d tries", a.err, a.e.Tries)
				}
				wantAnswer(t, w.get("http://peer/2"), "/2", 1)
				if n := dialled.Load(); n != 1 {
					t.Errorf("%d connections", n)
				}
			})
		})
	}
}

// TestHTTP2TraceRefuses: an error of Got1xxResponse gives the exchange up.
func TestHTTP2TraceRefuses(t *testing.T) {
	inVirtualTime(t, named(t, "multiplexed"), func(t *testing.T, w *watched) {
		piped(w, inHTTP2(0, func(h *h2peer) {
			r := h.wantRequest()
			h.headers(r.id, false, ":status", "103")
			h.wantReset(r.id, http2.ErrCodeCancel)
			h2echo(h)
		})...)
		refusal := errors.New("no hints, thank you")
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(int, textproto.MIMEHeader) error { return refusal },
		})
		if a := w.do(request(t, "GET", "http://peer/1", "").WithContext(ctx)); !errors.Is(a.err, refusal) {
			t.Errorf("got %v", a.err)
		}
		wantAnswer(t, w.get("http://peer/2"), "/2", 1)
	})
}
