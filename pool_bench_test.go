package linger

import (
	"testing"
	"time"
)

// BenchmarkPoolIdle lends and takes back the slot of an idle HTTP/1.1 connection,
// as each exchange does.
func BenchmarkPoolIdle(b *testing.B) {
	for name, kind := range map[string]*Transport{"unlimited": {}, "limited": {MaxConns: 100, MaxIdleConns: 100, Strategy: Strategy{Conns: 64}}, "streams": {Strategy: Strategy{Protocol: HTTP2}}} {
		b.Run(name, func(b *testing.B) {
			p := kind.Clone().pool()
			x := poolOf(p, 64, kind.Strategy.Protocol == HTTP2)
			now := time.Now()
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					s, w, _ := p.acquire(x, now)
					if w != nil {
						b.Error("no slot")
						return
					}
					p.release(s, outcome{ended: exchangeAnswered}, now)
				}
			})
		})
	}
}

// poolOf gives a pool so many idle connections, and returns an exchange for them.
func poolOf(p *pool, n int, shared bool) *exchange {
	x := &exchange{route: route{origin: origin{"http", "a.test:80"}}, traits: traits{idempotent: true, rewindable: true}}
	o := p.origin(x.route)
	for range n {
		c := &fakeConn{depth: 1}
		if shared {
			c.streams = 100
		}
		p.adopt(dialOrder{to: o, owner: &waiter{}}, c, time.Now())
	}
	return x
}

// TestPoolIdleAllocatesNothing: the ordinary exchange costs the pool two visits
// and no memory, whichever connection it gets and whatever the reason says.
func TestPoolIdleAllocatesNothing(t *testing.T) {
	for _, reuse := range []Reuse{LastUsed, LeastLoaded, RoundRobin} {
		for _, shared := range []bool{false, true} {
			tr := &Transport{Strategy: Strategy{Reuse: reuse}, MaxConns: 10, MaxConnAge: time.Hour}
			p := tr.pool()
			x := poolOf(p, 3, shared)
			now := time.Now()
			exchange := func() {
				s, w, todo := p.acquire(x, now)
				if w != nil || todo != nil {
					t.Fatalf("waiter %v, todo %+v", w, todo)
				}
				p.release(s, outcome{ended: exchangeAnswered}, now)
			}
			besideOthers.of(1) // makes the sentences
			for range 10 {     // each is new once, and the clock is set
				s, _, _ := p.acquire(x, now)
				p.release(s, outcome{ended: exchangeAnswered}, now)
			}
			busy, _, _ := p.acquire(x, now)
			if n := testing.AllocsPerRun(100, exchange); n != 0 {
				t.Errorf("%d, shared %v: %v allocations", reuse, shared, n)
			}
			p.release(busy, outcome{}, now)
		}
	}
}
