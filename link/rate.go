package link

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Rate is in bits of IP packets per second; 0 means no limit. As text it is
// "28.8kbit", "20mbit", "1gbit" (which may end in "/s") or "unlimited".
type Rate int64

var (
	errRate     = errors.New("want a rate like 28.8kbit, 20mbit or 1gbit")
	errRateZero = errors.New("a rate of zero lets nothing through; leave it out for no limit")
)

const unlimitedWord = "unlimited"

// rateUnits are the units of rates, the largest first.
var rateUnits = []struct {
	name string
	bits uint64
	zero int // how many zeros bits has
}{{"tbit", 1e12, 12}, {"gbit", 1e9, 9}, {"mbit", 1e6, 6}, {"kbit", 1e3, 3}, {"bit", 1, 0}}

// String returns r in the largest unit that it has one of, exactly.
func (r Rate) String() string {
	if r == 0 {
		return unlimitedWord
	}
	for _, u := range rateUnits {
		if n := uint64(r); r > 0 && n >= u.bits {
			text := strconv.FormatUint(n/u.bits, 10)
			if rest := n % u.bits; rest > 0 {
				text += "." + strings.TrimRight(fmt.Sprintf("%0*d", u.zero, rest), "0")
			}
			return text + u.name
		}
	}
	return strconv.FormatInt(int64(r), 10) + "bit"
}

// MarshalText writes r exactly.
func (r Rate) MarshalText() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what MarshalText wrote, in capitals or not. A rate of zero
// is an error: it would mean the contrary of what it says. On an error r stays as
// it was.
func (r *Rate) UnmarshalText(text []byte) error {
	lower := strings.ToLower(string(text))
	if lower == unlimitedWord {
		*r = 0
		return nil
	}
	number, name := splitUnit(strings.TrimSuffix(lower, "/s"))
	if isDecimal(number) && strings.Trim(number, "0.") == "" {
		return misread("rate", text, errRateZero)
	}
	for _, u := range rateUnits {
		if u.name != name {
			continue
		}
		if n, ok := scaled(number, u.bits); ok {
			*r = Rate(n)
			return nil
		}
	}
	return misread("rate", text, errRate)
}

// check returns an *Error if r is negative.
func (r Rate) check() error {
	if r < 0 {
		return &Error{Field: "rate", Value: r.String(), Err: errors.New("want more than 0; leave it out for no limit")}
	}
	return nil
}

// A sender transmits one packet after the other.
type sender interface {
	// ready returns when the next packet begins to be transmitted, if it waits
	// from now on. Asked twice, it answers the same.
	ready(now time.Duration) time.Duration

	// send transmits a packet, which begins when ready said, and returns when its
	// last bit has left.
	send(begin time.Duration, size int) (left time.Duration)
}

// unlimited transmits in no time.
type unlimited struct{}

func (unlimited) ready(now time.Duration) time.Duration { return now }

func (unlimited) send(begin time.Duration, _ int) time.Duration { return begin }

// A pacer transmits at a rate. Times are rounded down to the nanosecond, but the
// rest is carried over to the next packet, so that no time is won or lost however
// long it transmits without a pause.
type pacer struct {
	rate uint64
	free time.Duration // when it has transmitted all it was given, rounded down
	rest uint64        // what was rounded off, in nanoseconds / rate
}

func (p *pacer) ready(now time.Duration) time.Duration { return max(now, p.free) }

func (p *pacer) send(begin time.Duration, size int) time.Duration {
	if begin > p.free {
		p.rest = 0 // it had a pause, in which the rest of the nanosecond went by
	}
	n := uint64(size)*8*uint64(time.Second) + p.rest
	p.rest = n % p.rate
	p.free = min(begin+time.Duration(n/p.rate), never)
	return p.free
}

// never is where times stop, after 146 years: at 1 bit/s, a queue of large packets
// would go beyond what a Duration can hold.
const never = time.Duration(math.MaxInt64 / 2)
