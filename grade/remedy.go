package grade

import (
	"math"
	"slices"

	"github.com/lingerhttp/linger/cause"
)

// What a remedy would save, as package cause predicts it, against what it saves when
// the scenario is played again with only that changed.

// Nothing is the remedy that changes nothing: what it saves is how far two runs of one
// scenario differ.
const Nothing = cause.Remedy(cause.NumRemedies)

// Remedies are all, Nothing first.
func Remedies() []cause.Remedy {
	all := []cause.Remedy{Nothing}
	for r := range cause.NumRemedies {
		all = append(all, cause.Remedy(r))
	}
	return all
}

// RemedyName is a remedy's word, "nothing" for Nothing.
func RemedyName(r cause.Remedy) string {
	if r == Nothing {
		return "nothing"
	}
	return r.String()
}

// With what a remedy is tried.
const (
	usualWindow = 10 // segments that a connection may begin with where it was fewer: RFC 6928
	largeWindow = 32 // and where it was as many
	browsers    = 6  // connections, where it was one
)

// Remedied is the scenario with one remedy applied and nothing else changed; false if
// there is nothing to change, or if chance decides what is lost: another packet
// would be lost than before, which costs more or less than any remedy.
func (s Scenario) Remedied(r cause.Remedy) (Scenario, bool) {
	was := s
	switch r {
	case Nothing:
	case cause.NoDelay:
		s.Nagle, s.ClientNagle = false, false
	case cause.QuickACK:
		s.Client.QuickACK, s.Server.QuickACK = true, true
	case cause.KeepConnection:
		s.Strategy = swap(s.Strategy, "serial", "persistent", "parallel", "persistent6")
	case cause.InitialWindow:
		s.Server.InitialWindow = larger(s.Server.InitialWindow)
		s.Client.InitialWindow = larger(s.Client.InitialWindow)
	case cause.ReceiveBuffer:
		s.Client.ReceiveBuffer = 0
	case cause.Multiplex:
		s.Strategy = swap(s.Strategy, "parallel", multiplexed, "persistent6", multiplexed, "pipelined", multiplexed)
	case cause.Nearer:
		s.RTT, s.Jitter = s.RTT/2, s.Jitter/2
	case cause.MoreConnections:
		if s.Strategy == "pipelined" || s.Strategy == multiplexed {
			s.Conns = browsers
		}
	case cause.FewerConnections:
		if s.Strategy == "parallel" || s.Strategy == "persistent6" {
			s.Conns = 1
		}
	}
	changed := s.Strategy != was.Strategy || s.Nagle != was.Nagle || s.ClientNagle != was.ClientNagle ||
		s.Client != was.Client || s.Server != was.Server || s.RTT != was.RTT || s.Conns != was.Conns
	return s, s.Loss == 0 && s.worth(r) && (changed || r == Nothing)
}

// worth says whether the remedy can do anything at all: not where nobody asks for
// what it gives.
func (s *Scenario) worth(r cause.Remedy) bool {
	switch r {
	case cause.MoreConnections, cause.FewerConnections, cause.Multiplex:
		return s.AtOnce > 1
	}
	return true
}

func swap(word string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == word {
			return pairs[i+1]
		}
	}
	return word
}

func larger(window int) int {
	if window == 0 || window >= usualWindow {
		return largeWindow
	}
	return usualWindow
}

// A Trial is one exchange whose scenario was played again with a remedy. Times are in
// nanoseconds, without what it waited in the client's queue.
type Trial struct {
	Remedy              cause.Remedy
	Scenario, Exchange  int
	Time                int64 // that it took without
	Predicted, Measured int64 // what the remedy saves
}

// Trials are those of all exchanges of a scenario, before and after a remedy, of which
// package cause says what it would save.
func Trials(r cause.Remedy, scenario int, before, after []*Judged, explained []*cause.Explained) []Trial {
	predicted := make(map[key]int64)
	known := make(map[key]bool)
	for _, x := range explained {
		k := Said(x.Timeline).key()
		known[k] = true
		for _, s := range x.Savings {
			if s.Remedy == r {
				predicted[k] += int64(s.Time)
			}
		}
	}
	took := make(map[int]int64)
	for _, j := range after {
		if j.Problem == "" {
			took[j.Exchange] = j.End() - j.visible()
		}
	}
	var all []Trial
	for _, j := range before {
		then, ok := took[j.Exchange]
		if j.Problem != "" || !ok || !known[j.key()] && r != Nothing {
			continue
		}
		time := j.End() - j.visible()
		all = append(all, Trial{r, scenario, j.Exchange, time, predicted[j.key()], time - then})
	}
	return all
}

// A Saved is how far the predictions of one remedy hold. Errors are shares of the
// exchange's time.
type Saved struct {
	Remedy      string  `json:"remedy"`
	Scenarios   int     `json:"scenarios"`
	Exchanges   int     `json:"exchanges"`
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

// SumTrials sums up the trials of one remedy.
func SumTrials(r cause.Remedy, all []Trial) Saved {
	s := Saved{Remedy: RemedyName(r)}
	scenarios := make(map[int]bool)
	var errors, large []float64
	for _, t := range all {
		if t.Remedy != r || t.Time <= 0 {
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

// A Case is a scenario to be played, with a remedy or with Nothing.
type Case struct {
	Scenario Scenario
	Remedy   cause.Remedy
}

// Cases are the scenarios as they are, and each remedy on so many of those that it fits,
// spread over all.
func Cases(scenarios []Scenario, each int) []Case {
	var all []Case
	for _, r := range Remedies() {
		var fit []Case
		for _, s := range scenarios {
			if with, ok := s.Remedied(r); ok {
				fit = append(fit, Case{with, r})
			}
		}
		n := min(each, len(fit))
		for i := range n {
			all = append(all, fit[i*len(fit)/n])
		}
	}
	return all
}
