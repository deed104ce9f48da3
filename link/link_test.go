package link

import (
	"math"
	"testing"
	"time"
)

// TestWay holds single packets' ways against exact times.
func TestWay(t *testing.T) {
	const mbit12 = 12_000_000 // 1,500 bytes take 1 ms
	for _, test := range []struct {
		name string
		c    Config
		in   []arrival
		want []string
	}{
		{"nothing", Config{}, spaced(3, 1500, 5*ns), []string{"0 arrived 0s", "1 arrived 5ns", "2 arrived 10ns"}},
		{"delay", Config{Delay: 10 * ms}, spaced(2, 1500, 1*ns), []string{"0 arrived 10ms", "1 arrived 10.000001ms"}},
		{"rate", Config{Rate: mbit12}, spaced(3, 1500, 0), []string{"0 arrived 1ms", "1 arrived 2ms", "2 arrived 3ms"}},
		{"rate with pauses", Config{Rate: mbit12}, spaced(3, 1500, 3*ms), []string{"0 arrived 1ms", "1 arrived 4ms", "2 arrived 7ms"}},
		{"rate of a third", Config{Rate: 3e9}, spaced(4, 1, 0), []string{"0 arrived 2ns", "1 arrived 5ns", "2 arrived 8ns", "3 arrived 10ns"}},
		{"rate and delay", Config{Rate: mbit12, Delay: 10 * ms}, spaced(2, 750, 0), []string{"0 arrived 10.5ms", "1 arrived 11ms"}},
		{"tail in packets", Config{Rate: mbit12, Queue: Queue{Packets: 1}}, spaced(4, 1500, 400*us),
			[]string{"2 tail 800µs", "0 arrived 1ms", "1 arrived 2ms", "3 arrived 3ms"}},
		{"tail in bytes", Config{Rate: mbit12, Queue: Queue{Bytes: 2000}}, []arrival{
			{0, Packet{ID: 0, Size: 1500}}, {0, Packet{ID: 1, Size: 1500}}, {0, Packet{ID: 2, Size: 501}}, {0, Packet{ID: 3, Size: 500}},
		}, []string{"2 tail 0s", "0 arrived 1ms", "1 arrived 2ms", "3 arrived 2.333333ms"}},
		{"a queue too short for the packet in transmission", Config{Rate: mbit12, Queue: Queue{Bytes: 1}}, spaced(2, 1500, 999*us),
			[]string{"1 tail 999µs", "0 arrived 1ms"}},
		{"out of the queue, then into it", Config{Rate: mbit12, Queue: Queue{Packets: 1}}, []arrival{
			{0, Packet{ID: 0, Size: 1500}}, {0, Packet{ID: 1, Size: 1500}}, {1 * ms, Packet{ID: 2, Size: 1500}},
		}, []string{"0 arrived 1ms", "1 arrived 2ms", "2 arrived 3ms"}},
		{"sizes that cannot be", Config{Rate: 8}, []arrival{{0, Packet{ID: 0, Size: -5}}, {0, Packet{ID: 1, Size: math.MaxInt}}},
			[]string{"0 arrived 0s", "1 arrived 18h12m15s"}},
		{"lost packets use the rate", Config{Rate: mbit12, Delay: 5 * ms, Loss: 1}, spaced(2, 1500, 0), []string{"0 lost 1ms", "1 lost 2ms"}},
		{"duplicates", Config{Delay: 5 * ms, Duplicate: 1}, spaced(2, 1500, 0),
			[]string{"0 arrived 5ms", "0 arrived 5ms copy", "1 arrived 5ms", "1 arrived 5ms copy"}},
		{"reordering of all", Config{Delay: 5 * ms, Reorder: 1}, spaced(1, 1500, 0), []string{"0 arrived 10ms"}},
		{"reordering without delay", Config{Reorder: 1}, spaced(1, 1500, 0), []string{"0 arrived 1ms"}},
		{"reordering of a known path", Config{Reorder: 1, RTT: 30 * ms}, spaced(1, 1500, 0), []string{"0 arrived 15ms"}},
		{"reordering by order", Config{Delay: 5 * ms, Reorder: 1, ReorderBy: 1 * ms}, spaced(1, 1500, 0), []string{"0 arrived 6ms"}},
		{"a held packet's copy", Config{Reorder: 1, Duplicate: 1}, spaced(1, 1500, 0), []string{"0 arrived 1ms", "0 arrived 1ms copy"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantStory(t, lazy(t, test.c, 1, test.in), test.want)
			wantStory(t, eager(t, test.c, 1, test.in), test.want)
		})
	}
}

// TestTimes holds what a fate says of the stations of a way.
func TestTimes(t *testing.T) {
	c := Config{Rate: 12e6, Delay: 10 * ms, Queue: Queue{Packets: 1}, Drop: []Drop{{Kind: SYN}}}
	in := []arrival{
		{1 * ms, Packet{ID: 1, Size: 1500}},
		{1 * ms, Packet{ID: 2, Size: 1500, Kind: SYN}},
		{1 * ms, Packet{ID: 3, Size: 1500}},
	}
	got := byID(lazy(t, c, 1, in))
	want := []Fate{
		{Packet: in[0].p, Entered: 1 * ms, Left: 2 * ms, At: 12 * ms},
		{Packet: in[1].p, Entered: 1 * ms, Left: 3 * ms, At: 3 * ms, Drop: Named},
		{Packet: in[2].p, Entered: 1 * ms, Left: 1 * ms, At: 1 * ms, Drop: Tail},
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}

// TestCounts holds what the link says of itself.
func TestCounts(t *testing.T) {
	l := newLink(t, Config{Rate: 12e6, Delay: 5 * ms, Duplicate: 1, Queue: Queue{Packets: 2}}, 1)
	want := func(inFlight, packets int, bytes int64) {
		t.Helper()
		if p, b := l.Queued(); p != packets || b != bytes || l.InFlight() != inFlight {
			t.Errorf("%d packets and %d bytes queued, %d in flight; want %d, %d, %d", p, b, l.InFlight(), packets, bytes, inFlight)
		}
	}
	want(0, 0, 0)
	for range 4 {
		l.Enter(0, Packet{Size: 1500})
	}
	want(4, 2, 3000)
	l.Take(0) // the one that was dropped
	want(3, 2, 3000)
	l.Take(1 * ms)
	want(3, 1, 1500)
	l.Take(6 * ms)
	want(2, 0, 0)
	l.Take(6 * ms) // its copy
	want(2, 0, 0)
}

// TestBackwards: an earlier now counts as the latest.
func TestBackwards(t *testing.T) {
	l := newLink(t, Config{Delay: 1 * ms}, 1)
	l.Enter(-5, Packet{ID: 1})
	l.Enter(2*ms, Packet{ID: 2})
	l.Enter(1*ms, Packet{ID: 3})
	wantStory(t, takeBy(l, 0, nil), []string{"1 arrived 1ms"})
	wantStory(t, takeBy(l, 3*ms, nil), []string{"2 arrived 3ms", "3 arrived 3ms"})
}

// TestForever: where a Duration would run over, time stands still.
func TestForever(t *testing.T) {
	for name, c := range map[string]Config{
		"rate":  {Rate: 1, Queue: Queue{Packets: 1e6}, Delay: time.Minute},
		"trace": {Trace: &Trace{[]uint32{maxTraceTime}}, Queue: Queue{Packets: 1e6}, Delay: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			fates := lazy(t, c, 1, spaced(20_000, 65535, 0))
			if last := fates[len(fates)-1]; last.At != never+time.Minute || last.Left != never {
				t.Errorf("the last packet left at %v, and arrived at %v", last.Left, last.At)
			}
		})
	}
}

// TestNoGarbage: no steady state allocates, unless chance makes a slice grow.
func TestNoGarbage(t *testing.T) {
	for name, c := range benchConfigs {
		t.Run(name, func(t *testing.T) {
			step := stepper(t, c)
			for range 100_000 {
				step()
			}
			n := testing.AllocsPerRun(1, func() {
				for range 100_000 {
					step()
				}
			})
			if n > 3 {
				t.Errorf("%v allocations in 100,000 packets", n)
			}
		})
	}
}

// TestMemory: a link that was full does not stay large.
func TestMemory(t *testing.T) {
	l := newLink(t, Config{Rate: 12e6, Queue: Queue{Packets: 1e6}, Reorder: 0.5}, 1)
	var now time.Duration
	enter := func(n int, distance time.Duration) {
		for i := range n {
			now += distance * time.Duration(i%2) // in pairs, one of which waits
			l.Enter(now, Packet{Size: 1500})
			for {
				if _, ok := l.Take(now); !ok {
					break
				}
			}
		}
	}
	room := func() int { return len(l.queue.waiting.buf) + len(l.due.inOrder.buf) + cap(l.due.others) }
	enter(30_000, 0)
	if n := room(); n < 60_000 {
		t.Errorf("30,000 packets that wait are held where there is room for %d", n)
	}
	enter(200_000, 5*ms)
	if n := room(); n > 6*smallest {
		t.Errorf("a few packets in flight take room for %d", n)
	}
}
