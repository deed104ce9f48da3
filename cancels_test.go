package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// Giving up at every step, at random moments, in virtual time: whatever the moment,
// the slot comes back, once, and nothing is learned of the server from it.

const (
	cancelsInAll   = 20_000 // of which half are over too soon
	cancelStreams  = 10     // that the server allows on one HTTP/2 connection
	cancelPatience = 40 * time.Millisecond
)

// errHour is the deadline of a caller who is not in a hurry.
var errHour = errors.New("an hour passed")

func TestCancelAnywhere(t *testing.T) {
	worlds := []struct {
		strategy string // empty is the zero one
		secure   bool
		limit    int // exchanges at once; 0: no limit
	}{
		{"serial", false, 1},
		{"parallel", true, browserConns},
		{"persistent", true, 1},
		{"persistent6", false, browserConns},
		{"persistent6", true, browserConns},
		{"pipelined", false, pipelineDepth},
		{"pipelined", true, pipelineDepth},
		{"", false, 0},
		{"", true, 0},
		{"multiplexed", false, cancelStreams},
		{"multiplexed", true, cancelStreams},
	}
	seed := fromEnvironment(t, "LINGER_FAULTS_SEED", int(time.Now().UnixNano()&(1<<40-1)))
	t.Logf("LINGER_FAULTS_SEED=%d", seed)
	given := make(map[string]int)
	for i, world := range worlds {
		t.Run(fmt.Sprintf("%q tls=%v", world.strategy, world.secure), func(t *testing.T) {
			var s Strategy
			if world.strategy != "" {
				s = named(t, world.strategy)
			}
			inVirtualTime(t, s, func(t *testing.T, w *watched) {
				w.Observe = checkTimeline(t)
				run := newCancelRun(w, uint64(seed+i), world.secure)
				run.storm(cancelsInAll/len(worlds), 2*max(3, world.limit))
				run.capacity(world.limit)
				run.end()
				for step, n := range run.steps {
					given[step] += n
				}
			})
		})
	}
	for _, step := range []timeline.Phase{timeline.Queue, timeline.Send, timeline.Wait, timeline.Receive} {
		if given[step.String()] == 0 {
			t.Errorf("none was given up in the phase %q", step)
		}
	}
}

func checkTimeline(t *testing.T) func(*timeline.Exchange) {
	return func(e *timeline.Exchange) {
		if err := e.Check(); err != nil {
			t.Error(err)
		}
	}
}

// A cancelRun is many callers at a slow server, who give up.
type cancelRun struct {
	w    *watched
	seed uint64
	url  string
	hold chan struct{} // closed to let the answers to /hold go

	server *http.Server

	mu    sync.Mutex
	dice  *rand.Rand     // guarded by mu: the server's
	steps map[string]int // guarded by mu: where exchanges were given up
}

// newCancelRun lets w dial a slow server in memory.
func newCancelRun(w *watched, seed uint64, secure bool) *cancelRun {
	r := &cancelRun{w: w, seed: seed, url: "http://peer", hold: make(chan struct{}), steps: make(map[string]int), dice: rand.New(rand.NewPCG(seed, 0))}
	listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: r, Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: cancelStreams}}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	w.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		if !sleep(ctx, r.moment()) {
			return nil, ctx.Err()
		}
		mine, theirs := net.Pipe()
		listener.conns <- &slowConn{theirs, r}
		return mine, nil
	}
	serve := server.Serve
	if secure {
		var cfg *tls.Config
		cfg, w.TLSClientConfig = certified(true)
		cfg.NextProtos = []string{alpnHTTP2, "http/1.1"}
		server.TLSConfig = cfg
		r.url = "https://peer"
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	w.peers.Go(func() { serve(listener) })
	r.server = server
	return r
}

// A pipeListener hands out the ends of pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// A slowConn reads after a while: over a pipe, whoever writes waits for that.
type slowConn struct {
	net.Conn
	r *cancelRun
}

func (c *slowConn) Read(p []byte) (int, error) {
	time.Sleep(c.r.moment())
	return c.Conn.Read(p)
}

// moment is how long something takes here, in virtual time: often nothing.
func (r *cancelRun) moment() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Duration(max(0, r.dice.IntN(4000)-1500)) * time.Microsecond
}

// ServeHTTP answers slowly, with the path again and again.
func (r *cancelRun) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/hold" {
		<-r.hold
	}
	time.Sleep(r.moment())
	io.Copy(io.Discard, req.Body)
	time.Sleep(r.moment())
	for range 3 {
		if _, err := io.WriteString(rw, req.URL.Path); err != nil {
			return
		}
		rw.(http.Flusher).Flush()
		time.Sleep(r.moment())
	}
}

// storm has so many callers make n exchanges, of which most are given up.
func (r *cancelRun) storm(n, callers int) {
	r.check("/first", r.w.get(r.url+"/first"), nil) // now the server's limit of streams is known
	var users sync.WaitGroup
	for user := range callers {
		users.Go(func() {
			dice := rand.New(rand.NewPCG(r.seed, 1+uint64(user)))
			for i := user; i < n; i += callers {
				r.exchange(dice, fmt.Sprintf("/%d", i))
				time.Sleep(time.Duration(dice.IntN(3)) * time.Millisecond) // virtual
			}
		})
	}
	users.Wait()
	r.w.t.Logf("given up while: %s", listed(r.steps))
}

// exchange makes one exchange, and gives it up in one of the ways there are, if
// it is not over by then.
func (r *cancelRun) exchange(dice *rand.Rand, path string) {
	req := r.request(dice, path)
	when := time.Duration(dice.Int64N(int64(cancelPatience)))
	ctx, cancel := context.WithTimeoutCause(req.Context(), time.Hour, errHour)
	defer cancel()
	switch dice.IntN(5) {
	case 0: // spared
		r.check(path, r.w.do(req.WithContext(ctx)), nil)
	case 1:
		ctx, giveUp := context.WithCancelCause(ctx)
		defer time.AfterFunc(when, func() { giveUp(errChanged) }).Stop()
		r.check(path, r.w.do(req.WithContext(ctx)), errChanged)
	case 2:
		ctx, cancel := context.WithTimeout(ctx, when)
		defer cancel()
		r.check(path, r.w.do(req.WithContext(ctx)), context.DeadlineExceeded)
	case 3:
		given := make(chan struct{})
		req.Cancel = given //lint:ignore SA1019 http.Client sets it
		defer time.AfterFunc(when, func() { close(given) }).Stop()
		r.check(path, r.w.do(req.WithContext(ctx)), errRequestCanceled)
	case 4:
		r.closeEarly(dice, path, req.WithContext(ctx))
	}
}

// request makes one at random.
func (r *cancelRun) request(dice *rand.Rand, path string) *http.Request {
	method, body := "GET", ""
	if dice.IntN(3) == 0 {
		method, body = "POST", strings.Repeat("x", 1<<dice.IntN(17))
	}
	req := request(r.w.t, method, r.url+path, body)
	if body != "" && dice.IntN(2) == 0 { // a slow one, in pieces
		req.Body, req.GetBody = io.NopCloser(io.MultiReader(&slowReader{pieces: 3, pause: time.Millisecond}, strings.NewReader(body))), nil
		req.ContentLength = -1
	}
	if body != "" && dice.IntN(4) == 0 {
		req.Header.Set("Expect", "100-continue")
	}
	return req
}

// check takes what came of an exchange: its own answer, or that it was given up
// for why.
func (r *cancelRun) check(path string, a answer, why error) {
	var e *Error
	switch {
	case a.err == nil && a.body != path+path+path:
		r.w.t.Errorf("%s: %q", path, a.body)
	case a.err == nil:
		r.note("not at all")
	case why == nil || !errors.Is(a.err, why) || !errors.As(a.err, &e):
		r.w.t.Errorf("%s: %v, given up for %v", path, a.err, why)
	default:
		r.note(e.Step.String())
	}
}

func (r *cancelRun) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps[what]++
}

// closeEarly reads some of the answer and closes the rest. While another goroutine
// reads it is closed in the fault run: in virtual time the one that waits for the
// body's mutex would stop the clock.
func (r *cancelRun) closeEarly(dice *rand.Rand, path string, req *http.Request) {
	resp, err := r.w.RoundTrip(req)
	if err != nil {
		r.w.t.Errorf("%s: %v", path, err)
		return
	}
	io.CopyN(io.Discard, resp.Body, int64(dice.IntN(3*len(path))))
	resp.Body.Close()
	r.note("closed early")
}

// capacity checks that as many exchanges as ever may be on the connections at
// once, that no more are, and that the others wait.
func (r *cancelRun) capacity(limit int) {
	r.w.t.Helper()
	synctest.Wait()
	time.Sleep(discardTime) // virtual: what is discarded has been by then
	total := limit + 3
	if limit == 0 {
		limit, total = 20, 20
	}
	var done []<-chan answer
	for range total {
		done = append(done, r.w.start(request(r.w.t, "GET", r.url+"/hold", ""))...)
	}
	time.Sleep(time.Second) // virtual
	synctest.Wait()
	if n, waiting := r.w.inFlight(), r.w.Stats().Waiting; n != limit || waiting != total-limit {
		r.w.t.Errorf("%d exchanges under way and %d waiting, want %d and %d", n, waiting, limit, total-limit)
	}
	close(r.hold)
	for _, d := range done {
		mustSay(r.w.t, d, "/hold/hold/hold")
	}
}

// end ends both sides, the client first: over a pipe nobody would read the
// server's goodbye.
func (r *cancelRun) end() {
	r.w.CloseIdleConnections()
	eventually(r.w.t, "every slot comes back", func() bool { return r.w.Stats().Active == 0 })
	r.w.Close()
	r.server.Close()
	time.Sleep(time.Second) // virtual: what still reads or answers sees it
}
