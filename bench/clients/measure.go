package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// A bout is one contender at one scenario, over all rounds.
type bout struct {
	contender contender
	client    client // nil in an idle scenario, which opens one for each round
	crew      *crew
	samples   []sample
}

func openBout(c contender, sc scenario, s *server) (*bout, error) {
	b := &bout{contender: c}
	if sc.kind == idle {
		return b, nil
	}
	b.client = c.open(sc, s)
	var err error
	if b.crew, err = newCrew(b.client, sc.callers); err != nil {
		b.client.close()
		return nil, err
	}
	return b, nil
}

func (b *bout) close() {
	if b.client != nil {
		b.client.close()
	}
}

// measure takes one sample.
func (b *bout) measure(ctx context.Context, sc scenario, s *server, d time.Duration) (err error) {
	var got sample
	switch sc.kind {
	case idle:
		got, err = measureIdle(ctx, b.contender.open(sc, s).(*tripper))
	case bulk:
		got, err = b.measureWork(sc, s, d)
	default:
		// Connections are opened, and caches warmed, before it counts.
		if err = b.crew.work(time.Now().Add(d / 4)); err == nil {
			got, err = b.measureWork(sc, s, d)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", sc.name, b.contender.name, err)
	}
	b.samples = append(b.samples, got)
	return nil
}

// measureWork lets the crew work and tells what that cost. The server must have
// answered as often as the callers were answered.
func (b *bout) measureWork(sc scenario, s *server, d time.Duration) (sample, error) {
	servedBefore, err := s.served()
	if err != nil {
		return nil, err
	}
	runtime.GC() // what others left behind is not this one's to collect
	before, err := readCounters()
	if err != nil {
		return nil, err
	}
	if err := b.crew.work(time.Now().Add(d)); err != nil {
		return nil, err
	}
	after, err := readCounters()
	if err != nil {
		return nil, err
	}
	servedAfter, err := s.served()
	if err != nil {
		return nil, err
	}
	lat := b.crew.latencies()
	if served := servedAfter - servedBefore; served != lat.count {
		return nil, fmt.Errorf("%d answers, but the server gave %d", lat.count, served)
	}
	if sc.kind == bulk {
		return bulkSample(after.since(before), lat.count, sc.size), nil
	}
	return loadSample(after.since(before), lat.count, lat), nil
}
