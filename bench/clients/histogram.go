package main

import (
	"math"
	"math/bits"
	"time"
)

// A histogram counts durations in buckets whose width is 1/64 of their power of
// two, so that a quantile is known to 1.6 %. It takes no memory while it counts.
type histogram struct {
	buckets [octaves << subBits]uint32
	count   int64
}

const (
	subBits = 6
	octaves = 40 // up to 2^45 ns, more than nine hours
)

func (h *histogram) add(d time.Duration) {
	h.buckets[bucketOf(d)]++
	h.count++
}

// merge adds what another has counted.
func (h *histogram) merge(o *histogram) {
	for i, n := range o.buckets {
		h.buckets[i] += n
	}
	h.count += o.count
}

// quantile returns the duration below which the part q of the counted ones lie,
// 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := max(1, int64(math.Ceil(q*float64(h.count))))
	var sum int64
	for i, n := range h.buckets {
		if sum += int64(n); sum >= rank {
			return bucketMiddle(i)
		}
	}
	return 0
}

// bucketOf: the first 64 buckets are one nanosecond wide; after them each octave
// has 64.
func bucketOf(d time.Duration) int {
	ns := uint64(max(0, d))
	shift := max(0, bits.Len64(ns)-subBits-1)
	return min(shift<<subBits+int(ns>>shift), octaves<<subBits-1)
}

func bucketMiddle(i int) time.Duration {
	if i < 2<<subBits {
		return time.Duration(i)
	}
	shift := i>>subBits - 1
	low := (uint64(i) - uint64(shift)<<subBits) << shift
	return time.Duration(low + uint64(1)<<shift/2)
}
