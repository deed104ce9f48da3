package lab

import (
	"time"

	"github.com/lingerhttp/linger/link"
)

// A pace compares how fast packets left with the plan, while they left back to
// back.
type pace struct {
	left, at, out time.Duration // of the packet before: its plan, and when it was out
	known         bool

	bits float64
	time time.Duration
}

// arrived takes in a packet that was handed over at now.
func (p *pace) arrived(f link.Fate, now time.Duration) {
	if p.known && f.Entered <= p.left && f.At-p.at == f.Left-p.left {
		p.bits += float64(f.Size) * 8
		p.time += now - p.out
	}
	p.left, p.at, p.out, p.known = f.Left, f.At, now, true
}

// dropped takes in one that was transmitted and not handed over.
func (p *pace) dropped() { p.known = false }

// leastPace is how long a link has to be busy until its rate can be told: each
// packet is late by some 10 µs more or less than the next.
const leastPace = 100 * time.Millisecond

func (p *pace) rate() float64 {
	if p.time < leastPace {
		return 0
	}
	return p.bits / p.time.Seconds()
}
