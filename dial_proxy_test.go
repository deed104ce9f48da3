package linger

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// withName replaces the address in a URL by a name that the test's SOCKS proxy knows.
func withName(u string) string { return strings.Replace(u, "127.0.0.1", "name.test", 1) }

// TestProxies puts every kind of proxy before every kind of origin.
func TestProxies(t *testing.T) {
	answer := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, r.URL.Path) })
	for _, kind := range []string{"http", "https", "socks5", "socks5h"} {
		for _, origin := range []struct {
			name   string
			secure bool
			s      Strategy
			proto  string
		}{
			{"clear", false, Strategy{Conns: 1}, "HTTP/1.1"},
			{"clear HTTP/2", false, named(t, "multiplexed"), "HTTP/2.0"},
			{"TLS", true, named(t, "persistent"), "HTTP/1.1"},
			{"TLS and HTTP/2", true, Strategy{Conns: 1}, "HTTP/2.0"},
		} {
			forwards := !origin.secure && !strings.HasPrefix(kind, "socks")
			if forwards && origin.proto == "HTTP/2.0" {
				continue // the proxy speaks HTTP/1
			}
			t.Run(kind+" "+origin.name, func(t *testing.T) {
				srv := h2server(t, origin.secure, 100, answer)
				w := watch(t, origin.s)
				w.TLSClientConfig = trusting(srv)
				var m *intermediary
				target := srv.URL
				if forwards || origin.secure && !strings.HasPrefix(kind, "socks") {
					m = httpProxy(t, kind == "https")
				} else {
					m = socksProxy(t, kind)
					target = withName(srv.URL)
				}
				if origin.secure {
					w.TLSClientConfig.ServerName = "example.com"
				}
				w.Proxy = m.by("ann:se%20cret@")
				addr := strings.TrimPrefix(target, srv.URL[:strings.Index(srv.URL, "//")+2])
				want, asked := "/x", "CONNECT "+addr+" Basic YW5uOnNlIGNyZXQ="
				switch {
				case forwards:
					want, asked = target+"/x for "+addr, "GET "+target+"/x Basic YW5uOnNlIGNyZXQ="
				case strings.HasPrefix(kind, "socks"):
					asked = addr + " ann:se cret"
				}
				for i := range 2 {
					a := w.get(target + "/x")
					wantAnswer(t, a, want, 1)
					if a.err != nil {
						return
					}
					if a.e.Protocol != origin.proto || a.e.Conn.Number != 1 || "://"+a.e.Conn.Remote.String() != m.url[strings.Index(m.url, "://"):] {
						t.Errorf("in %s on %+v", a.e.Protocol, a.e.Conn)
					}
					note := notesOf(a.e)
					if i == 0 && !forwards && !strings.Contains(note, addr) {
						t.Errorf("the notes %q do not tell of the tunnel", note)
					}
					if i == 0 && (strings.Contains(note, "127.0.0.1: TLS") != (kind == "https" && m.secure) || strings.Contains(note, "example.com: TLS") != origin.secure) {
						t.Errorf("the notes %q do not tell of each handshake", note)
					}
				}
				if got := m.asked(); got[0] != asked || (forwards && len(got) != 2) || (!forwards && len(got) != 1) {
					t.Errorf("the proxy was asked %q, want %q", got, asked)
				}
			})
		}
	}
}

// trusting is a configuration that trusts every server of httptest, which share
// a certificate.
func trusting(srv *httptest.Server) *tls.Config {
	if srv.Certificate() == nil {
		srv = httptest.NewUnstartedServer(nil)
		srv.StartTLS()
		defer srv.Close()
	}
	return &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
}

// TestProxySharesConnections: a proxy that forwards serves all origins on one
// connection; a tunnel serves one, and one user.
func TestProxySharesConnections(t *testing.T) {
	m := httpProxy(t, false)
	w := watch(t, named(t, "persistent"))
	users := m.by("ann:1@")
	w.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.Header.Get("As") == "bob" {
			return m.by("bob:2@")(r)
		}
		return users(r)
	}
	one, two := h2server(t, true, 10, http.HandlerFunc(kinds)), h2server(t, true, 10, http.HandlerFunc(kinds))
	w.TLSClientConfig = trusting(one)
	for i, tt := range []struct {
		url, user string
		conn      int
	}{
		{"http://a.test/", "ann", 1}, {"http://b.test:81/", "ann", 1}, {"http://a.test/", "bob", 2},
		{one.URL, "ann", 3}, {two.URL, "ann", 4}, {one.URL, "ann", 3}, {one.URL, "bob", 5},
	} {
		req := request(t, "GET", tt.url, "")
		req.Header.Set("As", tt.user)
		if a := w.do(req); a.err != nil || a.e.Conn.Number != tt.conn {
			t.Errorf("%d: connection %d, want %d; %v", i, a.e.Conn.Number, tt.conn, a.err)
		}
	}
	for _, c := range w.Connections() {
		if strings.Contains(c.Origin, "1@") || !strings.Contains(c.Origin, "by "+m.url) {
			t.Errorf("a connection is told to be for %q", c.Origin)
		}
	}
}

// TestProxyFor: the proxy is chosen for each request; none is none.
func TestProxyFor(t *testing.T) {
	m := httpProxy(t, false)
	srv := serve(t, echo)
	w := watch(t, named(t, "persistent"))
	w.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Path == "/direct" {
			return nil, nil
		}
		return url.Parse(strings.TrimPrefix(m.url, "http:")) // no scheme means http
	}
	wantAnswer(t, w.get(srv.url+"/direct"), "/direct", 1)
	wantAnswer(t, w.get(srv.url+"/by"), srv.url+"/by for "+strings.TrimPrefix(srv.url, "http://"), 1)
	if n := srv.accepted.Load(); n != 1 {
		t.Errorf("the server has %d connections, want 1", n)
	}
}

// TestAbsoluteForm: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2.
func TestAbsoluteForm(t *testing.T) {
	m := httpProxy(t, false)
	for _, tt := range []struct{ method, url, host, want string }{
		{"GET", "http://a.test", "", "GET http://a.test/ "},
		{"GET", "http://a.test:8080/p?q=1#f", "", "GET http://a.test:8080/p?q=1 "},
		{"GET", "http://ann:1@a.test/", "", "GET http://a.test/ "},
		{"GET", "http://a.test/", "b.test", "GET http://b.test/ "},
		{"OPTIONS", "http://a.test/*", "", "OPTIONS http://a.test "},
	} {
		w := watch(t, Strategy{})
		w.Proxy = m.by("")
		req := request(t, tt.method, tt.url, "")
		if tt.method == "OPTIONS" {
			req.URL.Path = "*"
		}
		req.Host = tt.host
		if a := w.do(req); a.err != nil {
			t.Error(a.err)
		}
		if got := m.asked(); got[len(got)-1] != tt.want {
			t.Errorf("got %q, want %q", got[len(got)-1], tt.want)
		}
	}
}

// TestOwnProxyAuthorization: what the request says of its user comes before the
// proxy's URL, and stands alone.
func TestOwnProxyAuthorization(t *testing.T) {
	w := watch(t, Strategy{})
	heads := make(chan string, 1)
	piped(w, func(p *peer) {
		head, _ := http1Head(p)
		heads <- head
		p.answer("")
	})
	w.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test", User: url.UserPassword("ann", "1")})
	req := request(t, "GET", "http://a.test/", "")
	req.Header.Set("Proxy-Authorization", "Bearer own")
	w.do(req)
	if head := <-heads; strings.Count(head, "Proxy-Authorization") != 1 || !strings.Contains(head, "Proxy-Authorization: Bearer own\r\n") {
		t.Errorf("the head is %q", head)
	}
}

// TestProxyFails tells what goes wrong with proxies apart.
func TestProxyFails(t *testing.T) {
	broken := errors.New("out of luck")
	says := func(text string) func(*watched) {
		return func(w *watched) {
			piped(w, func(p *peer) { p.request(); p.say("%s", text); p.Close() })
		}
	}
	by := func(u string) func(*watched) {
		return func(w *watched) {
			w.Proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: u, Host: "proxy.test"}, nil }
		}
	}
	down := closedPort(t)
	for _, tt := range []struct {
		name string
		set  func(*watched)
		step timeline.Phase
		text string
		is   error // nil: anything
		hint string
	}{
		{"refused", says("HTTP/1.1 403 No Way\r\nContent-Length: 3\r\n\r\nno!"), timeline.Connect, "403 No Way", nil, "the proxy does not open"},
		{"wants a user", says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), timeline.Connect, "407 Proxy Authentication Required", nil, "password"},
		{"switches", says("HTTP/1.1 101 Switching Protocols\r\n\r\n"), timeline.Connect, "101 Switching", nil, "the proxy does not"},
		{"after interim answers", says("HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Wait\r\n\r\nHTTP/1.1 502 Bad\r\n\r\n"), timeline.Connect, "502 Bad", nil, ""},
		{"ends", says(""), timeline.Connect, "reading the proxy's answer", io.ErrUnexpectedEOF, ""},
		{"no HTTP", says("SSH-2.0-OpenSSH_9\r\n\r\n"), timeline.Connect, "malformed HTTP", nil, ""},
		{"endless", func(w *watched) {
			w.MaxResponseHeaderBytes = 5000
			says("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 6000))(w)
		}, timeline.Connect, "too large", ErrHeaderTooLarge, ""},
		{"endless interim answers", func(w *watched) {
			w.MaxResponseHeaderBytes = 5000
			says(strings.Repeat("HTTP/1.1 103 Wait\r\n\r\n", 1000))(w)
		}, timeline.Connect, "too large", ErrHeaderTooLarge, ""},
		{"header not to be had", func(w *watched) {
			says("")(w)
			w.GetProxyConnectHeader = func(context.Context, *url.URL, string) (http.Header, error) { return nil, broken }
		}, timeline.Connect, "out of luck", broken, ""},
		{"answer not liked", func(w *watched) {
			says("HTTP/1.1 200 OK\r\n\r\n")(w)
			w.OnProxyConnectResponse = func(context.Context, *url.URL, *http.Request, *http.Response) error { return broken }
		}, timeline.Connect, "out of luck", broken, ""},
		{"is down", func(w *watched) {
			w.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: down.String()})
		}, timeline.Connect, down.String() + ": connection refused", syscall.ECONNREFUSED, "nothing listens"},
		{"without a name", func(w *watched) {
			w.Resolve = resolveTo()
		}, timeline.DNS, "no such host", nil, "spelling"},
		{"unknown scheme", by("ftp"), timeline.Queue, `unsupported scheme "ftp" of a proxy`, nil, ""},
		{"no host", func(w *watched) { w.Proxy = http.ProxyURL(&url.URL{Scheme: "http"}) }, timeline.Queue, "without a host", nil, ""},
		{"not chosen", func(w *watched) {
			w.Proxy = func(*http.Request) (*url.URL, error) { return nil, broken }
		}, timeline.Queue, "out of luck", broken, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, named(t, "persistent"))
			w.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test", User: url.UserPassword("ann", "secret")})
			tt.set(w)
			a := w.get("https://a.test/")
			var e *Error
			if !errors.As(a.err, &e) {
				t.Fatalf("got %v", a.err)
			}
			if e.Step != tt.step || e.MayBeApplied || !strings.Contains(e.Error(), tt.text) || !strings.Contains(e.Hint(), tt.hint) || (tt.is != nil && !errors.Is(e, tt.is)) {
				t.Errorf("%v failed in %v (sent %v), hint %q", e, e.Step, e.MayBeApplied, e.Hint())
			}
			if strings.Contains(e.Error(), "secret") {
				t.Errorf("%v tells the password", e)
			}
		})
	}
}

// TestProxyError: the answer of the proxy can be asked for, as can be that it was
// the proxy that could not be reached.
func TestProxyError(t *testing.T) {
	w := watch(t, Strategy{})
	piped(w, func(p *peer) { p.request(); p.say("HTTP/1.1 407 Who Are You\r\n\r\n") })
	w.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.test"})
	var refusal *ProxyError
	if a := w.get("https://a.test/"); !errors.As(a.err, &refusal) || refusal.Status != 407 || refusal.Text != "Who Are You" {
		t.Errorf("got %v", a.err)
	}
	w.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, opError("connect", syscall.ECONNREFUSED)
	}
	var op *net.OpError
	if a := w.get("https://b.test/"); !errors.As(a.err, &op) || op.Op != "proxyconnect" || !errors.Is(a.err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", a.err)
	}
}

// TestSOCKSFails: a proxy that cannot reach the origin, and one that speaks
// something else.
func TestSOCKSFails(t *testing.T) {
	m := socksProxy(t, "socks5")
	down := closedPort(t)
	w := watch(t, Strategy{})
	w.Proxy = m.by("")
	a := w.get("http://" + down.String() + "/")
	var e *Error
	if !errors.As(a.err, &e) || e.Step != timeline.Connect || !strings.Contains(e.Error(), "proxy "+m.url+": ") || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("got %v", a.err)
	}
	if got := m.asked(); got[0] != down.String()+" " {
		t.Errorf("the proxy was asked %q", got)
	}
	other := watch(t, Strategy{})
	other.Proxy = http.ProxyURL(&url.URL{Scheme: "socks5", Host: "proxy.test"})
	piped(other, func(p *peer) { p.in.Discard(3); p.say("HTTP/1.1 400 Bad Request\r\n\r\n") })
	if a := other.get("http://a.test/"); a.err == nil || !strings.Contains(a.err.Error(), "unexpected protocol version") {
		t.Errorf("got %v", a.err)
	}
}

// TestProxyTimeout: DialTimeout holds while a proxy is asked.
func TestProxyTimeout(t *testing.T) {
	for _, tt := range []struct {
		scheme    string
		set, want time.Duration
	}{{"http", 3 * time.Second, 3 * time.Second}, {"http", -1, time.Minute}, {"https", 3 * time.Second, 3 * time.Second}, {"socks5", 3 * time.Second, 3 * time.Second}} {
		t.Run(fmt.Sprint(tt.scheme, tt.set), func(t *testing.T) {
			inVirtualTime(t, named(t, "persistent"), func(t *testing.T, w *watched) {
				w.DialTimeout = tt.set
				w.Proxy = http.ProxyURL(&url.URL{Scheme: tt.scheme, Host: "proxy.test"})
				piped(w, func(p *peer) { io.Copy(io.Discard, p.in) })
				a := w.get("https://a.test/")
				var e *Error
				if !errors.As(a.err, &e) || !e.Timeout() || e.Step == timeline.Queue || a.e.Duration != tt.want {
					t.Errorf("got %v after %v", a.err, a.e.Duration)
				}
			})
		})
	}
}

// TestConnectRequest: what a proxy is asked, and who may have a say in it.
func TestConnectRequest(t *testing.T) {
	type key struct{}
	w := watch(t, Strategy{})
	heads := make(chan string, 1)
	script := func(p *peer) {
		head, _ := http1Head(p)
		heads <- head
		p.say("HTTP/1.1 500 No\r\nA: b\r\n\r\n")
	}
	piped(w, script)
	u := &url.URL{Scheme: "http", Host: "proxy.test", User: url.User("ann")}
	w.Proxy = http.ProxyURL(u)
	own := http.Header{"X-One": {"1"}, "User-Agent": {"me"}}
	w.ProxyConnectHeader = own
	w.get("https://a.test/")
	want := "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nUser-Agent: me\r\nProxy-Authorization: Basic YW5uOg==\r\nX-One: 1\r\n\r\n"
	if head := <-heads; head != want {
		t.Errorf("got %q, want %q", head, want)
	}
	if len(own) != 2 {
		t.Errorf("the caller's fields were written to: %v", own)
	}
	req := request(t, "GET", "https://b.test:1234/", "")
	req = req.WithContext(context.WithValue(req.Context(), key{}, "value"))
	w = watch(t, Strategy{})
	w.Proxy = http.ProxyURL(u)
	piped(w, script)
	w.GetProxyConnectHeader = func(ctx context.Context, via *url.URL, target string) (http.Header, error) {
		if ctx.Value(key{}) != "value" || via.String() != u.String() || target != "b.test:1234" {
			t.Errorf("asked for %v to %s, value %v", via, target, ctx.Value(key{}))
		}
		return nil, nil
	}
	w.OnProxyConnectResponse = func(_ context.Context, via *url.URL, req *http.Request, res *http.Response) error {
		if via.String() != u.String() || req.Host != "b.test:1234" || res.StatusCode != 500 || res.Header.Get("A") != "b" {
			t.Errorf("told of %v, %v, %v", via, req.Host, res)
		}
		return nil
	}
	w.do(req)
	want = "CONNECT b.test:1234 HTTP/1.1\r\nHost: b.test:1234\r\nUser-Agent: linger\r\nProxy-Authorization: Basic YW5uOg==\r\n\r\n"
	if head := <-heads; head != want {
		t.Errorf("got %q, want %q", head, want)
	}
}

// TestBehindTheProxysAnswer: "data received after that header section is from the
// server", https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6, even if it comes
// together with it; and a 2xx other than 200 opens the tunnel too.
func TestBehindTheProxysAnswer(t *testing.T) {
	mine, theirs := net.Pipe()
	defer mine.Close()
	var wg sync.WaitGroup
	wg.Go(func() {
		p := &peer{Conn: theirs, t: t, in: bufio.NewReader(theirs)}
		p.request()
		p.say("HTTP/1.1 299 Fine\r\nContent-Length: 2\r\n\r\nfirst")
		p.say(" second")
		p.Close()
	})
	tr := &Transport{}
	d := &dialler{t: tr, to: route{origin: origin{"https", "a.test:443"}}}
	l := tr.newLink(mine)
	if err := d.tunnel(t.Context(), &proxy{url: &url.URL{}}, l); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(l.Conn); string(got) != "first second" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if wireBelow(l.Conn) != l.wire {
		t.Error("the wire below is out of sight")
	}
	wg.Wait()
}

// TestPoisonThroughProxy: bytes that nobody asked for are found on an idle
// connection whose TLS goes through a proxy that is reached by TLS itself.
func TestPoisonThroughProxy(t *testing.T) {
	m := httpProxy(t, true)
	plain := httptest.NewUnstartedServer(nil)
	plain.StartTLS()
	defer plain.Close()
	poisoned := make(chan struct{})
	w := watch(t, named(t, "persistent"))
	w.TLSClientConfig = trusting(plain)
	srv := serve(t, func(p *peer) {
		secured := tls.Server(p.Conn, plain.TLS)
		in := bufio.NewReader(secured)
		for range 2 {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			fmt.Fprintf(secured, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(req.URL.Path), req.URL.Path)
			if p.n == 0 {
				io.WriteString(secured, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
				close(poisoned)
				in.ReadByte()
				return
			}
		}
	})
	w.Proxy = m.by("")
	target := strings.Replace(srv.url, "http:", "https:", 1)
	wantAnswer(t, w.get(target+"/1"), "/1", 1)
	<-poisoned
	var first *http1Conn
	for _, o := range w.conns.origins {
		first = o.conns[0].conn.(*http1Conn)
	}
	eventually(t, "the poison has come", func() bool { return errors.Is(first.look(), errUnasked) })
	wantAnswer(t, w.get(target+"/2"), "/2", 2)
	wantAnswer(t, w.get(target+"/3"), "/3", 1)
}

// TestProxyAtRandom: a proxy that refuses, cuts and stalls at random costs errors
// that say truly that nothing was sent, and nothing else: no slot, no connection, no
// answer that belongs to another.
func TestProxyAtRandom(t *testing.T) {
	srv := h2server(t, true, 3, http.HandlerFunc(kinds))
	dice := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(n)
	}
	const head = "HTTP/1.1 200 Established\r\nA: b\r\n\r\n"
	m := serve(t, func(p *peer) {
		req := p.request()
		if req == nil {
			return
		}
		switch roll(6) {
		case 0:
			p.say("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry")
		case 1:
			p.say("%s", head[:roll(len(head))])
		case 2:
			p.reset()
		default:
			server, err := net.Dial("tcp", req.RequestURI)
			if err != nil {
				t.Error(err)
				return
			}
			defer server.Close()
			for _, c := range []byte(head) {
				p.Write([]byte{c})
			}
			var both sync.WaitGroup
			both.Go(func() { io.Copy(server, p.in); server.Close() })
			io.CopyN(p, server, int64(2000+roll(20000))) // and then it cuts
			p.Close()
			both.Wait()
		}
	})
	for _, s := range []Strategy{{}, named(t, "persistent6"), named(t, "serial")} {
		t.Run(s.Name, func(t *testing.T) {
			w := watch(t, s)
			w.TLSClientConfig = trusting(srv)
			w.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: strings.TrimPrefix(m.url, "http://")})
			answered := 0
			for i, a := range w.all(srv.URL, 100) {
				var e *Error
				switch {
				case a.err == nil && a.body == strings.Repeat(fmt.Sprintf("/%d", i), 1000):
					answered++
				case a.err == nil:
					t.Errorf("%d: %d octets that are not its own", i, len(a.body))
				case !errors.As(a.err, &e):
					t.Errorf("%d: %v", i, a.err)
				case e.Sent && (e.Step == timeline.DNS || e.Step == timeline.Connect || e.Step == timeline.TLS) && a.e.Tries == 0:
					t.Errorf("%d: %v says that something was sent", i, e)
				}
			}
			if answered == 0 || answered == 100 {
				t.Errorf("%d of 100 were answered: nothing was at stake", answered)
			}
		})
	}
}
