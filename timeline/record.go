package timeline

import "time"

// Enter ends the span under way at the given time and begins the next one. Told
// the phase and cause already under way, it lets that span run on. A span that
// took no time and says nothing leaves no trace.
//
// A time before the span under way began counts as that beginning: the spans
// never overlap, whatever the clock does.
func (e *Exchange) Enter(p Phase, c Cause, at time.Time) {
	now := at.Sub(e.Start)
	if n := len(e.Spans); n > 0 {
		last := &e.Spans[n-1]
		if last.Phase == p && last.Cause == c && last.Note == "" {
			return
		}
		now = last.endAt(now)
		if last.Start == now && last.Note == "" && last.Attempts == nil {
			e.Spans = e.Spans[:n-1]
		}
	}
	if len(e.Spans) == 0 {
		now = 0 // what came before the first span belongs to it
	}
	e.Spans = append(e.Spans, Span{Phase: p, Cause: c, Start: now, End: now})
}

// Note adds a remark to the span under way, after those it has.
func (e *Exchange) Note(text string) {
	if len(e.Spans) == 0 || text == "" {
		return
	}
	last := &e.Spans[len(e.Spans)-1]
	if last.Note != "" {
		text = last.Note + "; " + text
	}
	last.Note = text
}

// Attempt adds a child to the span under way. What of it lies outside of the
// span is cut off.
func (e *Exchange) Attempt(s Span) {
	if len(e.Spans) == 0 {
		return
	}
	last := &e.Spans[len(e.Spans)-1]
	s.Start = max(s.Start, last.Start)
	s.End = max(s.End, s.Start)
	last.Attempts = append(last.Attempts, s)
}

// Finish ends the span under way and the exchange with it. A non-nil err is why
// the exchange failed.
func (e *Exchange) Finish(at time.Time, err error) {
	now := at.Sub(e.Start)
	if len(e.Spans) == 0 {
		e.Enter(Queue, Queued, at)
	}
	e.Duration = e.Spans[len(e.Spans)-1].endAt(now)
	if err != nil {
		e.Error = err.Error()
	}
}

// endAt ends the span at now, or at its start if that is later, cuts its
// attempts to its length, and returns the end.
func (s *Span) endAt(now time.Duration) time.Duration {
	s.End = max(now, s.Start)
	for i, a := range s.Attempts {
		s.Attempts[i].Start = min(a.Start, s.End)
		s.Attempts[i].End = min(a.End, s.End)
	}
	return s.End
}

// In sums the spans of one phase.
func (e *Exchange) In(p Phase) time.Duration {
	var sum time.Duration
	for _, s := range e.Spans {
		if s.Phase == p {
			sum += s.Duration()
		}
	}
	return sum
}
