package grade

import "github.com/lingerhttp/linger/cause"

// What each remedy changes of a scenario.

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
