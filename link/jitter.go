package link

import "time"

// jitter lengthens or shortens each packet's delay.
type jitter struct {
	by     time.Duration
	stream stream
}

func newJitter(by time.Duration, seed uint64) jitter {
	return jitter{by, newStream(seed, jitterStream)}
}

// draw returns a difference from the delay, each nanosecond from -by to +by as
// likely as the next.
func (j *jitter) draw() time.Duration {
	if j.by == 0 {
		return 0
	}
	return time.Duration(j.stream.below(2*uint64(j.by)+1)) - j.by
}
