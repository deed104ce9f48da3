package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// run does what the command line says.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseOptions(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longest(o))
	defer cancel()
	stop, err := startProfiles(o)
	if err != nil {
		return err
	}
	rep, err := compare(ctx, o, fullScale(), progressTo(stdout, o))
	if failed := stop(); err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(stdout, rep)
	}
	return printBars(stdout, rep.Bars)
}

// progressTo prints each scenario's table when it is done, if tables are wanted.
func progressTo(stdout io.Writer, o options) func(scenarioReport) error {
	if o.json {
		return func(scenarioReport) error { return nil }
	}
	return func(r scenarioReport) error { return printTable(stdout, r) }
}

// longest bounds a run, in case that something hangs: three times what its
// measurements take, and two minutes for what has no set duration.
func longest(o options) time.Duration {
	each := time.Duration(o.rounds) * o.duration * time.Duration(len(contenders()))
	return 3*each*time.Duration(len(scenarios(fullScale()))) + 2*time.Minute
}

// compare puts the contenders to the scenarios, and tells of each when it is
// done.
func compare(ctx context.Context, o options, size scale, done func(scenarioReport) error) (report, error) {
	s, err := startServer(ctx)
	if err != nil {
		return report{}, err
	}
	rep, err := compareOn(ctx, s, o, size, done)
	if failed := s.stop(); err == nil {
		err = failed
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return rep, err
}

func compareOn(ctx context.Context, s *server, o options, size scale, done func(scenarioReport) error) (report, error) {
	rep := newReport(o)
	for _, sc := range scenarios(size) {
		if !o.scenario.MatchString(sc.name) {
			continue
		}
		r, err := compareAt(ctx, sc, s, o)
		if err != nil {
			return rep, err
		}
		if err := done(r); err != nil {
			return rep, err
		}
		rep.Scenarios = append(rep.Scenarios, r)
	}
	if len(rep.Scenarios) == 0 {
		return rep, usageError{fmt.Errorf("-scenario: none matches %q", o.scenario)}
	}
	rep.Bars = judge(rep.Scenarios)
	return rep, nil
}

// compareAt puts the contenders to one scenario: all of them in each round, and
// in each round another one first, so that none profits from its place.
func compareAt(ctx context.Context, sc scenario, s *server, o options) (scenarioReport, error) {
	if err := checkFiles(sc.conns + sc.callers); errors.Is(err, errFewFiles) {
		return scenarioReport{Name: sc.name, Skipped: err.Error()}, nil
	} else if err != nil {
		return scenarioReport{}, err
	}
	var bouts []*bout
	defer func() {
		for _, b := range bouts {
			b.close()
		}
	}()
	for _, c := range o.contenders() {
		if !c.takes(sc) {
			continue
		}
		b, err := openBout(c, sc, s)
		if err != nil {
			return scenarioReport{}, fmt.Errorf("%s: %s: %w", sc.name, c.name, err)
		}
		bouts = append(bouts, b)
	}
	for round := range sc.rounds(o.rounds) {
		for i := range bouts {
			if ctx.Err() != nil {
				return scenarioReport{}, context.Cause(ctx)
			}
			if err := bouts[(round+i)%len(bouts)].measure(ctx, sc, s, o.duration); err != nil {
				return scenarioReport{}, err
			}
		}
	}
	return summarize(sc, bouts), nil
}

// rounds is how many of the rounds asked for a scenario takes.
func (sc scenario) rounds(asked int) int {
	if sc.maxRounds > 0 {
		return min(asked, sc.maxRounds)
	}
	return asked
}
