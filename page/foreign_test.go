package page

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

func phases(e *timeline.Exchange) string {
	var all []string
	for _, s := range e.Spans {
		all = append(all, s.Phase.String())
	}
	return strings.Join(all, " ")
}

// net/http's transport is told about as if it kept timelines, over each
// protocol.
func TestForeignTimelines(t *testing.T) {
	content := site{
		"/":      htmlSays(`<img src=a.png>`),
		"/a.png": says("image/png", "12345"),
	}
	for _, tt := range []struct {
		name      string
		tls, h2   bool
		protocol  string
		handshake string
	}{
		{"clear", false, false, "HTTP/1.1", "connect"},
		{"TLS", true, false, "HTTP/1.1", "connect tls"},
		{"HTTP/2", true, true, "HTTP/2.0", "connect tls"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(content)
			s.EnableHTTP2 = tt.h2
			if tt.tls {
				s.StartTLS()
			} else {
				s.Start()
			}
			rt := s.Client().Transport.(*http.Transport)
			rt.MaxConnsPerHost = 1
			t.Cleanup(s.Close)
			t.Cleanup(rt.CloseIdleConnections)
			p := load(t, rt, s.URL, Options{})
			first, second := p.Exchanges()[0], p.Exchanges()[1]
			if got := phases(first); !strings.Contains(got, tt.handshake) || !strings.HasSuffix(got, "receive") {
				t.Errorf("phases of the first exchange: %s", got)
			}
			if got := phases(second); strings.Contains(got, "connect") {
				t.Errorf("phases of the second exchange: %s", got)
			}
			for i, e := range p.Exchanges() {
				if e.Protocol != tt.protocol || e.Status != 200 || e.Number != i+1 || e.Nth != i+1 || e.Tries != 1 ||
					e.Conn.Number != 1 || e.Conn.Remote.String() != s.Listener.Addr().String() || !e.Conn.Local.IsValid() || (e.Conn.TLS != "") != tt.tls {
					t.Errorf("exchange %d: %+v", i+1, e)
				}
			}
			if first.Reason != "new connection" || !strings.HasPrefix(second.Reason, "reused") {
				t.Errorf("reasons: %q, %q", first.Reason, second.Reason)
			}
			if second.Received.Body != 5 {
				t.Errorf("%d bytes received, want 5", second.Received.Body)
			}
		})
	}
}

func TestForeignRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	p := load(t, &http.Transport{}, "http://"+l.Addr().String(), Options{})
	o := p.Objects[0]
	var e *Error
	if !errors.As(o.Err, &e) || e.Step != StepRequest || !strings.Contains(o.Err.Error(), "refused") {
		t.Errorf("error %v", o.Err)
	}
	x := o.Hops[0].Exchange
	if x.Error == "" || !strings.HasSuffix(phases(x), "connect") || len(x.Spans[len(x.Spans)-1].Attempts) != 1 {
		t.Errorf("exchange %+v", x)
	}
	if p.Moments != never {
		t.Errorf("moments %+v", p.Moments)
	}
}

// A connection that dies under the request makes net/http try another.
func TestForeignSentAgain(t *testing.T) {
	kill := make(chan net.Conn, 1)
	addr, rt := serve(t, site{
		"/": htmlSays(`<script src=a.js></script>`),
		"/a.js": func(w http.ResponseWriter, r *http.Request) {
			select {
			case kill <- nil:
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			default:
			}
		},
	})
	rt.MaxConnsPerHost = 1
	p := load(t, rt, addr, Options{})
	x := object(t, p, "a.js").Hops[0].Exchange
	if x.Tries != 2 || x.Status != 200 || x.Conn.Number != 2 {
		t.Errorf("exchange %+v", x)
	}
}

// A fake RoundTripper that keeps timelines, or does not.
type fake func(*http.Request) (*http.Response, error)

func (f fake) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(r *http.Request, contentType string, body io.Reader) *http.Response {
	return &http.Response{
		StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1, Request: r,
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(body),
	}
}

func TestRoundTripperWithoutHooks(t *testing.T) {
	p := load(t, fake(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/no" {
			return nil, errors.New("two\nlines")
		}
		return answer(r, "text/html", strings.NewReader(`<img src=/no>`)), nil
	}), "http://h", Options{})
	if got := phases(p.Objects[0].Hops[0].Exchange); got != "wait receive" {
		t.Errorf("phases %q", got)
	}
	if x := p.Objects[1].Hops[0].Exchange; phases(x) != "wait" || x.Error == "" {
		t.Errorf("a failed one: %+v", x)
	}
}

type carrierBody struct {
	io.Reader
	x *timeline.Exchange
}

func (c *carrierBody) Timeline() *timeline.Exchange { return c.x }

func (c *carrierBody) Close() error { c.x.Finish(c.x.Start.Add(time.Second), nil); return nil }

type carrierError struct{ x *timeline.Exchange }

func (c carrierError) Error() string                { return "failed" }
func (c carrierError) Timeline() *timeline.Exchange { return c.x }

// The timelines of a RoundTripper that keeps them are taken as they are.
func TestOwnTimelines(t *testing.T) {
	p := load(t, fake(func(r *http.Request) (*http.Response, error) {
		x := &timeline.Exchange{Number: 42, Start: time.Unix(1, 0)}
		if r.URL.Path == "/no" {
			x.Finish(x.Start, errors.New("failed"))
			return nil, carrierError{x}
		}
		resp := answer(r, "text/html", nil)
		resp.Body = &carrierBody{strings.NewReader(`<img src=/no>`), x}
		return resp, nil
	}), "http://h", Options{})
	for _, x := range p.Exchanges() {
		if x.Number != 42 || len(x.Spans) == 0 {
			t.Errorf("exchange %+v", x)
		}
	}
	if n := len(p.Exchanges()); n != 2 {
		t.Errorf("%d exchanges, want 2", n)
	}
}
