package link

import (
	"errors"
	"math"
	"testing"
	"time"
)

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || err.Error() != want {
		t.Errorf("got  %v (%T)\nwant %s", err, err, want)
	}
}

func TestCheck(t *testing.T) {
	trace := &Trace{[]uint32{1}}
	for _, c := range []Config{
		{},
		{Delay: time.Minute, Jitter: time.Minute, RTT: 2 * time.Minute, ReorderBy: time.Minute},
		{Rate: math.MaxInt64, RTT: 2 * time.Minute},
		{Trace: trace, RTT: 2 * time.Minute},
		{Loss: 1, Reorder: 1, Duplicate: 1, Burst: Burst{1, 1, 1, 1}},
		{Drop: []Drop{{}, {math.MaxInt, RST, math.MaxInt}}},
		{Queue: Queue{Bytes: math.MaxInt64, CoDel: true}},
	} {
		if _, err := New(c, 1); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestCheckFails(t *testing.T) {
	trace := &Trace{[]uint32{1}}
	for want, c := range map[string]Config{
		"delay 30m0s: want 0 to 1m0s": {Delay: 30 * time.Minute},
		"delay -1ns: want 0 to 1m0s":  {Delay: -1},
		"jitter 11ms: want at most the delay of 10ms: packets cannot arrive before they leave": {Delay: 10 * ms, Jitter: 11 * ms},
		"jitter -1ns: want 0 to 1m0s":                                                          {Jitter: -1},
		"rtt 1h0m0s: want 0 to 2m0s":                                                           {RTT: time.Hour},
		"rate -5bit: want more than 0; leave it out for no limit":                              {Rate: -5},
		"trace: takes the place of a rate; want one of them":                                   {Rate: 5, Trace: trace},
		"trace: has no opportunities":                                                          {Trace: new(Trace)},
		"queue -1: want more than 0":                                                           {Queue: Queue{Packets: -1}},
		"queue -1B: want more than 0":                                                          {Queue: Queue{Bytes: -1}},
		"queue 1kB: want a limit in packets or in bytes, not both":                             {Queue: Queue{Packets: 1, Bytes: 1000}},
		"queue codel,target=-1ns: want target and interval from 0 to 1m0s":                     {Queue: Queue{CoDel: true, Target: -1}},
		"queue codel,interval=1m1s: want target and interval from 0 to 1m0s":                   {Queue: Queue{CoDel: true, Interval: 61 * time.Second}},
		"queue target=5ms: target and interval are codel's":                                    {Queue: Queue{Target: 5 * ms}},
		"loss 2: want 0 to 1, or 0 % to 100 %":                                                 {Loss: 2},
		"loss NaN: want 0 to 1, or 0 % to 100 %":                                               {Loss: Probability(math.NaN())},
		"burst p -0.1: want 0 to 1, or 0 % to 100 %":                                           {Burst: Burst{P: -0.1}},
		"burst bad 1.5: want 0 to 1, or 0 % to 100 %":                                          {Burst: Burst{P: 0.1, Bad: 1.5}},
		"burst p 0: a good state that never turns bad makes no bursts":                         {Burst: Burst{R: 0.1}},
		"drop -1:data:3: want CONNECTION:KIND:N, like 2:data:3 or *:syn:1":                     {Drop: []Drop{{}, {-1, Data, 3}}},
		"drop 1:data:-3: want CONNECTION:KIND:N, like 2:data:3 or *:syn:1":                     {Drop: []Drop{{1, Data, -3}}},
		"drop *:other:3: what is not TCP has no connection and is not counted; want *:other:*": {Drop: []Drop{{Nth: 3}}},
		"drop 1:other:*: what is not TCP has no connection and is not counted; want *:other:*": {Drop: []Drop{{Conn: 1}}},
		"drop 1:kind(9):3: want CONNECTION:KIND:N, like 2:data:3 or *:syn:1":                   {Drop: []Drop{{1, 9, 3}}},
		"reorder 1.01: want 0 to 1, or 0 % to 100 %":                                           {Reorder: 1.01},
		"reorder by 1m0.000000001s: want 0 to 1m0s":                                            {ReorderBy: time.Minute + 1},
		"duplicate -1: want 0 to 1, or 0 % to 100 %":                                           {Duplicate: -1},
	} {
		l, err := New(c, 1)
		wantError(t, err, want)
		if l != nil {
			t.Errorf("%s, but there is a link", want)
		}
	}
}

// TestDefaultQueue: "one bandwidth-delay product in packets of 1,500 bytes, and at
// least 64 packets".
func TestDefaultQueue(t *testing.T) {
	for _, test := range []struct {
		c    Config
		want int // packets
	}{
		{Config{Rate: 28_800, Delay: 100 * ms}, 64},
		{Config{Rate: 12e6}, 64},
		{Config{Rate: 12e6, Delay: 50 * ms}, 100},
		{Config{Rate: 12e6 + 1, Delay: 50 * ms}, 101},
		{Config{Rate: 12e6, Delay: 50 * ms, RTT: 200 * ms}, 200},
		{Config{Trace: &Trace{[]uint32{1}}, Delay: 50 * ms}, 100},
		{Config{Rate: 12e6, Delay: 50 * ms, Queue: Queue{Packets: 3}}, 3},
		{Config{Rate: 12e6, Delay: 50 * ms, Queue: Queue{CoDel: true}}, 1000},
		{Config{Rate: 1e11, RTT: 2 * time.Minute}, 1e9},
		{Config{Rate: 12e6, Delay: 50 * ms, Queue: Queue{Bytes: 3}}, 0},
	} {
		if got := test.c.queue().Packets; got != test.want {
			t.Errorf("%+v: %d packets, want %d", test.c, got, test.want)
		}
	}
	if got := dropped(lazy(t, Config{Rate: 12e6}, 1, spaced(66, 1500, 0)), Tail); len(got) != 1 || got[0] != 65 {
		t.Errorf("of one packet in transmission, 64 that wait and one more, %v were dropped", got)
	}
}

// TestOwnConfig: what the caller does with its slices afterwards is no matter.
func TestOwnConfig(t *testing.T) {
	c := Config{Drop: []Drop{{1, SYN, 1}}}
	l := newLink(t, c, 1)
	c.Drop[0] = Drop{}
	l.Enter(0, Packet{ID: 1})
	wantStory(t, takeBy(l, 0, nil), []string{"1 arrived 0s"})
}
