package linger

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// A fakeConn is a connection without a network: as many streams as its peer
// allows, or as many requests as the strategy's depth.
type fakeConn struct {
	number  int
	streams int // what the peer allows; 0: it speaks HTTP/1.1
	depth   int
	closed  bool
	pc      *pooled
}

func (c *fakeConn) roundTrip(*exchange, slot) (*http.Response, error) { panic("not of this test") }
func (c *fakeConn) multiplexed() bool                                 { return c.streams > 0 }
func (c *fakeConn) about() timeline.Conn                              { return timeline.Conn{Number: c.number} }
func (c *fakeConn) below() *wire                                      { return nil }
func (c *fakeConn) pooledAs(pc *pooled)                               { c.pc = pc }
func (c *fakeConn) close()                                            { c.closed = true }
func (c *fakeConn) finish()                                           { c.closed = true }

func (c *fakeConn) capacity() int {
	if c.multiplexed() {
		return c.streams
	}
	return c.depth
}

// A poolGame plays at random against a pool and holds each step against a model.
type poolGame struct {
	t    *testing.T
	tr   *Transport
	p    *pool
	dice *rand.Rand
	now  time.Time
	log  []string

	key     route
	numbers int
	conns   []*fakeConn // all that were ever opened
	streams int         // what new connections allow; 0: HTTP/1.1
	waiting []*waiter   // not yet served or failed
	lent    []slot      // not yet given back
	orders  []dialOrder // not yet carried out
	closing []*fakeConn // the pool said to close them; not yet dropped
	served  int
	gone    int // failed or given up
}

func newPoolGame(t *testing.T, seed uint64, s Strategy, streams int) *poolGame {
	g := &poolGame{t: t, dice: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1e9, 0), streams: streams}
	g.tr = &Transport{Strategy: s, IdleConnTimeout: -1}
	g.p = g.tr.pool()
	g.key = route{origin: origin{"http", "a.test:80"}}
	return g
}

func (g *poolGame) logf(format string, args ...any) {
	g.log = append(g.log, fmt.Sprintf(format, args...))
}

func (g *poolGame) fatalf(format string, args ...any) {
	g.t.Helper()
	g.t.Fatalf(format+"\nafter: %s", append(args, strings.Join(g.log, ", "))...)
}

func (g *poolGame) origin() *originPool {
	if o := g.p.origins[g.key]; o != nil {
		return o
	}
	return &originPool{}
}

func (g *poolGame) newExchange() *exchange {
	g.numbers++
	x := &exchange{t: g.tr, route: g.key, urgency: g.dice.IntN(3)}
	x.Number = g.numbers
	x.traits = traits{idempotent: g.dice.IntN(5) > 0, rewindable: true}
	x.Start = g.now
	x.Enter(timeline.Queue, timeline.Queued, g.now)
	return x
}

func (g *poolGame) acquire() {
	x := g.newExchange()
	g.logf("acquire %d u=%d", x.Number, x.urgency)
	before := slices.Clone(g.waiting)
	s, w, orders := g.p.acquire(x, g.now)
	g.orders = append(g.orders, orders...)
	if w != nil {
		g.waiting = append(g.waiting, w)
	} else {
		g.take(s, x)
		for _, other := range before {
			if other.index >= 0 && sooner(other.x, x) {
				g.fatalf("%d was served before %d, which had waited", x.Number, other.x.Number)
			}
		}
	}
}

// sooner says who comes first of two that wait.
func sooner(a, b *exchange) bool {
	return a.urgency < b.urgency || (a.urgency == b.urgency && a.Number < b.Number)
}

// take notes a slot that was lent, and checks that it could be.
func (g *poolGame) take(s slot, x *exchange) {
	c := s.conn.(*fakeConn)
	switch {
	case s.retired || s.gone || s.draining || s.closing:
		g.fatalf("connection %d was lent after its end (%+v)", c.number, s.pooled)
	case s.inFlight > c.capacity():
		g.fatalf("connection %d has more on it than it bears: %d", c.number, s.inFlight)
	case s.reason == "":
		g.fatalf("no reason was given")
	}
	if !c.multiplexed() {
		for _, other := range g.lent {
			if other.pooled == s.pooled && other.nth != s.nth && other.exclusive {
				g.fatalf("%d stands behind one that tolerates nobody", x.Number)
			}
		}
	}
	g.lent = append(g.lent, s)
	g.served++
}

// settle takes those off the line whom the last step has served or failed.
func (g *poolGame) settle() {
	var still []*waiter
	var done []*waiter
	for _, w := range g.waiting {
		select {
		case <-w.ready:
			done = append(done, w)
		default:
			still = append(still, w)
		}
	}
	g.waiting = still
	for _, w := range done {
		if w.err != nil {
			g.gone++
			continue
		}
		g.take(w.slot, w.x)
		for _, other := range still {
			if sooner(other.x, w.x) {
				g.fatalf("%d was served before %d", w.x.Number, other.x.Number)
			}
		}
	}
}

func take1[T any](g *poolGame, from *[]T) (T, bool) {
	var none T
	if len(*from) == 0 {
		return none, false
	}
	i := g.dice.IntN(len(*from))
	v := (*from)[i]
	*from = slices.Delete(*from, i, i+1)
	return v, true
}

func (g *poolGame) abandon() {
	w, ok := take1(g, &g.waiting)
	if !ok {
		return
	}
	g.logf("abandon %d", w.x.Number)
	if !g.p.abandon(w) {
		g.fatalf("%d waits and cannot leave", w.x.Number)
	}
	g.gone++
}

var poolVerdicts = []verdict{
	{answered: true}, {answered: true}, {answered: true}, {answered: true},
	{answered: true, close: "close"},
	{close: "cut", cut: true, rude: true},
	{close: "cut", cut: true, rude: true, others: true},
	{close: "gave up", rude: true},
	{unused: true},
	{},
}

func (g *poolGame) release() {
	s, ok := take1(g, &g.lent)
	if !ok {
		return
	}
	c := s.conn.(*fakeConn)
	v := poolVerdicts[g.dice.IntN(len(poolVerdicts))]
	if c.multiplexed() && g.dice.IntN(8) == 0 {
		v = verdict{refused: true}
	}
	g.logf("release %d %+v", c.number, v)
	closeIt, orders, _ := g.p.release(s, v, g.now)
	g.orders = append(g.orders, orders...)
	if closeIt {
		if slices.Contains(g.closing, c) || c.closed {
			g.fatalf("connection %d was to be closed twice", c.number)
		}
		g.closing = append(g.closing, c)
	}
}

func (g *poolGame) dropClosing() {
	if c, ok := take1(g, &g.closing); ok {
		g.logf("closed %d", c.number)
		c.close()
		g.orders = append(g.orders, g.p.drop(c.pc, g.now)...)
	}
}

func (g *poolGame) dial(fail error) {
	d, ok := take1(g, &g.orders)
	if !ok {
		return
	}
	defer g.p.dials.Done()
	if fail != nil {
		g.logf("dial failed: %v", fail)
		g.orders = append(g.orders, g.p.failed(lostDial{d, &dialRecord{}, fail}, g.now)...)
		return
	}
	c := &fakeConn{number: len(g.conns) + 1, depth: g.tr.Strategy.depth(), streams: g.streams}
	if g.streams > 0 {
		c.streams = 1 + g.dice.IntN(g.streams)
	}
	g.logf("opened %d", c.number)
	g.conns = append(g.conns, c)
	orders, err := g.p.opened(d, c, &dialRecord{}, g.now)
	if err != nil {
		g.fatalf("opened: %v", err)
	}
	g.orders = append(g.orders, orders...)
}

// some returns a connection that the pool counts.
func (g *poolGame) some() *pooled {
	conns := g.origin().conns
	if len(conns) == 0 {
		return nil
	}
	return conns[g.dice.IntN(len(conns))]
}

func (g *poolGame) disturb() {
	pc := g.some()
	if pc == nil {
		return
	}
	c := pc.conn.(*fakeConn)
	switch g.dice.IntN(5) {
	case 0:
		g.logf("%d ended", c.number)
		c.closed = true
		g.closing = slices.DeleteFunc(g.closing, func(o *fakeConn) bool { return o == c })
		g.orders = append(g.orders, g.p.drop(pc, g.now)...)
	case 1:
		if pc.inFlight > 0 { // its end is announced in an answer
			g.logf("retire %d", c.number)
			g.p.retire(pc)
		}
	case 2:
		if c.multiplexed() {
			g.logf("drain %d", c.number)
			closeIt, orders := g.p.drain(pc, g.now)
			g.orders = append(g.orders, orders...)
			if closeIt {
				g.closing = append(g.closing, c)
			}
		}
	case 3:
		if c.multiplexed() {
			c.streams = 1 + g.dice.IntN(2*g.streams)
			g.logf("%d allows %d", c.number, c.streams)
			g.orders = append(g.orders, g.p.kick(pc, g.now)...)
		}
	case 4:
		g.logf("noPipelining")
		g.p.noPipelining(pc, g.now)
	}
}

func (g *poolGame) sweep() {
	g.logf("sweep")
	idle, _ := g.p.takeIdle(g.now, time.Duration(g.dice.IntN(60))*time.Second)
	for _, c := range idle {
		f := c.(*fakeConn)
		if f.pc.inFlight > 0 {
			g.fatalf("connection %d was swept with an exchange on it", f.number)
		}
		if slices.Contains(g.closing, f) {
			g.fatalf("connection %d was to be closed already", f.number)
		}
		f.close()
		g.orders = append(g.orders, g.p.drop(f.pc, g.now)...) // as HTTP/2's hook does
	}
}

func (g *poolGame) step() {
	if g.dice.IntN(10) == 0 {
		g.now = g.now.Add(time.Duration(g.dice.IntN(20)) * time.Second)
	}
	switch n := g.dice.IntN(100); {
	case n < 30:
		g.acquire()
	case n < 35:
		g.abandon()
	case n < 60:
		g.release()
	case n < 78:
		g.dial(nil)
	case n < 81:
		g.dial(&dialError{err: syscall.ECONNREFUSED})
	case n < 83:
		g.dial(&dialError{err: errors.New("no route")})
	case n < 91:
		g.dropClosing()
	case n < 97:
		g.disturb()
	default:
		g.sweep()
	}
	g.settle()
	g.check()
}

// check holds what the pool counts against what was done.
func (g *poolGame) check() {
	o := g.origin()
	held := map[*pooled]int{}
	for _, s := range g.lent {
		held[s.pooled]++
	}
	busy := 0
	for _, pc := range o.conns {
		if pc.inFlight != held[pc] {
			g.fatalf("connection %d has %d in flight, %d were lent", pc.conn.about().Number, pc.inFlight, held[pc])
		}
		if pc.inFlight > 0 {
			busy++
		}
	}
	want := [...]int{len(o.conns), len(o.conns) - busy, len(g.orders), len(g.waiting)}
	if s := g.tr.Stats(); want != [...]int{s.Open, s.Idle, s.Dialling, s.Waiting} {
		g.fatalf("stats are %+v, want open, idle, dialling, waiting %v", s, want)
	}
	open := 0
	for _, pc := range o.conns {
		if !pc.draining {
			open++
		}
	}
	if open != o.open() {
		g.fatalf("%d count as open, %d are", o.open(), open)
	}
	limit := g.tr.Strategy.Conns
	if limit > 0 && open+len(g.orders) > limit {
		g.fatalf("%d open and %d being opened, %d are allowed", open, len(g.orders), limit)
	}
	if g.served+g.gone+len(g.waiting) != g.numbers {
		g.fatalf("%d served, %d failed or left, %d wait of %d", g.served, g.gone, len(g.waiting), g.numbers)
	}
	if len(g.waiting) > 0 && len(g.orders) == 0 && busy == 0 && len(g.closing) == 0 {
		g.fatalf("%d wait for nothing", len(g.waiting))
	}
}

// finish plays on, with nothing new and a kind server, until nobody waits.
func (g *poolGame) finish() {
	for range 100_000 {
		if len(g.waiting) == 0 && len(g.lent) == 0 && len(g.orders) == 0 {
			return
		}
		switch g.dice.IntN(3) {
		case 0:
			g.release()
		case 1:
			g.dial(nil)
		case 2:
			g.dropClosing()
		}
		g.settle()
		g.check()
	}
	g.fatalf("%d still wait, %d lent, %d dials", len(g.waiting), len(g.lent), len(g.orders))
}

// TestPoolAtRandom plays thousands of games over every kind of strategy.
func TestPoolAtRandom(t *testing.T) {
	strategies := map[string]Strategy{
		"no limit":  {},
		"lifetimes": {Conns: 3, Exchanges: 2, Depth: 2},
		"pipelines": {Conns: 3, Depth: 4},
		"HTTP/1.0":  {Conns: 2, Protocol: HTTP10},
		"streams":   {Conns: 3, Protocol: HTTP2},
	}
	for _, s := range Strategies() {
		strategies[s.Name] = s
	}
	games := 200
	if testing.Short() {
		games = 50
	}
	for name, s := range strategies {
		streams := 0
		if s.Protocol == HTTP2 {
			streams = 5
		}
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(games) {
				g := newPoolGame(t, seed, s, streams)
				for range 120 {
					g.step()
				}
				g.finish()
			}
		})
	}
}

// refusal is how a server refuses a connection.
var refusal error = &dialError{step: timeline.Connect, err: syscall.ECONNREFUSED}

// TestPoolLearnsTheLimit: a server that refuses connections beyond a number gets
// no more than that, until it is forgotten.
func TestPoolLearnsTheLimit(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 6}, 0)
	for range 10 {
		g.acquire()
	}
	g.settle()
	if len(g.orders) != 6 {
		t.Fatalf("%d dials ordered, want 6", len(g.orders))
	}
	for range 2 {
		g.dial(nil)
		g.settle()
	}
	for range 4 {
		g.dial(refusal)
		g.settle()
	}
	if o := g.origin(); o.limit != 2 || len(g.orders) != 0 || len(g.waiting) != 8 || g.gone > 0 {
		t.Fatalf("limit %d, %d dials, %d wait, %d failed", o.limit, len(g.orders), len(g.waiting), g.gone)
	}
	for _, w := range g.waiting {
		if n := w.x.Spans[0].Note; n != "" && !strings.Contains(n, "the server turned a connection away (connection refused): 2 at a time from now on") {
			t.Errorf("the note is %q", n)
		}
	}
	g.now = g.now.Add(learnedFor)
	g.orders = g.p.kick(g.conns[0].pc, g.now)
	if len(g.orders) > 0 {
		t.Errorf("dials before the limit was forgotten")
	}
	g.now = g.now.Add(1)
	g.orders = g.p.kick(g.conns[0].pc, g.now)
	if len(g.orders) != 4 {
		t.Errorf("%d dials after the limit was forgotten, want 4", len(g.orders))
	}
}

// TestPoolDownAtOnce: who refuses the first connection is down, and so is who
// refuses long after the last was closed.
func TestPoolDownAtOnce(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1}, 0)
	fail := func(n int) {
		t.Helper()
		for range n {
			g.acquire()
		}
		gone := g.gone
		for i := range n {
			if len(g.orders) != 1 || g.orders[0].pause != 0 {
				t.Fatalf("%d: orders %+v", i, g.orders)
			}
			g.dial(refusal)
			g.settle()
		}
		if g.gone != gone+n || len(g.waiting) > 0 {
			t.Fatalf("%d failed of %d, %d wait", g.gone-gone, n, len(g.waiting))
		}
	}
	fail(5)
	g.acquire()
	g.dial(nil)
	g.settle()
	s := g.lent[0]
	g.lent = nil
	g.p.release(s, verdict{answered: true, close: "close"}, g.now)
	g.p.drop(s.pooled, g.now)
	g.now = g.now.Add(noticeTime)
	fail(5)
}

// TestPoolDownInTheMiddle: an origin that refuses after its last connection was
// closed gets a second to notice that, in which it is asked ever less often;
// then everybody fails at once.
func TestPoolDownInTheMiddle(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 6}, 0)
	g.acquire()
	g.dial(nil)
	g.settle()
	for range 60 {
		g.acquire()
	}
	for len(g.orders) > 0 {
		g.dial(refusal)
	}
	g.settle()
	s := g.lent[0]
	g.lent = nil
	g.orders = g.p.drop(s.pooled, g.now)
	start := g.now
	var pauses []time.Duration
	for len(g.orders) > 0 {
		if len(g.orders) > 1 {
			t.Fatalf("%d dials at once to an origin that bears 1", len(g.orders))
		}
		if p := g.orders[0].pause; p > 0 {
			pauses = append(pauses, p)
			g.now = g.now.Add(p)
		}
		g.dial(refusal)
		g.settle()
	}
	if len(g.waiting) > 0 {
		t.Errorf("%d still wait", len(g.waiting))
	}
	if took := g.now.Sub(start); took > noticeTime+lastPause || len(pauses) < 3 {
		t.Errorf("it took %v, with pauses of %v", took, pauses)
	}
	for i := range pauses[1:] {
		if pauses[i+1] != min(lastPause, 2*pauses[i]) {
			t.Errorf("pauses %v", pauses)
		}
	}
}

// TestPoolStreamsRefused: a connection that refuses streams gets no more than
// were on it, for a while.
func TestPoolStreamsRefused(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1, Protocol: HTTP2}, 0)
	for range 10 {
		g.acquire()
	}
	g.streams = 1 // fakes an HTTP/2 connection
	g.dial(nil)
	c := g.conns[0]
	c.streams = 100
	g.orders = append(g.orders, g.p.kick(c.pc, g.now)...)
	g.settle()
	if len(g.lent) != 10 {
		t.Fatalf("%d streams, want 10", len(g.lent))
	}
	for range 7 {
		s := g.lent[len(g.lent)-1]
		g.lent = g.lent[:len(g.lent)-1]
		if closeIt, _, _ := g.p.release(s, verdict{refused: true}, g.now); closeIt {
			t.Error("a connection is not closed for a stream that was refused")
		}
		g.acquire()
	}
	if len(g.lent) != 3 || len(g.waiting) != 7 {
		t.Errorf("%d on a connection that bears 3, %d wait", len(g.lent), len(g.waiting))
	}
	g.now = g.now.Add(learnedFor)
	g.p.kick(c.pc, g.now)
	if g.settle(); len(g.lent) != 10 {
		t.Errorf("%d on a connection of 100 streams after the refusals were forgotten", len(g.lent))
	}
}

// TestPoolDrains: a connection whose end was announced keeps what is on it, does
// not count against the limit, and is closed when the last exchange has ended.
func TestPoolDrains(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1, Protocol: HTTP2}, 4)
	g.acquire()
	g.dial(nil)
	g.settle()
	old := g.conns[0]
	if closeIt, _ := g.p.drain(old.pc, g.now); closeIt {
		t.Fatal("to be closed with an exchange on it")
	}
	g.acquire()
	if len(g.orders) != 1 {
		t.Fatalf("%d dials beside a connection that drains, want 1", len(g.orders))
	}
	g.dial(nil)
	g.settle()
	g.check()
	if len(g.lent) != 2 || g.lent[1].reason != "new connection: 1 of 1 open" {
		t.Fatalf("%d lent: %+v", len(g.lent), g.lent)
	}
	if closeIt, _, _ := g.p.release(g.lent[0], verdict{answered: true}, g.now); !closeIt {
		t.Error("it is over and nobody is to close it")
	}
	// Whoever drains and is idle is closed at once, and those that still drain
	// are not forgotten by Close.
	if closeIt, _ := g.p.drain(g.conns[1].pc, g.now); closeIt {
		t.Error("to be closed with an exchange on it")
	}
	if all := g.p.shut(g.now); len(all) != 2 {
		t.Errorf("%d connections to close, want 2", len(all))
	}
}

func TestPoolUnusedSlot(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1}, 0)
	g.acquire()
	g.dial(nil)
	g.settle()
	s := g.lent[0]
	g.lent = nil
	g.p.release(s, verdict{unused: true}, g.now)
	g.acquire()
	if s := g.lent[0]; s.nth != 1 || s.dial == nil || s.reason != "new connection: 1 of 1 open" {
		t.Errorf("the next one is not the first on the connection: %+v", s)
	}
}

func TestPoolClosed(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{Conns: 1}, 0)
	for range 3 {
		g.acquire()
	}
	closing := g.p.shut(g.now)
	for _, w := range g.waiting {
		<-w.ready
		if !errors.Is(w.err, ErrClosed) {
			t.Errorf("%v, want ErrClosed", w.err)
		}
	}
	if len(closing) > 0 {
		t.Errorf("%d connections to close of none", len(closing))
	}
	if _, w, _ := g.p.acquire(g.newExchange(), g.now); w == nil || !errors.Is(w.err, ErrClosed) {
		t.Error("a slot of a closed pool")
	}
	c := &fakeConn{depth: 1}
	if _, err := g.p.opened(g.orders[0], c, nil, g.now); !errors.Is(err, ErrClosed) || c.pc != nil {
		t.Errorf("a connection joined a closed pool: %v", err)
	}
}

func TestRefusedAndCut(t *testing.T) {
	for _, tt := range []struct {
		err          error
		refused, cut bool
	}{
		{syscall.ECONNREFUSED, true, false},
		{syscall.ECONNRESET, true, true},
		{syscall.EPIPE, true, true},
		{io.EOF, true, true},
		{fmt.Errorf("x: %w", io.ErrUnexpectedEOF), true, true},
		{ErrServerClosed, true, true},
		{syscall.ETIMEDOUT, false, false},
		{syscall.EHOSTUNREACH, false, false},
		{errors.New("bad certificate"), false, false},
	} {
		if refused(tt.err) != tt.refused || cut(tt.err) != tt.cut {
			t.Errorf("%v: refused %v, cut %v", tt.err, refused(tt.err), cut(tt.err))
		}
	}
}

// TestPoolForgetsTheSwept: of connections that come in bursts and are swept from
// under the one in use nothing remains.
func TestPoolForgetsTheSwept(t *testing.T) {
	g := newPoolGame(t, 1, Strategy{}, 0)
	for range 50 {
		for range 10 {
			g.acquire()
		}
		for len(g.orders) > 0 {
			g.dial(nil)
			g.settle()
		}
		for len(g.lent) > 0 {
			g.p.release(g.lent[0], verdict{answered: true}, g.now)
			g.lent = g.lent[1:]
		}
		g.now = g.now.Add(time.Minute)
		g.acquire() // one is used all the time
		g.p.release(g.lent[0], verdict{answered: true}, g.now)
		g.lent = nil
		g.p.takeIdle(g.now, time.Second)
	}
	if o := g.origin(); len(o.conns) != 1 || len(o.idle) != 1 {
		t.Errorf("%d connections, %d idle ones, want 1", len(o.conns), len(o.idle))
	}
}
