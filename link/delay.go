package link

import "time"

// delay is propagation: the time that bits take from one end to the other. No
// packet overtakes another on the way, even if jitter would have let it.
type delay struct {
	each time.Duration
	last time.Duration // when the latest packet arrives
}

// cross returns when a packet arrives that has left. Times of leaving never
// decrease.
func (d *delay) cross(left, jitter time.Duration) time.Duration {
	d.last = max(d.last, left+d.each+jitter)
	return d.last
}
