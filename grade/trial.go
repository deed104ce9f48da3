package grade

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/lingerhttp/linger/cause"
)

// What a remedy would save, as package cause predicts it, against what it saves when
// the scenario is played again with only that changed.

// A Case is a scenario to be played again, with a remedy or with Nothing.
type Case struct {
	Scenario Scenario
	Remedy   cause.Remedy
}

// Cases are so many scenarios for each remedy, drawn from those that it fits, and each
// of these with Nothing, too. Remedies share scenarios where they can.
func Cases(scenarios []Scenario, each int) []Case {
	order := rand.New(rand.NewPCG(1, uint64(len(scenarios)))).Perm(len(scenarios))
	var all []Case
	chosen := make(map[int]bool)
	for _, r := range Remedies()[1:] {
		left := each
		for _, i := range order {
			with, ok := scenarios[i].Remedied(r)
			if !ok || left <= 0 {
				continue
			}
			all = append(all, Case{with, r})
			chosen[i] = true
			left--
		}
	}
	for _, i := range order {
		if chosen[i] {
			all = append(all, Case{scenarios[i], Nothing})
		}
	}
	return all
}

// A Played is what a scenario came to: once, again with nothing changed, and with
// remedies. Runs whose link was late are not in it.
type Played struct {
	Scenario  int
	Truth     []*Judged
	Explained []*cause.Explained // by one end
	With      map[cause.Remedy][]*Judged
}

// A Trial is one exchange whose scenario was played again with a remedy. Times are in
// nanoseconds, without what it waited in the client's queue.
type Trial struct {
	Remedy              cause.Remedy
	Scenario, Exchange  int
	Time                int64 // that it took without: the mean of two runs
	Predicted, Measured int64 // what the remedy saves
	Unsteady            bool  // the two runs without differed by so much that nothing can be measured
}

// steady is by how much two runs may differ: a share of the exchange's time.
const steady = 0.02

// Trials are those of one remedy of all exchanges that were explained.
func (p *Played) Trials(r cause.Remedy) []Trial {
	predicted := make(map[key]int64)
	known := make(map[key]bool)
	for _, x := range p.Explained {
		k := Said(x.Timeline).key()
		known[k] = true
		for _, s := range x.Savings {
			if s.Remedy == r {
				predicted[k] += int64(s.Time)
			}
		}
	}
	again, with := times(p.With[Nothing]), times(p.With[r])
	var all []Trial
	for _, j := range p.Truth {
		first := j.End() - j.visible()
		second, twice := again[j.Exchange]
		then, ok := with[j.Exchange]
		if j.Problem != "" || !twice || !ok || !known[j.key()] {
			continue
		}
		t := Trial{Remedy: r, Scenario: p.Scenario, Exchange: j.Exchange, Time: (first + second) / 2, Predicted: predicted[j.key()]}
		t.Unsteady = math.Abs(float64(first-second)) > steady*float64(t.Time)
		t.Measured = t.Time - then
		if r == Nothing {
			t.Unsteady, t.Measured = false, first-second
		}
		all = append(all, t)
	}
	return all
}

// times are those of exchanges by their numbers.
func times(all []*Judged) map[int]int64 {
	took := make(map[int]int64)
	for _, j := range all {
		if j.Problem == "" {
			took[j.Exchange] = j.End() - j.visible()
		}
	}
	return took
}

// A Saved is how far the predictions of one remedy hold. Errors are shares of the
// exchange's time.
type Saved struct {
	Remedy      string  `json:"remedy"`
	Scenarios   int     `json:"scenarios"`
	Exchanges   int     `json:"exchanges"`
	Unsteady    int     `json:"unsteady"`     // exchanges that are left out
	Predicted   int64   `json:"predicted_ns"` // in all
	Measured    int64   `json:"measured_ns"`
	MedianError float64 `json:"median_error"`
	P90Error    float64 `json:"p90_error"`

	// Much is how many exchanges the remedy saves more than 5 % of, or costs, as it was
	// predicted or measured; Wrong, for how many of these it does the contrary of what
	// was predicted.
	Much            int     `json:"much"`
	MuchMedianError float64 `json:"much_median_error"`
	MuchP90Error    float64 `json:"much_p90_error"`
	Wrong           int     `json:"wrong_sign"`
}

// much is the share of an exchange's time from which on a saving is one.
const much = 0.05

// SumTrials sums up the trials of one remedy, but for unsteady exchanges.
func SumTrials(r cause.Remedy, all []Trial) Saved {
	s := Saved{Remedy: RemedyName(r)}
	scenarios := make(map[int]bool)
	var errors, large []float64
	for _, t := range all {
		if t.Remedy != r || t.Time <= 0 {
			continue
		}
		if t.Unsteady {
			s.Unsteady++
			continue
		}
		scenarios[t.Scenario] = true
		s.Exchanges++
		s.Predicted, s.Measured = s.Predicted+t.Predicted, s.Measured+t.Measured
		predicted, measured := float64(t.Predicted)/float64(t.Time), float64(t.Measured)/float64(t.Time)
		wrong := math.Abs(predicted - measured)
		errors = append(errors, wrong)
		if max(math.Abs(predicted), math.Abs(measured)) <= much {
			continue
		}
		large = append(large, wrong)
		if predicted > much && measured < 0 || predicted < -much && measured > 0 {
			s.Wrong++
		}
	}
	s.Scenarios, s.Much = len(scenarios), len(large)
	s.MedianError, s.P90Error = quantile(errors, 0.5), quantile(errors, 0.9)
	s.MuchMedianError, s.MuchP90Error = quantile(large, 0.5), quantile(large, 0.9)
	return s
}

// quantile is the value of which a share q of all are no larger; 0 of none.
func quantile(all []float64, q float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(len(all)-1, int(math.Ceil(q*float64(len(all))))-1)]
}
