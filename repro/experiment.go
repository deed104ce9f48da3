package repro

import (
	"context"
	"fmt"
	"strings"
)

// An Experiment is one that was published.
type Experiment struct {
	Name   string // as on the command line
	Claim  string // in one line
	Source string // who says so, and where
	Takes  string // how long it takes, about

	run func(ctx context.Context, r *Result) error
}

// Experiments are those there are, the oldest first.
func Experiments() []Experiment {
	return []Experiment{pipelining1997, nagle1997, window2010, multiplexing2014}
}

// Named finds an experiment. The error of an unknown name lists those there are.
func Named(name string) (Experiment, error) {
	var names []string
	for _, e := range Experiments() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Experiment{}, fmt.Errorf("no experiment is called %q: there are %s", name, strings.Join(names, ", "))
}

// Run does the experiment. Its error says why there is no result; a result that is
// not as the paper has it is none. Those of package lab say what a lab lacks here.
func (e Experiment) Run(ctx context.Context) (*Result, error) {
	r := &Result{Name: e.Name, Claim: e.Claim, Source: e.Source}
	if err := e.run(ctx, r); err != nil {
		return nil, err
	}
	return r, nil
}
