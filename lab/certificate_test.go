package lab

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestCertificateJudge(t *testing.T) {
	const bound = time.Millisecond
	late := func(over, arrived int64) Way {
		return Way{Over: over, Arrived: arrived, Lateness: Lateness{P99: time.Hour, Max: time.Hour}}
	}
	for name, test := range map[string]struct {
		c    Certificate
		want []string
	}{
		"exact":                           {Certificate{}, []string{}},
		"1 in 100":                        {Certificate{Up: late(1, 100), Down: late(10, 1000)}, []string{}},
		"up":                              {Certificate{Up: late(23, 1000)}, []string{"23 of 1000 packets up were more than 1ms late"}},
		"down, a little more":             {Certificate{Down: late(101, 10_099)}, []string{"101 of 10099 packets down were more than 1ms late"}},
		"few":                             {Certificate{Down: late(1, 50)}, []string{"1 of 50 packets down were more than 1ms late"}},
		"unknown":                         {Certificate{Unknown: []string{"nothing is known"}}, []string{"nothing is known"}},
		"overrun":                         {Certificate{Overrun: 3}, []string{"3 packets were lost before the link: the machine was too slow, or too many were under way"}},
		"unrecorded":                      {Certificate{Unrecorded: 256}, []string{"256 packets are missing in the record: the tap was too slow"}},
		"strays and steal are no defects": {Certificate{Strays: 5, Steal: 0.5}, []string{}},
		"all": {Certificate{Up: late(2, 2), Down: late(3, 3), Overrun: 1000, Unrecorded: 512}, []string{
			"2 of 2 packets up were more than 1ms late", "3 of 3 packets down were more than 1ms late",
			"1000 packets were lost before the link: the machine was too slow, or too many were under way", "512 packets are missing in the record: the tap was too slow",
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
		Down:   Way{Counts: Counts{Packets: 7}, Rate: 1_000_000, Lateness: Lateness{1, 2_000_500, 2_000_500}, Arrived: 7, Over: 2},
		Strays: 5,
	}
	c.judge()
	want := `up   1000 packets, late by 41µs at the median, 90µs at p99, 12.3ms at most
     rate -0.01 %, dropped 12 codel, dropped 3 tail
down 7 packets, late by 0s at the median, 2.001ms at p99, 2.001ms at most
CPU steal 1.2 %, relay scheduled by deadline, 5 strays
late: 2 of 7 packets down were more than 1ms late`
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
	for _, want := range []string{`"late":false,"defects":[]`, `"packets":0,"bytes":0,"payload":0,"dropped":{}`, `"p99_ns":0`, `"arrived":0,"over_bound":0`, `"rate_bps":`} {
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
