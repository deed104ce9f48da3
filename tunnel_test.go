package linger

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
)

// shouts switches protocols and sends back what comes, behind a greeting that
// stands in one segment with the head.
func shouts(rw http.ResponseWriter, r *http.Request) {
	h, ok := rw.(http.Hijacker)
	if !ok {
		return // HTTP/2
	}
	c, buf, err := h.Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(buf, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\nwelcome;")
	buf.Flush()
	io.Copy(c, buf)
	io.WriteString(c, ";over")
}

// overTLSOrNot runs a test with HTTP/1.1, in clear and with TLS, on linger and, so
// that the test tells what net/http does as well, on net/http.
func overTLSOrNot(t *testing.T, h http.HandlerFunc, test func(t *testing.T, rt http.RoundTripper, w *watched, url string)) {
	for _, secure := range []string{"", "tls"} {
		for _, of := range []string{"linger", "net/http"} {
			t.Run(of+" "+secure, func(t *testing.T) {
				srv := httptest.NewUnstartedServer(h)
				if secure == "" {
					srv.Start()
				} else {
					srv.StartTLS()
				}
				t.Cleanup(srv.Close)
				std := srv.Client().Transport.(*http.Transport)
				if of == "net/http" {
					test(t, std, nil, srv.URL)
					return
				}
				w := watch(t, Strategy{})
				w.TLSClientConfig = std.TLSClientConfig.Clone()
				test(t, w, w, srv.URL)
			})
		}
	}
}

func upgrade(t *testing.T, ctx context.Context, rt http.RoundTripper, url string) (*http.Response, io.ReadWriteCloser) {
	t.Helper()
	req := request(t, "GET", url, "").WithContext(ctx)
	req.Header.Set("Connection", "upgrade")
	req.Header.Set("Upgrade", "shout")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	rwc, ok := resp.Body.(io.ReadWriteCloser)
	if resp.StatusCode != http.StatusSwitchingProtocols || !ok {
		t.Fatalf("status %d, a body of type %T", resp.StatusCode, resp.Body)
	}
	return resp, rwc
}

// TestUpgrade: what came behind the head is read first; writing can end alone;
// the request's context has no part in it any more.
func TestUpgrade(t *testing.T) {
	overTLSOrNot(t, shouts, func(t *testing.T, rt http.RoundTripper, w *watched, url string) {
		ctx, cancel := context.WithCancel(context.Background())
		resp, rwc := upgrade(t, ctx, rt, url)
		cancel()
		if resp.Header.Get("Upgrade") != "shout" || resp.ContentLength != 0 || resp.Close {
			t.Errorf("%+v", resp)
		}
		io.WriteString(rwc, "hello")
		if err := rwc.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Error(err)
		}
		got, err := io.ReadAll(rwc)
		if string(got) != "welcome;hello;over" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if err := rwc.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestUpgradeLeavesThePool: the connection is nobody's but the caller's, also when
// the Transport is closed; the exchange has ended with the head.
func TestUpgradeLeavesThePool(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(shouts))
	defer srv.Close()
	w := watch(t, persistent) // of one connection
	var open []io.ReadWriteCloser
	for range 3 {
		resp, rwc := upgrade(t, context.Background(), w, srv.URL)
		if e := TimelineOf(resp); e.Duration == 0 || e.Status != 101 || e.Check() != nil {
			t.Errorf("%+v", e)
		}
		open = append(open, rwc)
	}
	if s := w.Stats(); s.Open != 0 || s.Closed[CloseHandedOver] != 3 {
		t.Errorf("%+v", s)
	}
	w.Close()
	for _, rwc := range open {
		io.WriteString(rwc, "x")
		if got, err := bufio.NewReader(rwc).Peek(len("welcome;x")); string(got) != "welcome;x" {
			t.Errorf("%q, %v", got, err)
		}
		rwc.Close()
	}
}

// TestUpgradeRefused: another answer is one like any other.
func TestUpgradeRefused(t *testing.T) {
	srv := serve(t, func(p *peer) {
		for p.request() != nil {
			p.answer("no")
		}
	})
	w := watch(t, persistent)
	for range 2 {
		req := request(t, "GET", srv.url, "")
		req.Header.Set("Connection", "upgrade")
		req.Header.Set("Upgrade", "shout")
		if a := w.do(req); a.body != "no" || a.err != nil {
			t.Errorf("%q, %v", a.body, a.err)
		}
	}
	if n := srv.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestUpgradeCanceled: a request that is given up before the answer fails, and its
// connection is closed.
func TestUpgradeCanceled(t *testing.T) {
	w := watch(t, persistent)
	ctx, cancel := context.WithCancel(context.Background())
	srv := serve(t, func(p *peer) {
		p.request()
		cancel()
		p.request()
	})
	req := request(t, "GET", srv.url, "").WithContext(ctx)
	req.Header.Set("Upgrade", "shout")
	if a := w.do(req); !errors.Is(a.err, context.Canceled) {
		t.Errorf("got %v", a.err)
	}
}

// TestConnect: RFC 9110 §9.3.6. The tunnel is the body that the request's body is
// written to, if there is one, and that the caller reads, and writes with linger.
func TestConnect(t *testing.T) {
	connect := func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != "CONNECT" || r.RequestURI != "far.test:99" || len(r.TransferEncoding) > 0 {
			t.Errorf("%s %s, %v", r.Method, r.RequestURI, r.TransferEncoding)
		}
		c, buf, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nwelcome;")
		got, _ := buf.ReadString('.')
		io.WriteString(c, got)
	}
	overTLSOrNot(t, connect, func(t *testing.T, rt http.RoundTripper, w *watched, url string) {
		for _, by := range []string{"its body", "the response's"} {
			if by != "its body" && w == nil {
				continue // net/http's cannot be written to
			}
			r, body := io.Pipe()
			req := mustRequest(t, "CONNECT", url, r)
			if by != "its body" {
				req.Body = nil
			}
			req.URL.Path, req.Host = "", "far.test:99"
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != 200 || resp.ContentLength != -1 || !resp.Close {
				t.Errorf("%+v", resp)
			}
			if by == "its body" {
				io.WriteString(body, "hello.")
			} else {
				io.WriteString(resp.Body.(io.Writer), "hello.")
			}
			if got, err := io.ReadAll(resp.Body); string(got) != "welcome;hello." || err != nil {
				t.Errorf("by %s: %q, %v", by, got, err)
			}
			resp.Body.Close()
			if by == "its body" && w != nil {
				if _, err := io.WriteString(body, "more"); err == nil {
					t.Error("the request's body is still read when the tunnel is closed")
				}
			}
		}
	})
}

// TestUpgradeOverTLS: HTTP/2 has no Upgrade; a request that asks for one gets a
// connection of HTTP/1.1 of its own.
func TestUpgradeOverTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(shouts))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	w := watch(t, Strategy{})
	w.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	if a := w.get(srv.URL); a.err != nil || a.e.Protocol != "HTTP/2.0" {
		t.Fatalf("%v, %+v", a.err, a.e)
	}
	resp, rwc := upgrade(t, context.Background(), w, srv.URL)
	defer rwc.Close()
	if e := TimelineOf(resp); e.Protocol != "HTTP/1.1" {
		t.Errorf("%+v", e)
	}
	if _, ok := rwc.(net.Conn); !ok {
		t.Error("the tunnel has no deadlines")
	}
}

// TestConnectHTTP2: on HTTP/2 the tunnel is a stream, whose ends are the two
// bodies; its request has neither scheme nor path (RFC 9113 §8.5).
func TestConnectHTTP2(t *testing.T) {
	srv := serveH2(t, 0, func(h *h2peer) {
		f, ok := h.next().(*http2.MetaHeadersFrame)
		if !ok {
			t.Error("no request came")
			return
		}
		var pseudo []string
		for _, p := range f.PseudoFields() {
			pseudo = append(pseudo, p.Name+" "+p.Value)
		}
		if got := strings.Join(pseudo, ", "); got != ":method CONNECT, :authority far.test:99" {
			t.Errorf("asked for %s", got)
		}
		h.headers(f.StreamID, false, ":status", "200")
		data, ok := h.next().(*http2.DataFrame)
		if !ok || string(data.Data()) != "hello" {
			t.Errorf("got %v", data)
			return
		}
		h.WriteData(f.StreamID, true, []byte("welcome"))
		h.waitForEnd()
	})
	w := watch(t, named(t, "multiplexed"))
	r, body := io.Pipe()
	req := mustRequest(t, "CONNECT", srv.url, r)
	req.URL.Path, req.Host = "", "far.test:99"
	resp, err := w.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(body, "hello")
	if got, err := io.ReadAll(resp.Body); string(got) != "welcome" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	body.Close()
	resp.Body.Close()
}

// A timeless connection has no deadlines.
type timeless struct{ net.Conn }

func (timeless) SetDeadline(time.Time) error      { return http.ErrNotSupported }
func (timeless) SetReadDeadline(time.Time) error  { return http.ErrNotSupported }
func (timeless) SetWriteDeadline(time.Time) error { return http.ErrNotSupported }

// TestConnectionWithoutDeadlines: giving up and closing a body end on a connection
// that cannot be interrupted, such as a channel of SSH.
func TestConnectionWithoutDeadlines(t *testing.T) {
	testConnection(t, func(c net.Conn) net.Conn { return timeless{c} })
}

// A bare connection has nothing but what HTTP cannot do without.
type bare struct {
	net.Conn // nil
	io.ReadWriteCloser
}

func (b bare) Read(p []byte) (int, error)  { return b.ReadWriteCloser.Read(p) }
func (b bare) Write(p []byte) (int, error) { return b.ReadWriteCloser.Write(p) }
func (b bare) Close() error                { return b.ReadWriteCloser.Close() }

// TestPartialConnection: so do they on one that was made up for a test.
func TestPartialConnection(t *testing.T) {
	testConnection(t, func(c net.Conn) net.Conn { return bare{ReadWriteCloser: c} })
}

func testConnection(t *testing.T, made func(net.Conn) net.Conn) {
	inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
		piped(w, func(p *peer) {
			p.request()
			p.request()
		}, func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab")
			p.request()
		}, echo)
		dial := w.DialContext
		w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			return made(c), err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if a := w.do(request(t, "GET", "http://peer/", "").WithContext(ctx)); !errors.Is(a.err, context.DeadlineExceeded) {
			t.Errorf("given up: %v", a.err)
		}
		resp, err := w.RoundTrip(request(t, "GET", "http://peer/", ""))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		wantAnswer(t, w.get("http://peer/3"), "/3", 1)
	})
}

// TestReadersOfATunnel: "Multiple goroutines may invoke methods on a Conn
// simultaneously" — net.Conn. Each octet is one reader's.
func TestReadersOfATunnel(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(shouts))
	defer srv.Close()
	w := watch(t, Strategy{})
	_, rwc := upgrade(t, t.Context(), w, srv.URL)
	defer rwc.Close()
	octets := make(chan byte)
	for range 2 {
		go func() {
			for range len("welcome;") / 2 {
				var p [1]byte
				rwc.Read(p[:])
				octets <- p[0]
			}
		}()
	}
	var got []byte
	for range len("welcome;") {
		got = append(got, <-octets)
	}
	slices.Sort(got)
	if string(got) != ";ceelmow" {
		t.Errorf("%q", got)
	}
}

// TestCloseEndsASenderIntoATunnel: a tunnel outlives its Transport, but not what
// the Transport does on it: the peer of this one has stopped reading.
func TestCloseEndsASenderIntoATunnel(t *testing.T) {
	for name, made := range map[string]func(net.Conn) net.Conn{
		"with deadlines":    func(c net.Conn) net.Conn { return c },
		"without deadlines": func(c net.Conn) net.Conn { return timeless{c} },
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				tunnelled := make(chan struct{})
				piped(w, func(p *peer) {
					p.request()
					p.say("HTTP/1.1 200 OK\r\n\r\n")
					<-tunnelled
				})
				dial := w.DialContext
				w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					c, err := dial(ctx, network, addr)
					return made(c), err
				}
				body, _ := io.Pipe()
				req := mustRequest(t, "CONNECT", "http://peer", io.MultiReader(strings.NewReader("hello"), body))
				resp, err := w.RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				closed := make(chan struct{})
				go func() {
					w.Close()
					close(closed)
				}()
				synctest.Wait()
				select {
				case <-closed:
				default:
					t.Error("Close waits for the tunnel's peer")
				}
				resp.Body.Close()
				close(tunnelled)
			})
		})
	}
}
