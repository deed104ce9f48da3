package page

import (
	"math"
	"strconv"
	"strings"
)

// The screen that pages are loaded for.
const (
	viewportWidth  = 1280 // CSS pixels
	viewportHeight = 720
	fontSize       = 16 // of em and rem in media queries and sizes
)

// mediaMatches says whether a media query list (Media Queries 4) applies to the
// screen that pages are loaded for. A feature that is not known does not match,
// nor does "not" of it.
func mediaMatches(list string) bool {
	list = strings.ToLower(strings.TrimSpace(list))
	if list == "" {
		return true
	}
	for query := range strings.SplitSeq(list, ",") {
		if queryMatches(strings.TrimSpace(query)) {
			return true
		}
	}
	return false
}

func queryMatches(query string) bool {
	rest, negated := strings.CutPrefix(query, "not ")
	rest = strings.TrimPrefix(strings.TrimSpace(rest), "only ")
	matches := rest != ""
	for rest != "" {
		var term string
		term, rest = cutTerm(rest)
		yes, known := termMatches(term)
		if !known {
			return false
		}
		matches = matches && yes
	}
	return matches != negated
}

// cutTerm cuts a query at its first "and" outside of parentheses.
func cutTerm(query string) (term, rest string) {
	depth := 0
	for i := range len(query) {
		switch query[i] {
		case '(':
			depth++
		case ')':
			depth--
		case 'a':
			if depth == 0 && i > 0 && strings.HasPrefix(query[i:], "and") && strings.IndexByte(" )\t\n", query[i-1]) >= 0 {
				return strings.TrimSpace(query[:i]), strings.TrimSpace(query[i+3:])
			}
		}
	}
	return strings.TrimSpace(query), ""
}

func termMatches(term string) (yes, known bool) {
	switch term {
	case "all", "screen":
		return true, true
	case "print", "speech", "aural", "braille", "embossed", "handheld", "projection", "tty", "tv":
		return false, true
	}
	if len(term) < 2 || term[0] != '(' || term[len(term)-1] != ')' {
		return false, false
	}
	return featureMatches(strings.TrimSpace(term[1 : len(term)-1]))
}

// plainFeatures are those whose value is a word.
var plainFeatures = map[string]string{
	"orientation": "landscape", "prefers-color-scheme": "light", "hover": "hover", "any-hover": "hover",
	"pointer": "fine", "any-pointer": "fine", "prefers-reduced-motion": "no-preference", "scripting": "none",
	"display-mode": "browser", "prefers-contrast": "no-preference", "color-gamut": "srgb",
}

func featureMatches(feature string) (yes, known bool) {
	name, value, hasValue := strings.Cut(feature, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !hasValue {
		return rangeMatches(feature)
	}
	if is, ok := plainFeatures[name]; ok {
		return is == value, true
	}
	bound, rest := "", name
	for _, prefix := range []string{"min-", "max-", "-webkit-min-", "-webkit-max-"} {
		if after, ok := strings.CutPrefix(name, prefix); ok {
			bound, rest = strings.Trim(strings.TrimPrefix(prefix, "-webkit"), "-"), after
		}
	}
	ours, ok := screenValue(rest)
	theirs, isNumber := number(value)
	if !ok || !isNumber {
		return false, false
	}
	switch bound {
	case "min":
		return ours >= theirs, true
	case "max":
		return ours <= theirs, true
	}
	return ours == theirs, true
}

var spacedOperators = strings.NewReplacer("<=", " <= ", ">=", " >= ", "<", " < ", ">", " > ", "=", " = ")

// rangeMatches reads (width >= 600px), (400px < width <= 1000px) and (color).
func rangeMatches(feature string) (yes, known bool) {
	words := strings.Fields(spacedOperators.Replace(feature))
	if len(words) == 1 {
		_, isWord := plainFeatures[words[0]]
		_, isNumber := screenValue(words[0])
		return words[0] == "color" || isWord || isNumber, words[0] == "color" || isWord || isNumber
	}
	if len(words) != 3 && len(words) != 5 {
		return false, false
	}
	yes = true
	for i := 0; i+2 < len(words); i += 2 {
		a, okA := operand(words[i])
		b, okB := operand(words[i+2])
		holds, okOp := compare(a, words[i+1], b)
		if !okA || !okB || !okOp {
			return false, false
		}
		yes = yes && holds
	}
	return yes, true
}

func operand(word string) (float64, bool) {
	if v, ok := screenValue(word); ok {
		return v, true
	}
	return number(word)
}

func compare(a float64, op string, b float64) (holds, known bool) {
	switch op {
	case "<":
		return a < b, true
	case "<=":
		return a <= b, true
	case ">":
		return a > b, true
	case ">=":
		return a >= b, true
	case "=":
		return a == b, true
	}
	return false, false
}

func screenValue(feature string) (float64, bool) {
	switch feature {
	case "width", "device-width":
		return viewportWidth, true
	case "height", "device-height":
		return viewportHeight, true
	case "aspect-ratio", "device-aspect-ratio":
		return float64(viewportWidth) / viewportHeight, true
	case "resolution", "device-pixel-ratio":
		return 1, true
	case "color":
		return 8, true
	}
	return 0, false
}

// units are in CSS pixels or, of resolutions, in dots a pixel.
var units = []struct {
	suffix string
	factor float64
}{
	{"dppx", 1}, {"dpi", 1. / 96}, {"dpcm", 2.54 / 96}, {"x", 1},
	{"px", 1}, {"rem", fontSize}, {"em", fontSize}, {"vw", viewportWidth / 100.}, {"vh", viewportHeight / 100.},
	{"pt", 4. / 3}, {"cm", 96 / 2.54}, {"mm", 96 / 25.4}, {"in", 96}, {"", 1},
}

// number reads a number, a length, a resolution or a ratio.
func number(s string) (float64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if a, b, ratio := strings.Cut(s, "/"); ratio {
		x, okX := number(a)
		y, okY := number(b)
		return x / y, okX && okY && y > 0
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(digits, 64)
		if err == nil {
			return f * u.factor, !math.IsNaN(f) && !math.IsInf(f, 0)
		}
	}
	return 0, false
}
