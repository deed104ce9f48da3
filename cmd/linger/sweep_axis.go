package main

import (
	"encoding"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

// The words of --sweep.

// An axis is a parameter of the link and the values it is to have, as flags have
// them.
type axis struct {
	name   string
	values []string
	set    func(p *lab.Profile, value string) // value is one of values
}

// A parameter is one that can be swept: its value as a number, in whatever unit, and
// as text.
type parameter struct {
	name   string
	field  func(p *lab.Profile) encoding.TextUnmarshaler
	number func(p *lab.Profile) float64
	text   func(number float64) string
}

var parameters = []parameter{
	{"rtt", func(p *lab.Profile) encoding.TextUnmarshaler { return &p.RTT },
		func(p *lab.Profile) float64 { return float64(p.RTT) },
		func(n float64) string { return time.Duration(n).String() }},
	{"down", func(p *lab.Profile) encoding.TextUnmarshaler { return &p.Down },
		func(p *lab.Profile) float64 { return float64(p.Down) },
		func(n float64) string { return link.Rate(n).String() }},
	{"up", func(p *lab.Profile) encoding.TextUnmarshaler { return &p.Up },
		func(p *lab.Profile) float64 { return float64(p.Up) },
		func(n float64) string { return link.Rate(n).String() }},
	{"loss", func(p *lab.Profile) encoding.TextUnmarshaler { return &p.Loss },
		func(p *lab.Profile) float64 { return float64(p.Loss) },
		func(n float64) string { return link.Probability(n).String() }},
}

const (
	defaultSteps = 4
	mostSteps    = 12
)

// parseSweep reads "rtt=20ms..300ms,down=1mbit..100mbit".
func parseSweep(text string) ([]axis, error) {
	var axes []axis
	for word := range strings.SplitSeq(text, ",") {
		name, values, _ := strings.Cut(strings.TrimSpace(word), "=")
		a, err := parseAxis(name, values)
		if err != nil {
			return nil, err
		}
		if len(axes) == 1 && axes[0].name == a.name {
			return nil, usagef("--sweep names %s twice", name)
		}
		axes = append(axes, a)
	}
	if len(axes) > 2 {
		return nil, usagef("--sweep takes one or two parameters, not %d", len(axes))
	}
	return axes, nil
}

func parseAxis(name, values string) (axis, error) {
	var names []string
	for _, p := range parameters {
		if names = append(names, p.name); p.name != name {
			continue
		}
		list, err := p.list(values)
		return axis{name, list, p.set}, err
	}
	return axis{}, usagef("--sweep %q: want one or two of %s, such as rtt=20ms..300ms", name, strings.Join(names, ", "))
}

// set gives a link a value, which was read before, as the flag of that name would.
func (p parameter) set(to *lab.Profile, value string) {
	var one lab.Profile
	_ = p.field(&one).UnmarshalText([]byte(value))
	takeOver(to, &one, func(name string) bool { return name == p.name })
}

// list is the values of a text: a list, or a range.
func (p parameter) list(text string) ([]string, error) {
	from, to, isRange := strings.Cut(text, "..")
	if isRange {
		return p.steps(from, to)
	}
	var values []string
	for v := range strings.SplitSeq(text, ":") {
		n, err := p.read(v)
		if err != nil {
			return nil, err
		}
		if value := p.text(n); !slices.Contains(values, value) {
			values = append(values, value)
		}
	}
	if len(values) > mostSteps {
		return nil, usagef("--sweep %s: at most %d values, not %d", p.name, mostSteps, len(values))
	}
	return values, nil
}

// read reads one value.
func (p parameter) read(text string) (float64, error) {
	var one lab.Profile
	if err := p.field(&one).UnmarshalText([]byte(text)); err != nil {
		return 0, usagef("--sweep %s: %w", p.name, err)
	}
	return p.number(&one), nil
}

// steps are the values of a range, each by the same factor more than the one
// before; those between the ends have two digits, and are fewer where the range is
// too narrow for that.
func (p parameter) steps(from, to string) ([]string, error) {
	to, count, counted := strings.Cut(to, "/")
	n := defaultSteps
	if counted {
		var err error
		if n, err = strconv.Atoi(count); err != nil || n < 2 || n > mostSteps {
			return nil, usagef("--sweep %s: a range has 2 to %d steps, not %q", p.name, mostSteps, count)
		}
	}
	low, err := p.read(from)
	if err != nil {
		return nil, err
	}
	high, err := p.read(to)
	if err != nil {
		return nil, err
	}
	if low <= 0 || high <= low {
		return nil, usagef("--sweep %s: a range goes from a small value to a larger one, and zero has no factor: name such values one by one, as in %[1]s=%s:%s", p.name, from, to)
	}
	values := []string{p.text(low)}
	for i := 1; i < n-1; i++ {
		v := twoDigits(low * math.Pow(high/low, float64(i)/float64(n-1)))
		if value := p.text(v); v > low && v < high && value != values[len(values)-1] {
			values = append(values, value)
		}
	}
	return append(values, p.text(high)), nil
}

// twoDigits rounds to two digits.
func twoDigits(v float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(v))-1)
	n, _ := strconv.ParseFloat(fmt.Sprintf("%.0fe%d", v/unit, int(math.Floor(math.Log10(v)))-1), 64)
	return n
}
