package timeline

import (
	"errors"
	"fmt"
	"time"
)

// Check says where the spans fail to cover the exchange: the first must begin
// at 0, each must begin where the one before ended, the last must end with the
// exchange, and attempts must lie within their span. It returns nil if they do,
// else every fault found, joined.
func (e *Exchange) Check() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("exchange %d (%s %s): "+format, append([]any{e.Number, e.Method, e.URL}, args...)...))
	}
	if len(e.Spans) == 0 {
		fault("no spans")
	}
	var at time.Duration
	for i, s := range e.Spans {
		switch {
		case s.Start > at:
			fault("gap of %v before span %d (%s)", s.Start-at, i, s.Phase)
		case s.Start < at:
			fault("overlap of %v before span %d (%s)", at-s.Start, i, s.Phase)
		}
		if s.End < s.Start {
			fault("span %d (%s) ends %v before it starts", i, s.Phase, s.Start-s.End)
		}
		if s.Phase >= numPhases || s.Cause >= numCauses {
			fault("span %d has phase %d and cause %d, which nothing is called", i, s.Phase, s.Cause)
		}
		for j, a := range s.Attempts {
			if a.Start < s.Start || a.End > s.End || a.End < a.Start {
				fault("attempt %d [%v, %v] is not within span %d [%v, %v]", j, a.Start, a.End, i, s.Start, s.End)
			}
		}
		at = s.End
	}
	if at != e.Duration {
		fault("the spans end at %v, the exchange at %v", at, e.Duration)
	}
	return errors.Join(faults...)
}
