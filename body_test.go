package linger

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// persistent is one connection, kept.
var persistent = Strategy{Name: "persistent", Conns: 1, Depth: 1, Protocol: HTTP11}

// TestConnectionIsBackBeforeEOF: whoever sees the end of a body finds its
// connection in the pool, so that requests in sequence need but one.
func TestConnectionIsBackBeforeEOF(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(kinds))
	defer srv.Close()
	w := watch(t, Strategy{Protocol: HTTP11}) // no limit of connections
	for i := range 200 {
		path := []string{"/length", "/chunked", "/empty"}[i%3]
		if a := w.get(srv.URL + path); a.err != nil || a.e.Conn.Number != 1 {
			t.Fatalf("%d: connection %d, %v", i, a.e.Conn.Number, a.err)
		}
	}
}

// TestReuse is about what the connection's fate depends on: the two requests
// /1 and /2 need one connection, or two.
func TestReuse(t *testing.T) {
	tests := []struct {
		name, method string
		say          string
		again        bool // the second finds the first's connection
	}{
		{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true},
		{"length 0", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true},
		{"trailers", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n", true},
		{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", true},
		{"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", true},
		{"HTTP/1.0 that keeps", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", true},

		{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false},
		{"Close among others", "GET", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", false},
		{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
		{"chunked and length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false},
		{"left over", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false},
		{"left over behind chunks", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", false},
		{"body after HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false},
		{"body after 204", "GET", "HTTP/1.1 204 No Content\r\n\r\nok", false},
		{"body after 304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nok", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv := serve(t, func(p *peer) {
				p.request()
				io.WriteString(p, tt.say)
				echo(p)
			}, echo)
			w := watch(t, persistent)
			a := w.do(request(t, tt.method, srv.url+"/1", ""))
			want := ""
			if strings.Contains(tt.say, "\r\n\r\nok") && tt.again || strings.Contains(tt.say, "2\r\nok") || tt.name == "close" {
				want = "ok"
			}
			if a.err != nil || tt.method == "GET" && !strings.HasPrefix(a.body, want) {
				t.Errorf("first: %q, %v", a.body, a.err)
			}
			if a = w.get(srv.url + "/2"); a.body != "/2" || a.err != nil {
				t.Errorf("second: %q, %v", a.body, a.err)
			}
			if got := srv.accepted.Load() == 1; got != tt.again {
				t.Errorf("%d connections", srv.accepted.Load())
			}
		})
	}
}

// TestIdleConnection: what happens to a connection that nobody uses is found
// before the next request is put on it, so that even a POST which cannot be sent
// twice gets through.
//
// "If a client receives data on a connection that doesn't have outstanding
// requests, it MUST NOT consider that data to be a valid response" —
// https://www.rfc-editor.org/rfc/rfc9112#section-9.2.
func TestIdleConnection(t *testing.T) {
	tests := []struct {
		name  string
		meant func(*peer) // happens while the connection is idle
	}{
		{"FIN", func(p *peer) { p.Close() }},
		{"RST", (*peer).reset},
		{"an answer nobody asked for", func(p *peer) { p.answer("evil") }},
		{"408", func(p *peer) {
			p.say("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			p.Close()
		}},
		{"one octet", func(p *peer) { p.say("x") }},
		{"an empty line", func(p *peer) { p.say("\r\n") }},
	}
	for _, tt := range tests {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, " tls ", secure), func(t *testing.T) {
				idle, done := make(chan bool), make(chan bool)
				script := func(p *peer) {
					p.want("GET", "/1")
					p.answer("one")
					<-idle
					tt.meant(p)
					close(done)
					p.request()
				}
				w := watch(t, persistent)
				srv := serveMaybeTLS(t, w, secure, script, echo)
				if a := w.get(srv.url + "/1"); a.body != "one" {
					t.Fatalf("%q, %v", a.body, a.err)
				}
				close(idle)
				<-done
				req := request(t, "POST", srv.url+"/2", "")
				req.Body, req.ContentLength = io.NopCloser(strings.NewReader("two")), 3
				if a := w.do(req); a.body != "/2" || a.err != nil {
					t.Errorf("POST: %q, %v", a.body, a.err)
				}
			})
		}
	}
}

// serveMaybeTLS is serve, over TLS if asked for.
func serveMaybeTLS(t *testing.T, w *watched, secure bool, scripts ...func(*peer)) *scripted {
	t.Helper()
	if !secure {
		return serve(t, scripts...)
	}
	helper := httptest.NewTLSServer(nil) // for its certificate
	defer helper.Close()
	w.TLSClientConfig = helper.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	var wrapped []func(*peer)
	for _, script := range scripts {
		wrapped = append(wrapped, func(p *peer) {
			secured := tls.Server(p.Conn, &tls.Config{Certificates: helper.TLS.Certificates})
			p.Conn = secured
			p.in.Reset(secured)
			script(p)
		})
	}
	srv := serve(t, wrapped...)
	srv.url = strings.Replace(srv.url, "http://", "https://", 1)
	return srv
}

// TestClientAsksToClose: "A client that sends a "close" connection option MUST NOT
// send further requests on that connection" —
// https://www.rfc-editor.org/rfc/rfc9112#section-9.6.
func TestClientAsksToClose(t *testing.T) {
	for name, ask := range map[string]func(*http.Request){
		"Request.Close": func(req *http.Request) { req.Close = true },
		"field":         func(req *http.Request) { req.Header.Set("Connection", "x, Close") },
	} {
		t.Run(name, func(t *testing.T) {
			srv := serve(t, func(p *peer) {
				for req := p.request(); req != nil; req = p.request() {
					p.answer(fmt.Sprint(req.Close)) // and keeps the connection
				}
			})
			w := watch(t, persistent)
			req := request(t, "GET", srv.url, "")
			ask(req)
			if a := w.do(req); a.body != "true" {
				t.Errorf("it was not asked: %q, %v", a.body, a.err)
			}
			if a := w.get(srv.url); a.body != "false" || a.e.Conn.Number != 2 {
				t.Errorf("%q on connection %d, %v", a.body, a.e.Conn.Number, a.err)
			}
		})
	}
}

// TestTicketsPending: the session tickets that a TLS 1.3 server sends after the
// handshake stand unread on an idle connection, and are no data.
func TestTicketsPending(t *testing.T) {
	w := watch(t, persistent)
	srv := serveMaybeTLS(t, w, true, func(p *peer) {
		p.request() // the handshake, with its tickets, is over before
		p.say("HTTP/1.1 204 No Content\r\n\r\n")
		for p.request() != nil {
			p.say("HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	w.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for range 5 {
		if a := w.get(srv.url); a.err != nil || a.status != 204 {
			t.Error(a.err)
		}
	}
	if n := srv.accepted.Load(); n != 1 {
		t.Errorf("%d connections, not 1", n)
	}
}

// TestLeftOverInTLS: TLS may have taken more off the socket than the answer
// was, where peeking at the socket cannot find it.
func TestLeftOverInTLS(t *testing.T) {
	w := watch(t, persistent)
	body := strings.Repeat("x", 2*firstBuffer)
	srv := serveMaybeTLS(t, w, true, func(p *peer) {
		p.want("GET", "/1")
		var record bytes.Buffer // one TLS record holds both
		fmt.Fprintf(&record, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		record.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
		p.Write(record.Bytes())
		echo(p)
	}, echo)
	if a := w.get(srv.url + "/1"); a.body != body || a.err != nil {
		t.Fatalf("%d bytes, %v", len(a.body), a.err)
	}
	if a := w.get(srv.url + "/2"); a.body != "/2" || a.err != nil {
		t.Errorf("%q, %v", a.body, a.err)
	}
}

// TestNeverUsedConnection: a connection may be opened for a request that is gone
// when it is there. It is idle like any other.
func TestNeverUsedConnection(t *testing.T) {
	for i := range 4 {
		secure, speaks := i%2 == 1, i > 1
		t.Run(fmt.Sprint("tls ", secure, ", 408 ", speaks), func(t *testing.T) {
			opened := make(chan bool)
			w := watch(t, persistent)
			srv := serveMaybeTLS(t, w, secure, func(p *peer) {
				if c, ok := p.Conn.(*tls.Conn); ok {
					c.Handshake()
				}
				if speaks {
					p.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
				} else {
					p.Close()
				}
				close(opened)
				p.request()
			}, echo)
			// The first request gives up as soon as its dial has begun.
			giveUp, gone := make(chan struct{}), make(chan struct{})
			w.DialContext = dialThen(func() {
				close(giveUp)
				<-gone
			})
			req := request(t, "GET", srv.url+"/1", "")
			req.Cancel = giveUp //lint:ignore SA1019 http.Client sets it
			if a := w.do(req); !errors.Is(a.err, errRequestCanceled) {
				t.Fatalf("first: %v", a.err)
			}
			close(gone)
			<-opened
			eventually(t, "the connection is in the pool", func() bool { return w.Stats().Idle == 1 })
			post := request(t, "POST", srv.url+"/2", "")
			post.Body, post.ContentLength = io.NopCloser(strings.NewReader("two")), 3
			if a := w.do(post); a.body != "/2" || a.err != nil {
				t.Errorf("POST: %q, %v", a.body, a.err)
			}
		})
	}
}

// TestServerSpeaksFirst: what a server says on a connection before it was asked
// is no answer where one was used before, but tells what is wrong on a new one.
func TestServerSpeaksFirst(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("tls ", secure), func(t *testing.T) {
			w := watch(t, persistent)
			spoken := make(chan struct{})
			srv := serveMaybeTLS(t, w, secure, func(p *peer) {
				p.say("SSH-2.0-OpenSSH_9.9\r\n")
				close(spoken)
				p.request()
			})
			w.DialContext = dialThen(func() {
				if !secure {
					<-spoken
				}
			})
			a := w.get(srv.url)
			if !errors.Is(a.err, ErrNotHTTP) {
				t.Errorf("got %v", a.err)
			}
			if n := srv.accepted.Load(); n != 1 {
				t.Errorf("%d connections, not 1", n)
			}
		})
	}
}

// dialThen is a DialContext that calls then, once, when the first connection is
// there.
func dialThen(then func()) func(context.Context, string, string) (net.Conn, error) {
	var once sync.Once
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, addr)
		once.Do(then)
		return c, err
	}
}

// TestClose is about bodies that are closed before their end: little that is
// left is read for the sake of the connection.
func TestClose(t *testing.T) {
	chunks := func(n int) string {
		return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", n)
	}
	length := func(n, sent int) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", sent))
	}
	tests := []struct {
		name  string
		say   string
		again bool
	}{
		{"little left", length(5000, 5000), true},
		{"much left", length(drainBytes+2000, drainBytes+2000), false},
		{"few chunks left", chunks(10) + "0\r\n\r\n", true},
		{"many chunks left", chunks(drainBytes/1024+10) + "0\r\n\r\n", false},
		{"endless", chunks(10), false},
		{"stalled", length(5000, 2000), false},
		{"until close", "HTTP/1.1 200 OK\r\n\r\nabcdef", false},
		{"broken chunk", chunks(2) + "zz\r\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				dialled := piped(w, func(p *peer) {
					p.want("GET", "/1")
					io.WriteString(p, tt.say)
					echo(p)
				}, echo)
				resp, err := w.RoundTrip(request(t, "GET", "http://peer/1", ""))
				if err != nil {
					t.Fatal(err)
				}
				io.ReadFull(resp.Body, make([]byte, 3))
				began := time.Now()
				resp.Body.Close()
				if took := time.Since(began); took > drainTime {
					t.Errorf("Close took %v", took)
				}
				resp.Body.Close()
				if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, ErrBodyClosed) || !errors.As(err, new(*Error)) {
					t.Errorf("Read after Close: %d, %v", n, err)
				}
				if tt.name == "much left" && TimelineOf(resp).Received.Body > 3 {
					t.Errorf("%d bytes were read for nothing", TimelineOf(resp).Received.Body)
				}
				if e := TimelineOf(resp); e.Error != "" || e.Duration == 0 && e.Check() != nil {
					t.Errorf("the record: %+v", e)
				}
				if a := w.get("http://peer/2"); a.body != "/2" || a.err != nil {
					t.Errorf("second: %q, %v", a.body, a.err)
				}
				if got := dialled.Load() == 1; got != tt.again {
					t.Errorf("%d connections", dialled.Load())
				}
			})
		})
	}
}

// TestCloseDuringRead: Close from another goroutine ends a Read that waits.
func TestCloseDuringRead(t *testing.T) {
	for _, head := range []string{"Content-Length: 10\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "\r\nab"} {
		t.Run(head, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				piped(w, func(p *peer) {
					p.request()
					p.say("HTTP/1.1 200 OK\r\n%s", head)
					p.request()
				}, echo)
				resp, err := w.RoundTrip(request(t, "GET", "http://peer/1", ""))
				if err != nil {
					t.Fatal(err)
				}
				read := make(chan error)
				go func() {
					_, err := io.ReadAll(resp.Body)
					read <- err
				}()
				synctest.Wait()
				for range 3 {
					go resp.Body.Close()
				}
				if err := <-read; !errors.Is(err, ErrBodyClosed) {
					t.Errorf("the Read under way got %v", err)
				}
				resp.Body.Close()
				if a := w.get("http://peer/2"); a.body != "/2" || a.err != nil {
					t.Errorf("the next: %q, %v", a.body, a.err)
				}
			})
		})
	}
}

// TestCloseAtTheEnd races Close with the Read that sees the end: whatever wins,
// the next exchange on the connection is not harmed.
func TestCloseAtTheEnd(t *testing.T) {
	srv := serve(t, echo)
	w := watch(t, persistent)
	for i := range 500 {
		resp, err := w.RoundTrip(request(t, "GET", srv.url+"/body", ""))
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		closed := make(chan bool)
		go func() {
			resp.Body.Close()
			close(closed)
		}()
		io.ReadAll(resp.Body)
		if a := w.get(srv.url + "/next"); a.body != "/next" || a.err != nil {
			t.Fatalf("%d: %q, %v", i, a.body, a.err)
		}
		<-closed
	}
}

// TestTruncated: a body that ends too early is never taken for a whole one.
func TestTruncated(t *testing.T) {
	for _, tt := range []struct{ name, say string }{
		{"length", "Content-Length: 10\r\n\r\nabc"},
		{"nothing at all", "Content-Length: 10\r\n\r\n"},
		{"chunk", "Transfer-Encoding: chunked\r\n\r\n5\r\nabc"},
		{"chunk size", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5"},
		{"no last chunk", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"},
		{"no trailer's end", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n"},
		{"no empty line", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"},
		{"great chunk", "Transfer-Encoding: chunked\r\n\r\nfffff\r\n" + strings.Repeat("x", 30000)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := serve(t, func(p *peer) {
				p.request()
				io.WriteString(p, "HTTP/1.1 200 OK\r\n"+tt.say)
			})
			w := watch(t, persistent)
			a := w.get(srv.url)
			if !errors.Is(a.err, io.ErrUnexpectedEOF) || a.err == io.ErrUnexpectedEOF {
				t.Errorf("%q, %v", a.body, a.err)
			}
			var e *Error
			if !errors.As(a.err, &e) || e.Step != timeline.Receive || e.Hint() == "" || a.e.Error == "" {
				t.Errorf("%#v, recorded as %q", a.err, a.e.Error)
			}
			if n := srv.accepted.Load(); n != 1 {
				t.Errorf("sent again: %d connections", n)
			}
		})
	}
}
