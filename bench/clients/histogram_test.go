package main

import (
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	last := -1
	for _, ns := range []time.Duration{-5, 0, 1, 63, 64, 127, 128, 129, 1000, 1e6, 1e9, 1e12, 1 << 44, 1<<63 - 1} {
		i := bucketOf(ns)
		if i < last || i >= octaves<<subBits {
			t.Errorf("%d ns is in bucket %d, after %d", ns, i, last)
		}
		last = i
		if ns < 0 || ns > 1<<44 {
			continue
		}
		if off := bucketMiddle(i) - ns; max(off, -off) > max(ns>>(subBits+1), 1) {
			t.Errorf("%d ns is in bucket %d, whose middle is %d", ns, i, bucketMiddle(i))
		}
	}
}

func TestQuantile(t *testing.T) {
	odd, even := &histogram{}, &histogram{}
	for i := range time.Duration(1000) {
		h := odd
		if i%2 == 0 {
			h = even
		}
		h.add((i + 1) * time.Microsecond)
	}
	sum := &histogram{}
	sum.merge(odd)
	sum.merge(even)
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{{0, 1}, {0.5, 500}, {0.99, 990}, {1, 1000}} {
		want := tt.want * time.Microsecond
		if got := sum.quantile(tt.q); max(got-want, want-got) > want/64 {
			t.Errorf("quantile %v is %v, want %v", tt.q, got, want)
		}
	}
	if sum.count != 1000 || (&histogram{}).quantile(0.5) != 0 {
		t.Errorf("count %d, median of nothing %v", sum.count, (&histogram{}).quantile(0.5))
	}
}
