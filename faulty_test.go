package linger

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A faulty server fails in every way that servers do, as its dice have it, and
// keeps a ledger of what it has applied. What it does with a request over HTTP/1
// stands in faulty_http1_test.go, over HTTP/2 in faulty_http2_test.go.
type faulty struct {
	*scripted
	t         *testing.T
	seed      uint64
	secure    *tls.Config // nil: in clear
	http2     bool        // it speaks HTTP/2, else HTTP/1.1
	pipelined bool        // requests may stand behind others
	proxy     atomic.Bool // it is a proxy, of itself; set before the first request

	applied []atomic.Int32 // by a request's id: how often it was read whole and executed

	mu    sync.Mutex
	count map[string]int // guarded by mu: how often each fault happened
}

// newFaulty starts a faulty server that ends with the test, and has w find it
// under every name. Requests to come have ids below requests.
func newFaulty(w *watched, seed uint64, secure, http2 bool, requests int) *faulty {
	s := &faulty{t: w.t, seed: seed, http2: http2, pipelined: w.Strategy.Depth > 1,
		applied: make([]atomic.Int32, requests), count: make(map[string]int)}
	if secure {
		s.secure, w.TLSClientConfig = certified(http2)
	}
	s.scripted = serve(w.t, s.converse)
	w.Resolve = resolveTo(netip.MustParseAddrPort(strings.TrimPrefix(s.url, "http://")))
	return s
}

// certified returns the two sides' configurations of TLS.
func certified(http2 bool) (server, client *tls.Config) {
	helper := httptest.NewTLSServer(nil) // for its certificate
	defer helper.Close()
	client = helper.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	client.ServerName = "example.com"
	server = &tls.Config{Certificates: helper.TLS.Certificates, NextProtos: []string{"http/1.1"}}
	if http2 {
		server.NextProtos = []string{alpnHTTP2}
	}
	return server, client
}

// A faultyConn is one of its connections.
type faultyConn struct {
	net.Conn // TCP, or TLS over it
	tcp      *net.TCPConn
	in       *bufio.Reader
	s        *faulty
	dice     *rand.Rand
}

func (s *faulty) converse(p *peer) {
	c := &faultyConn{Conn: p.Conn, tcp: p.Conn.(*net.TCPConn), in: p.in, s: s, dice: rand.New(rand.NewPCG(s.seed, uint64(p.n)))}
	if c.dice.IntN(50) == 0 {
		s.note("accepted and reset")
		c.reset()
		return
	}
	if s.secure != nil && s.proxy.Load() && !c.connect() {
		return
	}
	if s.secure != nil {
		secured := tls.Server(c.Conn, s.secure)
		if secured.Handshake() != nil {
			return
		}
		c.Conn = secured
		c.in.Reset(secured)
	}
	if s.http2 {
		c.serveHTTP2()
		return
	}
	for c.exchangeHTTP1() {
	}
}

// connect answers CONNECT, as a proxy does (RFC 9110 §9.3.6). It reports whether
// there is a tunnel.
func (c *faultyConn) connect() bool {
	req, err := http.ReadRequest(c.in)
	if err != nil {
		return false
	}
	if req.Method != http.MethodConnect {
		c.s.t.Errorf("the proxy got %s", req.Method)
		return false
	}
	switch c.dice.IntN(40) {
	case 0:
		c.s.note("CONNECT answered 502")
		c.Write([]byte("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n"))
		return false
	case 1:
		c.s.note("CONNECT cut")
		c.cut()
		return false
	case 2:
		c.s.note("CONNECT answered, then cut")
		c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		c.cut()
		return false
	}
	_, err = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")) // which means nothing here
	return err == nil && c.in.Buffered() == 0
}

// note counts a fault.
func (s *faulty) note(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count[name]++
}

// listed prints counts, by name.
func listed(count map[string]int) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		all = append(all, name+" "+strconv.Itoa(count[name]))
	}
	return strings.Join(all, ", ")
}

// reset ends the connection with RST: at once, whatever TLS thinks of it.
func (c *faultyConn) reset() {
	c.tcp.SetLinger(0)
	c.tcp.Close()
}

// hangUp ends the connection with FIN, and without a word of TLS.
func (c *faultyConn) hangUp() { c.tcp.Close() }

// cut ends the connection in one of both ways.
func (c *faultyConn) cut() {
	if c.dice.IntN(2) == 0 {
		c.reset()
		return
	}
	c.hangUp()
}

// dawdle lets a moment pass.
func (c *faultyConn) dawdle() { time.Sleep(time.Duration(c.dice.IntN(1000)) * time.Microsecond) }

// roll picks one of a table by weight.
func roll[F interface{ weigh() int }](dice *rand.Rand, table []F) F {
	sum := 0
	for _, f := range table {
		sum += f.weigh()
	}
	n := dice.IntN(sum)
	for _, f := range table {
		if n -= f.weigh(); n < 0 {
			return f
		}
	}
	panic("no weight")
}

// An order is what a request of the fault run asks for.
type order struct {
	id   int
	want int // size of the answer
	size int // size of the request's body
}

// orderOf reads an order off a request's fields.
func orderOf(field func(string) string) order {
	number := func(name string) int {
		n, _ := strconv.Atoi(field(name))
		return n
	}
	return order{number("X-Id"), number("X-Want"), number("X-Size")}
}

// fields puts an order into a request's fields.
func (o order) fields(h http.Header) {
	h.Set("X-Id", strconv.Itoa(o.id))
	h.Set("X-Want", strconv.Itoa(o.want))
	h.Set("X-Size", strconv.Itoa(o.size))
}

func (o order) request() []byte { return letters(2*o.id, o.size) }
func (o order) answer() []byte  { return letters(2*o.id+1, o.want) }

// apply executes a request that was read whole.
func (s *faulty) apply(o order, body []byte) {
	if !bytes.Equal(body, o.request()) {
		s.t.Errorf("request %d came mangled: %d bytes of %d", o.id, len(body), o.size)
	}
	s.applied[o.id].Add(1)
}

// maxLetters is the size of the largest body of the fault run.
const maxLetters = 200_000

// letters returns n letters that nobody takes for those of another seed.
func letters(seed, n int) []byte {
	at := (seed * 7919) % (len(alphabet) - 2*maxLetters)
	return alphabet[at : at+n : at+n]
}

var alphabet = func() []byte {
	dice := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 4*maxLetters)
	for i := range b {
		b[i] = 'a' + byte(dice.IntN(26))
	}
	return b
}()

// whole reads the rest of a body.
func whole(r io.Reader) ([]byte, bool) {
	b, err := io.ReadAll(r)
	return b, err == nil
}
