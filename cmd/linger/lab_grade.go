package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/grade"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/timeline"
)

// gradeFlags are the flags of linger lab grade.
type gradeFlags struct {
	fs        *pflag.FlagSet
	seed      uint64
	scenarios int
	scenario  int
	only      string
	end       string
	json      bool
	keep      string
	from      string
	atOnce    int
}

func newGradeFlags() *gradeFlags {
	f := &gradeFlags{fs: pflag.NewFlagSet("lab grade", pflag.ContinueOnError)}
	f.fs.SortFlags = false
	f.fs.SetOutput(io.Discard)
	f.fs.Uint64Var(&f.seed, "seed", 1, "draw the scenarios from this `SEED`")
	f.fs.IntVar(&f.scenarios, "scenarios", 200, "play `N` scenarios")
	f.fs.IntVar(&f.scenario, "scenario", 0, "play scenario `K` alone, and print what is true beside what is said")
	f.fs.StringVar(&f.only, "only", "", "play those only whose description has this `WORD`")
	f.fs.StringVar(&f.end, "end", "", "explain what this `END` sees alone: sender or receiver (default: each)")
	f.fs.BoolVar(&f.json, "json", false, "print the result as JSON")
	f.fs.StringVar(&f.keep, "keep", "", "write facts and packets of each scenario into `DIR`")
	f.fs.StringVar(&f.from, "from", "", "judge by the facts in `DIR`, and play nothing")
	f.fs.IntVar(&f.atOnce, "at-once", 0, "play `N` scenarios at once (default 2)")
	return f
}

// labGrade plays scenarios whose truth is known, and says how far explanations are
// true.
func labGrade(ctx context.Context, e *env, args []string) error {
	f := newGradeFlags()
	switch err := f.fs.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(e.stdout, "usage: linger lab grade [FLAGS]\n\n%s", f.fs.FlagUsagesWrapped(helpWidth))
		return nil
	case err != nil:
		return usageError{err}
	case f.fs.NArg() > 0:
		return usagef("grade takes flags only")
	}
	ends, err := f.ends()
	if err != nil {
		return err
	}
	scenarios, err := f.choose()
	if err != nil {
		return err
	}
	if f.from == "" {
		if err := lab.Rootless(); err != nil {
			return err
		}
	}
	if f.keep != "" {
		if err := os.MkdirAll(f.keep, 0o755); err != nil {
			return err
		}
	}
	return f.run(ctx, e, scenarios, ends)
}

func (f *gradeFlags) ends() ([]grade.End, error) {
	switch f.end {
	case "":
		return []grade.End{grade.Sender, grade.Receiver}, nil
	case "sender":
		return []grade.End{grade.Sender}, nil
	case "receiver":
		return []grade.End{grade.Receiver}, nil
	}
	return nil, usagef("--end %s: want sender or receiver", f.end)
}

// choose draws the scenarios, or finds those that were kept.
func (f *gradeFlags) choose() ([]grade.Scenario, error) {
	all := grade.Scenarios(f.seed, max(f.scenarios, f.scenario))
	if f.from != "" {
		kept, err := grade.Kept(f.from)
		if err != nil {
			return nil, err
		}
		all = all[:0]
		for _, n := range kept {
			all = append(all, grade.Draw(f.seed, n))
		}
	}
	var chosen []grade.Scenario
	for _, s := range all {
		if (f.scenario == 0 || s.Number == f.scenario) && strings.Contains(s.String(), f.only) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, usagef("no such scenario")
	}
	return chosen, nil
}

// A graded is all that grading found.
type graded struct {
	Scenarios int                     `json:"scenarios"`
	Failed    []string                `json:"failed,omitempty"`
	Late      []int                   `json:"late,omitempty"`  // scenarios whose last run was late, too
	Again     []int                   `json:"again,omitempty"` // scenarios that were played more than once
	Scores    map[string]*grade.Score `json:"scores"`
}

func (f *gradeFlags) run(ctx context.Context, e *env, scenarios []grade.Scenario, ends []grade.End) error {
	g := &graded{Scores: make(map[string]*grade.Score)}
	stage := grade.Stage{AtOnce: f.atOnce, Keep: f.keep, From: f.from}
	stage.Each(ctx, scenarios, func(s grade.Scenario, facts *grade.Facts, err error) {
		if e.live && f.from == "" {
			fmt.Fprintf(e.stderr, "%v\n", &s)
		}
		if err != nil {
			g.Failed = append(g.Failed, fmt.Sprintf("scenario %d: %v", s.Number, err))
			return
		}
		g.add(facts, ends, func(end grade.End, truth []*grade.Judged, explained []*timeline.Exchange) {
			if f.scenario > 0 && !f.json {
				printSides(e.stdout, facts, end, truth, explained)
			}
		})
	})
	if ctx.Err() != nil {
		return errReported
	}
	if f.json {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(g)
	}
	printGraded(e.stdout, g, ends)
	if len(g.Failed) > 0 {
		return errReported
	}
	return nil
}

// add judges what is said of one scenario, for each end.
func (g *graded) add(f *grade.Facts, ends []grade.End, tell func(grade.End, []*grade.Judged, []*timeline.Exchange)) {
	g.Scenarios++
	if f.Runs > 1 {
		g.Again = append(g.Again, f.Scenario.Number)
	}
	if f.Certificate.Late {
		g.Late = append(g.Late, f.Scenario.Number)
	}
	truth := grade.Truth(f)
	for _, end := range ends {
		explained, err := f.Explained(end)
		if err != nil {
			g.Failed = append(g.Failed, fmt.Sprintf("scenario %d: %v", f.Scenario.Number, err))
			continue
		}
		var said []*timeline.Exchange
		for _, x := range explained {
			said = append(said, x.Timeline)
		}
		score := g.Scores[end.String()]
		if score == nil {
			score = new(grade.Score)
			g.Scores[end.String()] = score
		}
		score.Grade(f.Scenario.Number, truth, said)
		tell(end, truth, said)
	}
}
