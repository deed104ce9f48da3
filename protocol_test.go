package linger

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestRegisterProtocol: files by http.NewFileTransport.
func TestRegisterProtocol(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "name"), []byte("of a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := watch(t, Strategy{})
	w.RegisterProtocol("file", http.NewFileTransport(http.Dir(dir)))
	c := &http.Client{Transport: w}
	resp, err := c.Get("file:///name")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "of a file" || TimelineOf(resp) != nil {
		t.Errorf("%q, %v, %v", body, err, TimelineOf(resp))
	}
	if _, err := c.Get("gopher://host/"); err == nil || !strings.Contains(err.Error(), "gopher") {
		t.Errorf("unknown scheme: %v", err)
	}
}

// TestProtocolTwice: the same scheme has one RoundTripper.
func TestProtocolTwice(t *testing.T) {
	w := watch(t, Strategy{})
	w.RegisterProtocol("a", http.DefaultTransport)
	w.RegisterProtocol("b", http.DefaultTransport)
	defer func() {
		if got := recover(); got != "protocol a already registered" {
			t.Errorf("recovered %v", got)
		}
	}()
	w.RegisterProtocol("a", http.DefaultTransport)
}

// TestProtocolSkips: http.ErrSkipAltProtocol leaves the request to linger, body
// and all; another error is the answer.
func TestProtocolSkips(t *testing.T) {
	everywhere(t, http.HandlerFunc(kinds), func(t *testing.T, w *watched, url string) {
		reads := false
		answer := http.ErrSkipAltProtocol
		scheme, _, _ := strings.Cut(url, ":")
		w.RegisterProtocol(scheme, roundTripFunc(func(req *http.Request) (*http.Response, error) {
			if reads {
				io.Copy(io.Discard, req.Body)
				req.Body.Close()
			}
			return nil, answer
		}))
		for _, size := range []int{1, 100_000} {
			for _, reads = range []bool{false, true} {
				if a := w.do(request(t, "POST", url+"/post", strings.Repeat("x", size))); a.err != nil || !strings.HasPrefix(a.body, "got 1") {
					t.Errorf("%d octets, read %v: %q, %v", size, reads, a.body, a.err)
				}
			}
		}
		req := request(t, "POST", url+"/post", "x")
		req.GetBody = nil
		if a := w.do(req); a.err == nil || !strings.Contains(a.err.Error(), "cannot be made anew") {
			t.Errorf("without GetBody: %v", a.err)
		}
		answer = errors.New("its own")
		if a := w.do(request(t, "POST", url+"/post", "x")); a.err != answer {
			t.Errorf("got %v", a.err)
		}
	})
}
