package origin

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// start serves until the test ends, and then sees that nothing runs on.
func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		wantNoServer(t)
	})
	return s
}

// wantNoServer fails if goroutines of a server remain. Those that are past their
// last line still have to be descheduled, so it yields to them for a while.
func wantNoServer(t *testing.T) {
	t.Helper()
	var left string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if left = serverGoroutines(); left == "" {
			return
		}
	}
	t.Errorf("goroutines of the server remain:\n%s", left)
}

func serverGoroutines() string {
	buf := make([]byte, 1<<20)
	var of []string
	for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, mark := range []string{"origin.(*Server)", "origin.(*gate)", "origin.(*conn)", "http.(*conn).serve", "http2serverConn"} {
			if strings.Contains(g, mark) && !strings.Contains(g, "testing.tRunner(") {
				of = append(of, g)
				break
			}
		}
	}
	return strings.Join(of, "\n\n")
}

// clientOfServer returns net/http's client for one protocol.
func clientOfServer(t *testing.T, s *Server, protocol string) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	switch protocol {
	case "http1", "https1":
		p.SetHTTP1(true)
	case "h2":
		p.SetHTTP2(true)
	case "h2c":
		p.SetUnencryptedHTTP2(true)
	}
	tr := &http.Transport{Protocols: p, TLSClientConfig: &tls.Config{RootCAs: s.CertPool()}, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// get returns the response, its body, and what went wrong in reading the body.
func get(t *testing.T, c *http.Client, url string) (*http.Response, []byte, error) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func bytesOf(t *testing.T, o Object) []byte {
	t.Helper()
	b, err := o.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every site comes whole over every protocol, from one origin and from two.
func TestSitesOverProtocols(t *testing.T) {
	sites := map[string]func() *Site{"classic": Classic, "modern": Modern, "many": func() *Site { return Many(100) }}
	protocols := map[string]string{"http1": "HTTP/1.1", "https1": "HTTP/1.1", "h2": "HTTP/2.0", "h2c": "HTTP/2.0"}
	for name, site := range sites {
		for protocol, version := range protocols {
			t.Run(name+"/"+protocol, func(t *testing.T) {
				s := start(t, Config{Site: site(), TLS: protocol == "h2" || protocol == "https1"})
				c := clientOfServer(t, s, protocol)
				for i, o := range s.Objects() {
					resp, body, err := get(t, c, s.URLs()[i])
					if err != nil || resp.StatusCode != 200 || resp.Proto != version {
						t.Fatalf("%s: %s %s, %v", o.Path, resp.Proto, resp.Status, err)
					}
					if !bytes.Equal(body, bytesOf(t, o)) {
						t.Errorf("%s: the %d bytes that came are not the %d of the object", o.Path, len(body), o.Size)
					}
					if resp.ContentLength != o.Size || resp.Header.Get("Content-Type") != o.Type || resp.Header.Get("Date") == "" {
						t.Errorf("%s: length %d, header %v", o.Path, resp.ContentLength, resp.Header)
					}
				}
				// Connections are kept. On a busy machine net/http gives some up of its own
				// accord: it waits 50 ms for its writing goroutine.
				if got := s.Stats(); got.Requests != len(s.Objects()) || got.Accepted < len(s.Bases()) || got.Accepted > len(s.Objects())/4 {
					t.Errorf("%+v, with %d objects on %d origins", got, len(s.Objects()), len(s.Bases()))
				}
			})
		}
	}
}

// Text comes compressed to a client that takes it, and is the same text.
func TestGzip(t *testing.T) {
	s := start(t, Config{Site: Modern()})
	c := clientOfServer(t, s, "http1")
	zipped := 0
	for i, o := range s.Objects() {
		req, err := http.NewRequest("GET", s.URLs()[i], nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "br, gzip")
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body := io.Reader(resp.Body)
		if isText(o.Type) {
			if resp.Header.Get("Content-Encoding") != "gzip" || resp.Header.Get("Vary") != "Accept-Encoding" {
				t.Fatalf("%s: header %v", o.Path, resp.Header)
			}
			if resp.ContentLength > o.Size/2 {
				t.Errorf("%s: %d bytes compress to %d", o.Path, o.Size, resp.ContentLength)
			}
			zipped++
			if body, err = gzip.NewReader(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		got, err := io.ReadAll(body)
		if err != nil || !bytes.Equal(got, bytesOf(t, o)) {
			t.Errorf("%s: other bytes, %v", o.Path, err)
		}
		resp.Body.Close()
	}
	if zipped == 0 {
		t.Error("no object was compressed")
	}
}

func TestTakesGzip(t *testing.T) {
	for _, test := range []struct {
		fields []string
		want   bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"identity"}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZIP ; Q=0.5"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip;q=0.000, *"}, false},
		{[]string{"*;q=0, gzip"}, true},
		{[]string{"br", "deflate, x-gzip"}, true},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"gzip;q=nonsense"}, false},
		{[]string{"gzipped"}, false},
	} {
		if got := takesGzip(test.fields); got != test.want {
			t.Errorf("Accept-Encoding %q: %v, want %v", test.fields, got, test.want)
		}
	}
}

// What the second origin serves is named by absolute URLs, and not to be had
// from the first.
func TestTwoOrigins(t *testing.T) {
	s := start(t, Config{Site: Modern()})
	c := clientOfServer(t, s, "http1")
	for _, o := range s.Objects() {
		resp, _, err := get(t, c, s.Bases()[1-o.Origin]+o.Path)
		if err != nil || resp.StatusCode != 404 {
			t.Errorf("%s of origin %d from the other: %s, %v", o.Path, o.Origin, resp.Status, err)
		}
	}
	if doc := bytesOf(t, s.Objects()[0]); !bytes.Contains(doc, []byte(s.Bases()[1])) {
		t.Error("the document does not name the second origin")
	}
}

func TestOneOrigin(t *testing.T) {
	s := start(t, Config{Site: Modern(), OneOrigin: true})
	for _, o := range s.Objects() {
		if b := bytesOf(t, o); o.Origin != 0 || bytes.Contains(b, []byte(otherOrigin)) || bytes.Contains(b, []byte("://127")) {
			t.Errorf("%s is on origin %d or names another", o.Path, o.Origin)
		}
	}
}

func TestListenersOfTheCaller(t *testing.T) {
	var given []net.Listener
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		given = append(given, l)
	}
	s := start(t, Config{Listeners: given, Host: "localhost", TLS: true})
	for i, base := range s.Bases() {
		_, port, _ := net.SplitHostPort(given[i].Addr().String())
		if base != "https://localhost:"+port {
			t.Errorf("origin %d is %s, its listener %v", i, base, given[i].Addr())
		}
	}
	if resp, _, err := get(t, clientOfServer(t, s, "h2"), s.URL()); err != nil || resp.StatusCode != 200 {
		t.Errorf("%v, %v", resp.Status, err)
	}
}

func TestStartFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, err = Start(Config{Addr: taken.Addr().String()})
	var e *Error
	if !errors.As(err, &e) || e.Op != "listen" || e.What != taken.Addr().String() {
		t.Errorf("a taken port: %v", err)
	} else if want := "listen " + e.What + ": bind: address already in use"; err.Error() != want {
		t.Errorf("a taken port: %q, want %q", err, want)
	}
	if _, err = Dir(filepath.Join(t.TempDir(), "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// A listener that fails while the server runs is told of in the end.
func TestCloseTellsOfFailure(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(Config{Site: Classic(), Listeners: []net.Listener{l}})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.serving.Wait()
	var e *Error
	if err := s.Close(); !errors.As(err, &e) || !errors.Is(err, net.ErrClosed) || e.What != l.Addr().String() {
		t.Errorf("%v", err)
	}
	wantNoServer(t)
}

// Close does not wait for anybody: not for a client that is being answered
// slowly, nor for one that never will be.
func TestCloseWhileAnswering(t *testing.T) {
	for _, faults := range []string{"rate=1", "never-answer", "think=1h", "endless-head", "http10,rate=1"} {
		t.Run(faults, func(t *testing.T) {
			f, err := ParseFaults(faults)
			if err != nil {
				t.Fatal(err)
			}
			s := start(t, Config{Site: Classic(), Faults: f})
			nc := dial(t, s)
			request(t, nc, "/")
			waitFor(t, "the request to be read", func() bool { return s.Stats().Requests == 1 })
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			wantNoServer(t)
		})
	}
}

// waitFor yields until what another goroutine does has come about.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestOtherMethods(t *testing.T) {
	s := start(t, Config{Site: Classic()})
	c := clientOfServer(t, s, "http1")
	resp, err := c.Post(s.URL(), "text/plain", strings.NewReader(strings.Repeat("x", 5000)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "POST of 5000 bytes\n" {
		t.Errorf("%q, %v", body, err)
	}
	head, err := c.Head(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	head.Body.Close()
	if head.ContentLength != classicDocument {
		t.Errorf("HEAD: length %d", head.ContentLength)
	}
}
