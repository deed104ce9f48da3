package cause

import (
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// TestOtherUnit: a queue that fills makes a clock of milliseconds look slow, for a while.
func TestOtherUnit(t *testing.T) {
	const ms, s = int64(1e6), int64(1e9)
	for name, test := range map[string]struct {
		since, ticks int64
		want         bool
	}{
		"milliseconds":                            {5 * s, 5 * s, false},
		"a queue of 480 ms at once":               {521 * ms, 41 * ms, false},
		"a queue of 1.3 s in 2.1 s":               {2100 * ms, 800 * ms, false},
		"250 a second":                            {4 * s, s, true},
		"100 a second":                            {3 * s, s * 3 / 10, true},
		"microseconds":                            {600 * ms, 600 * s, true},
		"an emptier queue than at the first":      {400 * ms, 900 * ms, false},
		"too soon to tell, at 250 a second":       {s, s / 4, false},
		"stamped before the first, put behind it": {10 * ms, -5 * ms, false},
	} {
		if got := otherUnit(test.since, test.ticks); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestClockCatchesUp: while a clock cannot be told from a slow one, it bounds nothing; when
// the queue is empty again, it does.
func TestClockCatchesUp(t *testing.T) {
	const start = int64(1e18)
	var c tsClock
	stamped := func(left, arrived int64) (early, late int64) {
		return c.bounds(&flow.Segment{TSval: uint32(left / grain)}, start+arrived)
	}
	stamped(0, 10e6)
	if early, late := stamped(100e6, 2500e6); early != start+2500e6 || late != early {
		t.Errorf("2.4 s in a queue: %d to %d", early-start, late-start)
	}
	const apart = (3300e6 - 10e6) / drift // by so much, clocks may have run apart
	if early, late := stamped(3000e6, 3300e6); early != start+3010e6+apart || late != early+grain {
		t.Errorf("290 ms in a queue: %d to %d", early-start, late-start)
	}
}
