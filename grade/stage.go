package grade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// A Stage brings the facts of scenarios, played or from files, some at once.
type Stage struct {
	// AtOnce is how many are played at once. 0 means 2: more make each other late on a
	// small machine.
	AtOnce int

	// Keep is a folder to write the facts and the packets of each scenario to; From is
	// one from which facts are read in place of playing. Empty means none.
	Keep, From string
}

func (s *Stage) atOnce() int {
	if s.AtOnce > 0 {
		return s.AtOnce
	}
	return 2
}

// Each brings the facts of each scenario, in no order, one call at a time. A scenario
// that cannot be played, or has no file, is an error of its own, and the others go on.
func (s *Stage) Each(ctx context.Context, scenarios []Scenario, each func(Scenario, *Facts, error)) {
	cases := make([]Case, len(scenarios))
	for i := range scenarios {
		cases[i] = Case{scenarios[i], Nothing}
	}
	s.run(ctx, cases, false, func(c Case, f *Facts, err error) { each(c.Scenario, f, err) })
}

// Again does the same with scenarios that are played once more, with remedies.
func (s *Stage) Again(ctx context.Context, cases []Case, each func(Case, *Facts, error)) {
	s.run(ctx, cases, true, each)
}

func (s *Stage) run(ctx context.Context, cases []Case, again bool, each func(Case, *Facts, error)) {
	w := &work{stage: s, next: make(chan Case), again: again, each: each}
	for range s.atOnce() {
		w.workers.Add(1)
		go w.run(ctx)
	}
	for _, c := range cases {
		if ctx.Err() != nil {
			break
		}
		w.next <- c
	}
	close(w.next)
	w.workers.Wait()
}

// work is what the workers of a stage share.
type work struct {
	stage   *Stage
	again   bool
	next    chan Case
	workers sync.WaitGroup

	mu   sync.Mutex
	each func(Case, *Facts, error) // called with mu held
}

func (w *work) run(ctx context.Context) {
	defer w.workers.Done()
	for c := range w.next {
		f, err := w.stage.bring(ctx, c.Scenario, c.name(w.again))
		w.mu.Lock()
		w.each(c, f, err)
		w.mu.Unlock()
	}
}

// name is that of the case's files, without what says which of them.
func (c Case) name(again bool) string {
	if again {
		return fmt.Sprintf("%04d-%s", c.Scenario.Number, RemedyName(c.Remedy))
	}
	return fmt.Sprintf("%04d", c.Scenario.Number)
}

// bring plays a scenario, or reads what was kept of it.
func (s *Stage) bring(ctx context.Context, scenario Scenario, name string) (*Facts, error) {
	if s.From != "" {
		return Load(filepath.Join(s.From, name+".facts"))
	}
	f, err := Run(ctx, scenario)
	if err != nil || s.Keep == "" {
		return f, err
	}
	if err := f.Save(filepath.Join(s.Keep, name+".facts")); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(s.Keep, name+".pcapng"))
	if err != nil {
		return nil, err
	}
	return f, errors.Join(f.WriteCapture(file), file.Close())
}

// Kept returns the numbers of the scenarios whose facts are in a folder.
func Kept(dir string) ([]int, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.facts"))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, name := range names {
		number, _ := strings.CutSuffix(filepath.Base(name), ".facts")
		if n, err := strconv.Atoi(number); err == nil { // others have a remedy in their name
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no facts of scenarios", dir)
	}
	return all, nil
}
