package link

import (
	"math/bits"
	"math/rand/v2"
)

// A stream is one impairment's own source of chance. The n-th packet to enter
// gets the stream's n-th draw, whatever becomes of the packet: so neither timing
// nor other impairments change which packets are struck.
//
// Of math/rand/v2 only the source is used, whose numbers are the same in every
// version of Go; what it makes of them is not promised to be.
type stream struct{ source rand.PCG }

// The streams by name. Two with one seed but other names have nothing in common.
const (
	lossStream      = 0x6c6f7373206f6666 // any numbers would do
	burstStream     = 0x6275727374206f66
	jitterStream    = 0x6a69747465722121
	reorderStream   = 0x72656f7264657221
	duplicateStream = 0x6475706c69636174
)

func newStream(seed, name uint64) stream { return stream{*rand.NewPCG(seed, name)} }

// hit makes one draw, which is true with probability p. What is hit at some p is
// hit at every greater p, too.
func (s *stream) hit(p Probability) bool {
	return float64(s.source.Uint64()>>11)*0x1p-53 < float64(p)
}

// below makes one draw from 0 to n-1. Its bias of n in 2^64 nobody can measure.
func (s *stream) below(n uint64) uint64 {
	hi, _ := bits.Mul64(s.source.Uint64(), n)
	return hi
}
