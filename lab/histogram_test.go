package lab

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestHistogramQuantile: against the sorted values themselves, what it says is
// never less, and at most 6.25 % more.
func TestHistogramQuantile(t *testing.T) {
	for seed := range uint64(100) {
		draw := rand.New(rand.NewPCG(seed, 0))
		var h histogram
		values := make([]time.Duration, 1+draw.IntN(1000))
		for i := range values {
			values[i] = time.Duration(draw.Int64() >> draw.IntN(63)) // of every size
			h.add(values[i])
		}
		slices.Sort(values)
		for _, q := range []float64{0, 0.01, 0.25, 0.5, 0.75, 0.99, 0.999} {
			exact := values[int(q*float64(len(values)))]
			got := h.quantile(q)
			if got < exact || float64(got) > float64(exact)*1.0625 {
				t.Errorf("seed %d: quantile %v of %d values is %d, want %d", seed, q, len(values), got, exact)
			}
		}
		if got := h.quantile(1); got != values[len(values)-1] || h.largest != got {
			t.Errorf("seed %d: the largest is %d and %d, want %d", seed, got, h.largest, values[len(values)-1])
		}
	}
}

// TestHistogramOfSmall: below 32 ns each value has a bucket of its own.
func TestHistogramOfSmall(t *testing.T) {
	for v := range time.Duration(32) {
		var h histogram
		h.add(v)
		h.add(math.MaxInt64) // or the largest would be right by chance
		if got := h.quantile(0); got != v {
			t.Errorf("%d becomes %d", v, got)
		}
	}
}

// TestHistogramBuckets: every duration is in the bucket whose upper end is the next.
func TestHistogramBuckets(t *testing.T) {
	for b := 1; b <= bucketOf(math.MaxInt64); b++ {
		first, last := upper(b-1)+1, upper(b)
		if first > last || bucketOf(first) != b || bucketOf(last) != b {
			t.Errorf("bucket %d is said to be from %d to %d, which are in %d and %d", b, first, last, bucketOf(first), bucketOf(last))
		}
	}
	if last := upper(bucketOf(math.MaxInt64)); last != math.MaxInt64 {
		t.Errorf("the last ends at %d", last)
	}
}

func TestHistogramEdges(t *testing.T) {
	var h histogram
	if got := h.quantile(0.99); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	h.add(1_000_000_007)
	if got := h.quantile(0.5); got != 1_000_000_007 {
		t.Errorf("no quantile is more than the largest: %d", got)
	}
	h = histogram{}
	h.add(-5)
	if got := h.quantile(0.5); got != 0 || h.largest != 0 || h.count != 1 {
		t.Errorf("what is early counts as punctual: %v, at most %v, of %d", got, h.largest, h.count)
	}
	if n := testing.AllocsPerRun(100, func() { h.add(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
