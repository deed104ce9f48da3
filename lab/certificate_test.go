package lab

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
)

func TestCertificateJudge(t *testing.T) {
	const bound = time.Millisecond
	late := func(p99 time.Duration) Way { return Way{Lateness: Lateness{P99: p99, Max: time.Second}} }
	for name, test := range map[string]struct {
		c    Certificate
		want []string
	}{
		"exact":                           {Certificate{}, []string{}},
		"at the bound":                    {Certificate{Up: late(bound), Down: late(bound)}, []string{}},
		"up":                              {Certificate{Up: late(bound + time.Microsecond)}, []string{"1 in 100 packets up was more than 1.001ms late, the bound is 1ms"}},
		"down":                            {Certificate{Down: late(12_345 * time.Microsecond)}, []string{"1 in 100 packets down was more than 12.3ms late, the bound is 1ms"}},
		"overrun":                         {Certificate{Overrun: 3}, []string{"3 packets were lost before the link: the machine was too slow"}},
		"unrecorded":                      {Certificate{Unrecorded: 256}, []string{"256 packets are missing in the record: the tap was too slow"}},
		"strays and steal are no defects": {Certificate{Strays: 5, Steal: 0.5}, []string{}},
		"all": {Certificate{Up: late(2 * bound), Down: late(2 * bound), Overrun: 1000, Unrecorded: 512}, []string{
			"1 in 100 packets up was more than 2ms late, the bound is 1ms", "1 in 100 packets down was more than 2ms late, the bound is 1ms",
			"1000 packets were lost before the link: the machine was too slow", "512 packets are missing in the record: the tap was too slow",
		}},
	} {
		test.c.Bound = bound
		for range 2 { // a second time it judges the same
			test.c.judge()
		}
		if !reflect.DeepEqual(test.c.Defects, test.want) || test.c.Late != (len(test.want) > 0) {
			t.Errorf("%s: late %v, %q; want %q", name, test.c.Late, test.c.Defects, test.want)
		}
	}
}

func TestCertificateString(t *testing.T) {
	c := Certificate{
		Bound: time.Millisecond, Steal: 0.0123, Scheduling: "deadline",
		Up: Way{
			Counts:   Counts{Packets: 1000, Dropped: map[string]int64{"tail": 3, "codel": 12}},
			Lateness: Lateness{41_234, 89_999, 12_345_678},
			Rate:     10_000_000, Achieved: 9_999_000,
		},
		Down: Way{Counts: Counts{Packets: 7}, Rate: 1_000_000, Lateness: Lateness{1, 2_000_500, 2_000_500}},
	}
	c.judge()
	want := `up   1000 packets, late by 41µs at the median, 90µs at p99, 12.3ms at most
     rate -0.01 %, dropped 12 codel, dropped 3 tail
down 7 packets, late by 0s at the median, 2.001ms at p99, 2.001ms at most
CPU steal 1.2 %, relay scheduled by deadline
late: 1 in 100 packets down was more than 2.001ms late, the bound is 1ms`
	if got := c.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCertificateJSON: the lists are never null, and units stand in the names.
func TestCertificateJSON(t *testing.T) {
	var c Certificate
	c.judge()
	c.Up.Dropped = map[string]int64{}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"late":false,"defects":[]`, `"packets":0,"bytes":0,"payload":0,"dropped":{}`, `"p99_ns":0`, `"rate_bps":`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

func TestCountsSince(t *testing.T) {
	earlier := Counts{Packets: 10, Bytes: 1000, Payload: 500, Dropped: map[string]int64{"tail": 2, "lost": 1}}
	later := Counts{Packets: 25, Bytes: 4000, Payload: 700, Dropped: map[string]int64{"tail": 5, "lost": 1, "codel": 4}}
	want := Counts{Packets: 15, Bytes: 3000, Payload: 200, Dropped: map[string]int64{"tail": 3, "codel": 4}}
	if got := later.Since(earlier); !reflect.DeepEqual(got, want) || got.Drops() != 7 {
		t.Errorf("%+v, %d drops, want %+v", got, got.Drops(), want)
	}
	if later.Drops() != 10 || earlier.Drops() != 3 {
		t.Errorf("Since changed %+v or %+v", later, earlier)
	}
	if got := later.Since(Counts{}); !reflect.DeepEqual(got, later) {
		t.Errorf("since nothing: %+v", got)
	}
	if got := (Counts{}).Since(Counts{}); got.Drops() != 0 || got.Packets != 0 {
		t.Errorf("nothing since nothing: %+v", got)
	}
}

// TestPace: a link of 10 Mbit/s carries 1250 bytes each millisecond. However late
// all are by the same time, the rate is right; what is not back to back is left out.
func TestPace(t *testing.T) {
	for name, test := range map[string]struct {
		step func(i int) time.Duration // how late packet i is
		gap  int                       // packet before which the link was idle, 0 for none
		drop int                       // one that is dropped
		want float64
	}{
		"punctual":       {func(int) time.Duration { return 0 }, 0, 0, 10e6},
		"late, all":      {func(int) time.Duration { return time.Second }, 0, 0, 10e6},
		"slower by 1 %":  {func(i int) time.Duration { return time.Duration(i) * 10 * time.Microsecond }, 0, 0, 10e6 / 1.01},
		"with a pause":   {func(int) time.Duration { return 0 }, 50, 0, 10e6},
		"with a drop":    {func(int) time.Duration { return 0 }, 0, 50, 10e6},
		"pause and drop": {func(int) time.Duration { return 0 }, 20, 50, 10e6},
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
				p.dropped()
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
