package link

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
)

// A Trace says when a link can send, as one was measured that changes all the
// time: a mobile phone's. It is a list of opportunities, each for 1,500 bytes.
//
// Its text is that of Mahimahi. Each line is the time of one opportunity in whole
// milliseconds, none before that of the line above. After the last one the trace
// begins again, with the last one's time as its zero. Only sizes differ: here they
// are those of IP packets, so that a full one fits into one opportunity; Mahimahi
// counts four bytes more.
type Trace struct{ ms []uint32 }

const (
	maxOpportunities = 10_000_000
	maxTraceTime     = math.MaxUint32 // ms: 49 days
)

var errTraceEmpty = errors.New("has no opportunities")

// ReadTrace reads a trace of at most 10,000,000 lines. An [*Error] names the line.
func ReadTrace(r io.Reader) (*Trace, error) {
	t := new(Trace)
	scan := bufio.NewScanner(r)
	for scan.Scan() {
		if err := t.add(scan.Text()); err != nil {
			return nil, &Error{Field: "trace", Line: len(t.ms) + 1, Value: quote(scan.Text()), Err: err}
		}
	}
	if err := scan.Err(); err != nil {
		return nil, &Error{Field: "trace", Line: len(t.ms) + 1, Err: err}
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// add adds the opportunity of a line.
func (t *Trace) add(line string) error {
	ms, err := strconv.ParseUint(line, 10, 32)
	switch {
	case len(t.ms) == maxOpportunities:
		return fmt.Errorf("a trace has at most %d lines", maxOpportunities)
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("want at most %d ms", int64(maxTraceTime))
	case err != nil:
		return errors.New("want a whole number of milliseconds")
	case len(t.ms) > 0 && uint32(ms) < t.ms[len(t.ms)-1]:
		return fmt.Errorf("want at least the %d of the line before", t.ms[len(t.ms)-1])
	}
	t.ms = append(t.ms, uint32(ms))
	return nil
}

// check returns an *Error if t cannot be repeated.
func (t *Trace) check() error {
	switch {
	case len(t.ms) == 0:
		return &Error{Field: "trace", Err: errTraceEmpty}
	case t.period() == 0:
		return &Error{Field: "trace", Line: len(t.ms), Value: `"0"`, Err: errors.New("is where the trace begins again, so that its rate has no end; want more than 0")}
	}
	return nil
}

// period is how long t takes to begin again.
func (t *Trace) period() time.Duration {
	return time.Duration(t.ms[len(t.ms)-1]) * time.Millisecond
}

// Mean returns the mean rate over a whole repetition, rounded down, and at least
// 1 bit/s.
func (t *Trace) Mean() Rate {
	return max(1, Rate(int64(len(t.ms))*packetSize*8*1000/t.period().Milliseconds()))
}

// String says what kind of trace it is: "2 opportunities in 10ms".
func (t *Trace) String() string {
	if len(t.ms) == 0 {
		return "no opportunities"
	}
	return fmt.Sprintf("%d opportunities in %v", len(t.ms), t.period())
}

// MarshalText writes the lines of t.
func (t *Trace) MarshalText() ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var text []byte
	for _, ms := range t.ms {
		text = append(strconv.AppendUint(text, uint64(ms), 10), '\n')
	}
	return text, nil
}

// UnmarshalText is [ReadTrace]. On an error t stays as it was.
func (t *Trace) UnmarshalText(text []byte) error {
	read, err := ReadTrace(bytes.NewReader(text))
	if err != nil {
		return err
	}
	*t = *read
	return nil
}
