package link

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

const (
	defaultWord = "default"
	codelWord   = "codel"
)

var errQueue = errors.New("want a limit like 64 (packets), 100kB or 64KiB, or codel,target=5ms,interval=100ms,limit=1000")

// String returns q as text.
func (q Queue) String() string {
	var fields []string
	if q.CoDel {
		fields = append(fields, codelWord)
	}
	if q.Target != 0 {
		fields = append(fields, "target="+q.Target.String())
	}
	if q.Interval != 0 {
		fields = append(fields, "interval="+q.Interval.String())
	}
	if limit := q.limit(); limit != "" {
		if q.CoDel {
			limit = "limit=" + limit
		}
		fields = append(fields, limit)
	}
	if len(fields) == 0 {
		return defaultWord
	}
	return strings.Join(fields, ",")
}

// MarshalText writes q as text.
func (q Queue) MarshalText() ([]byte, error) {
	if err := q.check(); err != nil {
		return nil, &Error{Field: "queue", Value: q.String(), Err: err}
	}
	return []byte(q.String()), nil
}

// UnmarshalText reads what MarshalText wrote. On an error q stays as it was.
func (q *Queue) UnmarshalText(text []byte) error {
	var r Queue
	err := r.parse(string(text))
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return misread("queue", text, err)
	}
	*q = r
	return nil
}

func (q *Queue) parse(text string) error {
	if text == defaultWord {
		return nil
	}
	first, rest, more := strings.Cut(text, ",")
	if first != codelWord {
		return q.parseLimit(text)
	}
	q.CoDel = true
	for more {
		first, rest, more = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(first, "=")
		var err error
		switch name {
		case "target":
			q.Target, err = parseTime(value)
		case "interval":
			q.Interval, err = parseTime(value)
		case "limit":
			err = q.parseLimit(value)
		default:
			err = errQueue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("want a duration like 5ms or 100ms")
	}
	return d, nil
}

// sizeUnits are the units of sizes, the largest first.
var sizeUnits = []struct {
	name  string
	bytes uint64
}{{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1}}

// limit returns the limit as text; empty if there is none.
func (q Queue) limit() string {
	switch {
	case q.Packets == 0 && q.Bytes == 0:
		return ""
	case q.Bytes == 0:
		return strconv.Itoa(q.Packets)
	}
	for _, u := range sizeUnits {
		if q.Bytes%int64(u.bytes) == 0 {
			return strconv.FormatInt(q.Bytes/int64(u.bytes), 10) + u.name
		}
	}
	return "" // not reached: every number is a multiple of 1
}

// parseLimit reads what limit wrote.
func (q *Queue) parseLimit(text string) error {
	q.Packets, q.Bytes = 0, 0
	number, unit := splitUnit(text)
	if unit == "" {
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || n == 0 {
			return errQueue
		}
		q.Packets = int(n)
		return nil
	}
	for _, u := range sizeUnits {
		if strings.EqualFold(u.name, unit) {
			n, ok := scaled(number, u.bytes)
			if !ok || n == 0 {
				return errQueue
			}
			q.Bytes = n
			return nil
		}
	}
	return errQueue
}
