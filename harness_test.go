package linger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// A watched is a Transport whose every exchange is checked, and which must not
// leave a goroutine or a lent slot behind.
type watched struct {
	*Transport
	t  *testing.T
	mu sync.Mutex
	// seen is guarded by mu: the exchanges that have ended, in that order.
	seen []*timeline.Exchange

	peers sync.WaitGroup // scripts that run in memory, to end before the test does
}

// watch makes a Transport of a strategy that is closed and checked when the test
// ends. Fields of it may be set before it is used.
func watch(t *testing.T, s Strategy) *watched {
	w := &watched{Transport: &Transport{Strategy: s}, t: t}
	w.Observe = w.observe
	t.Cleanup(w.finish)
	return w
}

func (w *watched) observe(e *timeline.Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, e)
}

// exchanges returns what has ended so far, in the order of handing over.
func (w *watched) exchanges() []*timeline.Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.seen)
	slices.SortFunc(all, func(a, b *timeline.Exchange) int { return a.Number - b.Number })
	return all
}

func (w *watched) finish() {
	w.CloseIdleConnections()
	eventually(w.t, "every slot comes back", func() bool {
		s := w.Stats()
		return s.Open == s.Idle && s.Waiting == 0
	})
	w.Close()
	for _, e := range w.exchanges() {
		if err := e.Check(); err != nil {
			w.t.Error(err)
		}
		if e.Error == "" && (e.Conn.Number == 0 || e.Nth == 0 || e.Reason == "" || e.Tries == 0) {
			w.t.Errorf("exchange %d does not say what carried it: %+v", e.Number, e)
		}
	}
	eventually(w.t, "no goroutine is left", func() bool { return len(ours()) == 0 })
	w.peers.Wait()
}

// ours returns the stacks of goroutines that stand in linger's code but not in
// a test.
func ours() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(g, "lingerhttp/linger.") && !strings.Contains(g, "_test.go") || strings.Contains(g, "http2ClientConn).readLoop") {
			found = append(found, g)
		}
	}
	return found
}

// eventually waits until ok, and fails the test if it never is.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond) // polling, bounded: nothing tells of it
	}
	t.Errorf("never came true: %s\n%s", what, strings.Join(ours(), "\n\n"))
}

// An answer is what became of one request.
type answer struct {
	status int
	body   string
	header http.Header
	resp   *http.Response
	err    error // of RoundTrip, or of reading the body
	e      *timeline.Exchange
}

// get sends a GET and reads the answer whole.
func (w *watched) get(url string) answer { return w.do(request(w.t, "GET", url, "")) }

func (w *watched) do(req *http.Request) answer {
	resp, err := w.RoundTrip(req)
	if err != nil {
		return answer{err: err, e: timeline.OfError(err)}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, body: string(body), header: resp.Header, resp: resp, err: err, e: TimelineOf(resp)}
}

// all sends n GETs at once, the i-th to url/i, and returns the answers in order.
func (w *watched) all(url string, n int) []answer {
	answers := make([]answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i] = w.get(fmt.Sprintf("%s/%d", url, i)) })
	}
	wg.Wait()
	return answers
}

// request makes a request; an empty body means none.
func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, r)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// A peer is the server's end of one connection, in the hands of a script.
type peer struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
	n  int // how many-th connection, from 0
}

// want reads a request and checks its method and path.
func (p *peer) want(method, path string) *http.Request {
	req := p.request()
	if req == nil {
		p.t.Errorf("connection %d: no request where %s %s was wanted", p.n, method, path)
		return nil
	}
	if req.Method != method || req.URL.Path != path {
		p.t.Errorf("connection %d: got %s %s, want %s %s", p.n, req.Method, req.URL.Path, method, path)
	}
	return req
}

// request reads a request, nil if the connection has ended.
func (p *peer) request() *http.Request {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return nil
	}
	return req
}

// say writes bytes as they are.
func (p *peer) say(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// answer writes a whole answer of known length.
func (p *peer) answer(body string, fields ...string) {
	head := "HTTP/1.1 200 OK\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	p.say("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// reset ends the connection with RST.
func (p *peer) reset() {
	if c, ok := p.Conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	p.Close()
}

// A scripted server runs a script on each connection: the first on the first,
// and so on; the last on all that follow.
type scripted struct {
	url      string
	accepted atomic.Int32
}

// serve starts a scripted server on loopback. It ends with the test.
func serve(t *testing.T, scripts ...func(*peer)) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, scripts...)
}

// serveOn is serve on a listener that is open.
func serveOn(t *testing.T, l net.Listener, scripts ...func(*peer)) *scripted {
	s := &scripted{url: "http://" + l.Addr().String()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(s.accepted.Add(1)) - 1
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			script := scripts[min(n, len(scripts)-1)]
			wg.Go(func() {
				defer c.Close()
				script(&peer{Conn: c, t: t, in: bufio.NewReader(c), n: n})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return s
}

// echo answers every request with its path, until the connection ends.
func echo(p *peer) {
	for req := p.request(); req != nil; req = p.request() {
		io.Copy(io.Discard, req.Body)
		p.answer(req.URL.Path)
	}
}

// named returns a named strategy.
func named(t *testing.T, name string) Strategy {
	t.Helper()
	s, err := StrategyNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
