package linger

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestProbe: a body of unknown length that is empty is none, on whatever
// protocol; one that is not arrives whole.
func TestProbe(t *testing.T) {
	everywhere(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(rw, strings.Join(r.TransferEncoding, "")+" "+string(body))
	}), func(t *testing.T, w *watched, url string) {
		for _, method := range []string{"GET", "DELETE"} {
			for _, body := range []string{"", "a", "abc"} {
				b := &countedBody{Reader: strings.NewReader(body)}
				a := w.do(mustRequest(t, method, url, b))
				want := " " + body
				if body != "" && a.e.Protocol == "HTTP/1.1" {
					want = "chunked" + want
				}
				if a.err != nil || a.body != want {
					t.Errorf("%s of %q: %q, not %q; %v", method, body, a.body, want, a.err)
				}
				eventually(t, method+" of "+strconv.Quote(body)+": the body is closed", func() bool { return b.closed.Load() > 0 })
				if n := b.closed.Load(); n != 1 {
					t.Errorf("%s of %q: the body was closed %d times", method, body, n)
				}
			}
		}
	})
}

func mustRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestProbeOfASlowBody: the head of the request does not wait for a body that
// takes its time.
func TestProbeOfASlowBody(t *testing.T) {
	inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
		r, body := io.Pipe()
		piped(w, func(p *peer) {
			req := p.want("GET", "/")
			go func() {
				io.WriteString(body, "late")
				body.Close()
			}()
			got, _ := io.ReadAll(req.Body)
			p.answer(string(got))
		})
		start := time.Now()
		a := w.do(mustRequest(t, "GET", "http://peer/", r))
		if a.err != nil || a.body != "late" || time.Since(start) != probeWait {
			t.Errorf("%q after %v, %v", a.body, time.Since(start), a.err)
		}
	})
}

// TestProbeOfABrokenBody: a body that fails is an error of the request.
func TestProbeOfABrokenBody(t *testing.T) {
	everywhere(t, http.HandlerFunc(kinds), func(t *testing.T, w *watched, url string) {
		broken := errors.New("broken")
		r, body := io.Pipe()
		body.CloseWithError(broken)
		if a := w.do(mustRequest(t, "GET", url, r)); !errors.Is(a.err, broken) {
			t.Errorf("got %v", a.err)
		}
	})
}
