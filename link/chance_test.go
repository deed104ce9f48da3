package link

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// TestLuckStays: neither timing, nor rate, nor queue, nor another impairment
// changes which packets chance strikes.
func TestLuckStays(t *testing.T) {
	for _, own := range []Config{
		{Loss: 0.1},
		{Burst: Burst{P: 0.05, R: 0.3, Bad: 0.8, Good: 0.01}},
	} {
		plain := struckBy(t, own, spaced(2000, 1500, 1*ms))
		if len(plain) < 100 {
			t.Fatalf("%+v strikes only %d of 2000", own, len(plain))
		}
		for name, change := range map[string]func(c *Config){
			"delay":     func(c *Config) { c.Delay = 50 * ms },
			"jitter":    func(c *Config) { c.Delay, c.Jitter = 50*ms, 50*ms },
			"rate":      func(c *Config) { c.Rate = 100e6 },
			"tail":      func(c *Config) { c.Rate, c.Queue.Packets = 9e6, 3 },
			"codel":     func(c *Config) { c.Rate, c.Queue = 11e6, Queue{CoDel: true, Target: 1, Interval: 1} },
			"reorder":   func(c *Config) { c.Reorder = 0.5 },
			"duplicate": func(c *Config) { c.Duplicate = 0.5 },
			"named":     func(c *Config) { c.Drop = []Drop{{Kind: Data}} },
		} {
			c := own
			change(&c)
			fates := lazy(t, c, 7, spaced(2000, 1500, 1*ms))
			wantStruck(t, name, plain, fates)
			wantStruck(t, name+", other times", plain, lazy(t, c, 7, spaced(2000, 700, 900*us)))
		}
	}
}

// struckBy returns the IDs of the packets lost on the wire.
func struckBy(t *testing.T, c Config, list []arrival) []uint64 {
	t.Helper()
	fates := lazy(t, c, 7, list)
	return slices.Concat(dropped(fates, Lost), dropped(fates, LostInBurst))
}

// wantStruck fails if a packet that came as far as the wire was struck and should
// not have been, or the other way round.
func wantStruck(t *testing.T, name string, plain []uint64, fates []Fate) {
	t.Helper()
	onWire := 0
	for _, f := range byID(fates) {
		if f.Drop == Tail || f.Drop == CoDel {
			continue
		}
		onWire++
		if got, want := f.Drop == Lost || f.Drop == LostInBurst, slices.Contains(plain, f.ID); got != want {
			t.Errorf("%s: packet %d struck: %v, want %v", name, f.ID, got, want)
			return
		}
	}
	if onWire < 500 {
		t.Errorf("%s: only %d packets came as far as the wire", name, onWire)
	}
}

// TestMoreLoss: what is lost at 5 % is lost at 10 %, too.
func TestMoreLoss(t *testing.T) {
	list := spaced(5000, 1500, 0)
	few, many := struckBy(t, Config{Loss: 0.05}, list), struckBy(t, Config{Loss: 0.1}, list)
	for _, id := range few {
		if !slices.Contains(many, id) {
			t.Fatalf("%d is lost at 5 %% only", id)
		}
	}
}

// TestBurstStates: the medium is good and bad for the same packets, whatever the
// loss is in either.
func TestBurstStates(t *testing.T) {
	list := spaced(5000, 1500, 0)
	few := struckBy(t, Config{Burst: Burst{P: 0.1, R: 0.2}}, list)
	many := struckBy(t, Config{Burst: Burst{P: 0.1, R: 0.2, Good: 0.5}}, list)
	for _, id := range few {
		if !slices.Contains(many, id) {
			t.Fatalf("the medium is bad for %d only if there is no loss while it is good", id)
		}
	}
}

// TestSameForever: a seed written down today means the same packets with every
// version of this package and of Go.
func TestSameForever(t *testing.T) {
	c := Config{Delay: 10 * ms, Jitter: 5 * ms, Loss: 0.05, Burst: Burst{P: 0.1, R: 0.5}, Reorder: 0.05, Duplicate: 0.05}
	fates := lazy(t, c, 42, spaced(60, 1500, 1*ms))
	var sum time.Duration
	var copied []uint64
	for _, f := range fates {
		sum += f.At
		if f.Copy {
			copied = append(copied, f.ID)
		}
	}
	got := fmt.Sprint(dropped(fates, Lost), dropped(fates, LostInBurst), copied, sum)
	if want := "[23] [20 38 43 44 45 46 47 55 57] [13] 2.398310994s"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestLossMean holds how much is lost against what was ordered, within four
// standard deviations.
func TestLossMean(t *testing.T) {
	const n = 200_000
	for _, p := range []Probability{0, 0.0001, 0.01, 0.3, 0.999, 1} {
		got := len(struckBy(t, Config{Loss: p}, spaced(n, 1500, 0)))
		if want, off := float64(p)*n, 4*math.Sqrt(n*float64(p)*(1-float64(p))); math.Abs(float64(got)-want) > off {
			t.Errorf("%v lost %d of %d", p, got, n)
		}
	}
}

// TestSeeds: the seeds of a series have nothing in common, and neither have the
// streams of a seed.
func TestSeeds(t *testing.T) {
	const n, p = 100_000, 0.1
	var first, both, next float64
	last := false
	for seed := range uint64(n) {
		loss, reorder := newLoss(p, seed), newReorder(p, 1, seed)
		lost := loss.draw()
		if lost {
			first++
			if reorder.draw() > 0 {
				both++
			}
			if last {
				next++
			}
		}
		last = lost
	}
	if math.Abs(first/n-p) > 0.004 || math.Abs(both/n-p*p) > 0.0013 || math.Abs(next/n-p*p) > 0.0013 {
		t.Errorf("of %d first packets %v are lost, %v of them also held back, and %v after another seed's", n, first, both, next)
	}
}

// TestBurstMean holds loss and length of bursts against the model's.
func TestBurstMean(t *testing.T) {
	const n = 400_000
	for _, test := range []struct {
		b      Burst
		mean   float64
		length float64 // of bursts of loss; 0 if the model does not say
	}{
		{Burst{P: 0.01, R: 0.25}, 0.01 / 0.26, 4},
		{Burst{P: 0.05, R: 1}, 0.05 / 1.05, 1},
		{Burst{P: 0.01, R: 0.1, Bad: 0.5}, 0.5 * 0.01 / 0.11, 0},
		{Burst{P: 0.02, R: 0.3, Bad: 0.9, Good: 0.01}, (0.9*0.02 + 0.01*0.3) / 0.32, 0},
	} {
		ids := struckBy(t, Config{Burst: test.b}, spaced(n, 1500, 0))
		bursts := 0
		for i, id := range ids {
			if i == 0 || id != ids[i-1]+1 {
				bursts++
			}
		}
		got, length := float64(len(ids))/n, float64(len(ids))/float64(bursts)
		if math.Abs(got-test.mean) > 0.05*test.mean || math.Abs(float64(test.b.Mean())-test.mean) > 1e-12 {
			t.Errorf("%v loses %v, and says %v; want %v", test.b, got, float64(test.b.Mean()), test.mean)
		}
		if test.length > 0 && math.Abs(length-test.length) > 0.03*test.length {
			t.Errorf("%v: bursts are %v packets long, want %v", test.b, length, test.length)
		}
	}
}

// TestBurstEdges: states that are sure.
func TestBurstEdges(t *testing.T) {
	for _, test := range []struct {
		b    Burst
		want []uint64 // of six packets
	}{
		{Burst{}, nil},
		{Burst{P: 1, R: 1}, []uint64{1, 3, 5}},
		{Burst{P: 1}, []uint64{1, 2, 3, 4, 5}},
		{Burst{P: 1, R: 1, Bad: 1, Good: 1}, []uint64{0, 1, 2, 3, 4, 5}},
	} {
		if got := struckBy(t, Config{Burst: test.b}, spaced(6, 1500, 0)); !slices.Equal(got, test.want) {
			t.Errorf("%v loses %v, want %v", test.b, got, test.want)
		}
	}
	if got := (Burst{Good: 0.5}).Mean(); got != 0.5 {
		t.Errorf("a burst that never comes loses %v", got)
	}
}

// TestJitter: delays are spread evenly, and nobody overtakes.
func TestJitter(t *testing.T) {
	const n = 20_000
	c := Config{Delay: 10 * ms, Jitter: 4 * ms}
	var sum, least, most time.Duration = 0, forever, 0
	for _, f := range lazy(t, c, 3, spaced(n, 1500, 8*ms)) { // too far apart to meet
		d := f.At - f.Entered
		sum, least, most = sum+d, min(least, d), max(most, d)
	}
	if mean := sum / n; mean < 9950*us || mean > 10050*us || least < 6*ms || least > 6005*us || most > 14*ms || most < 13995*us {
		t.Errorf("delays from %v to %v, in the mean %v", least, most, mean)
	}
	fates := lazy(t, c, 3, spaced(n, 1500, 1*ms))
	together := 0
	for i, f := range fates {
		if f.ID != uint64(i) || f.At-f.Entered < 6*ms {
			t.Fatalf("packet %d came as number %d, after %v", f.ID, i, f.At-f.Entered)
		}
		if i > 0 && f.At == fates[i-1].At {
			together++
		}
	}
	if together == 0 {
		t.Error("no two packets met")
	}
}

// TestJitterAll: as much jitter as delay lets packets arrive as they leave, not
// before.
func TestJitterAll(t *testing.T) {
	j := newJitter(1*ns, 1)
	var seen [3]bool
	for range 100 {
		seen[j.draw()+1] = true
	}
	if seen != [3]bool{true, true, true} {
		t.Errorf("of the differences -1, 0 and 1, seen %v", seen)
	}
}

// TestReorderAlone: those held back are late, and all others as they were.
func TestReorderAlone(t *testing.T) {
	c := Config{Delay: 10 * ms, Jitter: 5 * ms}
	list := spaced(2000, 1500, 1*ms)
	plain := lazy(t, c, 5, list)
	c.Reorder, c.ReorderBy = 0.1, 20*ms
	fates := byID(lazy(t, c, 5, list))
	held := 0
	for i, f := range fates {
		switch f.At - plain[i].At {
		case 0:
		case 20 * ms:
			held++
		default:
			t.Fatalf("packet %d arrived at %v instead of %v", f.ID, f.At, plain[i].At)
		}
	}
	if held < 150 || held > 250 {
		t.Errorf("%d of 2000 were held back", held)
	}
}

func TestDropNames(t *testing.T) {
	packet := Packet{Conn: 2, Kind: Data, Nth: 3}
	for _, test := range []struct {
		d    Drop
		p    Packet
		want bool
	}{
		{Drop{2, Data, 3}, packet, true},
		{Drop{1, Data, 3}, packet, false},
		{Drop{2, ACK, 3}, packet, false},
		{Drop{2, Data, 4}, packet, false},
		{Drop{0, Data, 3}, packet, true},
		{Drop{2, Data, 0}, packet, true},
		{Drop{2, Data, 3}, Packet{Kind: Data, Nth: 3}, false},
		{Drop{0, Data, 3}, Packet{Kind: Data, Nth: 3}, true},
		{Drop{}, Packet{}, true},
	} {
		if got := test.d.names(test.p); got != test.want {
			t.Errorf("%v names %+v: %v", test.d, test.p, got)
		}
	}
}

// TestDropReason: a packet that is named is so even if chance would have lost it.
func TestDropReason(t *testing.T) {
	c := Config{Loss: 1, Burst: Burst{P: 1, R: 1, Good: 1}, Drop: []Drop{{1, SYN, 1}}}
	wantStory(t, lazy(t, c, 1, []arrival{{0, Packet{ID: 1, Conn: 1, Kind: SYN, Nth: 1}}}), []string{"1 named 0s"})
	wantStory(t, lazy(t, c, 1, []arrival{{0, Packet{ID: 1}}}), []string{"1 burst 0s"})
}
