package linger

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestVeiledSocket puts exchanges on connections on which somebody else has shaken
// hands: session tickets that lie on the socket are no reason to give a connection
// up, bytes that nobody asked for are.
func TestVeiledSocket(t *testing.T) {
	accepted := make(chan *tls.Conn, 2)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateNew {
			accepted <- c.(*tls.Conn)
		}
	}
	srv.StartTLS()
	defer srv.Close()
	w := watch(t, Strategy{Protocol: HTTP11})
	w.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
		return d.DialContext(ctx, network, addr)
	}
	for nth := range 3 {
		if a := w.get(srv.URL); a.err != nil || a.e.Conn.Number != 1 || a.e.Nth != nth+1 {
			t.Errorf("exchange %d: %v, the %d. on connection %d", nth, a.err, a.e.Nth, a.e.Conn.Number)
		}
	}
	(<-accepted).Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
	eventually(t, "the bytes are there", func() bool {
		a := w.get(srv.URL)
		if a.err != nil || a.body == "evil" {
			t.Errorf("%v, %q", a.err, a.body)
		}
		return a.e.Conn.Number == 2
	})
}

// TestWireErrors: whoever reads and writes on a socket by way of a wire gets the
// errors that the socket has.
func TestWireErrors(t *testing.T) {
	srv := serve(t, func(p *peer) { p.request() })
	c, err := net.Dial("tcp", strings.TrimPrefix(srv.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(c)
	same := func(why string) {
		t.Helper()
		octet := make([]byte, 1)
		for _, op := range []func(net.Conn) (int, error){
			func(c net.Conn) (int, error) { return c.Read(octet) },
			func(c net.Conn) (int, error) { return c.Write(octet) },
		} {
			_, got := op(w)
			_, want := op(c)
			if got == nil || want == nil || got.Error() != want.Error() {
				t.Errorf("%s: %v, not %v", why, got, want)
			}
		}
	}
	c.SetDeadline(longAgo)
	same("out of time")
	w.Close()
	same("closed")
}
