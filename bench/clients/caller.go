package main

import (
	"sync"
	"time"
)

// A crew is the callers of one client, kept over the rounds.
type crew struct {
	callers []*caller
}

// A caller makes one exchange after the other. It belongs to one goroutine at a
// time.
type caller struct {
	exchange  func() error
	latencies histogram
	err       error
}

func newCrew(c client, n int) (*crew, error) {
	cr := &crew{}
	for range n {
		exchange, err := c.caller()
		if err != nil {
			return nil, err
		}
		cr.callers = append(cr.callers, &caller{exchange: exchange})
	}
	return cr, nil
}

// mostExchanges is how many a caller makes in one measurement at the most: its
// counters hold more.
const mostExchanges = 1 << 24

// work lets all callers work at once, each until the time is up but for one
// exchange at least, and returns when they are done.
func (cr *crew) work(until time.Time) error {
	var wg sync.WaitGroup
	for _, c := range cr.callers {
		wg.Go(func() { c.work(until) })
	}
	wg.Wait()
	for _, c := range cr.callers {
		if c.err != nil {
			return c.err
		}
	}
	return nil
}

func (c *caller) work(until time.Time) {
	c.latencies = histogram{}
	before := time.Now()
	for range mostExchanges {
		if c.err = c.exchange(); c.err != nil {
			return
		}
		now := time.Now()
		c.latencies.add(now.Sub(before))
		if !now.Before(until) {
			return
		}
		before = now
	}
}

// latencies returns those of all callers' last work.
func (cr *crew) latencies() *histogram {
	sum := &histogram{}
	for _, c := range cr.callers {
		sum.merge(&c.latencies)
	}
	return sum
}
