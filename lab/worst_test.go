package lab

import (
	"reflect"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
)

// TestWorstRate: a rate is held against its own plan, and both stand together.
func TestWorstRate(t *testing.T) {
	way := func(rate link.Rate, achieved float64) Certificate {
		return Certificate{Up: Way{Rate: rate, Achieved: achieved}}
	}
	slow, fast := way(1_000_000, 999_000), way(20_000_000, 20_080_000) // by 0.1 and 0.4 %
	unknown, unlimited := way(5_000_000, 0), way(0, 70_000_000)
	for name, test := range map[string]struct {
		all  []Certificate
		want Certificate
	}{
		"the second is worse":   {[]Certificate{slow, fast}, fast},
		"the first is worse":    {[]Certificate{fast, slow}, fast},
		"unknown before":        {[]Certificate{unknown, slow}, slow},
		"unknown behind":        {[]Certificate{slow, unknown}, slow},
		"unlimited before":      {[]Certificate{unlimited, unknown, slow}, slow},
		"unlimited behind":      {[]Certificate{slow, unlimited}, slow},
		"unlimited and unknown": {[]Certificate{unlimited, unknown}, unknown},
	} {
		got := Worst(test.all...).Up
		if got.Rate != test.want.Up.Rate || got.Achieved != test.want.Up.Achieved {
			t.Errorf("%s: %v of %v, want %v of %v", name, got.Achieved, got.Rate, test.want.Up.Achieved, test.want.Up.Rate)
		}
	}
}

// TestWorst: counts are added, of all else the worse stands, and it is judged anew.
func TestWorst(t *testing.T) {
	if got := Worst(); !reflect.DeepEqual(got, Certificate{}) {
		t.Errorf("of none: %+v", got)
	}
	a := Certificate{
		Bound: time.Millisecond, Duration: 3, Scheduling: byDeadline, Strays: 1, Overrun: 1, Unrecorded: 1,
		Up: Way{Counts: Counts{Packets: 100, Dropped: map[string]int64{"tail": 1}}, Arrived: 99, Over: 1, Lateness: Lateness{1, 5, 9}},
	}
	b := Certificate{
		Bound: time.Millisecond, Duration: 2, Scheduling: byNice, Strays: 1, Overrun: 1, Unrecorded: 1, Unknown: []string{"nothing"},
		Up: Way{Counts: Counts{Packets: 100, Dropped: map[string]int64{"tail": 2}}, Arrived: 98, Over: 2, Lateness: Lateness{2, 4, 8}},
	}
	want := Certificate{
		Bound: time.Millisecond, Duration: 3, Scheduling: byNice, Strays: 2, Overrun: 2, Unrecorded: 2, Unknown: []string{"nothing"},
		Up: Way{Counts: Counts{Packets: 200, Dropped: map[string]int64{"tail": 3}}, Arrived: 197, Over: 3, Lateness: Lateness{2, 5, 9}},
	}
	want.judge()
	a.judge()
	got := Worst(a, b)
	got.Down.Dropped = nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if a.Up.Dropped["tail"] != 1 || len(a.Unknown) != 0 {
		t.Errorf("it changed what it was given: %+v", a)
	}
}
