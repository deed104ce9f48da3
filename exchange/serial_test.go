package exchange

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/internal/packets"
)

// A client that sends one request at a time, on the same host, and a capture that could
// not keep up: the exchanges look all alike, but each side's ACKs say what it had.

// serial is a capture of exchanges on one connection, and how long each of the requests
// and responses is.
func serial(exchanges int) (c *packets.Capture, request, response int64) {
	q := "GET /i8.png HTTP/1.1\r\nHost: h\r\n\r\n"
	r := "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("x", 9000)
	c = packets.NewCapture()
	conn := c.Conn("127.0.0.1:40000", "127.0.0.1:80")
	const tick = 100 * time.Microsecond
	conn.Open(0, tick)
	for i := range exchanges {
		at := time.Duration(i+2) * 10 * tick
		conn.Send(packets.Client, at, q)
		conn.Send(packets.Server, at+4*tick, r[:5000])
		conn.Send(packets.Server, at+4*tick, r[5000:])
		conn.ACK(packets.Client, at+5*tick)
	}
	return c, int64(len(q)), int64(len(r))
}

// TestSerialWithHoles: no response is taken for that of another request, though bursts of
// packets of either side are missing, or of both.
func TestSerialWithHoles(t *testing.T) {
	const exchanges = 300
	for seed := range uint64(60) {
		c, request, response := serial(exchanges)
		rng := rand.New(rand.NewPCG(seed, 7))
		for range 12 {
			from, n := 10+rng.IntN(c.Len()-60), 1+rng.IntN(24)
			for range n {
				c.Drop(from)
			}
		}
		all := explored(c)
		whole := 0
		for _, e := range all {
			i, j := e.Request.Start()/request, e.Response.Start()/response
			switch {
			case e.Request.First == 0 || e.Response.First == 0:
			case i != j && !strings.Contains(e.Problem, "may be that of another"):
				t.Errorf("seed %d: request %d has response %d: %q", seed, i, j, e.Problem)
			case i == j:
				whole++
			}
		}
		if whole < exchanges-12*(24/4+2) {
			t.Errorf("seed %d: of %d exchanges, %d have both request and response", seed, exchanges, whole)
		}
	}
}

// explored is the exchanges of a capture.
func explored(c *packets.Capture) (all []*Exchange) {
	table := flow.NewTable(flow.Config{Open: func(c *flow.Conn) flow.Sink {
		return New(c, nil, func(e *Exchange) { all = append(all, e) })
	}})
	for p := range c.Packets() {
		table.Add(p)
	}
	table.Close()
	return all
}
