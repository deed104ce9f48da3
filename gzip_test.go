package linger

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

func gzipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.Bytes()
}

// zips answers in gzip, and with what it was asked to accept.
func zips(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Asked", strings.Join(r.Header["Accept-Encoding"], "|"))
	data := gzipped(strings.Repeat(r.URL.Path, 5000))
	switch r.URL.Path {
	case "/cut":
		data = data[:len(data)/2]
	case "/wrong":
		data = []byte("this is no gzip at all")
	case "/plain":
		io.WriteString(rw, "as it is")
		return
	case "/empty":
		data = nil
	}
	rw.Header().Set("Content-Encoding", "GZIP")
	if r.URL.Path != "/unknown-length" {
		rw.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	rw.Write(data)
}

// TestGzip: asked for where nobody said what is accepted, and decoded; the
// timeline counts what was on the wire.
func TestGzip(t *testing.T) {
	everywhere(t, http.HandlerFunc(zips), func(t *testing.T, w *watched, url string) {
		for _, path := range []string{"/page", "/unknown-length"} {
			a := w.get(url + path)
			if a.err != nil || a.body != strings.Repeat(path, 5000) || !a.resp.Uncompressed || a.resp.ContentLength != -1 {
				t.Fatalf("%s: %d bytes, %v, uncompressed %v, length %d", path, len(a.body), a.err, a.resp.Uncompressed, a.resp.ContentLength)
			}
			if _, ok := a.header["Content-Encoding"]; ok || a.header.Get("Content-Length") != "" || a.header.Get("Asked") != "gzip" {
				t.Errorf("%s: header %v", path, a.header)
			}
			if n := a.e.Received.Body; n < 50 || n > 2000 {
				t.Errorf("%s: the timeline counts %d bytes of body", path, n)
			}
		}
		if a := w.get(url + "/plain"); a.err != nil || a.body != "as it is" || a.resp.Uncompressed || a.resp.ContentLength != 8 {
			t.Errorf("plain: %+v", a)
		}
		if a := w.get(url + "/empty"); a.err != nil || a.body != "" || a.resp.Uncompressed {
			t.Errorf("empty: %+v", a)
		}
	})
}

// TestGzipNotAskedFor: whoever says something of coding or range, or asks for a
// head alone, gets what the server sends.
func TestGzipNotAskedFor(t *testing.T) {
	everywhere(t, http.HandlerFunc(zips), func(t *testing.T, w *watched, url string) {
		for name, value := range map[string]string{"Accept-Encoding": "gzip", "Range": "bytes=0-9"} {
			req := request(t, "GET", url+"/page", "")
			req.Header.Set(name, value)
			a := w.do(req)
			if a.err != nil || a.resp.Uncompressed || a.header.Get("Content-Encoding") != "GZIP" || !strings.HasPrefix(a.body, "\x1f\x8b") {
				t.Errorf("%s: %d bytes, %v, %v", name, len(a.body), a.err, a.header)
			}
			if want := req.Header.Get("Accept-Encoding"); a.header.Get("Asked") != want {
				t.Errorf("%s: asked for %q", name, a.header.Get("Asked"))
			}
		}
		if a := w.do(request(t, "HEAD", url+"/page", "")); a.err != nil || a.header.Get("Asked") != "" || a.resp.Uncompressed || a.resp.ContentLength <= 0 {
			t.Errorf("HEAD: %v, %v", a.err, a.header)
		}
	})
}

// TestGzipDisabled: DisableCompression asks for nothing.
func TestGzipDisabled(t *testing.T) {
	everywhere(t, http.HandlerFunc(zips), func(t *testing.T, w *watched, url string) {
		w.DisableCompression = true
		if a := w.get(url + "/page"); a.err != nil || a.header.Get("Asked") != "" || a.resp.Uncompressed || a.header.Get("Content-Encoding") != "GZIP" {
			t.Errorf("%v, %v", a.err, a.header)
		}
	})
}

// TestGzipFaults: what is no gzip, or not all of it, is an error of the reading,
// and so is what is read after Close; the exchange ends all the same.
func TestGzipFaults(t *testing.T) {
	everywhere(t, http.HandlerFunc(zips), func(t *testing.T, w *watched, url string) {
		for path, want := range map[string]error{"/cut": io.ErrUnexpectedEOF, "/wrong": gzip.ErrHeader} {
			a := w.get(url + path)
			var e *Error
			if !errors.Is(a.err, want) || !errors.As(a.err, &e) || e.Step != timeline.Receive || !e.MayBeApplied || timeline.OfError(a.err) != a.e {
				t.Errorf("%s: got %v, want %v", path, a.err, want)
			}
		}
		resp, err := w.RoundTrip(request(t, "GET", url+"/page", ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resp.Body.Read(make([]byte, 5)); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		if n, err := resp.Body.Read(make([]byte, 5)); n > 0 || !errors.Is(err, ErrBodyClosed) {
			t.Errorf("read after Close: %d, %v", n, err)
		}
	})
}

// TestGzipCloseDuringRead: Close ends a Read that waits for the server.
func TestGzipCloseDuringRead(t *testing.T) {
	w := watch(t, persistent)
	srv := serve(t, func(p *peer) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n\x1f")
		p.request()
	})
	resp, err := w.RoundTrip(request(t, "GET", srv.url, ""))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := io.ReadAll(resp.Body)
		failed <- err
	}()
	body := resp.Body.(*gzipBody).wire.(*http1Body)
	eventually(t, "a Read is under way", func() bool {
		idle := body.mu.TryLock()
		if idle {
			body.mu.Unlock()
		}
		return !idle
	})
	resp.Body.Close()
	if err := <-failed; !errors.Is(err, ErrBodyClosed) {
		t.Errorf("got %v", err)
	}
}
