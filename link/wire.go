package link

import (
	"slices"
	"time"
)

// A wire is what comes after the transmission.
type wire struct {
	drops     []Drop
	burst     burst
	loss      loss
	delay     delay
	jitter    jitter
	reorder   reorder
	duplicate duplicate
}

func newWire(c Config, seed uint64) wire {
	return wire{
		drops:     slices.Clone(c.Drop),
		burst:     newBurst(c.Burst, seed),
		loss:      newLoss(c.Loss, seed),
		delay:     delay{each: c.Delay},
		jitter:    newJitter(c.Jitter, seed),
		reorder:   newReorder(c.Reorder, c.reorderBy(), seed),
		duplicate: newDuplicate(c.Duplicate, seed),
	}
}

// luck is what chance holds ready for a packet.
type luck struct {
	lost   Reason // None if it is not
	copied bool
	jitter time.Duration
	held   time.Duration // how long it is held back
}

// draw draws a packet's luck, as it enters.
func (w *wire) draw(p Packet) luck {
	burst, lost := w.burst.draw(), w.loss.draw()
	luck := luck{jitter: w.jitter.draw(), held: w.reorder.draw(), copied: w.duplicate.draw()}
	switch {
	case named(w.drops, p):
		luck.lost = Named
	case burst:
		luck.lost = LostInBurst
	case lost:
		luck.lost = Lost
	}
	return luck
}

// carry decides on a packet that has left.
func (w *wire) carry(f *Fate, luck *luck, to *due) {
	if luck.lost != None {
		f.Drop, f.At = luck.lost, f.Left
		to.add(f, false)
		return
	}
	f.At = w.delay.cross(f.Left, luck.jitter) + luck.held
	f.Copied = luck.copied
	to.add(f, luck.held == 0)
	if luck.copied {
		f.Copied, f.Copy = false, true
		to.add(f, luck.held == 0)
	}
}
