package repro

import (
	"math"
	"testing"
	"time"
)

func TestRounds(t *testing.T) {
	for _, test := range []struct{ bytes, k, want int }{
		{1, 3, 1}, {4380, 3, 1}, {4381, 3, 2}, {13140, 3, 2}, {13141, 3, 3},
		{1, 10, 1}, {14600, 10, 1}, {14601, 10, 2}, {43800, 10, 2}, {43801, 10, 3}, {102200, 10, 3}, {102201, 10, 4},
		{1460, 1, 1}, {1461, 1, 2},
	} {
		if got := rounds(test.bytes, test.k, 1460); got != test.want {
			t.Errorf("%d bytes from %d segments: %d rounds, want %d", test.bytes, test.k, got, test.want)
		}
	}
}

// TestRoundsAreTheFormula holds the sum against the logarithm.
func TestRoundsAreTheFormula(t *testing.T) {
	for bytes := 1; bytes < 300_000; bytes += 97 {
		for _, k := range []int{1, 2, 3, 4, 10} {
			want := int(math.Ceil(math.Log2(float64(bytes)/float64(k*1460) + 1)))
			if got := rounds(bytes, k, 1460); got != want {
				t.Fatalf("%d bytes from %d segments: %d rounds, the formula has %d", bytes, k, got, want)
			}
		}
	}
}

// slowStart is what an ideal sender and receiver do, from a sequence number on.
func slowStart(bytes, k, mss int, seq uint32, rtt time.Duration) (events []event) {
	now := time.Unix(0, 0)
	window, sent := k, 0
	var acks []event
	for sent < bytes {
		var next []event
		for i := 0; i < window && sent < bytes; i++ {
			n := min(mss, bytes-sent)
			at := now
			if len(acks) > 0 { // each ACK lets two go
				at = acks[min(i/2, len(acks)-1)].at
			}
			events = append(events, event{at: at, sent: true, seq: seq + uint32(sent)})
			sent += n
			next = append(next, event{at: at.Add(rtt + time.Duration(i)*time.Microsecond), seq: seq + uint32(sent)})
		}
		events = append(events, next...)
		acks, window = next, window*2
	}
	return events
}

func TestCountRounds(t *testing.T) {
	for _, seq := range []uint32{1, math.MaxUint32 - 20_000} { // the number goes round
		for _, k := range []int{1, 3, 10} {
			for _, bytes := range []int{1, 4380, 4381, 14600, 14601, 45_000, 200_000} {
				got := countRounds(slowStart(bytes, k, 1460, seq, 50*time.Millisecond))
				if want := rounds(bytes, k, 1460); got != want {
					t.Errorf("%d bytes from %d segments: counted %d rounds, want %d", bytes, k, got, want)
				}
			}
		}
	}
	if n := countRounds(nil); n != 0 {
		t.Errorf("%d rounds of nothing", n)
	}
}
