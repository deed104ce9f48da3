package link

import (
	"math"
	"slices"
	"testing"
	"time"
)

// twice returns packets that enter twice as fast as 12 Mbit/s can transmit them.
func twice(from, until time.Duration, id uint64) []arrival {
	var list []arrival
	for at := from; at < until; at += 500 * us {
		list = append(list, arrival{at, Packet{ID: id, Size: 1500}})
		id++
	}
	return list
}

var codelConfig = Config{Rate: 12e6, Queue: Queue{CoDel: true}}

// times returns when the packets were dropped by CoDel.
func times(fates []Fate) (list []time.Duration) {
	for _, f := range fates {
		if f.Drop == CoDel {
			list = append(list, f.At)
		}
	}
	return list
}

// TestCoDelControlLaw: "t + INTERVAL / sqrt(count)" (RFC 8289 §5.6). A packet
// comes out of the queue each millisecond; the one that does at 10 ms is the first
// to have waited for the target of 5 ms, and 100 ms later dropping begins.
func TestCoDelControlLaw(t *testing.T) {
	fates := eager(t, codelConfig, 1, twice(0, 500*ms, 0))
	next := 110 * ms
	var want []time.Duration
	for count := 1; next < 500*ms; count++ {
		want = append(want, (next + ms - 1).Truncate(ms))
		next += time.Duration(float64(100*ms) / math.Sqrt(float64(count)))
	}
	got := slices.DeleteFunc(times(fates), func(d time.Duration) bool { return d >= 500*ms })
	if !slices.Equal(got, want) || want[2] != 281*ms {
		t.Errorf("dropped at %v, want %v", got, want)
	}
}

// TestCoDelIdle: what waits for less than the target is not dropped, nor what
// waits longer but not for an interval.
func TestCoDelIdle(t *testing.T) {
	for name, list := range map[string][]arrival{
		"below the target":    spaced(1000, 1500, 1*ms),
		"above, but not long": slices.Concat(twice(0, 40*ms, 0), twice(500*ms, 540*ms, 80)),
		"one large packet":    spaced(100, 65535, 44*ms), // 43.69 ms each
	} {
		t.Run(name, func(t *testing.T) {
			if got := dropped(eager(t, codelConfig, 1, list), CoDel); len(got) > 0 {
				t.Errorf("%v were dropped", got)
			}
		})
	}
}

// TestCoDelLastPacket: on a link so slow that one packet takes longer than the
// target, a queue of one packet is none ("bytes() <= maxpacket_").
func TestCoDelLastPacket(t *testing.T) {
	c := Config{Rate: 120_000, Queue: Queue{CoDel: true}} // 100 ms a packet
	in := slices.Concat(spaced(3, 1500, 0), spaced(50, 1500, 100*ms)[1:])
	for i := range in {
		in[i].p.ID = uint64(i)
	}
	if got := dropped(eager(t, c, 1, in), CoDel); len(got) > 0 {
		t.Errorf("%v were dropped from a queue that held one more at most", got)
	}
}

// TestCoDelAgain: who begins to drop again soon begins as fast as it last ended;
// later, from the start.
func TestCoDelAgain(t *testing.T) {
	first := twice(0, 500*ms, 0)
	for _, test := range []struct {
		pause time.Duration
		fast  bool
	}{{1400 * ms, true}, {4000 * ms, false}} {
		from := 500*ms + test.pause
		fates := lazy(t, codelConfig, 1, slices.Concat(first, twice(from, from+300*ms, 1000)))
		var before, after []time.Duration
		for _, at := range times(fates) {
			if at < from {
				before = append(before, at)
			} else {
				after = append(after, at)
			}
		}
		count := 1
		if test.fast {
			count = len(before) - 1
		}
		gap := time.Duration(float64(100*ms) / math.Sqrt(float64(count)))
		if want := []time.Duration{from + 110*ms, from + (110*ms + gap + ms - 1).Truncate(ms)}; !slices.Equal(after[:2], want) {
			t.Errorf("after a pause of %v and %d drops, dropped at %v, want %v", test.pause, len(before), after[:2], want)
		}
	}
}

// TestCoDelSettings: target, interval and limit.
func TestCoDelSettings(t *testing.T) {
	c := Config{Rate: 12e6, Queue: Queue{CoDel: true, Target: 2 * ms, Interval: 10 * ms, Packets: 9}}
	fates := eager(t, c, 1, twice(0, 20*ms, 0))
	if got, want := times(fates)[0], 14*ms; got != want {
		t.Errorf("dropped first at %v, want %v", got, want)
	}
	if got := dropped(fates, Tail); len(got) == 0 || got[0] != 19 {
		t.Errorf("%v were dropped at the tail", got)
	}
}

// TestCoDelDefaultLimit: 1,000 packets, and the one in transmission.
func TestCoDelDefaultLimit(t *testing.T) {
	if got := dropped(lazy(t, codelConfig, 1, spaced(1003, 1500, 0)), Tail); !slices.Equal(got, []uint64{1001, 1002}) {
		t.Errorf("%v were dropped at the tail", got)
	}
}

// TestCoDelKeepsTheQueueShort: that is what it is for.
func TestCoDelKeepsTheQueueShort(t *testing.T) {
	// 4 % more than the rate, for ten seconds: drop-tail fills its queue.
	list := spaced(10_400, 1500, 10*time.Second/10_400)
	longest := func(q Queue) (most time.Duration) {
		for _, f := range lazy(t, Config{Rate: 12e6, Queue: q}, 1, list) {
			if f.Drop == None && f.Entered > 9*time.Second {
				most = max(most, f.At-f.Entered)
			}
		}
		return most
	}
	if tail, codel := longest(Queue{Packets: 1000}), longest(Queue{CoDel: true}); tail < 350*ms || codel > 60*ms {
		t.Errorf("packets waited for %v, with CoDel for %v", tail, codel)
	}
}
