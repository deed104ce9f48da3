package link

import "time"

// reorder holds single packets back, so that those behind overtake them. All
// others arrive when they would have without it.
type reorder struct {
	p      Probability
	by     time.Duration
	stream stream
}

func newReorder(p Probability, by time.Duration, seed uint64) reorder {
	return reorder{p, by, newStream(seed, reorderStream)}
}

// draw returns how long the packet is held back.
func (r *reorder) draw() time.Duration {
	if r.p > 0 && r.stream.hit(r.p) {
		return r.by
	}
	return 0
}

// reorderBy is ReorderBy or its default.
func (c Config) reorderBy() time.Duration {
	if c.ReorderBy > 0 {
		return c.ReorderBy
	}
	return max(c.rtt()/2, time.Millisecond)
}
