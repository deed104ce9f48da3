package http1

import "strings"

// HasToken reports whether one of the values, each a comma-separated list, has
// the token among its elements. The case of ASCII letters does not matter, nor
// does whitespace around elements; a comma in a quoted string separates nothing
// (RFC 9110 §5.6.1).
func HasToken(values []string, token string) bool {
	for _, rest := range values {
		for rest != "" {
			var element string
			element, rest = cutElement(rest)
			if equalFold(element, token) {
				return true
			}
		}
	}
	return false
}

// cutElement cuts the first element off a list and returns it, without the
// whitespace around it, and what stands behind its comma. The element is empty
// where two commas stand together. A quoted string that never ends reaches to
// the end of the list.
func cutElement(list string) (element, rest string) {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return strings.Trim(list[:i], " \t"), list[i+1:]
		}
	}
	return strings.Trim(list, " \t"), ""
}
