package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/report"
)

// Explaining connections that were captured at both ends: clocks are brought together,
// and what the client's end received has the departure that the server's end saw.

// A captureEnd is one end's capture: a file, or an interface of one.
type captureEnd struct {
	path    string
	network string // the interface; empty for the first that has a connection
	failed  error  // of reading it
}

// packets are those of the end, in their order.
func (c *captureEnd) packets(ctx context.Context) iter.Seq[*packet.Packet] {
	return func(yield func(*packet.Packet) bool) {
		in, err := openInput(ctx, c.path)
		if err != nil {
			c.failed = explainError{err, hintCapture}
			return
		}
		defer in.Close()
		r, err := packet.NewReader(in)
		if err != nil {
			c.failed = explainError{fmt.Errorf("%s: %w", c.path, err), hintOfCapture(err)}
			return
		}
		choice := interfaceChoice{want: c.network}
		for p, err := range r.Packets() {
			if err != nil && !errors.As(err, new(*packet.Damage)) || ctx.Err() != nil {
				return // what is wrong is said when the capture is explained
			}
			if err == nil && choice.takes(p, r.Interfaces()) && !yield(p) {
				return
			}
		}
	}
}

// bothEnds are the ends that the arguments name: two files, or one with two interfaces.
func bothEnds(ctx context.Context, paths []string) ([2]*captureEnd, error) {
	if len(paths) == 2 {
		return [2]*captureEnd{{path: paths[0]}, {path: paths[1]}}, nil
	}
	whole := captureEnd{path: paths[0]}
	in, err := openInput(ctx, paths[0])
	if err != nil {
		return [2]*captureEnd{}, explainError{err, hintCapture}
	}
	defer in.Close()
	r, err := packet.NewReader(in)
	if err != nil {
		return [2]*captureEnd{}, explainError{fmt.Errorf("%s: %w", whole.path, err), hintOfCapture(err)}
	}
	for range r.Packets() {
		if len(r.Interfaces()) > 1 {
			break
		}
	}
	if n := len(r.Interfaces()); n != 2 {
		return [2]*captureEnd{}, explainError{fmt.Errorf("%s: --both wants two files, or one of two interfaces; it has %d", whole.path, n),
			"linger lab --pcap FILE captures at both ends"}
	}
	client, server := whole, whole
	client.network, server.network = r.Interfaces()[0].Name, r.Interfaces()[1].Name
	return [2]*captureEnd{&client, &server}, nil
}

// align brings the clocks of both ends together, and returns the client's end first.
func align(ctx context.Context, ends [2]*captureEnd) (*captureEnd, *cause.Alignment, error) {
	a, err := cause.Align(ends[0].packets(ctx), ends[1].packets(ctx))
	if errors.Is(err, cause.ErrSwapped) {
		ends[0], ends[1] = ends[1], ends[0]
		a, err = cause.Align(ends[0].packets(ctx), ends[1].packets(ctx))
	}
	for _, end := range ends {
		if end.failed != nil {
			return nil, nil, end.failed
		}
	}
	if err != nil {
		return nil, nil, explainError{fmt.Errorf("--both: %w", err), "without --both each is explained for itself"}
	}
	return ends[0], a, nil
}

// withBoth has a source be explained by both ends.
func (s *source) withBoth(ctx context.Context, paths []string) error {
	ends, err := bothEnds(ctx, paths)
	if err != nil {
		return err
	}
	client, a, err := align(ctx, ends)
	if err != nil {
		return err
	}
	s.path, s.network, s.departures = client.path, client.network, a.Departures
	s.alignment = &report.Alignment{
		Offset: a.Offset, Drift: a.Drift * 1e6, Trip: a.Trip, Residue: a.Residue, Up: a.Up, Down: a.Down, Lost: a.Lost,
	}
	s.notes = append(s.notes, alignmentNote(a))
	return nil
}

// alignmentNote says how two clocks stand to each other, and how far that is to be
// trusted.
func alignmentNote(a *cause.Alignment) string {
	way := "ahead of"
	if a.Offset < 0 {
		way = "behind"
	}
	text := fmt.Sprintf("Both ends: the server's clock is %v %s the client's", a.Offset.Abs().Round(time.Microsecond), way)
	if a.Drift != 0 {
		text += fmt.Sprintf(" and drifts by %+.1f ppm", a.Drift*1e6)
	}
	return text + fmt.Sprintf(", as %d packets up and %d down say, with a residue of %v. Both ways are taken to be the same half of the smallest round trip, %v: that cannot be told.",
		a.Up, a.Down, a.Residue.Round(time.Microsecond), a.Trip.Round(time.Microsecond))
}
