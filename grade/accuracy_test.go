package grade

import (
	"context"
	"testing"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/timeline"
)

// TestAccuracy holds the explanations of one scenario of each theme against the truth.
// Each exchange must be found and its sum exact, wherever this runs. How much is right
// is what linger lab grade measures, over many more and on a machine at rest: here it
// must only not be much less.
func TestAccuracy(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	scores := [2]*Score{{}, {}}
	stage := Stage{}
	stage.Each(context.Background(), Scenarios(1, 20), func(s Scenario, f *Facts, err error) {
		if err != nil {
			t.Errorf("scenario %d: %v", s.Number, err)
			return
		}
		for end, score := range scores {
			all, err := f.Explained(End(end))
			if err != nil {
				t.Errorf("scenario %d: %v", s.Number, err)
			}
			score.Grade(s.Number, Truth(f), timelinesOf(all))
		}
	})
	for end, s := range scores {
		_, macro := s.Marks()
		t.Logf("%v's end: macro-F1 %.3f, right %.1f %%, unknown %.1f %%", End(end), macro, 100*s.Right(), 100*s.Unknown())
		if len(s.SumErrors) > 0 || s.Matched != s.Exchanges {
			t.Errorf("%v's end: sums wrong: %q; %d of %d exchanges found", End(end), s.SumErrors, s.Matched, s.Exchanges)
		}
		if macro < 0.8 || s.Unknown() > 0.02 {
			t.Errorf("%v's end: macro-F1 %.3f, unknown %.1f %%", End(end), macro, 100*s.Unknown())
		}
	}
}

func timelinesOf(all []*cause.Explained) []*timeline.Exchange {
	var each []*timeline.Exchange
	for _, x := range all {
		each = append(each, x.Timeline)
	}
	return each
}
