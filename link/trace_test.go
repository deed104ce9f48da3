package link

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func mustTrace(t testing.TB, text string) *Trace {
	t.Helper()
	trace, err := ReadTrace(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

func TestTraceWay(t *testing.T) {
	sizes := func(at time.Duration, sizes ...int) (list []arrival) {
		for i, size := range sizes {
			list = append(list, arrival{at, Packet{ID: uint64(i), Size: size}})
		}
		return list
	}
	for _, test := range []struct {
		name, trace string
		in          []arrival
		want        []string
	}{
		{"one each", "1\n3\n", sizes(0, 1500, 1500, 1500), []string{"0 arrived 1ms", "1 arrived 3ms", "2 arrived 4ms"}},
		{"several in a millisecond", "2\n2\n", sizes(0, 1500, 1500, 1500), []string{"0 arrived 2ms", "1 arrived 2ms", "2 arrived 4ms"}},
		{"small ones share", "1\n2\n", sizes(0, 500, 1000, 1), []string{"0 arrived 1ms", "1 arrived 1ms", "2 arrived 2ms"}},
		{"one that does not fit begins", "1\n2\n", sizes(0, 1000, 1000, 1000), []string{"0 arrived 1ms", "1 arrived 2ms", "2 arrived 2ms"}},
		{"a large one spans", "1\n2\n3\n", sizes(0, 4500, 1), []string{"0 arrived 3ms", "1 arrived 4ms"}},
		{"zero of the next is the last of this", "0\n5\n", sizes(0, 1500, 1500, 1500, 1500),
			[]string{"0 arrived 0s", "1 arrived 5ms", "2 arrived 5ms", "3 arrived 10ms"}},
		{"just in time", "5\n", sizes(5*ms, 1500), []string{"0 arrived 5ms"}},
		{"just too late", "5\n", sizes(5*ms+1, 1500), []string{"0 arrived 10ms"}},
		{"what is left of one is gone", "5\n", []arrival{{0, Packet{ID: 0, Size: 500}}, {5 * ms, Packet{ID: 1, Size: 500}}, {6 * ms, Packet{ID: 2, Size: 500}}},
			[]string{"0 arrived 5ms", "1 arrived 5ms", "2 arrived 10ms"}},
		{"an idle hour and more", "1\n4\n10\n", sizes(time.Hour+2*ms, 1500, 1500), []string{"0 arrived 1h0m0.004s", "1 arrived 1h0m0.01s"}},
		{"an idle hour to the end of a round", "1\n4\n10\n", sizes(time.Hour, 1500, 1500), []string{"0 arrived 1h0m0s", "1 arrived 1h0m0.001s"}},
		{"nothing to send", "5\n", sizes(0, 0), []string{"0 arrived 5ms"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Config{Trace: mustTrace(t, test.trace)}
			wantStory(t, lazy(t, c, 1, test.in), test.want)
			wantStory(t, eager(t, c, 1, test.in), test.want)
		})
	}
}

// TestTraceQueue: who waits for an opportunity is in the queue.
func TestTraceQueue(t *testing.T) {
	c := Config{Trace: mustTrace(t, "5\n"), Queue: Queue{Packets: 1}}
	wantStory(t, lazy(t, c, 1, spaced(3, 1500, 4*ms)), []string{"1 tail 4ms", "0 arrived 5ms", "2 arrived 10ms"})
}

// TestTraceAgainstSteps holds the player against one that goes through every
// opportunity.
func TestTraceAgainstSteps(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		trace := randomTrace(r)
		p := newPlayer(trace)
		var now, round time.Duration
		i, left := 0, packetSize
		next := func() {
			if i, left = i+1, packetSize; i == len(trace.ms) {
				i, round = 0, round+trace.period()
			}
		}
		at := func() time.Duration { return round + time.Duration(trace.ms[i])*ms }
		for range 50 {
			now += time.Duration(r.Int64N(int64(2 * trace.period())))
			if r.IntN(2) == 0 {
				now = now.Truncate(ms)
			}
			size := r.IntN(4000)
			for at() < now {
				next()
			}
			begin := at()
			var want time.Duration
			for rest := size; ; next() {
				want = at()
				part := min(rest, left)
				rest, left = rest-part, left-part
				if left == 0 && rest == 0 {
					next()
				}
				if rest == 0 {
					break
				}
			}
			ready := p.ready(now)
			if got := p.send(ready, size); ready != begin || got != want {
				t.Fatalf("seed %d, %v at %v: %d bytes begin at %v and have left at %v; want %v, %v", seed, trace.ms, now, size, ready, got, begin, want)
			}
		}
	}
}

// randomTrace returns a short trace.
func randomTrace(r *rand.Rand) *Trace {
	var t Trace
	var at uint32
	for range 1 + r.IntN(8) {
		at += uint32(r.IntN(5)) * uint32(r.IntN(3))
		t.ms = append(t.ms, at)
	}
	t.ms = append(t.ms, at+uint32(r.IntN(3)))
	if t.period() == 0 {
		t.ms = append(t.ms, 1)
	}
	return &t
}

func TestReadTrace(t *testing.T) {
	for _, test := range []struct {
		text   string
		n      int
		period time.Duration
		mean   Rate
	}{
		{"1\n", 1, 1 * ms, 12_000_000}, // Mahimahi's 12 Mbit/s
		{"0\n1\n", 2, 1 * ms, 24_000_000},
		{"10\r\n10\r\n20", 3, 20 * ms, 1_800_000},
		{"007\n", 1, 7 * ms, 1_714_285},
		{"4294967295\n", 1, 4294967295 * ms, 1},
	} {
		trace := mustTrace(t, test.text)
		if len(trace.ms) != test.n || trace.period() != test.period || trace.Mean() != test.mean {
			t.Errorf("%q: %v of %v", test.text, trace, trace.Mean())
		}
	}
	if got, want := mustTrace(t, "1\n20\n").String(), "2 opportunities in 20ms"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestReadTraceFails(t *testing.T) {
	for text, want := range map[string]string{
		"":                               `trace: has no opportunities`,
		"1\n\n2\n":                       `trace line 2 "": want a whole number of milliseconds`,
		"-1\n":                           `trace line 1 "-1": want a whole number of milliseconds`,
		"1\n1.5\n":                       `trace line 2 "1.5": want a whole number of milliseconds`,
		"1\n 2\n":                        `trace line 2 " 2": want a whole number of milliseconds`,
		"5\n6\n4\n":                      `trace line 3 "4": want at least the 6 of the line before`,
		"0\n0\n":                         `trace line 2 "0": is where the trace begins again, so that its rate has no end; want more than 0`,
		"4294967296\n":                   `trace line 1 "4294967296": want at most 4294967295 ms`,
		"99999999999999999999999999\n":   `trace line 1 "99999999999999999999999999": want at most 4294967295 ms`,
		"1\n" + strings.Repeat("x", 100): `trace line 2 "` + strings.Repeat("x", 60) + `…": want a whole number of milliseconds`,
		"1\n" + strings.Repeat("1", 1e5): `trace line 2: bufio.Scanner: token too long`,
	} {
		_, err := ReadTrace(strings.NewReader(text))
		wantError(t, err, want)
	}
	_, err := ReadTrace(io.MultiReader(strings.NewReader("1\n2\n"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	wantError(t, err, "trace line 3: unexpected EOF")
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v is not that of the reader", err)
	}
}

// TestReadTraceBound: a trace without end is not read without end.
func TestReadTraceBound(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 20 MB")
	}
	_, err := ReadTrace(endless("1\n"))
	wantError(t, err, `trace line 10000001 "1": a trace has at most 10000000 lines`)
}

// endless repeats a text of two bytes.
type endless string

func (e endless) Read(p []byte) (int, error) {
	n := len(p) &^ 1
	for i := 0; i < n; i += 2 {
		copy(p[i:], e)
	}
	return n, nil
}
