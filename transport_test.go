package linger

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	demo "github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/timeline"
)

// everywhere runs a test over every strategy, in clear and with TLS.
func everywhere(t *testing.T, h http.Handler, test func(t *testing.T, w *watched, url string)) {
	for _, s := range Strategies() {
		for _, secure := range []bool{false, true} {
			name := s.Name
			if secure {
				name += " tls"
			}
			t.Run(name, func(t *testing.T) {
				srv := httptest.NewUnstartedServer(h)
				srv.Config.Protocols = new(http.Protocols)
				srv.Config.Protocols.SetHTTP1(true)
				srv.Config.Protocols.SetHTTP2(true)
				srv.Config.Protocols.SetUnencryptedHTTP2(true)
				w := watch(t, s)
				if secure {
					srv.EnableHTTP2 = true
					srv.StartTLS()
					w.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
				} else {
					srv.Start()
				}
				t.Cleanup(srv.Close)
				test(t, w, srv.URL)
			})
		}
	}
}

// kinds answers in each way a body can be framed.
func kinds(rw http.ResponseWriter, r *http.Request) {
	body := strings.Repeat(r.URL.Path, 1000)
	switch {
	case strings.HasPrefix(r.URL.Path, "/empty"):
		rw.WriteHeader(http.StatusNoContent)
		return
	case strings.HasPrefix(r.URL.Path, "/chunked"):
		for part := range strings.SplitSeq(body, "00") {
			io.WriteString(rw, part+"00")
			rw.(http.Flusher).Flush()
		}
		return
	case r.Method == "POST":
		sum, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(rw, "got %d", sum)
		return
	}
	rw.Header().Set("Content-Length", fmt.Sprint(len(body)))
	io.WriteString(rw, body)
}

func TestEveryStrategyFetchesEveryKind(t *testing.T) {
	everywhere(t, http.HandlerFunc(kinds), func(t *testing.T, w *watched, url string) {
		for i, a := range w.all(url, 60) {
			if want := strings.Repeat(fmt.Sprintf("/%d", i), 1000); a.err != nil || a.body != want {
				t.Errorf("%d: %d bytes, want %d; %v", i, len(a.body), len(want), a.err)
			}
		}
		if a := w.get(url + "/empty"); a.status != 204 || a.body != "" || a.err != nil {
			t.Errorf("no content: %+v", a)
		}
		if a := w.get(url + "/chunked"); len(a.body) < 8000 || a.err != nil {
			t.Errorf("chunked: %d bytes, %v", len(a.body), a.err)
		}
		if a := w.do(request(t, "HEAD", url+"/head", "")); a.err != nil || a.body != "" || a.resp.ContentLength != 5000 {
			t.Errorf("HEAD: %+v", a)
		}
		for _, size := range []int{1, inlineBody, inlineBody + 1, 1 << 20} {
			if a := w.do(request(t, "POST", url+"/post", strings.Repeat("x", size))); a.err != nil || a.body != fmt.Sprintf("got %d", size) {
				t.Errorf("POST of %d: %q, %v", size, a.body, a.err)
			}
		}
		req, _ := http.NewRequest("POST", url+"/post", struct{ io.Reader }{bytes.NewReader(make([]byte, 100_000))})
		if a := w.do(req); a.err != nil || a.body != "got 100000" {
			t.Errorf("POST of unknown length: %q, %v", a.body, a.err)
		}
		checkStrategy(t, w)
	})
}

// checkStrategy holds what happened against what the strategy promises.
func checkStrategy(t *testing.T, w *watched) {
	t.Helper()
	sum := timeline.Sum(w.exchanges())
	s := w.Strategy
	if s.Exchanges == 1 && sum.Reused > 0 {
		t.Errorf("%s reused a connection %d times", s.Name, sum.Reused)
	}
	if s.Exchanges == 0 && sum.Connections > s.Conns {
		t.Errorf("%s opened %d connections, not %d", s.Name, sum.Connections, s.Conns)
	}
	for _, e := range w.exchanges() {
		if e.Sent.Header == 0 || e.Received.Header == 0 || e.Conn.Local.Port() == 0 || e.Conn.Remote.Port() == 0 {
			t.Errorf("exchange %d lacks its bytes or its 4-tuple: %+v", e.Number, e)
		}
		if want := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[s.Protocol == HTTP2]; e.Protocol != want {
			t.Errorf("exchange %d spoke %s, not %s", e.Number, e.Protocol, want)
		}
	}
}

// TestConnectionsAtOnce counts, at the server, what the strategies promise.
func TestConnectionsAtOnce(t *testing.T) {
	for _, s := range Strategies() {
		t.Run(s.Name, func(t *testing.T) {
			srv, err := demo.Start(demo.Config{Site: demo.Many(50)})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			w := watch(t, s)
			for _, a := range w.all(strings.TrimSuffix(srv.URL(), "/"), 50) {
				if a.err != nil {
					t.Error(a.err)
				}
			}
			got := srv.Stats()
			if got.MostOpen > s.Conns {
				t.Errorf("%d connections at once, the strategy allows %d", got.MostOpen, s.Conns)
			}
			if s.Exchanges == 1 && got.Accepted != 50 {
				t.Errorf("%d connections for 50 exchanges", got.Accepted)
			}
		})
	}
}

func TestHTTP10(t *testing.T) {
	s := named(t, "parallel")
	s.Protocol = HTTP10
	w := watch(t, s)
	srv := serve(t, func(p *peer) {
		req := p.want("GET", "/a")
		if req.Proto != "HTTP/1.0" || req.Header.Get("Connection") != "" || req.Host == "" {
			t.Errorf("request in %s with %v", req.Proto, req.Header)
		}
		p.say("HTTP/1.0 200 OK\r\n\r\nup to the end")
	})
	for range 3 {
		if a := w.get(srv.url + "/a"); a.body != "up to the end" || a.err != nil || a.e.Protocol != "HTTP/1.0" {
			t.Errorf("%+v", a)
		}
	}
	if n := srv.accepted.Load(); n != 3 {
		t.Errorf("%d connections for 3 exchanges", n)
	}
}

func TestNoHTTP2OverTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(kinds)) // HTTP/1.1 alone
	defer srv.Close()
	w := watch(t, named(t, "multiplexed"))
	w.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	a := w.get(srv.URL)
	if a.err == nil || !strings.Contains(a.err.Error(), "does not speak HTTP/2") {
		t.Errorf("got %v", a.err)
	}
}
