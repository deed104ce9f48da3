package repro

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lingerhttp/linger/lab"
)

// A cell is what is measured in one lab.
type cell struct {
	lab    lab.Config
	server server

	// measure is called once for each lab: a second time, from the beginning, if the
	// first one was late. It writes what it finds where nobody else does.
	measure func(ctx context.Context, s *stage) error

	once bool // it is not measured again, late or not
}

// mostRuns is how often a cell is measured if its link is late again and again.
const mostRuns = 3

// bound is how late a packet may be without changing what is measured over such a
// round trip.
func bound(rtt time.Duration) time.Duration { return max(time.Millisecond, rtt/20) }

// An outcome is how exact the labs of some cells were.
type outcome struct {
	certificates []lab.Certificate
	repeated     int
}

// mostAtOnce is how many labs a small machine runs beside each other without being
// late, if their packets are few.
const mostAtOnce = 3

// atOnce is how many cells may be measured at once over such a round trip: a local
// network's leaves no time for others.
func atOnce(rtt time.Duration) int {
	if rtt < 10*time.Millisecond {
		return 1
	}
	return mostAtOnce
}

// runAll measures the cells, so many at once. Its error is the first one's.
func runAll(ctx context.Context, atOnce int, cells []cell) (outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &work{cells: cells, cancel: cancel}
	for range min(atOnce, len(cells)) {
		w.workers.Add(1)
		go w.run(ctx)
	}
	w.workers.Wait()
	return w.outcome, w.err
}

// work is the cells that are still to be measured.
type work struct {
	workers sync.WaitGroup
	cancel  context.CancelFunc // ends the others when something failed

	mu      sync.Mutex
	cells   []cell  // guarded by mu
	outcome outcome // guarded by mu
	err     error   // guarded by mu; the first
}

// run measures cells until none is left.
func (w *work) run(ctx context.Context) {
	defer w.workers.Done()
	for {
		c, ok := w.take()
		if !ok {
			return
		}
		certificate, repeated, err := c.run(ctx)
		w.give(certificate, repeated, err)
	}
}

func (w *work) take() (cell, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.cells) == 0 || w.err != nil {
		return cell{}, false
	}
	c := w.cells[0]
	w.cells = w.cells[1:]
	return c, true
}

func (w *work) give(certificate lab.Certificate, repeated int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome.certificates = append(w.outcome.certificates, certificate)
	w.outcome.repeated += repeated
	if err != nil && w.err == nil {
		w.err = err
		w.cancel()
	}
}

// run measures the cell in a new lab, and again in another one while its link was
// late.
func (c cell) run(ctx context.Context) (certificate lab.Certificate, repeated int, err error) {
	for {
		certificate, err = c.attempt(ctx)
		if err != nil || !certificate.Late || c.once || repeated == mostRuns-1 {
			return certificate, repeated, err
		}
		repeated++
	}
}

func (c cell) attempt(ctx context.Context) (lab.Certificate, error) {
	s, err := open(c.lab, c.server)
	if err != nil {
		return lab.Certificate{}, err
	}
	err = c.measure(ctx, s)
	certificate := s.lab.Certificate()
	return certificate, errors.Join(err, s.close())
}
