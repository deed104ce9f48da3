package linger

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// pipelining is one connection with that many requests outstanding.
func pipelining(depth int) Strategy {
	return Strategy{Name: "pipelined", Conns: 1, Depth: depth, Protocol: HTTP11}
}

// closing answers n requests with their paths, the last with that field if it is
// not empty, and ends the connection as it is told.
func closing(n int, field string, end func(*peer)) func(*peer) {
	return func(p *peer) {
		for i := 1; ; i++ {
			req := p.request()
			switch {
			case req == nil:
				return
			case i < n:
				p.answer(req.URL.Path)
				continue
			case field != "":
				p.answer(req.URL.Path, field)
			default:
				p.answer(req.URL.Path)
			}
			end(p)
			return
		}
	}
}

// hangUp reads what is there to be read before it closes: the client sees FIN.
func hangUp(p *peer) {
	if c, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
	io.Copy(io.Discard, p.in)
}

// walkOut closes with requests unread: the client sees RST behind the answers.
func walkOut(p *peer) { p.Close() }

// TestThousandAnswers: "A client that pipelines requests SHOULD retry unanswered
// requests if the connection closes before it receives all of the corresponding
// responses" — https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2.
func TestThousandAnswers(t *testing.T) {
	ends := []struct {
		name, field string
		end         func(*peer)
	}{
		{"announced, FIN", "Connection: close", hangUp},
		{"announced, unread requests", "Connection: close", walkOut},
		{"announced, RST", "Connection: close", (*peer).reset},
		{"unannounced, FIN", "", hangUp},
		{"unannounced, unread requests", "", walkOut},
		{"unannounced, RST", "", (*peer).reset},
	}
	for _, depth := range []int{2, 8, 64} {
		for _, e := range ends {
			t.Run(fmt.Sprintf("depth %d, %s", depth, e.name), func(t *testing.T) {
				srv := serve(t, closing(10, e.field, e.end))
				w := watch(t, pipelining(depth))
				for i, a := range w.all(srv.url, 1000) {
					if want := fmt.Sprintf("/%d", i); a.err != nil || a.body != want {
						t.Errorf("%d: %q, %v, after %d tries", i, a.body, a.err, a.e.Tries)
					}
				}
				checkOrder(t, w)
			})
		}
	}
}

// checkOrder holds the records of a pipelined run against each other: no two
// exchanges have the same place on a connection.
func checkOrder(t *testing.T, w *watched) {
	t.Helper()
	type place struct{ conn, nth int }
	taken := make(map[place]*timeline.Exchange)
	for _, e := range w.exchanges() {
		at := place{e.Conn.Number, e.Nth}
		if other := taken[at]; other != nil {
			t.Errorf("exchanges %d and %d were both number %d on connection %d", other.Number, e.Number, at.nth, at.conn)
		}
		taken[at] = e
	}
}

func TestPipelineWithHead(t *testing.T) {
	srv := serve(t, func(p *peer) {
		for req := p.request(); req != nil; req = p.request() {
			if req.Method == "HEAD" {
				p.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
				continue
			}
			p.answer(strings.Repeat(req.URL.Path, 3))
		}
	})
	w := watch(t, pipelining(8))
	done := make(chan answer)
	for i := range 100 {
		go func() {
			if i%3 == 0 {
				done <- w.do(request(t, "HEAD", srv.url+"/h", ""))
				return
			}
			done <- w.get(srv.url + "/g")
		}()
	}
	for range 100 {
		a := <-done
		want := map[string]string{"HEAD": "", "GET": "/g/g/g"}[a.e.Method]
		if a.err != nil || a.body != want {
			t.Errorf("%s: %q, %v", a.e.Method, a.body, a.err)
		}
	}
	if n := srv.accepted.Load(); n != 1 {
		t.Errorf("%d connections, not 1", n)
	}
}
