package linger

import (
	"context"
	"slices"
	"testing"
)

// TestTurnedAwayBesideAStaleDial refuses a dial while the only other one is of the
// network before, and nobody's. When that ends, which says nothing of the origin,
// the refusal stands: whoever waits is told.
func TestTurnedAwayBesideAStaleDial(t *testing.T) {
	for _, opens := range []bool{false, true} {
		g := newPoolGame(t, 1, Strategy{}, 0)
		g.acquire()
		g.abandon()
		stale := g.orders[0]
		network, leave := context.WithCancel(g.tr.life())
		todo, left := g.p.changeNetwork(network, leave, g.now)
		left()
		g.want(todo)
		g.acquire()
		g.acquire()
		g.orders = g.orders[1:]
		g.waiting = slices.DeleteFunc(g.waiting, func(w *waiter) bool { return w == g.orders[0].owner })
		g.abandon() // the one that has no dial
		g.waiting = append(g.waiting, g.orders[0].owner)
		g.dial(refusal)
		g.orders = append(g.orders, stale)
		if opens {
			g.dial(nil)
		} else {
			g.dial(refusal)
		}
		g.settle()
		if len(g.orders) != 0 || g.gone != 3 || len(g.waiting) != 0 {
			t.Errorf("the stale one opens %v: %d dials, %d failed, %d wait", opens, len(g.orders), g.gone, len(g.waiting))
		}
		g.check()
	}
}

// TestNobodyStarvesBehindALongExchange: a connection that takes no more exchanges
// makes no room while its last one goes on. An origin that has none gets its turn
// all the same.
func TestNobodyStarvesBehindALongExchange(t *testing.T) {
	for _, streams := range []int{0, 100} {
		tr := &Transport{MaxConns: 3}
		if streams > 0 {
			tr.Strategy.Protocol = HTTP2
		}
		g := newPoolGameOf(t, 1, tr, streams, 4)
		for i := range 3 {
			g.acquireOf(g.keys[i])
			g.dial(nil)
			g.settle()
		}
		for _, long := range g.conns[:2] {
			g.want(g.p.leaves(long.pc, CloseAnnounced, g.now))
		}
		busy, starved := g.keys[2], g.keys[3]
		if g.conns[2].streams = streams; streams > 0 {
			g.acquireOf(busy)
		}
		g.acquireOf(starved)
		g.acquireOf(busy)
		if len(g.orders) > 0 {
			t.Fatalf("%d dials at the limit", len(g.orders))
		}
		todo, _ := g.p.release(g.lent[2], outcome{ended: exchangeAnswered}, g.now)
		g.want(todo)
		if pc := g.conns[2].pc; pc.why != CloseMadeRoom {
			t.Errorf("streams %d: the busy connection is %v (%s) while another origin waits", streams, pc.state, pc.why)
		}
	}
}

// TestLastLegsAreNone: an origin whose only connection takes no more exchanges has
// none for who waits.
func TestLastLegsAreNone(t *testing.T) {
	g := newPoolGameOf(t, 1, &Transport{MaxConns: 2}, 0, 2)
	a, b := g.keys[0], g.keys[1]
	g.acquireOf(a)
	g.dial(nil)
	g.settle()
	g.want(g.p.leaves(g.conns[0].pc, CloseAge, g.now))
	g.acquireOf(b)
	g.dial(nil)
	g.settle()
	g.acquireOf(a)
	g.acquireOf(b)
	todo, _ := g.p.release(g.lent[1], outcome{ended: exchangeAnswered}, g.now)
	g.want(todo)
	if pc := g.conns[1].pc; pc.why != CloseMadeRoom {
		t.Errorf("b's connection is %v (%s), a waits", pc.state, pc.why)
	}
}
