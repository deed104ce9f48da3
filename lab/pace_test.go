package lab

import (
	"math"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
)

// TestPace: a link of 10 Mbit/s carries 1250 bytes each millisecond. However late
// all are by the same time, the rate is right; what is not back to back is left out.
func TestPace(t *testing.T) {
	for name, test := range map[string]struct {
		step func(i int) time.Duration // how late packet i is
		gap  int                       // packet before which the link was idle, 0 for none
		drop int                       // one that is dropped
		want float64
	}{
		"punctual":      {func(int) time.Duration { return 0 }, 0, 0, 10e6},
		"late, all":     {func(int) time.Duration { return time.Second }, 0, 0, 10e6},
		"slower by 1 %": {func(i int) time.Duration { return time.Duration(i) * 10 * time.Microsecond }, 0, 0, 10e6 / 1.01},
		"with a pause":  {func(int) time.Duration { return 0 }, 50, 0, 10e6},
		"with a drop":   {func(int) time.Duration { return 0 }, 0, 50, 10e6},
		// Half a millisecond of 200 is what the stall costs, drop or not.
		"stalled at a drop": {func(i int) time.Duration { return time.Duration(max(0, min(i-49, 1))) * 500 * time.Microsecond }, 0, 50, 10e6 * 199 / 199.5},
		"pause and drop":    {func(int) time.Duration { return 0 }, 20, 50, 10e6},
	} {
		var p pace
		var pause time.Duration
		for i := range 200 {
			entered := time.Duration(0)
			if test.gap > 0 && i >= test.gap {
				pause = time.Minute
				entered = pause + time.Duration(test.gap)*time.Millisecond
			}
			left := pause + time.Duration(i+1)*time.Millisecond
			if test.drop > 0 && i == test.drop {
				p.dropped(link.Fate{Packet: link.Packet{Size: 1250}, Entered: entered, Left: left, At: left})
				continue
			}
			at := left + 20*time.Millisecond
			p.arrived(link.Fate{Packet: link.Packet{Size: 1250}, Entered: entered, Left: left, At: at}, at+test.step(i))
		}
		if got := p.rate(); math.Abs(got-test.want) > 1 {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	var p pace
	p.arrived(link.Fate{Packet: link.Packet{Size: 1250}}, 1)
	for i := range time.Duration(90) {
		p.arrived(link.Fate{Packet: link.Packet{Size: 1250}, Left: i * time.Millisecond, At: i * time.Millisecond}, i*time.Millisecond+1)
	}
	if got := p.rate(); got != 0 {
		t.Errorf("90 ms tell a rate of %v", got)
	}
}
