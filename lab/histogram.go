package lab

import (
	"math/bits"
	"time"
)

// A histogram counts durations in buckets that are 1/16 of their power of two
// wide: what it says of a quantile is at most 6.25 % too much.
type histogram struct {
	buckets [64 * 16]int64
	count   int64
	largest time.Duration
}

const subBits = 4

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < 1<<subBits {
		return int(v)
	}
	exponent := bits.Len64(v) - 1 - subBits
	return (exponent+1)<<subBits + int(v>>exponent)&(1<<subBits-1)
}

// upper is the largest duration of a bucket.
func upper(bucket int) time.Duration {
	if bucket < 1<<subBits {
		return time.Duration(bucket)
	}
	exponent := bucket>>subBits - 1
	first := uint64(1<<subBits+bucket&(1<<subBits-1)) << exponent
	return time.Duration(first + 1<<exponent - 1)
}

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
	h.largest = max(h.largest, d)
}

// quantile is a duration that a share q of those counted does not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	want := int64(q * float64(h.count))
	var seen int64
	for b, n := range h.buckets {
		if seen += n; n > 0 && seen > want {
			return min(upper(b), h.largest)
		}
	}
	return h.largest
}
