package main

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/report"
)

// Fetching a page again and again. Rounds are the unit: in one, each strategy has
// its turn, at one site, with the same seed. Where a place can have several sites at
// once, rounds run beside each other.

// A measurement is what a comparison will do and, later, what it saw.
type measurement struct {
	client     *client
	options    page.Options
	strategies []linger.Strategy
	place      place
	times      int // how often each strategy fetches the page
	seed       uint64
	explains   bool                             // from packets
	progress   func(round int, strategy string) // nil: nobody wants to know

	rounds [][]*visit // by strategy

	mu           sync.Mutex
	certificates []lab.Certificate // guarded by mu while measure runs
}

// A visit is one fetch of the page.
type visit struct {
	*page.Page
	wire *report.Wire // nil where nobody counts packets
	why  *whyVisit    // nil where nobody asks
}

// measure has each strategy fetch the page as often as planned.
func (m *measurement) measure(ctx context.Context) error {
	m.rounds = make([][]*visit, len(m.strategies))
	for i := range m.rounds {
		m.rounds[i] = make([]*visit, m.times)
	}
	todo := make(chan int, m.times)
	for round := range m.times {
		todo <- round
	}
	close(todo)
	g, ctx := errgroup.WithContext(ctx)
	for range min(m.place.atOnce, m.times) {
		g.Go(func() error { return m.work(ctx, todo) })
	}
	return g.Wait()
}

// work does rounds at a site of its own until none is left.
func (m *measurement) work(ctx context.Context, todo <-chan int) (err error) {
	s, err := m.place.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close(s)) }()
	if m.place.warmUp {
		if _, err := m.fetch(ctx, s, 0, 0); err != nil {
			return err
		}
	}
	for round := range todo {
		if err := m.round(ctx, s, round); err != nil {
			return err
		}
	}
	return nil
}

func (m *measurement) close(s site) error {
	c, err := s.close()
	m.mu.Lock()
	defer m.mu.Unlock()
	if c != nil {
		m.certificates = append(m.certificates, *c)
	}
	return err
}

// round has each strategy fetch the page once. Each round begins with another one,
// so that none always follows the same.
func (m *measurement) round(ctx context.Context, s site, round int) error {
	for i := range m.strategies {
		at := (round + i) % len(m.strategies)
		if m.progress != nil {
			m.progress(round, m.strategies[at].Name)
		}
		v, err := m.fetch(ctx, s, round, at)
		if err != nil {
			return err
		}
		m.rounds[at][round] = v
	}
	return nil
}

// fetch loads the page once, on new connections. The error is of what stops the
// measurement: objects that failed are in the page.
func (m *measurement) fetch(ctx context.Context, s site, round, at int) (*visit, error) {
	if m.explains {
		return m.fetchWatched(ctx, s, round, at)
	}
	t := m.client.transport(m.strategies[at])
	done, err := s.visit(t, m.seed+uint64(round))
	if err != nil {
		return nil, err
	}
	p, wire, err := m.finish(ctx, s, t, done)
	return &visit{Page: p, wire: wire}, err
}

// finish does what there is to do of a visit that has begun.
func (m *measurement) finish(ctx context.Context, s site, t *linger.Transport, done func(context.Context) (*report.Wire, error)) (*page.Page, *report.Wire, error) {
	p, err := m.load(ctx, t, s.url())
	t.Close()
	if err != nil {
		return nil, nil, err
	}
	wire, err := done(ctx)
	return p, wire, err
}

func (m *measurement) load(ctx context.Context, t *linger.Transport, url string) (*page.Page, error) {
	if limit := m.client.flags.timeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	p, err := page.Load(ctx, t, url, m.options)
	if err != nil && len(p.Exchanges()) > 0 && context.Cause(ctx) == context.DeadlineExceeded {
		return p, nil // --timeout: its objects have failed, and say so
	}
	return p, err
}

// certificate is that of all sites together; nil without an emulated link.
func (m *measurement) certificate() *lab.Certificate {
	if len(m.certificates) == 0 {
		return nil
	}
	c := lab.Worst(m.certificates...)
	return &c
}
