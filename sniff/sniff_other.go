//go:build !linux

package sniff

import "errors"

// A Sniffer takes packets; not on this system.
type Sniffer struct{}

// Open fails: its error is an *[Error] that is errors.ErrUnsupported.
func Open() (*Sniffer, error) { return nil, failed("packets", errors.ErrUnsupported) }

// Run takes packets until Finish.
func (s *Sniffer) Run(func(*Frame) bool) error { return nil }

// Finish has Run end.
func (s *Sniffer) Finish() {}

// Missed is how many packets were not shown.
func (s *Sniffer) Missed() int { return 0 }

// Close ends the Sniffer.
func (s *Sniffer) Close() error { return nil }
