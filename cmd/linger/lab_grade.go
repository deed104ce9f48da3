package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lingerhttp/linger/cause"
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
	remedies  int
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
	f.fs.IntVar(&f.remedies, "remedies", 10, "play up to `N` scenarios again with each remedy, to see what it saves")
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
	Scenarios int                      `json:"scenarios"`
	Failed    []string                 `json:"failed,omitempty"`
	Late      []string                 `json:"late,omitempty"`  // scenarios whose last run was late, too
	Again     []string                 `json:"again,omitempty"` // scenarios that were played more than once
	Scores    map[string]*grade.Score  `json:"scores"`
	Savings   map[string][]grade.Saved `json:"savings,omitempty"`

	known map[int]*judged // scenarios by their numbers
}

// A judged is a scenario with what is said of it, and what remedies made of it.
type judged struct {
	truth     []*grade.Judged
	explained map[grade.End][]*cause.Explained
	late      bool
	with      map[cause.Remedy][]*grade.Judged
}

func (f *gradeFlags) run(ctx context.Context, e *env, scenarios []grade.Scenario, ends []grade.End) error {
	g := &graded{
		Scores: make(map[string]*grade.Score), Savings: make(map[string][]grade.Saved),
		known: make(map[int]*judged),
	}
	stage := grade.Stage{AtOnce: f.atOnce, Keep: f.keep, From: f.from}
	stage.Each(ctx, scenarios, func(s grade.Scenario, facts *grade.Facts, err error) {
		f.progress(e, s.String())
		if err := g.add(s, facts, err, ends); err != nil {
			g.Failed = append(g.Failed, fmt.Sprintf("scenario %d: %v", s.Number, err))
		} else if f.scenario > 0 && !f.json {
			f.tell(e, g, facts, ends)
		}
	})
	stage.Again(ctx, grade.Cases(scenarios, f.remedies), func(c grade.Case, facts *grade.Facts, err error) {
		f.progress(e, fmt.Sprintf("%s: %v", grade.RemedyName(c.Remedy), &c.Scenario))
		if !(f.from != "" && errors.Is(err, fs.ErrNotExist)) {
			g.try(c, facts, err)
		}
	})
	if ctx.Err() != nil {
		return errReported // it was interrupted, and whoever did it knows
	}
	g.sum(ends)
	return f.print(e, g, ends)
}

// progress tells who waits what is being played.
func (f *gradeFlags) progress(e *env, text string) {
	if e.live && f.from == "" {
		fmt.Fprintln(e.stderr, text)
	}
}

// tell prints what is true and what is said of one scenario.
func (f *gradeFlags) tell(e *env, g *graded, facts *grade.Facts, ends []grade.End) {
	known := g.known[facts.Scenario.Number]
	for _, end := range ends {
		printSides(e.stdout, facts, end, known.truth, timelines(known.explained[end]))
	}
}

func (f *gradeFlags) print(e *env, g *graded, ends []grade.End) error {
	if f.json {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(g)
	}
	out := bufio.NewWriter(e.stdout)
	printGraded(out, g, ends)
	if err := out.Flush(); err != nil {
		return err
	}
	if len(g.Failed) > 0 {
		return errReported
	}
	return nil
}

// add judges what is said of one scenario, for each end.
func (g *graded) add(s grade.Scenario, f *grade.Facts, err error, ends []grade.End) error {
	if err != nil {
		return err
	}
	g.Scenarios++
	g.certify(strconv.Itoa(s.Number), f)
	known := &judged{
		truth: grade.Truth(f), explained: make(map[grade.End][]*cause.Explained),
		late: f.Certificate.Late, with: make(map[cause.Remedy][]*grade.Judged),
	}
	for _, end := range ends {
		if known.explained[end], err = f.Explained(end); err != nil {
			return err
		}
		score := g.Scores[end.String()]
		if score == nil {
			score = new(grade.Score)
			g.Scores[end.String()] = score
		}
		score.Grade(s.Number, known.truth, timelines(known.explained[end]))
	}
	g.known[s.Number] = known
	return nil
}

// certify notes how exact a run was.
func (g *graded) certify(name string, f *grade.Facts) {
	if f.Runs > 1 {
		g.Again = append(g.Again, name)
	}
	if f.Certificate.Late {
		g.Late = append(g.Late, name)
	}
}

// try takes in a scenario that was played again with a remedy.
func (g *graded) try(c grade.Case, f *grade.Facts, err error) {
	name := fmt.Sprintf("%d with %s", c.Scenario.Number, grade.RemedyName(c.Remedy))
	known := g.known[c.Scenario.Number]
	if err != nil || known == nil {
		g.Failed = append(g.Failed, fmt.Sprintf("scenario %s: %v", name, err))
		return
	}
	g.certify(name, f)
	if !f.Certificate.Late && !known.late {
		known.with[c.Remedy] = grade.Truth(f)
	}
}

// sum sums up what remedies saved. Scenarios came in no order: now they have one.
func (g *graded) sum(ends []grade.End) {
	for _, list := range [][]string{g.Failed, g.Late, g.Again} {
		slices.SortFunc(list, byNumber)
	}
	for _, end := range ends {
		for _, r := range grade.Remedies() {
			var trials []grade.Trial
			for number, k := range g.known {
				p := grade.Played{Scenario: number, Truth: k.truth, Explained: k.explained[end], With: k.with}
				trials = append(trials, p.Trials(r)...)
			}
			if len(trials) > 0 {
				g.Savings[end.String()] = append(g.Savings[end.String()], grade.SumTrials(r, trials))
			}
		}
	}
}

// byNumber compares texts with a number in them by that.
func byNumber(a, b string) int {
	return cmp.Or(cmp.Compare(numberIn(a), numberIn(b)), strings.Compare(a, b))
}

func numberIn(text string) int {
	text = strings.TrimPrefix(text, "scenario ")
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	n, _ := strconv.Atoi(text[:end])
	return n
}

func timelines(all []*cause.Explained) []*timeline.Exchange {
	var each []*timeline.Exchange
	for _, x := range all {
		each = append(each, x.Timeline)
	}
	return each
}
