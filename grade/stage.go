package grade

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	next := make(chan Scenario)
	var one sync.Mutex
	var workers sync.WaitGroup
	for range s.atOnce() {
		workers.Add(1)
		go func(tell func(Scenario, *Facts, error)) {
			defer workers.Done()
			for scenario := range next {
				f, err := s.bring(ctx, scenario)
				one.Lock()
				tell(scenario, f, err)
				one.Unlock()
			}
		}(each)
	}
	for _, scenario := range scenarios {
		if ctx.Err() != nil {
			break
		}
		next <- scenario
	}
	close(next)
	workers.Wait()
}

// bring plays a scenario, or reads what was kept of it.
func (s *Stage) bring(ctx context.Context, scenario Scenario) (*Facts, error) {
	if s.From != "" {
		return Load(factsName(s.From, scenario.Number))
	}
	f, err := Run(ctx, scenario)
	if err != nil || s.Keep == "" {
		return f, err
	}
	if err := f.Save(factsName(s.Keep, scenario.Number)); err != nil {
		return nil, err
	}
	file, err := os.Create(filepath.Join(s.Keep, fmt.Sprintf("%04d.pcapng", scenario.Number)))
	if err != nil {
		return nil, err
	}
	err = f.WriteCapture(file)
	if closed := file.Close(); err == nil {
		err = closed
	}
	return f, err
}

func factsName(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("%04d.facts", number))
}

// Kept returns the numbers of the scenarios whose facts are in a folder.
func Kept(dir string) ([]int, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.facts"))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "%d.facts", &n); err == nil {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no facts of scenarios", dir)
	}
	return all, nil
}
