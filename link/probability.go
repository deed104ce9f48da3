package link

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Probability is from 0 to 1. As text it is "1%" or "0.01".
type Probability float64

var errProbability = errors.New("want 0 to 1, or 0 % to 100 %")

// String returns p in percent, exactly.
func (p Probability) String() string {
	if p.check("probability") != nil {
		return strconv.FormatFloat(float64(p), 'g', -1, 64)
	}
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(math.Abs(float64(p)), 'f', -1, 64), ".") // Abs: of a negative zero
	for len(fraction) < 2 {
		fraction += "0"
	}
	percent := strings.TrimLeft(whole+fraction[:2], "0")
	if percent == "" {
		percent = "0"
	}
	if fraction = fraction[2:]; fraction != "" {
		percent += "." + fraction
	}
	return percent + "%"
}

// MarshalText writes p in percent, exactly.
func (p Probability) MarshalText() ([]byte, error) {
	if err := p.check("probability"); err != nil {
		return nil, err
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads "1%", "0.5 %" or "0.01". On an error p stays as it was.
func (p *Probability) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	exponent := ""
	if percent {
		number, exponent = strings.TrimRight(number, " "), "e-2"
	}
	if !isDecimal(number) {
		return misread("probability", text, errProbability)
	}
	v, err := strconv.ParseFloat(number+exponent, 64)
	if err != nil || v > 1 {
		return misread("probability", text, errProbability)
	}
	*p = Probability(v)
	return nil
}

// check returns an *Error if p is none.
func (p Probability) check(field string) error {
	if p >= 0 && p <= 1 {
		return nil
	}
	return &Error{Field: field, Value: fmt.Sprint(float64(p)), Err: errProbability}
}
