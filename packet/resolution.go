package packet

import (
	"math"
	"math/bits"
)

// A resolution says what time a number of units is.
type resolution struct {
	binary   bool   // the unit is 2^-exponent seconds, not 10^-exponent
	exponent uint8  // in use only if multiply is 0
	multiply uint64 // nanoseconds in a unit, 0 if they are no whole number
	offset   int64  // seconds, to be added
}

// microseconds is the resolution where no option gives another.
var microseconds = resolution{multiply: 1000}

// set takes in if_tsresol: "If the Most Significant Bit is equal to zero, the remaining
// bits indicate the resolution of the timestamp as a negative power of 10".
func (r *resolution) set(option byte) {
	r.binary, r.exponent, r.multiply = option&0x80 != 0, option&0x7f, 0
	if !r.binary && r.exponent <= 9 {
		r.multiply = 1
		for range 9 - r.exponent {
			r.multiply *= 10
		}
	}
}

const maxSeconds = math.MaxInt64 / 1_000_000_000

// time returns the nanoseconds since 1970 of a number of units; it is not ok if they
// do not fit.
func (r *resolution) time(units uint64) (int64, bool) {
	hi, ns := bits.Mul64(units, r.multiply)
	if r.multiply == 0 {
		hi, ns = r.divide(units)
	}
	if hi > 0 || ns > math.MaxInt64 {
		return 0, false
	}
	if r.offset == 0 {
		return int64(ns), true
	}
	if r.offset > maxSeconds || r.offset < -maxSeconds {
		return 0, false
	}
	at := int64(ns) + r.offset*1e9
	return at, r.offset < 0 || at >= int64(ns)
}

// divide makes nanoseconds of units that are no whole number of them. hi is not 0 if
// they do not fit.
func (r *resolution) divide(units uint64) (hi, ns uint64) {
	hi, lo := bits.Mul64(units, 1e9)
	switch {
	case r.binary && r.exponent >= 64:
		return 0, hi >> (r.exponent - 64)
	case r.binary:
		return hi >> r.exponent, hi<<(64-r.exponent) | lo>>r.exponent
	case r.exponent > 19: // 10^20 is more than fits; so small a unit is nobody's
		return 1, 0
	}
	by := uint64(1)
	for range r.exponent {
		by *= 10
	}
	if hi >= by {
		return hi, 0
	}
	ns, _ = bits.Div64(hi, lo, by)
	return 0, ns
}
