package timeline

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var begin = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

func at(ms int) time.Time    { return begin.Add(time.Duration(ms) * time.Millisecond) }
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }
func started() *Exchange     { return &Exchange{Number: 1, Method: "GET", URL: "http://a/", Start: begin} }
func phases(e *Exchange) string {
	var words []string
	for _, s := range e.Spans {
		words = append(words, s.Phase.String()+":"+s.Duration().String())
	}
	return strings.Join(words, " ")
}

func TestEnterCoversTheExchange(t *testing.T) {
	e := started()
	e.Enter(Queue, Queued, at(1)) // 1 ms after Start: still covered
	e.Enter(DNS, NameLookup, at(3))
	e.Enter(Connect, Handshake, at(5))
	e.Enter(TLS, TLSHandshake, at(5)) // connect took no time: no trace of it
	e.Enter(Send, Unknown, at(9))
	e.Enter(Wait, HeadOfLine, at(10))
	e.Enter(Wait, HeadOfLine, at(11)) // the same again: runs on
	e.Enter(Wait, Unknown, at(14))
	e.Enter(Receive, Unknown, at(12)) // the clock stepped back: clamped
	e.Finish(at(20), nil)
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	if got, want := phases(e), "queue:3ms dns:2ms tls:4ms send:1ms wait:4ms receive:6ms"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if e.Duration != ms(20) || e.In(Wait) != ms(4) {
		t.Errorf("duration %v, wait %v", e.Duration, e.In(Wait))
	}
}

func TestFinishWithoutSpans(t *testing.T) {
	e := started()
	e.Finish(at(7), errors.New("no slot"))
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	if e.Error != "no slot" || phases(e) != "queue:7ms" {
		t.Errorf("%q, %s", e.Error, phases(e))
	}
}

func TestAttemptsAreCutToTheirSpan(t *testing.T) {
	e := started()
	e.Enter(Queue, Queued, at(0))
	e.Enter(Connect, Handshake, at(10))
	e.Attempt(Span{Phase: Connect, Start: ms(5), End: ms(12), Note: "192.0.2.1:80"})
	e.Attempt(Span{Phase: Connect, Start: ms(11), End: ms(99), Note: "192.0.2.2:80"})
	e.Enter(Send, Unknown, at(20))
	e.Finish(at(21), nil)
	if err := e.Check(); err != nil {
		t.Error(err)
	}
	got := e.Spans[1].Attempts
	if got[0].Start != ms(10) || got[0].End != ms(12) || got[1].End != ms(20) {
		t.Errorf("attempts: %+v", got)
	}
}

func TestNotesAddUp(t *testing.T) {
	e := started()
	e.Note("lost: there is no span yet")
	e.Enter(Queue, Queued, at(0))
	e.Note("behind 2")
	e.Note("retried")
	e.Finish(at(1), nil)
	if got := e.Spans[0].Note; got != "behind 2; retried" {
		t.Errorf("note %q", got)
	}
}

func TestCheckFindsFaults(t *testing.T) {
	span := func(from, to int) Span { return Span{Phase: Wait, Start: ms(from), End: ms(to)} }
	for name, tt := range map[string]struct {
		spans []Span
		want  string
	}{
		"none":            {nil, "no spans"},
		"gap at start":    {[]Span{span(1, 10)}, "gap of 1ms before span 0"},
		"gap":             {[]Span{span(0, 4), span(5, 10)}, "gap of 1ms before span 1"},
		"overlap":         {[]Span{span(0, 4), span(3, 10)}, "overlap of 1ms before span 1"},
		"backwards":       {[]Span{span(0, 12), span(12, 10)}, "ends 2ms before it starts"},
		"short":           {[]Span{span(0, 9)}, "end at 9ms, the exchange at 10ms"},
		"no such phase":   {[]Span{{Phase: numPhases, End: ms(10)}}, "which nothing is called"},
		"no such cause":   {[]Span{{Cause: numCauses, End: ms(10)}}, "which nothing is called"},
		"stray attempt":   {[]Span{{End: ms(10), Attempts: []Span{span(2, 11)}}}, "attempt 0"},
		"early attempt":   {[]Span{span(0, 5), {Start: ms(5), End: ms(10), Attempts: []Span{span(4, 6)}}}, "attempt 0"},
		"whole (nothing)": {[]Span{span(0, 4), span(4, 10)}, ""},
	} {
		e := started()
		e.Duration, e.Spans = ms(10), tt.spans
		err := e.Check()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestJSONKeepsEverything(t *testing.T) {
	e := started()
	e.Enter(Queue, Queued, at(0))
	e.Note("2 of 6 open")
	e.Enter(Wait, HeadOfLine, at(2))
	e.Finish(at(9), errors.New("cut"))
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var back Exchange
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*e, back) {
		t.Errorf("went in as %+v\ncame out as %+v", *e, back)
	}
	for _, want := range []string{`"phase":"wait"`, `"cause":"head-of-line"`, `"duration_ns":9000000`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestWordsRoundTrip(t *testing.T) {
	for p := range numPhases {
		text, err := p.MarshalText()
		var back Phase
		if err != nil || back.UnmarshalText(text) != nil || back != p {
			t.Errorf("phase %d: %q, %v", p, text, err)
		}
	}
	for c := range numCauses {
		text, err := c.MarshalText()
		var back Cause
		if err != nil || back.UnmarshalText(text) != nil || back != c {
			t.Errorf("cause %d: %q, %v", c, text, err)
		}
	}
	var p Phase
	if err := p.UnmarshalText([]byte("nap")); err == nil {
		t.Error("a phase called nap")
	}
	if got := numCauses.String(); got != "cause(19)" {
		t.Errorf("a cause out of range is %q", got)
	}
}

func TestSum(t *testing.T) {
	a, b := started(), started()
	a.Conn.Number, a.Nth, a.Received = 1, 1, Bytes{Header: 100, Body: 1000}
	b.Conn.Number, b.Nth, b.Received = 1, 2, Bytes{Header: 50, Body: 10}
	a.Enter(Connect, Handshake, at(0))
	a.Enter(Receive, Unknown, at(10))
	a.Finish(at(12), nil)
	b.Start = at(5)
	b.Enter(Queue, Queued, at(5))
	b.Enter(Receive, Unknown, at(12))
	b.Finish(at(30), errors.New("cut"))
	got := Sum([]*Exchange{a, b})
	if got.Time != ms(30) || got.Exchanges != 2 || got.Failed != 1 || got.Connections != 1 || got.Reused != 1 {
		t.Errorf("%+v", got)
	}
	if got.Received.Total() != 1160 || got.Handshake() != ms(10) || got.Phases[Receive] != ms(20) || got.Causes[Queued] != ms(7) {
		t.Errorf("%+v", got)
	}
}
