package lab

import (
	"math"
	"runtime"
	"testing"
	"time"
)

func TestParseSteal(t *testing.T) {
	for _, c := range []struct {
		name, text  string
		stolen, all float64
	}{
		{"two CPUs", "cpu  10 20 30 40 5 6 7 8 100 200\ncpu0 1 2 3 4 5 6 7 8 9 10\n", 8, 126},
		{"before Linux 2.6.11, which counts no steal", "cpu 10 20 30 40 5 6 7\n", 0, 118},
		{"nothing", "", 0, 0},
		{"no numbers", "cpu a b c\n", 0, 0},
	} {
		if got := parseSteal([]byte(c.text)); got != (stealCount{c.stolen, c.all}) {
			t.Errorf("%s: %+v, want %v of %v", c.name, got, c.stolen, c.all)
		}
	}
}

func TestStealSince(t *testing.T) {
	for _, c := range []struct {
		before, now stealCount
		want        float64
	}{
		{stealCount{1, 100}, stealCount{6, 200}, 0.05},
		{stealCount{1, 100}, stealCount{1, 100}, 0},
		{stealCount{1, 100}, stealCount{0, 0}, 0}, // it could not be read again
	} {
		if got := c.before.until(c.now); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("from %v to %v: %v, want %v", c.before, c.now, got, c.want)
		}
	}
}

// The usual is the median of its class, and single long sleeps do not move it.
func TestWakingLearnsTheMedian(t *testing.T) {
	w := newWaking()
	for i := range 1000 {
		over := 100 * time.Microsecond
		switch i % 10 {
		case 0, 1, 2, 3:
			over = 20 * time.Microsecond
		case 4:
			over = 50 * time.Millisecond
		}
		w.learn(5*time.Millisecond, over)
	}
	if got := 5*time.Millisecond - w.sleep(5*time.Millisecond); (got - 100*time.Microsecond).Abs() > 5*usualStep {
		t.Errorf("it wakes %v early, want about 100µs", got)
	}
	if got := w.sleep(200 * time.Microsecond); got != 200*time.Microsecond-firstUsual {
		t.Errorf("what long sleeps taught holds for short ones, too: %v", got)
	}
}

func TestWakingIsBounded(t *testing.T) {
	w := newWaking()
	for range 1000 {
		w.learn(time.Hour, time.Second)
	}
	if got := w.sleep(time.Hour); got != time.Hour-mostUsual {
		t.Errorf("of an hour it sleeps %v", got)
	}
	for range 1000 {
		w.learn(time.Hour, 0)
	}
	if got := w.sleep(time.Hour); got != time.Hour {
		t.Errorf("of an hour it sleeps %v", got)
	}
	for _, left := range []time.Duration{-time.Hour, -1, 0, 1, firstUsual} {
		if got := w.sleep(left); got != 0 {
			t.Errorf("with %v left it sleeps %v", left, got)
		}
	}
}

// However many labs there are, GOMAXPROCS goes back to what it was, whether somebody
// had set it or not.
func TestProcsAreGivenBack(t *testing.T) {
	standard := runtime.GOMAXPROCS(0)
	defer restoreProcs(standard)
	procsAreGivenBack(t)
	runtime.GOMAXPROCS(standard + 1)
	procsAreGivenBack(t)
}

func procsAreGivenBack(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(0)
	var a, b procs
	a.take()
	b.take()
	if got := runtime.GOMAXPROCS(0); got < before+2*spareProcs {
		t.Errorf("GOMAXPROCS is %d with two labs and was %d", got, before)
	}
	a.give()
	a.give()
	b.give()
	if got := runtime.GOMAXPROCS(0); got != before {
		t.Errorf("GOMAXPROCS is %d and was %d", got, before)
	}
}
