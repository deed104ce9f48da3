package linger

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// A dryConn takes so many octets, and then fails to write with the connection in
// order otherwise: somebody's wrapper.
type dryConn struct {
	net.Conn
	room int
}

var errDry = errors.New("no more is taken")

func (c *dryConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p[:min(len(p), c.room)])
	c.room -= n
	if err == nil && n < len(p) {
		err = errDry
	}
	return n, err
}

// TestWriteFails: a request that cannot be written whole has the answer that came
// all the same, or fails with the error of the write; it does not wait for a server
// that waits for it.
func TestWriteFails(t *testing.T) {
	tests := []struct {
		name       string
		size, room int
		answers    bool
	}{
		{"in the head", 0, 60, false},
		{"in a small body", 1000, 200, false},
		{"in a large body", 100_000, 50_000, false},
		{"behind an answer", 100_000, 50_000, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				piped(w, func(p *peer) {
					if tt.answers {
						p.head()
						p.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
					}
					io.Copy(io.Discard, p.in)
				})
				dial := w.DialContext
				w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
					c, err := dial(ctx, network, addr)
					return &dryConn{c, tt.room}, err
				}
				a := w.do(request(t, "POST", "http://peer/", strings.Repeat("x", tt.size)))
				if tt.answers && (a.status != 413 || a.body != "no" || a.err != nil) {
					t.Errorf("%d %q, %v", a.status, a.body, a.err)
				}
				var e *Error
				if !tt.answers && (!errors.Is(a.err, errDry) || !errors.As(a.err, &e) || !e.Sent || a.e.Tries != 1) {
					t.Errorf("%v after %d tries", a.err, a.e.Tries)
				}
			})
		})
	}
}
