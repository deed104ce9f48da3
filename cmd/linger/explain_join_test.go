package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/sockets"
	"github.com/lingerhttp/linger/timeline"
)

var joinStart = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

// record is a client's: it waited for 10 ms, wrote for 2, and read until its end.
func record(number, nth int, url string, d time.Duration) *timeline.Exchange {
	e := &timeline.Exchange{Number: number, Nth: nth, Method: "GET", URL: url, Start: joinStart,
		Conn: timeline.Conn{Number: 9, Local: netip.MustParseAddrPort("10.0.0.1:4711"), Remote: netip.MustParseAddrPort("10.0.0.2:80")}}
	e.Enter(timeline.Queue, timeline.Queued, joinStart)
	e.Enter(timeline.Send, timeline.Unknown, joinStart.Add(10*beat))
	e.Enter(timeline.Wait, timeline.Unknown, joinStart.Add(12*beat))
	e.Finish(joinStart.Add(d), nil)
	return e
}

// shown is what packets show: from a time to another.
func shown(nth int, url string, from, to time.Duration) *cause.Explained {
	t := record(1, nth, url, 0)
	t.Start, t.Spans = joinStart.Add(from), nil
	t.Conn.Number = 3
	t.Enter(timeline.Send, timeline.Propagation, t.Start)
	t.Enter(timeline.Wait, timeline.Server, t.Start.Add((to-from)/2))
	t.Finish(joinStart.Add(to), nil)
	return &cause.Explained{Timeline: t}
}

func causesOf(e *timeline.Exchange) string {
	var words []string
	for _, s := range e.Spans {
		words = append(words, s.Cause.String()+" "+s.Duration().String())
	}
	return strings.Join(words, ", ")
}

func TestJoined(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to int // of the packets, in ms
		want     string
	}{
		"within":            {11, 31, "queue 10ms, client 1ms, propagation 10ms, server 10ms, client 9ms"},
		"from the queue on": {5, 45, "queue 5ms, propagation 20ms, server 15ms"},
		"begun before":      {-10, 40, "propagation 15ms, server 25ms"},
		"all before":        {-20, -10, "queue 10ms, unknown 2ms, unknown 28ms"},
		"all after":         {50, 60, "queue 10ms, unknown 2ms, unknown 28ms"},
	} {
		e := shown(1, "http://a/", time.Duration(tt.from)*beat, time.Duration(tt.to)*beat)
		got := joined(record(7, 1, "http://a/", 40*beat), e.Timeline)
		if causesOf(got) != tt.want {
			t.Errorf("%s: %s, want %s", name, causesOf(got), tt.want)
		}
		if err := got.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.Number != 7 || got.Conn.Number != 3 || got.Duration != 40*beat {
			t.Errorf("%s: number %d, connection %d, %v", name, got.Number, got.Conn.Number, got.Duration)
		}
	}
}

// Records are found by their place on the connection and by what was asked for.
func TestClientSide(t *testing.T) {
	a, b := record(1, 1, "http://a/?x", 40*beat), record(2, 2, "http://a/b#part", 40*beat)
	again := record(3, 3, "http://a/b", 40*beat)
	c := newClientSide([]*timeline.Exchange{again, b, a})
	for _, tt := range []struct {
		nth  int
		url  string
		want *timeline.Exchange
	}{
		{1, "http://A:80/?x", a},
		{3, "http://a/b", again},
		{4, "http://a/b", b}, // a try before it was cut off and counted, too
		{5, "http://a/none", nil},
	} {
		if got := c.of(shown(tt.nth, tt.url, 0, beat)); got != tt.want {
			t.Errorf("%d %s: %+v", tt.nth, tt.url, got)
		}
	}
	other := shown(1, "http://a/", 0, beat)
	other.Timeline.Conn.Local = netip.MustParseAddrPort("10.0.0.1:4712")
	if c.of(other) != nil || c.foreign != 1 || c.strange != 1 || len(c.left()) != 0 {
		t.Errorf("%d foreign, %d strange, %d left", c.foreign, c.strange, len(c.left()))
	}
}

func TestWithTrip(t *testing.T) {
	r := record(1, 1, "http://a/", 40*beat)
	infos := map[ends]sockets.TCPInfo{endsOf(r.Conn): {MinRTT: 20 * beat}}
	got := withTrip(r, infos)
	if want := "queue 10ms, client 2ms, propagation 20ms, unknown 8ms"; causesOf(got) != want || got.Check() != nil {
		t.Errorf("%s, want %s; %v", causesOf(got), want, got.Check())
	}
	if got := withTrip(r, nil); got.Check() != nil || causesOf(got) != "queue 10ms, client 2ms, unknown 28ms" {
		t.Errorf("without the kernel: %s", causesOf(got))
	}
}

// Exchanges are numbered in the order in which they began, and asked for so.
func TestNumbers(t *testing.T) {
	explain := func(f *explainFlags) (numbers []int, notes []string) {
		g := newGathering(f, new(source))
		for i, start := range []int{30, 10, 20, 0} { // ms, in the order of the ends
			e := exchangeOf(1, beat, timeline.Server)
			e.Timeline.Start = joinStart.Add(time.Duration(start) * beat)
			e.Timeline.Method = string(rune('A' + i))
			g.add(e)
		}
		x := g.explanation("x")
		for _, e := range x.Entries {
			numbers = append(numbers, e.Number)
			notes = append(notes, e.Method)
		}
		return numbers, notes
	}
	if numbers, who := explain(&explainFlags{}); strings.Join(who, "") != "DBCA" || numbers[0] != 1 || numbers[3] != 4 {
		t.Errorf("%v are numbered %v", who, numbers)
	}
	for n, want := range map[int]string{1: "D", 2: "B", 3: "C", 4: "A", 5: ""} {
		if numbers, who := explain(&explainFlags{exchange: n}); strings.Join(who, "") != want || want != "" && numbers[0] != n {
			t.Errorf("exchange %d is %v, numbered %v", n, who, numbers)
		}
	}
}
