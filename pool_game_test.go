package linger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// The pool without a network: connections that are played, and a game that plays at
// random and holds the pool against a model.

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
func (c *fakeConn) network() net.Conn                                 { return nil }
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

	keys    []route
	numbers int
	conns   []*fakeConn // all that were ever opened
	streams int         // what new connections allow; 0: HTTP/1.1
	waiting []*waiter   // not yet served or failed
	lent    []slot      // not yet given back
	orders  []dialOrder // not yet carried out
	closing []*fakeConn // the pool said to close them; not yet dropped
	warming []*warming  // not yet over
	served  int
	gone    int // failed or given up
}

func newPoolGame(t *testing.T, seed uint64, s Strategy, streams int) *poolGame {
	return newPoolGameOf(t, seed, &Transport{Strategy: s}, streams, 1)
}

// newPoolGameOf plays with the limits of a Transport, over some origins.
func newPoolGameOf(t *testing.T, seed uint64, tr *Transport, streams, origins int) *poolGame {
	g := &poolGame{t: t, tr: tr, dice: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1e9, 0), streams: streams}
	g.p = g.tr.pool()
	g.p.limits.dice = g.dice.Float64
	for i := range origins {
		g.keys = append(g.keys, route{origin: origin{"http", fmt.Sprintf("%c.test:80", 'a'+i)}})
	}
	return g
}

func (g *poolGame) logf(format string, args ...any) {
	g.log = append(g.log, fmt.Sprintf(format, args...))
}

func (g *poolGame) fatalf(format string, args ...any) {
	g.t.Helper()
	g.t.Fatalf(format+"\nafter: %s", append(args, strings.Join(g.log[max(0, len(g.log)-60):], ", "))...)
}

func (g *poolGame) origin() *originPool { return g.originOf(g.keys[0]) }

func (g *poolGame) originOf(key route) *originPool {
	if o := g.p.origins[key]; o != nil {
		return o
	}
	return &originPool{}
}

// want notes what the pool wants done.
func (g *poolGame) want(w *todo) {
	if w == nil {
		return
	}
	g.orders = append(g.orders, w.dials...)
	for _, pc := range slices.Concat(w.closing, w.finish) {
		c := pc.conn.(*fakeConn)
		if slices.Contains(g.closing, c) || c.closed {
			g.fatalf("connection %d was to be closed twice", c.number)
		}
		g.closing = append(g.closing, c)
	}
}

func (g *poolGame) newExchange() *exchange {
	g.numbers++
	x := &exchange{t: g.tr, route: g.keys[g.dice.IntN(len(g.keys))], urgency: uint8(g.dice.IntN(3))}
	x.Number = g.numbers
	x.traits = traits{idempotent: g.dice.IntN(5) > 0, rewindable: true}
	x.Start = g.now
	x.Enter(timeline.Queue, timeline.Queued, g.now)
	return x
}

func (g *poolGame) acquire() {
	x := g.newExchange()
	g.logf("acquire %d %s u=%d", x.Number, x.route.addr, x.urgency)
	before := slices.Clone(g.waiting)
	s, w, todo := g.p.acquire(x, g.now)
	g.want(todo)
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
	return a.route == b.route && (a.urgency < b.urgency || (a.urgency == b.urgency && a.Number < b.Number))
}

// take notes a slot that was lent, and checks that it could be.
func (g *poolGame) take(s slot, x *exchange) {
	c := s.conn.(*fakeConn)
	switch {
	case s.state != ConnActive || s.why != "" || c.closed:
		g.fatalf("connection %d was lent after its end (%+v)", c.number, s.pooled)
	case s.inFlight > c.capacity():
		g.fatalf("connection %d has more on it than it bears: %d", c.number, s.inFlight)
	case s.reason == "":
		g.fatalf("no reason was given")
	case s.home.key != x.route:
		g.fatalf("%d was put on a connection to %v", x.Number, s.home.key)
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
	g.warming = slices.DeleteFunc(g.warming, func(w *warming) bool {
		select {
		case <-w.done:
			return true
		default:
			return false
		}
	})
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
	todo, gone := g.p.abandon(w, g.now)
	if !gone {
		g.fatalf("%d waits and cannot leave", w.x.Number)
	}
	g.want(todo)
	g.gone++
}

var poolOutcomes = []outcome{
	{ended: exchangeAnswered}, {ended: exchangeAnswered}, {ended: exchangeAnswered}, {ended: exchangeAnswered},
	{ended: exchangeAnswered, hint: &keepAlive{timeout: 5 * time.Second, more: -1}},
	{ended: exchangeAnswered, hint: &keepAlive{timeout: -1, more: 1}},
	{ended: exchangeAnswered, conn: connEndsAfter, why: CloseAnnounced},
	{ended: exchangeCut, conn: connEndsNow, why: CloseCut},
	{ended: exchangeHalved, conn: connEndsNow, why: CloseCut},
	{ended: exchangeCut, conn: connEndsNow, why: CloseCut, others: true},
	{conn: connEndsNow, why: CloseGivenUp},
	{conn: connEndsAfter, why: CloseTimeout},
	{ended: exchangeUnused},
	{},
}

func (g *poolGame) release() {
	s, ok := take1(g, &g.lent)
	if !ok {
		return
	}
	c := s.conn.(*fakeConn)
	oc := poolOutcomes[g.dice.IntN(len(poolOutcomes))]
	if c.multiplexed() && g.dice.IntN(8) == 0 {
		oc = outcome{ended: exchangeRefused}
	}
	g.logf("release %d %+v", c.number, oc)
	todo, _ := g.p.release(s, oc, g.now)
	g.want(todo)
}

func (g *poolGame) dropClosing() {
	if c, ok := take1(g, &g.closing); ok {
		g.logf("closed %d", c.number)
		c.close()
		g.want(g.p.drop(g.now, c.pc))
	}
}

func (g *poolGame) dial(fail error) {
	d, ok := take1(g, &g.orders)
	if !ok {
		return
	}
	defer g.p.dials.Done()
	if fail != nil {
		g.logf("dial of %s failed: %v", d.to.key.addr, fail)
		g.want(g.p.failed(lostDial{d, &dialRecord{}, fail}, g.now))
		return
	}
	c := &fakeConn{number: len(g.conns) + 1, depth: g.tr.Strategy.depth(), streams: g.streams}
	if g.streams > 0 {
		c.streams = 1 + g.dice.IntN(g.streams)
	}
	g.logf("opened %d to %s", c.number, d.to.key.addr)
	todo, err := g.p.opened(d, c, &dialRecord{}, g.now)
	g.want(todo)
	switch {
	case err == nil:
		g.conns = append(g.conns, c)
	case !d.stale() && err != errSurplus:
		g.fatalf("opened: %v", err)
	}
}

// some returns a connection that the pool counts.
func (g *poolGame) some() *pooled {
	conns := g.originOf(g.keys[g.dice.IntN(len(g.keys))]).conns
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
		g.want(g.p.drop(g.now, pc))
	case 1, 2:
		if pc.inFlight > 0 || c.multiplexed() { // its end is announced in an answer, or by GOAWAY
			g.logf("%d leaves", c.number)
			g.want(g.p.leaves(pc, CloseAnnounced, g.now))
		}
	case 3:
		if c.multiplexed() {
			c.streams = 1 + g.dice.IntN(2*g.streams)
			g.logf("%d allows %d", c.number, c.streams)
			g.want(g.p.kick(pc, g.now))
		}
	case 4:
		g.logf("noPipelining")
		g.p.noPipelining(pc, g.now)
	}
}

// rare does what concerns all connections.
func (g *poolGame) rare() {
	switch g.dice.IntN(5) {
	case 0:
		g.logf("close idle")
		g.want(g.p.closeIdle())
	case 1:
		g.logf("network changed")
		network, leave := context.WithCancel(g.tr.life())
		todo, left := g.p.changeNetwork(network, leave, g.now)
		left()
		g.want(todo)
	case 2:
		n := 1 + g.dice.IntN(4)
		if g.tr.mayKeep(n) != nil {
			return
		}
		key := g.keys[g.dice.IntN(len(g.keys))]
		g.logf("warm %s %d", key.addr, n)
		w, todo := g.p.warm(g.t.Context(), key, n, g.now)
		g.warming = append(g.warming, w)
		g.want(todo)
	case 3:
		if w, ok := take1(g, &g.warming); ok {
			g.logf("cool")
			g.p.cool(w, context.Canceled)
		}
	default:
		g.tick()
	}
}

func (g *poolGame) tick() {
	g.logf("tick")
	g.want(g.p.tick(g.now))
}

func (g *poolGame) step() {
	if g.dice.IntN(10) == 0 {
		g.now = g.now.Add(time.Duration(g.dice.IntN(20)) * time.Second)
		g.logf("it is %v", g.now.Sub(time.Unix(1e9, 0)))
		if due := g.p.due; !due.IsZero() && !due.After(g.now) {
			g.tick()
			g.settle()
		}
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
		g.rare()
	}
	g.settle()
	g.check()
}

// check holds what the pool counts against what was done.
func (g *poolGame) check() {
	held := map[*pooled]int{}
	for _, s := range g.lent {
		held[s.pooled]++
	}
	orders, waiting := map[*originPool]int{}, map[*originPool]int{}
	for _, d := range g.orders {
		orders[d.to]++
	}
	for _, w := range g.waiting {
		waiting[w.home]++
	}
	var sum Counts
	for _, key := range g.keys {
		o := g.originOf(key)
		g.checkOrigin(o, held, orders[o], waiting[o])
		sum.Open += len(o.conns)
	}
	s := g.tr.Stats()
	if want := [...]int{sum.Open, len(g.orders), len(g.waiting)}; want != [...]int{s.Open, s.Dialling, s.Waiting} {
		g.fatalf("stats are %+v, want open, dialling, waiting %v", s, want)
	}
	closed := int64(0)
	for _, n := range s.Closed {
		closed += n
	}
	if s.Opened-closed != int64(s.Open) {
		g.fatalf("%d opened, %d closed, %d open", s.Opened, closed, s.Open)
	}
	if s.Exchanges != int64(g.served) {
		g.fatalf("%d exchanges were counted, %d slots lent", s.Exchanges, g.served)
	}
	if g.p.open() != s.Open || g.p.dialling != s.Dialling || g.p.idle.len != s.Idle {
		g.fatalf("%d open, %d dialling, %d idle in all, the origins have %+v", g.p.open(), g.p.dialling, g.p.idle.len, s.Counts)
	}
	if most := g.tr.MaxConns; most > 0 && s.Open+s.Dialling > most {
		g.fatalf("%d open and %d being opened, %d are allowed in all", s.Open, s.Dialling, most)
	}
	if most := g.tr.MaxIdleConns; most > 0 && s.Idle > most {
		g.fatalf("%d are idle, %d may be", s.Idle, most)
	}
	if g.served+g.gone+len(g.waiting) != g.numbers {
		g.fatalf("%d served, %d failed or left, %d wait of %d", g.served, g.gone, len(g.waiting), g.numbers)
	}
	if len(g.waiting) > 0 && len(g.orders) == 0 && len(g.lent) == 0 && len(g.closing) == 0 {
		g.fatalf("%d wait for nothing", len(g.waiting))
	}
	if g.p.room() && len(g.p.hungry) > 0 {
		g.fatalf("%d origins are hungry although there is room", len(g.p.hungry))
	}
}

// checkOrigin does so for one.
func (g *poolGame) checkOrigin(o *originPool, held map[*pooled]int, orders, waiting int) {
	var states [ConnGone]int
	standing, shared, proved := 0, 0, 0
	for _, pc := range o.conns {
		if pc.inFlight != held[pc] {
			g.fatalf("connection %d has %d in flight, %d were lent", pc.conn.about().Number, pc.inFlight, held[pc])
		}
		busy := pc.inFlight > 0
		if (pc.state == ConnIdle && busy) || (pc.state == ConnActive && !busy) || (pc.state == ConnLeaving && !busy) || pc.state == ConnGone {
			g.fatalf("connection %d is %v with %d on it", pc.conn.about().Number, pc.state, pc.inFlight)
		}
		if toEnd := slices.Contains(g.closing, pc.conn.(*fakeConn)); toEnd != (pc.state == ConnClosing) {
			g.fatalf("connection %d is %v; it is to be closed: %v", pc.conn.about().Number, pc.state, toEnd)
		}
		states[pc.state]++
		if pc.stands() {
			standing++
		}
		if pc.conn.multiplexed() {
			shared++
		}
		if pc.answered && pc.state < ConnLeaving {
			proved++
		}
	}
	if proved != o.proved {
		g.fatalf("%d have answered and take exchanges, it counts %d", proved, o.proved)
	}
	if states != o.states || standing != o.standing || shared != o.shared || states[ConnIdle] != o.idle.len {
		g.fatalf("states %v, %d stand, %d shared, %d idle, but it counts %v, %d, %d, %d",
			states, standing, shared, states[ConnIdle], o.states, o.standing, o.shared, o.idle.len)
	}
	owners := 0
	for _, w := range o.waiters {
		if w.dialled {
			owners++
		}
	}
	if owners != o.owners {
		g.fatalf("%d dials have an owner in line, it counts %d", owners, o.owners)
	}
	if o.dialling != orders || len(o.waiters) != waiting {
		g.fatalf("%d dials and %d waiters are counted, there are %d and %d", o.dialling, len(o.waiters), orders, waiting)
	}
	if limit := g.tr.Strategy.Conns; limit > 0 && standing+orders > limit {
		g.fatalf("%d open and %d being opened, %d are allowed", standing, orders, limit)
	}
	if most := g.tr.MaxIdleConnsPerOrigin; most > 0 && o.idle.len > most {
		g.fatalf("%d are idle, %d may be", o.idle.len, most)
	}
	if most := g.tr.MaxWaiting; most > 0 && waiting > most {
		g.fatalf("%d wait, %d may", waiting, most)
	}
	if waiting == 0 {
		return
	}
	if pc, _ := g.p.pick(o, o.waiters[0].x.traits, g.now); pc != nil && (waiting > orders || pc.inFlight == 0 || pc.conn.multiplexed()) {
		g.fatalf("%d waits although connection %d has a slot", o.waiters[0].x.Number, pc.conn.about().Number)
	}
	if g.p.craves(o, g.now) != nil && !o.hungry {
		g.fatalf("%d waits although a connection could be opened", o.waiters[0].x.Number)
	}
}

// finish plays on, with nothing new and a kind server, until nobody waits.
func (g *poolGame) finish() {
	for range 100_000 {
		if len(g.waiting) == 0 && len(g.lent) == 0 && len(g.orders) == 0 && len(g.warming) == 0 {
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
	g.fatalf("%d still wait, %d lent, %d dials, %d warm up", len(g.waiting), len(g.lent), len(g.orders), len(g.warming))
}

// shutDown plays on until the pool has closed: everything that waits ends, and
// nothing is left to count.
func (g *poolGame) shutDown() {
	if g.dice.IntN(2) == 0 {
		g.logf("stop new ones")
		g.want(g.p.stopNew())
		g.acquire()
		for range 20 {
			g.release()
			g.dial(nil)
			g.settle()
			g.check()
		}
	}
	g.logf("shut")
	for _, pc := range g.p.shut(g.now).or() {
		c := pc.conn.(*fakeConn)
		g.closing = slices.DeleteFunc(g.closing, func(o *fakeConn) bool { return o == c })
		c.close()
		g.want(g.p.drop(g.now, pc))
	}
	g.settle()
	for len(g.orders) > 0 {
		g.p.dials.Done()
		if _, err := g.p.opened(g.orders[0], &fakeConn{depth: 1}, nil, g.now); !errors.Is(err, ErrClosed) {
			g.fatalf("a connection joined a closed pool: %v", err)
		}
		g.orders = g.orders[1:]
	}
	for len(g.lent) > 0 {
		g.release()
	}
	if s := g.tr.Stats(); s.Open+s.Dialling+s.Waiting > 0 || len(g.waiting)+len(g.warming)+len(g.orders)+len(g.closing) > 0 {
		g.fatalf("of a closed pool remains %+v, %d wait", s, len(g.waiting))
	}
}

// or returns the connections to close, none of nil.
func (w *todo) or() []*pooled {
	if w == nil {
		return nil
	}
	return w.closing
}
