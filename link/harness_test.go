package link

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const (
	ms      = time.Millisecond
	us      = time.Microsecond
	ns      = time.Nanosecond
	forever = time.Duration(math.MaxInt64)
)

// An arrival is a packet at the link's door.
type arrival struct {
	at time.Duration
	p  Packet
}

func newLink(t testing.TB, c Config, seed uint64) *Link {
	t.Helper()
	l, err := New(c, seed)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// spaced returns n packets of a size at fixed distances, from 0, with IDs from 0.
func spaced(n, size int, distance time.Duration) []arrival {
	list := make([]arrival, n)
	for i := range list {
		list[i] = arrival{time.Duration(i) * distance, Packet{ID: uint64(i), Size: size}}
	}
	return list
}

// lazy lets all enter and only then takes the fates.
func lazy(t testing.TB, c Config, seed uint64, list []arrival) []Fate {
	t.Helper()
	l := newLink(t, c, seed)
	for _, a := range list {
		l.Enter(a.at, a.p)
	}
	fates := takeBy(l, forever, nil)
	if _, ok := l.Next(); ok || l.InFlight() != 0 {
		t.Errorf("something is due after forever, or %d packets are in flight", l.InFlight())
	}
	return fates
}

// eager takes each fate when Next says it is due, and fails if it is not.
func eager(t testing.TB, c Config, seed uint64, list []arrival) []Fate {
	t.Helper()
	l := newLink(t, c, seed)
	var fates []Fate
	for _, a := range list {
		fates = takeWhenDue(t, l, a.at, fates)
		l.Enter(a.at, a.p)
	}
	return takeWhenDue(t, l, forever, fates)
}

func takeWhenDue(t testing.TB, l *Link, until time.Duration, fates []Fate) []Fate {
	t.Helper()
	for last := time.Duration(-1); ; {
		at, ok := l.Next()
		if !ok || at > until {
			return fates
		}
		if at > l.now {
			if f, early := l.Take(at - 1); early {
				t.Fatalf("Next says %v, but a fate is due at %v", at, f.At)
			}
		}
		n := len(fates)
		fates = takeBy(l, at, fates)
		if len(fates) == n && (l.codel == nil || at <= last) {
			t.Fatalf("Next says %v, when nothing is due", at)
		}
		last = at
	}
}

// erratic takes fates at times that nothing speaks for, and asks needlessly.
func erratic(t testing.TB, c Config, seed uint64, list []arrival) []Fate {
	t.Helper()
	l := newLink(t, c, seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var fates []Fate
	var now time.Duration
	for _, a := range list {
		for r.IntN(3) == 0 && now < a.at {
			now += time.Duration(r.Int64N(int64(a.at - now + 1)))
			l.Next()
			fates = takeBy(l, now, fates)
			l.Queued()
		}
		now = a.at
		l.Enter(now, a.p)
	}
	return takeBy(l, forever, fates)
}

// takeBy appends what is due by now.
func takeBy(l *Link, now time.Duration, fates []Fate) []Fate {
	for {
		f, ok := l.Take(now)
		if !ok {
			return fates
		}
		fates = append(fates, f)
	}
}

// story writes fates in short, for tables: "3 arrived 10ms".
func story(fates []Fate) []string {
	list := make([]string, len(fates))
	for i, f := range fates {
		list[i] = fmt.Sprintf("%d %v %v", f.ID, f.Drop, f.At)
		if f.Copy {
			list[i] += " copy"
		}
	}
	return list
}

func wantStory(t *testing.T, fates []Fate, want []string) {
	t.Helper()
	if got := story(fates); !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// dropped returns the IDs of the packets that were dropped for a reason, sorted.
func dropped(fates []Fate, why Reason) []uint64 {
	var ids []uint64
	for _, f := range fates {
		if f.Drop == why {
			ids = append(ids, f.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// byID returns the fates in the order in which the packets entered, without
// copies.
func byID(fates []Fate) []Fate {
	list := slices.DeleteFunc(slices.Clone(fates), func(f Fate) bool { return f.Copy })
	slices.SortFunc(list, func(a, b Fate) int { return int(a.ID) - int(b.ID) })
	return list
}
