package cause_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

// What the tests of this room share lives here: captures explained, and what must be
// true of every explanation.

// explained explains a capture, and checks what must be true of all.
func explained(t *testing.T, c *packets.Capture) []*cause.Explained {
	t.Helper()
	all, limits := explain(cause.Config{}, c.Packets())
	for _, fault := range limits.faults(all) {
		t.Error(fault)
	}
	return all
}

// inOrder is a capture of packets in the order of their times, moved by so much.
func inOrder(frames []packet.Packet, shift time.Duration) *packets.Capture {
	slices.SortStableFunc(frames, func(a, b packet.Packet) int { return cmp.Compare(a.At, b.At) })
	c := packets.NewCapture()
	for _, p := range frames {
		c.Add(time.Duration(p.At-packets.Start.UnixNano())+shift, p.Data)
	}
	return c
}

// limits are what a capture allows.
type limits struct {
	at    map[int]int64 // the time of each packet
	first int64
	last  int64
}

func explain(c cause.Config, all func(func(*packet.Packet) bool)) ([]*cause.Explained, limits) {
	var told []*cause.Explained
	l := limits{at: make(map[int]int64)}
	e := cause.New(c, func(x *cause.Explained) { told = append(told, x) })
	for p := range all {
		l.at[p.Number] = p.At
		if len(l.at) == 1 {
			l.first, l.last = p.At, p.At
		}
		l.first, l.last = min(l.first, p.At), max(l.last, p.At)
		e.Add(p)
	}
	e.Close()
	return told, l
}

// faults are what is wrong with explanations, whatever they are.
func (l limits) faults(all []*cause.Explained) (faults []string) {
	for i, x := range all {
		e := x.Timeline
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Sprintf("exchange %d (%s %s): ", e.Number, e.Method, e.URL)+fmt.Sprintf(format, args...)+"\n"+brief(e))
		}
		if err := e.Check(); err != nil {
			fault("%v", err)
		}
		if e.Number != i+1 {
			fault("it has number %d of %d", e.Number, i+1)
		}
		if e.Duration < 0 {
			fault("it took %v", e.Duration)
		}
		for _, s := range e.Spans {
			l.span(s, fault)
		}
		for _, s := range x.Savings {
			if s.Time == 0 || s.Time > e.Duration { // a negative one is a cost
				fault("%v would save %v of %v", s.Remedy, s.Time, e.Duration)
			}
		}
	}
	return faults
}

func (l limits) span(s timeline.Span, fault func(string, ...any)) {
	if s.Note == "" {
		fault("%v has no sentence", s.Cause)
	}
	if !(s.Certainty > 0 && s.Certainty <= 1) {
		fault("%v has the certainty %v", s.Cause, s.Certainty)
	}
	if len(s.Evidence) == 0 || len(s.Evidence) > 12 {
		fault("%v has %d packets as its evidence", s.Cause, len(s.Evidence))
	}
	if !slices.IsSorted(s.Evidence) {
		fault("the evidence of %v is %v", s.Cause, s.Evidence)
	}
	for _, n := range s.Evidence {
		if _, ok := l.at[n]; !ok {
			fault("the evidence of %v is packet %d, which is not there", s.Cause, n)
		}
	}
}

// brief is an exchange in a line: "handshake 20 propagation 10 server 5", in
// milliseconds, without what is shorter than half of one.
func brief(e *timeline.Exchange) string {
	var words []string
	for _, s := range e.Spans {
		if n := s.Duration().Round(ms) / ms; n > 0 {
			words = append(words, fmt.Sprintf("%v %d", s.Cause, n))
		}
	}
	return strings.Join(words, " ")
}

// briefs are exchanges, one a line.
func briefs(all []*cause.Explained) string {
	var lines []string
	for _, x := range all {
		lines = append(lines, brief(x.Timeline))
	}
	return strings.Join(lines, "\n")
}

// costs sums what a cause took of an exchange.
func costs(e *timeline.Exchange, causes ...timeline.Cause) (sum time.Duration) {
	for _, s := range e.Spans {
		if slices.Contains(causes, s.Cause) {
			sum += s.Duration()
		}
	}
	return sum
}

// near reports whether a time is one, but for what a model may be wrong by.
func near(got, want, by time.Duration) bool { return got >= want-by && got <= want+by }
