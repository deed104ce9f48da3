package exchange

import (
	"fmt"
	"math/rand/v2"
	"net"
	"reflect"
	"sync"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// A tape holds what went over connections, as their client's kernel saw it.
type tape struct {
	mu    sync.Mutex
	conns [][]taped // guarded by mu
}

// A taped is what was read or written at once.
type taped struct {
	d flow.Dir
	b []byte
}

// record wraps a client's connection.
func (t *tape) record(c net.Conn) net.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns = append(t.conns, nil)
	return &tapedConn{Conn: c, tape: t, n: len(t.conns) - 1}
}

func (t *tape) add(n int, d flow.Dir, b []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[n] = append(t.conns[n], taped{d, append([]byte(nil), b...)})
}

// of is what went over the nth connection, from 0.
func (t *tape) of(n int) []taped {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]taped(nil), t.conns[n]...)
}

type tapedConn struct {
	net.Conn
	tape *tape
	n    int
}

func (c *tapedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.tape.add(c.n, flow.Down, b[:n])
	}
	return n, err
}

// Write records before it writes: the answer may be read before Write returns.
func (c *tapedConn) Write(b []byte) (int, error) {
	c.tape.add(c.n, flow.Up, b)
	return c.Conn.Write(b)
}

// A cut says how a tape is cut into packets.
type cut func(left int) int

func segments(left int) int { return min(left, 1448) }

func bytewise(int) int { return 1 }

func randomly(r *rand.Rand) cut {
	return func(left int) int {
		n := 1 + r.IntN(1448)
		if r.IntN(3) == 0 {
			n = 1 + r.IntN(12)
		}
		return min(left, n)
	}
}

// playTape plays a tape to a Sink: each packet 0.1 ms after the one before, a
// recorded read or write 2 ms after. lose, if not nil, says which packets are missing.
func playTape(sink flow.Sink, all []taped, c cut, lose func(d flow.Dir, packet int32) bool) {
	var offset [2]int64
	at, packet := int64(1e9), int32(0)
	for _, e := range all {
		at += 2e6
		for b := e.b; len(b) > 0; {
			n := c(len(b))
			packet++
			at += 1e5
			if lose != nil && lose(e.d, packet) {
				sink.Missing(e.d, offset[e.d], int64(n), at, packet)
			} else {
				sink.Data(e.d, offset[e.d], b[:n], at, packet)
			}
			offset[e.d] += int64(n)
			b = b[n:]
		}
	}
	sink.End(flow.Up, at, flow.ByFIN)
	sink.End(flow.Down, at, flow.ByFIN)
}

// streams are the bytes of a tape by direction.
func streams(all []taped) (s [2][]byte) {
	for _, e := range all {
		s[e.d] = append(s[e.d], e.b...)
	}
	return s
}

// shapes are exchanges without their times, which depend on the cut.
func shapes(all []*Exchange) []string {
	var lines []string
	for _, e := range all {
		lines = append(lines, fmt.Sprintf("%d %d %s %s %d %v up %s down %s interim %d %s", e.Nth, e.Stream, e.Method, e.URL, e.Status, e.Inferred,
			shape(e.Request), shape(e.Response), len(e.Interim), e.Problem))
	}
	return lines
}

func shape(m Message) string {
	return fmt.Sprintf("%v %d+%d %v", m.Ranges, m.Head, m.Body, m.Complete)
}

func sameShapes(t *testing.T, what string, got, want []*Exchange) {
	t.Helper()
	g, w := shapes(got), shapes(want)
	if !reflect.DeepEqual(g, w) {
		t.Errorf("%s: %d exchanges against %d", what, len(g), len(w))
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("%s:\n%s\nwant\n%s", what, g[i], w[i])
			}
		}
	}
}
