package link

import (
	"errors"
	"fmt"
	"strings"
)

// A Burst is loss that comes in bursts: the medium is good or bad, and each state
// has a loss of its own. It is the model of Gilbert ("Capacity of a Burst-Noise
// Channel", 1960), with loss in the good state, too, as Elliott has it
// ("Estimates of Error Rates for Codes on Burst-Noise Channels", 1963). The zero
// value is none.
//
// As text it is "p=1%,r=30%,bad=100%,good=0%", where bad and good may be left
// out, or "none". p and r are those of tc-netem(8)'s "loss gemodel p r 1-h 1-k";
// bad is its 1-h, good its 1-k.
//
// A link begins in the good state. A packet is lost or not by the state it finds;
// then the state may change.
type Burst struct {
	P    Probability // that good turns bad, for each packet
	R    Probability // that bad turns good, for each packet: bursts are 1/R packets long in the mean
	Bad  Probability // of loss while bad; 0 means 1
	Good Probability // of loss while good
}

const noneWord = "none"

var (
	errBurst    = errors.New("want p=1%,r=30% and perhaps bad=100%,good=0%")
	errNeverBad = errors.New("a good state that never turns bad makes no bursts")
	errNotBad   = errors.New("a bad state that loses nothing makes no bursts")
)

// Mean returns how much is lost in the long run.
func (b Burst) Mean() Probability {
	if b.P+b.R == 0 {
		return b.Good
	}
	return (b.P*b.bad() + b.R*b.Good) / (b.P + b.R)
}

func (b Burst) bad() Probability {
	if b.Bad == 0 {
		return 1
	}
	return b.Bad
}

// String returns b as text.
func (b Burst) String() string {
	if b == (Burst{}) {
		return noneWord
	}
	text := "p=" + b.P.String() + ",r=" + b.R.String()
	if b.Bad != 0 {
		text += ",bad=" + b.Bad.String()
	}
	if b.Good != 0 {
		text += ",good=" + b.Good.String()
	}
	return text
}

// MarshalText writes b as text.
func (b Burst) MarshalText() ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

// UnmarshalText reads what MarshalText wrote. On an error b stays as it was.
func (b *Burst) UnmarshalText(text []byte) error {
	var n Burst
	if string(text) != noneWord {
		if err := n.parse(string(text)); err != nil {
			return misread("burst", text, err)
		}
	}
	*b = n
	return nil
}

func (b *Burst) parse(text string) error {
	fields := map[string]*Probability{"p": &b.P, "r": &b.R, "bad": &b.Bad, "good": &b.Good}
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(field, "=")
		to, ok := fields[name]
		if !ok {
			return errBurst
		}
		delete(fields, name)
		if err := to.UnmarshalText([]byte(value)); err != nil {
			return fmt.Errorf("%s %s: %w", name, quote(value), errProbability)
		}
		if name == "bad" && *to == 0 {
			return errNotBad
		}
	}
	if fields["p"] != nil || fields["r"] != nil {
		return errBurst
	}
	if b.P == 0 {
		return errNeverBad
	}
	return nil
}

// check returns an *Error if b makes no bursts, but is not zero either.
func (b Burst) check() error {
	for _, p := range []struct {
		name  string
		value Probability
	}{{"p", b.P}, {"r", b.R}, {"bad", b.Bad}, {"good", b.Good}} {
		if err := p.value.check("burst " + p.name); err != nil {
			return err
		}
	}
	if b != (Burst{}) && b.P == 0 {
		return &Error{Field: "burst p", Value: "0", Err: errNeverBad}
	}
	return nil
}

// burst is where a Burst is.
type burst struct {
	Burst
	isBad  bool
	stream stream
}

func newBurst(b Burst, seed uint64) burst {
	return burst{Burst: b, stream: newStream(seed, burstStream)}
}

// draw reports whether the packet is lost. It draws twice each time, so that the
// n-th packet finds the same state whatever Bad and Good are.
func (b *burst) draw() bool {
	if b.P == 0 {
		return false
	}
	loss, change := b.Good, b.P
	if b.isBad {
		loss, change = b.bad(), b.R
	}
	lost := b.stream.hit(loss)
	if b.stream.hit(change) {
		b.isBad = !b.isBad
	}
	return lost
}
