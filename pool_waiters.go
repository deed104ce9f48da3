package linger

import (
	"container/heap"
	"context"
	"slices"
	"time"
)

// Those who wait for a slot, in the order in which they are served.

// A waiter is an exchange that waits for a slot. Its outcome is written before
// ready is closed.
type waiter struct {
	x     *exchange
	home  *originPool
	since time.Time
	ready chan struct{}
	slot  slot
	err   error

	index   int      // in the heap; -1 once it has left
	dialled bool     // a dial is under way on its behalf
	warm    *warming // for whom the dial is made if there is no exchange

	turned   *lostDial // its dial that was turned away while others were open; nil: none
	turnedAt time.Time // when the first one was
}

// context is that of whoever asked for a dial.
func (w *waiter) context() context.Context {
	if w.warm != nil {
		return w.warm.ctx
	}
	return w.x.ctx
}

// failedWaiter returns one that does not wait.
func failedWaiter(x *exchange, err error) *waiter {
	w := &waiter{x: x, ready: make(chan struct{}), index: -1, err: err}
	close(w.ready)
	return w
}

// unline takes a waiter out of the line.
func (o *originPool) unline(w *waiter, now time.Time) {
	if w.dialled {
		o.owners--
	}
	heap.Remove(&o.waiters, w.index)
	o.waitTime += now.Sub(w.since)
}

// turnedAway takes in that the dial of a waiter was turned away, and that it waits
// on all the same. However often that happens, its time runs from the first.
func (w *waiter) turnedAway(l lostDial, now time.Time) {
	if w.turned == nil {
		w.turnedAt = now
	}
	w.turned = &l
}

// givesUp is when a waiter whose dial was turned away has waited in vain for one of
// the connections that are open: nothing has ended on them for so long. It is zero
// if it has not been turned away, or another dial for it is under way.
func (w *waiter) givesUp() time.Time {
	if w.turned == nil || w.dialled {
		return time.Time{}
	}
	return later(w.turnedAt, w.home.answeredAt).Add(turnedAwayWait)
}

// waiterHeap orders those who wait by urgency (RFC 9218), then by arrival. An
// exchange that is sent again keeps the place of its arrival.
type waiterHeap []*waiter

func (h waiterHeap) Len() int { return len(h) }

func (h waiterHeap) Less(i, j int) bool {
	a, b := h[i].x, h[j].x
	if a.urgency != b.urgency {
		return a.urgency < b.urgency
	}
	return a.Number < b.Number
}

func (h waiterHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *waiterHeap) Push(w any) {
	w.(*waiter).index = len(*h)
	*h = append(*h, w.(*waiter))
}

func (h *waiterHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.index = -1
	return w
}

// own notes whether a dial is under way on behalf of a waiter.
func (o *originPool) own(w *waiter, dial bool) {
	if w.dialled != dial && w.index >= 0 {
		if dial {
			o.owners++
		} else {
			o.owners--
		}
	}
	w.dialled = dial
}

// undialled returns the first waiter on whose behalf no dial is under way, nil if
// there is none. If there is but one, it is likely to have come last.
func (o *originPool) undialled() *waiter {
	switch len(o.waiters) - o.owners {
	case 0:
		return nil
	case 1:
		for _, w := range slices.Backward(o.waiters) {
			if !w.dialled {
				return w
			}
		}
	}
	var first *waiter
	for i, w := range o.waiters {
		if !w.dialled && (first == nil || o.waiters.Less(i, first.index)) {
			first = w
		}
	}
	return first
}
