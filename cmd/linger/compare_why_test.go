package main

import (
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// leg is a span of a made-up exchange: until a time, in ms.
type leg struct {
	cause timeline.Cause
	until int
}

func madeUp(start int, legs ...leg) *timeline.Exchange {
	e := &timeline.Exchange{Start: joinStart.Add(time.Duration(start) * beat)}
	at := e.Start
	for _, l := range legs {
		e.Enter(timeline.Wait, l.cause, at)
		at = joinStart.Add(time.Duration(l.until) * beat)
	}
	e.Finish(at, nil)
	return e
}

// Each moment of a page is one cause's, or shared; who waits for others has none while
// anybody works.
func TestPageTime(t *testing.T) {
	parts := pageTime([]*timeline.Exchange{
		madeUp(0, leg{timeline.Handshake, 10}, leg{timeline.Server, 30}),
		madeUp(0, leg{timeline.Queued, 20}, leg{timeline.Transfer, 40}),
		madeUp(50, leg{timeline.HeadOfLine, 60}),
	})
	for c, want := range map[timeline.Cause]float64{
		timeline.Handshake: 10, timeline.Server: 15, timeline.Transfer: 15, timeline.Client: 10, timeline.HeadOfLine: 10, timeline.Queued: 0,
	} {
		if got := parts[c] / 1e6; got != want {
			t.Errorf("%v took %v ms, want %v", c, got, want)
		}
	}
}

func TestDifference(t *testing.T) {
	row := func(name string, handshake, transfer float64) report.Row {
		return report.Row{Strategy: name, Causes: []report.RowCause{
			{Cause: timeline.Handshake, PageMS: handshake}, {Cause: timeline.Transfer, PageMS: transfer}, {Cause: timeline.Unknown, PageMS: handshake * 9},
		}}
	}
	best, worst := row("multiplexed", 30, 200), row("serial", 1200, 210)
	if got := difference(best, worst); !strings.HasPrefix(got, "most of the difference is handshake (") || !strings.HasSuffix(got, "1.20 s of the page's time with serial, 30.0 ms with multiplexed") {
		t.Error(got)
	}
	if got := difference(worst, best); got != "" {
		t.Errorf("where nothing took longer: %q", got)
	}
	if got := difference(report.Row{}, report.Row{}); got != "" {
		t.Errorf("where nothing is known: %q", got)
	}
}
