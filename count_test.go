package linger

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// A countedConn counts what goes over a connection, each way.
type countedConn struct {
	net.Conn
	in, out atomic.Int64
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.Add(int64(n))
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.out.Add(int64(n))
	return n, err
}

// TestBytesSent holds the record of a request against the wire, for each way to
// frame its body.
func TestBytesSent(t *testing.T) {
	const large = 100_000
	tests := []struct {
		name, method string
		size         int
		unknown      bool // the length is not told
		trailer      bool
		field        string
		body         func(size int) int64 // as it stands on the wire; nil: as it is
	}{
		{name: "none", method: "GET"},
		{name: "none in a POST", method: "POST"},
		{name: "inline", method: "POST", size: 10},
		{name: "largest inline", method: "POST", size: inlineBody},
		{name: "smallest alone", method: "POST", size: inlineBody + 1},
		{name: "large", method: "POST", size: large},
		{name: "expected", method: "POST", size: 10, field: "100-continue"},
		{name: "chunked", method: "POST", size: 10, unknown: true, body: func(n int) int64 { return int64(len("a\r\n")+n) + int64(len("\r\n0\r\n\r\n")) }},
		{name: "chunked with trailer", method: "POST", size: 10, unknown: true, trailer: true,
			body: func(n int) int64 { return int64(len("a\r\n")+n) + int64(len("\r\n0\r\nSum: 1\r\n\r\n")) }},
		{name: "empty, chunked", method: "POST", size: 0, unknown: true, body: func(int) int64 { return int64(len("0\r\n\r\n")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inVirtualTime(t, persistent, func(t *testing.T, w *watched) {
				server := make(chan *countedConn, 1)
				piped(w, func(p *peer) {
					counted := &countedConn{Conn: p.Conn}
					server <- counted
					p.in.Reset(counted)
					io.Copy(io.Discard, p.request().Body)
					p.answer("ok")
				})
				req := request(t, tt.method, "http://peer/path?query", strings.Repeat("x", tt.size))
				if tt.unknown {
					req.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", tt.size)))
					req.ContentLength = -1
				}
				if tt.trailer {
					req.Trailer = http.Header{"Sum": {"1"}}
				}
				if tt.field != "" {
					req.Header.Set("Expect", tt.field)
				}
				a := w.do(req)
				if a.err != nil {
					t.Fatal(a.err)
				}
				want := int64(tt.size)
				if tt.body != nil {
					want = tt.body(tt.size)
				}
				if got, wire := a.e.Sent, (<-server).in.Load(); got.Body != want || got.Total() != wire {
					t.Errorf("sent %+v, the body is %d, all is %d", got, want, wire)
				}
			})
		})
	}
}

// TestBytesReceived does so for responses.
func TestBytesReceived(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	tests := []struct{ name, method, head, body string }{
		{"length", "GET", ok + "Content-Length: 2\r\n\r\n", "ok"},
		{"length, large", "GET", ok + "Content-Length: 100000\r\n\r\n", strings.Repeat("x", 100_000)},
		{"none", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
		{"length 0", "GET", ok + "Content-Length: 0\r\n\r\n", ""},
		{"HEAD", "HEAD", ok + "Content-Length: 5\r\n\r\n", ""},
		{"until close", "GET", ok + "\r\n", strings.Repeat("x", 5000)},
		{"chunked", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n", "5\r\nabcde\r\n3;x=y\r\nabc\r\n0\r\n\r\n"},
		{"chunked, large", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("2000\r\n"+strings.Repeat("x", 0x2000)+"\r\n", 9) + "0\r\n\r\n"},
		{"trailer", "GET", ok + "Transfer-Encoding: chunked\r\n\r\n", "5\r\nabcde\r\n0\r\nSum: 1\r\n\r\n"},
		{"interim", "GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ok + "Content-Length: 2\r\n\r\n", "ok"},
		{"truncated", "GET", ok + "Content-Length: 9\r\n\r\n", "only"},
	}
	for _, tt := range tests {
		for _, piece := range []int{1, 1000, 32 << 10} { // of what the caller reads
			t.Run(fmt.Sprint(tt.name, " by ", piece), func(t *testing.T) {
				w := watch(t, persistent)
				piped(w, func(p *peer) {
					p.request()
					io.WriteString(p, tt.head+tt.body)
				})
				resp, err := w.RoundTrip(request(t, tt.method, "http://peer/", ""))
				if err != nil {
					t.Fatal(err)
				}
				io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, make([]byte, piece))
				resp.Body.Close()
				want := timeline.Bytes{Header: int64(len(tt.head)), Body: int64(len(tt.body))}
				if got := TimelineOf(resp).Received; got != want {
					t.Errorf("received %+v, the server said %+v", got, want)
				}
			})
		}
	}
}

// TestBytesOfAPipeline: each exchange has its own bytes and no other's.
func TestBytesOfAPipeline(t *testing.T) {
	srv := serve(t, echo)
	w := watch(t, pipelining(8))
	for i, a := range w.all(srv.url, 100) {
		path := fmt.Sprintf("/%d", i)
		host := strings.TrimPrefix(srv.url, "http://")
		sent := timeline.Bytes{Header: int64(len("GET  HTTP/1.1\r\nHost: \r\nUser-Agent: linger\r\nAccept-Encoding: gzip\r\n\r\n") + len(path) + len(host))}
		received := timeline.Bytes{Header: int64(len("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")), Body: int64(len(path))}
		if a.err != nil || a.e.Sent != sent || a.e.Received != received {
			t.Errorf("%d: %v, sent %+v, not %+v, received %+v, not %+v", i, a.err, a.e.Sent, sent, a.e.Received, received)
		}
	}
}
