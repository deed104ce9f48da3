package link

import (
	"testing"
	"time"
)

var benchConfigs = map[string]Config{
	"plain":   {},
	"delay":   {Delay: 10 * time.Millisecond},
	"rate":    {Delay: 10 * time.Millisecond, Rate: 2_400_000_000},
	"full":    {Delay: 10 * time.Millisecond, Rate: 2_000_000_000},
	"codel":   {Delay: 10 * time.Millisecond, Rate: 2_000_000_000, Queue: Queue{CoDel: true}},
	"trace":   {Delay: 10 * time.Millisecond, Trace: &Trace{evenly(200, 1)}},
	"jitter":  {Delay: 10 * time.Millisecond, Jitter: 3 * time.Millisecond},
	"loss":    {Delay: 10 * time.Millisecond, Loss: 0.01},
	"reorder": {Delay: 10 * time.Millisecond, Reorder: 0.01},
	"all": {
		Delay: 10 * time.Millisecond, Jitter: 3 * time.Millisecond, Rate: 2_400_000_000, Loss: 0.01,
		Burst: Burst{P: 0.01, R: 0.3}, Drop: []Drop{{Conn: 2, Kind: Data, Nth: 3}}, Reorder: 0.01, Duplicate: 0.01,
	},
}

// evenly returns n opportunities in each of the first ms milliseconds.
func evenly(n, ms int) []uint32 {
	var list []uint32
	for i := range n * ms {
		list = append(list, uint32(i/n+1))
	}
	return list
}

// stepper returns a function that lets a packet enter, 200,000 of them in a
// second, and takes what is due.
func stepper(t testing.TB, c Config) func() {
	l := newLink(t, c, 1)
	var now time.Duration
	p := Packet{Size: 1500, Conn: 1, Kind: Data}
	return func() {
		now += 5 * time.Microsecond
		p.ID++
		l.Enter(now, p)
		for {
			if _, ok := l.Take(now); !ok {
				return
			}
		}
	}
}

// BenchmarkLink carries 200,000 packets a virtual second, up to 2,000 of which
// are in flight at a time.
func BenchmarkLink(b *testing.B) {
	for name, c := range benchConfigs {
		b.Run(name, func(b *testing.B) {
			step := stepper(b, c)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// BenchmarkIdleTrace lets a packet enter whenever one and a half repetitions of a
// trace of 1,000,000 lines have gone by.
func BenchmarkIdleTrace(b *testing.B) {
	l := newLink(b, Config{Trace: &Trace{evenly(10, 100_000)}}, 1)
	var now time.Duration
	for b.Loop() {
		now += 150 * time.Second
		l.Enter(now, Packet{Size: 1500})
		l.Take(now)
	}
}
