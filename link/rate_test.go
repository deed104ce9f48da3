package link

import (
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// TestRateExact: ten seconds of bits take ten seconds, to the nanosecond, at any
// rate and in packets of any size.
func TestRateExact(t *testing.T) {
	for _, rate := range []Rate{8, 56, 28_800, 33_600, 1e6, 12_345_679, 99_999_989, 1e9, 9_999_999_967, 1e11} {
		r := rand.New(rand.NewPCG(uint64(rate), 1))
		p := pacer{rate: uint64(rate)}
		var at time.Duration
		left := 10 * uint64(rate) / 8 // bytes
		rest := 10 * uint64(rate) % 8 // bits: what no whole packet holds
		most := min(maxSize, max(1, left/1000))
		for left > 0 {
			size := min(left, 1+r.Uint64N(most))
			left -= size
			at = p.send(p.ready(0), int(size))
		}
		late := time.Duration(rest * uint64(time.Second) / uint64(rate))
		if want := 10*time.Second - late; at != want && at != want-1 {
			t.Errorf("at %v, 10 s of bits took %v, want %v", rate, at, want)
		}
		if rest == 0 && at != 10*time.Second {
			t.Errorf("at %v, 10 s of bits took %v", rate, at)
		}
	}
}

// TestRateAgainstFractions holds times against those of unbounded arithmetic,
// with pauses.
func TestRateAgainstFractions(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		rate := 1 + r.Int64N(1<<(1+r.IntN(37)))
		p := pacer{rate: uint64(rate)}
		free := new(big.Rat)
		var now time.Duration
		for range 200 {
			if r.IntN(4) == 0 {
				now = p.free + time.Duration(r.Int64N(1000)-500)
			}
			size := r.IntN(maxSize + 1)
			if r.IntN(2) == 0 {
				size = r.IntN(3)
			}
			if begin := new(big.Rat).SetInt64(int64(now)); free.Cmp(begin) < 0 {
				free = begin
			}
			free.Add(free, big.NewRat(int64(size)*8*1e9, rate))
			want := new(big.Int).Quo(free.Num(), free.Denom()).Int64()
			if got := p.send(p.ready(now), size); int64(got) != want {
				t.Fatalf("seed %d, rate %d: %d bytes have left at %d, want %d", seed, rate, size, got, want)
			}
		}
	}
}

// TestRateDays: nothing runs over in a session of days.
func TestRateDays(t *testing.T) {
	const week = 7 * 24 * time.Hour
	for _, rate := range []Rate{1, 1e11} {
		p := pacer{rate: uint64(rate)}
		p.send(p.ready(week), maxSize)
		want := week + time.Duration(2*maxSize*8*uint64(time.Second)/uint64(rate))
		if got := p.send(p.ready(week), maxSize); got != want {
			t.Errorf("%v: two packets have left at %v, want %v", rate, got, want)
		}
	}
}
