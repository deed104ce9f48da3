package linger

import (
	"container/heap"
	"context"
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
	heap.Remove(&o.waiters, w.index)
	o.waitTime += now.Sub(w.since)
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

// undialled returns the first waiter on whose behalf no dial is under way.
func (h waiterHeap) undialled() *waiter {
	var first *waiter
	for i, w := range h {
		if !w.dialled && (first == nil || h.Less(i, first.index)) {
			first = w
			if i == 0 {
				break
			}
		}
	}
	return first
}
