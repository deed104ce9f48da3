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
	lost          float64 // bits that left since and were lost on the wire

	bits float64
	time time.Duration
}

// arrived takes in a packet that was handed over at now.
func (p *pace) arrived(f link.Fate, now time.Duration) {
	if p.known && f.Entered <= p.left && f.At-p.at == f.Left-p.left {
		p.bits += p.lost + float64(f.Size)*8
		p.time += now - p.out
	}
	p.left, p.at, p.out, p.known, p.lost = f.Left, f.At, now, true, 0
}

// dropped takes in one that was transmitted and not handed over.
func (p *pace) dropped(f link.Fate) {
	p.known = p.known && f.Entered <= p.left
	p.lost += float64(f.Size) * 8
	p.at += f.Left - p.left // when it would have arrived
	p.left = f.Left
}

// broken takes in that what follows has nothing to do with what was before.
func (p *pace) broken() { p.known = false }

// leastPace is how long a link has to be busy until its rate can be told: each
// packet is late by some 10 µs more or less than the next.
const leastPace = 100 * time.Millisecond

func (p *pace) rate() float64 {
	if p.time < leastPace {
		return 0
	}
	return p.bits / p.time.Seconds()
}
