package link

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// isDecimal reports whether text is digits with at most one point among or
// before them: what strconv takes besides, such as 0x1p-2 and Inf, nobody means.
func isDecimal(text string) bool {
	digits := strings.Replace(text, ".", "", 1)
	return digits != "" && strings.Trim(digits, "0123456789") == "" && !strings.HasSuffix(text, ".")
}

// scaled returns text times unit, exactly: "28.8" times 1000 is 28800. It fails
// unless the product is a whole number that an int64 can hold.
func scaled(text string, unit uint64) (int64, bool) {
	if !isDecimal(text) {
		return 0, false
	}
	whole, fraction, _ := strings.Cut(text, ".")
	fraction = strings.TrimRight(fraction, "0")
	n, err := strconv.ParseUint("0"+whole+fraction, 10, 64)
	if err != nil {
		return 0, false
	}
	hi, lo := bits.Mul64(n, unit)
	for range fraction {
		var rest uint64
		hi, rest = hi/10, hi%10
		if lo, rest = bits.Div64(rest, lo, 10); rest != 0 {
			return 0, false
		}
	}
	return int64(lo), hi == 0 && lo <= math.MaxInt64
}

// splitUnit splits "20mbit" into "20" and "mbit".
func splitUnit(text string) (number, unit string) {
	i := strings.LastIndexAny(text, "0123456789.") + 1
	return text[:i], strings.TrimLeft(text[i:], " ")
}

func word(names []string, i int, field string) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", field, i)
}

func marshalWord(names []string, i int, field string) ([]byte, error) {
	if i >= len(names) {
		return nil, &Error{Field: field, Value: fmt.Sprint(i), Err: errors.New("has no name")}
	}
	return []byte(names[i]), nil
}

func unmarshalWord(names []string, text string) (int, error) {
	for i, name := range names {
		if strings.EqualFold(name, text) {
			return i, nil
		}
	}
	return 0, errors.New("want " + orList(names))
}

// orList writes words as "a, b or c".
func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
