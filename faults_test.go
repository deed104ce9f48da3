package linger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// The fault run: many callers against servers that fail in every way that
// servers do. Every exchange ends, in an answer that is its own, octet by octet,
// or in an error that says truly whether the request may have been applied. No
// request is applied twice that must not be.
//
// LINGER_FAULTS is the number of requests in all, LINGER_FAULTS_SEED that of the
// dice; both are printed.

const (
	faultyRequests = 4000
	faultyCallers  = 64
	faultyOrigins  = 8                    // names of the one server at a time
	faultyEpoch    = 1000                 // requests, after which come other names: nothing is known of them
	faultyIdle     = time.Second          // IdleConnTimeout: those of names before are to go
	faultyHead     = 16 << 10             // MaxResponseHeaderBytes
	faultyContinue = 3 * time.Millisecond // ExpectContinueTimeout
	faultyPatience = 10 * time.Second     // of a caller: whoever runs out of it has been forgotten
)

func fromEnvironment(t *testing.T, name string, otherwise int) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(name))
	switch {
	case os.Getenv(name) == "":
		return otherwise
	case err != nil || n < 1:
		t.Fatalf("%s is %q: want a number", name, os.Getenv(name))
	}
	return n
}

// faultyWorlds are the combinations of strategy, security and protocol.
var faultyWorlds = []struct {
	strategy string // empty is the zero one
	secure   bool
	http2    bool
	setting  string          // what is particular, beside these
	set      func(*faultRun) // nil: nothing
}{
	{"serial", false, false, "", nil},
	{"serial", true, false, "", nil},
	{"persistent6", false, false, "", nil},
	{"persistent6", true, false, "", nil},
	{"pipelined", false, false, "", nil},
	{"pipelined", true, false, "", nil},
	{"", false, false, "", nil},
	{"", true, false, "", nil},
	{"", false, false, "tight", tight},
	{"pipelined", false, false, "tight", tight},
	{"", true, true, "", nil},
	{"", true, true, "tight", tight},
	{"multiplexed", false, true, "", nil},
	{"multiplexed", true, true, "", nil},
	{"persistent6", false, false, "proxy", proxied},
	{"persistent6", true, false, "proxy", proxied},
	{"", true, true, "proxy", proxied},
}

// tight sets every limit that a Transport has, each so low that it is met.
func tight(r *faultRun) {
	t := r.w.Transport
	t.MaxConns, t.MaxIdleConns, t.MaxIdleConnsPerOrigin = 10, 6, 2
	t.MaxWaiting, t.QueueTimeout = 3*faultyCallers/faultyOrigins, 300*time.Millisecond
	t.MaxConnAge, t.Jitter = 50*time.Millisecond, 1
	t.Strategy.Exchanges, t.Strategy.Reuse = 20, RoundRobin
	t.ResponseHeaderTimeout = 100 * time.Millisecond
}

func TestFaults(t *testing.T) {
	requests := fromEnvironment(t, "LINGER_FAULTS", faultyRequests) / len(faultyWorlds)
	seed := fromEnvironment(t, "LINGER_FAULTS_SEED", int(time.Now().UnixNano()&(1<<40-1)))
	t.Logf("LINGER_FAULTS_SEED=%d", seed)
	var all faultSums
	t.Cleanup(func() { all.log(t) })
	for i, world := range faultyWorlds {
		t.Run(fmt.Sprintf("%q tls=%v http2=%v %s", world.strategy, world.secure, world.http2, world.setting), func(t *testing.T) {
			r := &faultRun{t: t, seed: uint64(seed + i), told: make([]fateTold, requests), count: make(map[string]int)}
			t.Cleanup(func() { // when both sides have ended
				r.verify()
				all.add(r)
			})
			var s Strategy
			if world.strategy != "" {
				s = named(t, world.strategy)
			}
			r.w = watch(t, s)
			r.w.Observe = r.observe
			r.w.MaxResponseHeaderBytes = faultyHead
			r.w.IdleConnTimeout = faultyIdle
			r.w.ExpectContinueTimeout = faultyContinue
			r.server = newFaulty(r.w, r.seed, world.secure, world.http2, requests)
			if world.set != nil {
				world.set(r)
			}
			r.scheme = "http"
			if world.secure {
				r.scheme = "https"
			}
			r.run()
		})
	}
}

// proxied puts a proxy in between, which is the faulty server itself, under another
// name in each epoch.
func proxied(r *faultRun) {
	r.server.proxy.Store(true)
	r.w.Proxy = func(*http.Request) (*url.URL, error) {
		return &url.URL{Scheme: "http", Host: fmt.Sprintf("proxy%d.test:80", r.next.Load()/faultyEpoch)}, nil
	}
}

// A fateTold is what a caller was told of its request, written before the run
// ends and read after it.
type fateTold struct {
	once     bool // it must not be applied twice
	unsent   bool // an error said that it was not sent
	answered bool // by an answer that came of its being applied
	body     *watchedBody
	method   string
	err      error
}

type faultRun struct {
	t      *testing.T
	seed   uint64
	w      *watched
	server *faulty
	scheme string
	told   []fateTold // by id
	next   atomic.Int64

	mu    sync.Mutex
	count map[string]int // guarded by mu: what came of the exchanges
}

func (r *faultRun) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count[what]++
}

func (r *faultRun) observe(e *timeline.Exchange) {
	if err := e.Check(); err != nil {
		r.t.Error(err)
	}
	if e.Tries > 1 {
		r.note("tried more than once")
	}
}

// run has the callers make all requests.
func (r *faultRun) run() {
	start := time.Now()
	var callers sync.WaitGroup
	for n := range faultyCallers {
		callers.Go(func() {
			dice := rand.New(rand.NewPCG(r.seed, uint64(n)))
			for id := r.take(); id < len(r.told); id = r.take() {
				r.exchange(dice, id)
			}
		})
	}
	watching := make(chan bool)
	watcher := make(chan bool)
	go r.watchLimits(watching, watcher)
	callers.Wait()
	close(watching)
	<-watcher
	r.t.Logf("%d requests in %v", len(r.told), time.Since(start).Round(time.Millisecond))
}

// watchLimits looks at the statistics again and again, until it is told to end.
func (r *faultRun) watchLimits(done, ended chan bool) {
	defer close(ended)
	last := int64(0)
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		s := r.w.Stats()
		if s.Exchanges != last {
			last = s.Exchanges
			r.disturb(last)
		}
		if limit := r.w.MaxConns; limit > 0 && s.Open+s.Dialling > limit {
			r.t.Errorf("%d connections open and %d dialled, more than %d", s.Open, s.Dialling, limit)
		}
		if s.Idle+s.Active > s.Open {
			r.t.Errorf("%d idle and %d active connections of %d open", s.Idle, s.Active, s.Open)
		}
		select {
		case <-done:
			tick.Stop()
			return
		default:
		}
	}
}

// disturb does now and then what the owner of a Transport may do at any time, where
// there are limits.
func (r *faultRun) disturb(n int64) {
	switch {
	case r.w.MaxConns == 0:
	case n%31 == 0:
		r.w.CloseIdleConnections()
	case n%47 == 0:
		r.w.NetworkChanged()
	}
}

func (r *faultRun) take() int { return int(r.next.Add(1)) - 1 }

// verify holds what the callers were told against the server's ledger.
func (r *faultRun) verify() {
	for id := range r.told {
		told, applied := &r.told[id], int(r.server.applied[id].Load())
		switch {
		case told.once && applied > 1:
			r.t.Errorf("request %d, %s: applied %d times (%v)", id, told.method, applied, told.err)
		case told.unsent && applied > 0:
			r.t.Errorf("request %d, %s: applied %d times, and the caller was told that it was not sent: %v", id, told.method, applied, told.err)
		case told.answered && applied == 0:
			r.t.Errorf("request %d, %s: answered, but never applied", id, told.method)
		case told.err != nil && !told.unsent && applied == 0:
			r.count["may have been applied, and was not"]++
		}
		if fault := told.body.fault(); fault != "" {
			r.t.Errorf("request %d, %s: its body %s (%v)", id, told.method, fault, told.err)
		}
	}
	r.t.Logf("outcomes: %s", listed(r.count))
	s := r.w.Stats()
	var closed int64
	for _, n := range s.Closed {
		closed += n
	}
	if s.Opened != closed || s.Open != 0 || s.Active != 0 || s.Dialling != 0 || s.Waiting != 0 {
		r.t.Errorf("%d opened, %d closed, left: %+v", s.Opened, closed, s)
	}
	r.t.Logf("opened %d, closed %v, retried %v", s.Opened, s.Closed, s.Retried)
}

// faultSums are those of all worlds.
type faultSums struct{ outcomes, faults, closed, retried map[string]int }

func (f *faultSums) add(r *faultRun) {
	if f.outcomes == nil {
		*f = faultSums{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
	}
	s := r.w.Stats()
	for what, n := range r.count {
		f.outcomes[what] += n
	}
	for what, n := range r.server.count {
		f.faults[what] += n
	}
	for why, n := range s.Closed {
		f.closed[string(why)] += int(n)
	}
	for why, n := range s.Retried {
		f.retried[string(why)] += int(n)
	}
}

func (f *faultSums) log(t *testing.T) {
	t.Logf("outcomes: %s", listed(f.outcomes))
	t.Logf("sent again: %s", listed(f.retried))
	t.Logf("connections closed: %s", listed(f.closed))
	t.Logf("faults: %s", listed(f.faults))
}

// errFaulty is why callers of the fault run give up.
var errFaulty = errors.New("as the dice had it")

// exchange makes one request and checks what comes of it.
func (r *faultRun) exchange(dice *rand.Rand, id int) {
	told := &r.told[id]
	ctx, cancel := context.WithTimeout(context.Background(), faultyPatience)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	o, req := r.request(dice, id, told)
	if dice.IntN(25) == 0 {
		defer time.AfterFunc(time.Duration(dice.IntN(1000))*time.Microsecond, func() { giveUp(errFaulty) }).Stop()
	}
	resp, err := r.w.RoundTrip(req.WithContext(ctx))
	if err != nil {
		told.body.roundTripFailed()
		r.failed("RoundTrip", told, err)
		return
	}
	defer resp.Body.Close()
	r.answered(dice, o, told, resp)
}

// request makes one at random.
func (r *faultRun) request(dice *rand.Rand, id int, told *fateTold) (order, *http.Request) {
	o := order{id: id, want: 1 << dice.IntN(15)}
	if dice.IntN(50) == 0 {
		o.want = dice.IntN(maxLetters)
	}
	told.method = []string{"GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "POST with a key"}[dice.IntN(9)]
	method, _, keyed := bytes.Cut([]byte(told.method), []byte(" "))
	req, err := http.NewRequest(string(method), fmt.Sprintf("%s://o%d.test/%d", r.scheme, id/faultyEpoch*faultyOrigins+dice.IntN(faultyOrigins), id), nil)
	if err != nil {
		r.t.Error(err)
	}
	if method[0] == 'P' {
		o.size = 1 << dice.IntN(17)
		if dice.IntN(8) == 0 {
			o.size = 0
		}
		told.attach(dice, o, req)
	}
	if keyed {
		req.Header.Set("Idempotency-Key", strconv.Itoa(id))
	}
	told.once = told.method == "POST"
	req.Close = dice.IntN(30) == 0
	if o.size > 0 && dice.IntN(4) == 0 {
		req.Header.Set("Expect", "100-continue")
	}
	o.fields(req.Header)
	return o, req
}

// attach gives a request its body: in one of the ways in which callers do.
func (f *fateTold) attach(dice *rand.Rand, o order, req *http.Request) {
	if dice.IntN(2) == 0 { // as http.NewRequest does it
		again, err := http.NewRequest(req.Method, req.URL.String(), bytes.NewReader(o.request()))
		if err != nil {
			panic(err)
		}
		*req = *again
		return
	}
	f.body = &watchedBody{}
	make1 := func() (io.ReadCloser, error) { return f.body.open(o.request()), nil }
	req.Body, _ = make1()
	req.ContentLength = int64(o.size)
	if o.size == 0 || dice.IntN(3) == 0 {
		req.ContentLength = -1
	}
	if dice.IntN(2) == 0 {
		req.GetBody = make1
	}
}

// failed takes in an error, from RoundTrip or of the body.
func (r *faultRun) failed(where string, told *fateTold, err error) {
	var e *Error
	if !errors.As(err, &e) {
		r.t.Errorf("%s: %v (%T) is no Error", where, err, err)
		return
	}
	told.err, told.unsent = err, !e.MayBeApplied
	kind := "failed"
	switch {
	case errors.Is(err, errFaulty):
		kind = "given up"
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrHeaderTimeout):
		r.t.Errorf("%s: forgotten: %v", where, err)
	}
	for _, limit := range []error{ErrQueueTimeout, ErrQueueFull, ErrHeaderTimeout, ErrBodyClosed} {
		if errors.Is(err, limit) {
			kind = limit.Error()
		}
	}
	r.note(fmt.Sprintf("%s (%s, sent %v)", kind, e.Step, e.MayBeApplied))
}

// answered reads an answer, not always to its end, and checks it.
func (r *faultRun) answered(dice *rand.Rand, o order, told *fateTold, resp *http.Response) {
	id := resp.Header.Get("X-Id")
	if resp.StatusCode == http.StatusRequestTimeout && id == "" {
		r.note("a 408 that came when the request did")
		return
	}
	if id != strconv.Itoa(o.id) {
		r.t.Errorf("request %d got the answer of %q: %s", o.id, id, resp.Status)
		return
	}
	told.answered = resp.StatusCode != http.StatusRequestEntityTooLarge
	o.want, _ = strconv.Atoi(resp.Header.Get("X-Len"))
	var body io.Reader = resp.Body
	part := dice.IntN(10) == 0
	if part {
		body = io.LimitReader(body, int64(dice.IntN(o.want+1)))
	}
	if dice.IntN(20) == 0 {
		part = true
		defer time.AfterFunc(time.Duration(dice.IntN(500))*time.Microsecond, func() { resp.Body.Close() }).Stop()
	}
	got, err := io.ReadAll(body)
	want := o.answer()
	switch {
	case !bytes.HasPrefix(want, got):
		r.t.Errorf("request %d: %d bytes that are not its answer (%s)", o.id, len(got), resp.Status)
	case err != nil:
		r.failed("the body", told, err)
	case !part && len(got) < len(want):
		r.t.Errorf("request %d: %d bytes of %d and no error (%s, %d)", o.id, len(got), len(want), resp.Status, resp.ContentLength)
	default:
		r.note("answered " + strconv.Itoa(resp.StatusCode))
	}
}

// A watchedBody watches what becomes of the bodies of one request.
type watchedBody struct {
	mu      sync.Mutex
	made    []*onceBody // guarded by mu
	over    bool        // guarded by mu: RoundTrip has failed
	touched bool        // guarded by mu: one was read after that
}

// A onceBody is one of them.
type onceBody struct {
	io.Reader
	w      *watchedBody
	closed int // guarded by w.mu
}

func (w *watchedBody) open(p []byte) io.ReadCloser {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := &onceBody{Reader: bytes.NewReader(p), w: w}
	w.made = append(w.made, b)
	return b
}

func (b *onceBody) Read(p []byte) (int, error) {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.w.touched = b.w.touched || b.w.over
	return b.Reader.Read(p)
}

func (b *onceBody) Close() error {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.closed++
	return nil
}

// roundTripFailed notes that nobody may read any more.
func (w *watchedBody) roundTripFailed() {
	if w != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.over = true
	}
}

// fault says what was wrong with the treatment of the bodies, empty if nothing.
func (w *watchedBody) fault() string {
	if w == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, b := range w.made {
		if b.closed != 1 {
			return fmt.Sprintf("(%d of %d) was closed %d times", i+1, len(w.made), b.closed)
		}
	}
	if w.touched {
		return "was read after RoundTrip had failed"
	}
	return ""
}
