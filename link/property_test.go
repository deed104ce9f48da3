package link

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestProperties holds links of all kinds against what is true of every link.
func TestProperties(t *testing.T) {
	seeds := uint64(400)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 4))
		c := randomConfig(r)
		list := randomArrivals(r, 300)
		checkLink(t, c, seed, list)
		if t.Failed() {
			t.Fatalf("seed %d: %+v", seed, c)
		}
	}
}

// randomConfig returns one in which each setting is as likely on as off.
func randomConfig(r *rand.Rand) Config {
	var c Config
	some := func(do func()) {
		if r.IntN(2) == 0 {
			do()
		}
	}
	p := func() Probability { return Probability(r.Float64() * r.Float64()) }
	some(func() { c.Delay = time.Duration(r.IntN(50)) * ms / 4 })
	some(func() { c.Jitter = time.Duration(r.Int64N(int64(c.Delay) + 1)) })
	switch r.IntN(4) {
	case 0:
		c.Trace = randomTrace(r)
	case 1, 2:
		c.Rate = Rate(1_000_000 + r.IntN(20_000_000))
	}
	switch r.IntN(5) {
	case 0:
		c.Queue.Packets = 1 + r.IntN(20)
	case 1:
		c.Queue.Bytes = 1 + r.Int64N(20_000)
	case 2:
		c.Queue.CoDel = true
		some(func() { c.Queue.Packets = 1 + r.IntN(100) })
	case 3:
		c.Queue = Queue{CoDel: true, Target: time.Duration(1 + r.IntN(int(5*ms))), Interval: time.Duration(1 + r.IntN(int(20*ms)))}
	}
	some(func() { c.Loss = p() })
	some(func() { c.Burst = Burst{p() + 0.001, p(), p(), p() / 10} })
	some(func() { c.Drop = []Drop{anyDrop(r)} })
	some(func() { c.Reorder = p() })
	some(func() { c.ReorderBy = time.Duration(r.IntN(30)) * ms })
	some(func() { c.Duplicate = p() })
	return c
}

func anyDrop(r *rand.Rand) Drop {
	d := Drop{Kind: Kind(r.IntN(int(NumKinds)))}
	if d.Kind != Other {
		d.Conn, d.Nth = r.IntN(3), r.IntN(5)
	}
	return d
}

// randomArrivals returns packets that come singly, in heaps, and at whole
// milliseconds, where they meet other things.
func randomArrivals(r *rand.Rand, n int) []arrival {
	list := make([]arrival, n)
	var now time.Duration
	for i := range list {
		switch r.IntN(8) {
		case 0:
			now += time.Duration(r.Int64N(int64(20 * ms)))
		case 1, 2:
			now += time.Duration(r.Int64N(int64(2 * ms)))
		case 3:
			now = (now + ms).Truncate(ms)
		}
		size := 1500
		if r.IntN(3) == 0 {
			size = r.IntN(3000)
		}
		list[i] = arrival{now, Packet{
			ID: uint64(i), Size: size, Conn: r.IntN(3), Kind: Kind(r.IntN(int(NumKinds))), Nth: r.IntN(5),
		}}
	}
	return list
}

// checkLink fails unless what becomes of the packets is as it must be.
func checkLink(t testing.TB, c Config, seed uint64, list []arrival) {
	t.Helper()
	fates := lazy(t, c, seed, list)
	if !slices.Equal(fates, lazy(t, c, seed, list)) {
		t.Error("the same seed had other fates")
	}
	if !slices.Equal(fates, eager(t, c, seed, list)) {
		t.Error("taken when due, the fates are others")
	}
	if !slices.Equal(fates, erratic(t, c, seed, list)) {
		t.Error("taken at other times, the fates are others")
	}
	checkOrder(t, c, fates)
	checkEach(t, c, fates, list)
	checkQueue(t, c, byID(fates))
	checkRate(t, c, byID(fates))
}

// checkOrder: fates come in the order of their time, copies right behind their
// packet, and without reordering nobody overtakes.
func checkOrder(t testing.TB, c Config, fates []Fate) {
	t.Helper()
	arrived := -1
	for i, f := range fates {
		if i > 0 && f.At < fates[i-1].At {
			t.Errorf("%+v comes before %+v", fates[i-1], f)
		}
		if f.Copy {
			original := f
			original.Copy, original.Copied = false, true
			if i == 0 || fates[i-1] != original || c.Duplicate == 0 {
				t.Errorf("the copy %+v does not stand behind its packet", f)
			}
			continue
		}
		if f.Copied && (i == len(fates)-1 || !fates[i+1].Copy) {
			t.Errorf("no copy follows %+v", f)
		}
		if f.Drop == None && c.Reorder == 0 {
			if int(f.ID) < arrived {
				t.Errorf("%+v was overtaken by %d", f, arrived)
			}
			arrived = int(f.ID)
		}
	}
}

// checkEach: each packet has one fate, whose times and reason can be.
func checkEach(t testing.TB, c Config, fates []Fate, list []arrival) {
	t.Helper()
	each := byID(fates)
	if len(each) != len(list) {
		t.Fatalf("%d packets have %d fates", len(list), len(each))
	}
	limited := c.Rate > 0 || c.Trace != nil
	possible := []bool{
		None: true, Tail: limited, CoDel: c.Queue.CoDel && limited, Named: len(c.Drop) > 0, LostInBurst: c.Burst.P > 0, Lost: c.Loss > 0,
	}
	for i, f := range each {
		if f.Packet != list[i].p || f.Entered != list[i].at || !possible[f.Drop] {
			t.Errorf("%+v entered at %v and has the fate %+v", list[i].p, list[i].at, f)
		}
		least, most := f.Left, f.Left
		if f.Drop == None {
			least += c.Delay - c.Jitter
			most += c.Delay + c.Jitter
			if c.Jitter > 0 { // who went before may have taken longer
				most = forever
			} else if c.Reorder > 0 {
				most += c.reorderBy()
			}
		}
		if f.Left < f.Entered || f.At < least || f.At > most {
			t.Errorf("times of %+v", f)
		}
		if named(c.Drop, f.Packet) && f.Drop != Named && f.Drop != Tail && f.Drop != CoDel {
			t.Errorf("%+v is named, and has the fate %v", f, f.Drop)
		}
	}
}

// checkQueue counts, as each packet enters, those that have entered before, and
// neither begun to be transmitted nor been dropped: never more than the limit, and
// who is dropped at the tail had no room.
func checkQueue(t testing.TB, c Config, fates []Fate) {
	t.Helper()
	if c.Rate == 0 { // from a trace's times, nobody can tell when a packet began
		return
	}
	limit := c.queue()
	begins := make([]time.Duration, len(fates))
	var free time.Duration
	for i, f := range fates {
		begins[i] = f.At
		if f.Drop != Tail && f.Drop != CoDel {
			begins[i] = max(f.Entered, free)
			free = f.Left
		}
	}
	for i, f := range fates {
		packets, bytes := 0, int64(0)
		for j := range i {
			if fates[j].Drop != Tail && begins[j] > f.Entered {
				packets++
				bytes += int64(fates[j].bytes())
			}
		}
		full := limit.Packets > 0 && packets >= limit.Packets || limit.Bytes > 0 && bytes+int64(f.bytes()) > limit.Bytes
		if waits := f.Drop != Tail && begins[i] > f.Entered; full && waits || !full && f.Drop == Tail {
			t.Errorf("%+v entered a queue of %d packets and %d bytes", f, packets, bytes)
		}
	}
}

// checkRate: over no window was more transmitted than can be.
func checkRate(t testing.TB, c Config, fates []Fate) {
	t.Helper()
	sent := slices.DeleteFunc(fates, func(f Fate) bool { return f.Drop == Tail || f.Drop == CoDel })
	for i := range sent {
		bytes := 0
		for j := i + 1; j < len(sent); j++ {
			bytes += sent[j].bytes()
			window := sent[j].Left - sent[i].Left
			switch {
			case window < 0:
				t.Errorf("%+v left before %+v", sent[j], sent[i])
			case c.Rate > 0 && float64(bytes*8)*1e9 > float64(c.Rate)*float64(window+1)*(1+1e-12),
				c.Trace != nil && bytes > packetSize*opportunities(c.Trace, sent[i].Left, sent[j].Left):
				t.Errorf("%d bytes left in %v after %v", bytes, window, sent[i].Left)
				return
			}
		}
	}
}

// opportunities counts those of a trace from one time to another, both included.
func opportunities(trace *Trace, from, to time.Duration) (n int) {
	for round := from / trace.period() * trace.period(); round <= to; round += trace.period() {
		for _, ms := range trace.ms {
			if at := round + time.Duration(ms)*time.Millisecond; at >= from && at <= to {
				n++
			}
		}
	}
	// The last ones of the round before stand at the same time as the zero of its
	// successor.
	if from%trace.period() == 0 && from > 0 {
		for _, ms := range trace.ms {
			if time.Duration(ms)*time.Millisecond == trace.period() {
				n++
			}
		}
	}
	return n
}
