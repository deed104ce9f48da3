package grade

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/timeline"
)

// judgedOf is an exchange of one connection from a time in ms on.
func judgedOf(nth int, start int64, spans ...any) *Judged {
	j := &Judged{Exchange: nth, Conn: theClient, Nth: nth, Start: start * 1e6}
	at := start
	for i := 0; i < len(spans); i += 2 {
		at += int64(spans[i+1].(int))
		j.until(at*1e6, spans[i].(timeline.Cause))
	}
	return j
}

// explainedOf is the same as what is said.
func explainedOf(nth int, start int64, spans ...any) *timeline.Exchange {
	j := judgedOf(nth, start, spans...)
	e := &timeline.Exchange{
		Conn: timeline.Conn{Local: netip.AddrPort(theClient)}, Nth: nth,
		Start: time.Unix(0, j.Start), Duration: time.Duration(j.End() - j.Start),
	}
	for _, s := range j.Spans {
		e.Spans = append(e.Spans, timeline.Span{Cause: s.Cause, Start: time.Duration(s.From - j.Start), End: time.Duration(s.To - j.Start)})
	}
	return e
}

func TestScore(t *testing.T) {
	var s Score
	wrong := explainedOf(3, 200, timeline.Server, 10)
	wrong.Duration++
	s.Grade(1, []*Judged{
		judgedOf(1, 0, timeline.Queued, 5, timeline.Handshake, 20, timeline.Server, 30),
		judgedOf(2, 100, timeline.Queued, 5, timeline.Propagation, 10),
		{Conn: theClient, Nth: 3, Problem: "it failed"},
	}, []*timeline.Exchange{
		explainedOf(1, 7, timeline.Handshake, 16, timeline.Propagation, 4, timeline.Server, 31),
		wrong,
		explainedOf(9, 300, timeline.Server, 10),
	})
	for _, tt := range []struct {
		truth int
		said  timeline.Cause
		ms    int64
	}{
		{int(timeline.Handshake), timeline.Handshake, 16}, // from 7, where it begins to be explained, to 23
		{int(timeline.Handshake), timeline.Propagation, 2},
		{int(timeline.Server), timeline.Propagation, 2},
		{int(timeline.Server), timeline.Server, 28},
		{outside, timeline.Server, 3},
		{int(timeline.Propagation), timeline.Unknown, 10}, // of what is not explained
	} {
		if got := s.Confusion[tt.truth][tt.said]; got != tt.ms*1e6 {
			t.Errorf("true %d, said %v: %d ns, want %d ms", tt.truth, tt.said, got, tt.ms)
		}
	}
	if s.Before[timeline.Queued] != 10e6 || s.Before[timeline.Handshake] != 2e6 {
		t.Errorf("before: %v", s.Before)
	}
	if s.Exchanges != 2 || s.Matched != 1 || s.Untold != 1 || s.Extra != 1 || len(s.SumErrors) != 1 {
		t.Errorf("exchanges %d, matched %d, untold %d, extra %d, sum errors %v", s.Exchanges, s.Matched, s.Untold, s.Extra, s.SumErrors)
	}
	if s.Total() != 58e6 || s.Unknown() != 10./58 || s.Right() != 44./58 {
		t.Errorf("total %d, unknown %v, right %v", s.Total(), s.Unknown(), s.Right())
	}
	if len(s.Worst) != 2 || s.Worst[0].Nth != 2 || s.Worst[0].Wrong != 10e6 || s.Worst[1].Wrong != 7e6 {
		t.Errorf("worst: %+v", s.Worst)
	}
}

func TestMarks(t *testing.T) {
	var s Score
	s.Confusion[timeline.Server][timeline.Server] = 900
	s.Confusion[timeline.Server][timeline.Stall] = 100
	s.Confusion[timeline.Stall][timeline.Server] = 50
	s.Confusion[timeline.Stall][timeline.Stall] = 50
	s.Confusion[timeline.Loss][timeline.Server] = 2 // too little
	marks, macro := s.Marks()
	want := map[timeline.Cause][3]float64{
		timeline.Server: {900. / 952, 0.9, 1800. / 1952},
		timeline.Stall:  {50. / 150, 0.5, 100. / 250},
		timeline.Loss:   {0, 0, 0},
	}
	for _, m := range marks {
		if got := [3]float64{m.Precision, m.Recall, m.F1}; got != want[m.Cause] || m.Counts != (m.Cause != timeline.Loss) {
			t.Errorf("%v: %v, counts %v", m.Cause, got, m.Counts)
		}
	}
	if want := (1800./1952 + 100./250) / 2; len(marks) != 3 || math.Abs(macro-want) > 1e-9 {
		t.Errorf("%d marks, macro %v, want %v", len(marks), macro, want)
	}
}

func TestTrials(t *testing.T) {
	p := Played{
		Scenario: 7,
		Truth: []*Judged{
			judgedOf(1, 0, timeline.Queued, 50, timeline.Nagle, 40, timeline.Propagation, 60),
			judgedOf(2, 200, timeline.Server, 100),
			judgedOf(3, 300, timeline.Server, 100),
			judgedOf(4, 400, timeline.Server, 100),
		},
		With: map[cause.Remedy][]*Judged{
			Nothing: {
				judgedOf(1, 0, timeline.Propagation, 100), judgedOf(2, 90, timeline.Server, 100),
				judgedOf(3, 300, timeline.Server, 110), judgedOf(4, 400, timeline.Server, 100),
			},
			cause.NoDelay: {
				judgedOf(1, 0, timeline.Propagation, 60), judgedOf(2, 90, timeline.Server, 110), judgedOf(3, 300, timeline.Server, 110),
				{Exchange: 4, Problem: "it failed"},
			},
		},
	}
	for nth := 1; nth <= 4; nth++ {
		p.Explained = append(p.Explained, &cause.Explained{Timeline: explainedOf(nth, 0, timeline.Server, 100)})
	}
	p.Explained[0].Savings = []cause.Saving{{Remedy: cause.NoDelay, Time: 35 * ms}, {Remedy: cause.QuickACK, Time: ms}}
	p.Explained[1].Savings = []cause.Saving{{Remedy: cause.NoDelay, Time: 20 * ms}}
	got := SumTrials(cause.NoDelay, p.Trials(cause.NoDelay))
	want := Saved{
		Remedy: "nodelay", Exchanges: 2, Unsteady: 1, Scenarios: 1, Predicted: 55e6, Measured: 30e6,
		MedianError: 0.05, P90Error: 0.3, Much: 2, MuchMedianError: 0.05, MuchP90Error: 0.3, Wrong: 1,
	}
	for _, v := range []*float64{&got.MedianError, &got.P90Error, &got.MuchMedianError, &got.MuchP90Error} {
		*v = math.Round(*v*1e9) / 1e9
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if n := SumTrials(Nothing, p.Trials(Nothing)); n.Exchanges != 4 || n.Much != 1 {
		t.Errorf("nothing: %+v", n)
	}
}

func TestCases(t *testing.T) {
	scenarios := Scenarios(7, 100)
	n := make(map[cause.Remedy]int)
	unchanged := make(map[int]bool)
	all := Cases(scenarios, 4)
	for _, c := range all {
		n[c.Remedy]++
		if c.Remedy == Nothing {
			unchanged[c.Scenario.Number] = true
		}
	}
	for _, c := range all {
		if !unchanged[c.Scenario.Number] {
			t.Errorf("scenario %d is not played again unchanged", c.Scenario.Number)
		}
	}
	for _, r := range Remedies()[1:] {
		if n[r] != 4 {
			t.Errorf("%s: %d cases", RemedyName(r), n[r])
		}
	}
	if len(unchanged) > 25 || len(Cases(scenarios, 0)) > 0 {
		t.Errorf("%d scenarios are played unchanged", len(unchanged))
	}
}
