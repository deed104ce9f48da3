package page

import (
	"strconv"
	"strings"
)

// A candidate is one image of a srcset or an image-set.
type candidate struct {
	url     string
	density float64 // device pixels to a CSS pixel
	width   float64 // of a w descriptor, 0 if it has none
}

// isSpace says that c is ASCII whitespace as HTML means it.
func isSpace(c rune) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

// parseSrcset reads a srcset attribute (HTML §4.8.4.3.8). A candidate whose
// descriptors are no good is left out, as in browsers.
func parseSrcset(s string) []candidate {
	var all []candidate
	for {
		s = strings.TrimLeftFunc(s, func(c rune) bool { return isSpace(c) || c == ',' })
		if s == "" {
			return all
		}
		end := strings.IndexFunc(s, isSpace)
		if end < 0 {
			end = len(s)
		}
		url := s[:end]
		s = s[end:]
		var descriptors string
		if trimmed := strings.TrimRight(url, ","); trimmed != url {
			url = trimmed
		} else {
			descriptors, s = cutDescriptors(s)
		}
		if c, ok := describe(url, descriptors); ok {
			all = append(all, c)
		}
	}
}

// cutDescriptors cuts at the first comma outside of parentheses.
func cutDescriptors(s string) (descriptors, rest string) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth <= 0 {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

func describe(url, descriptors string) (candidate, bool) {
	c := candidate{url: url, density: 1}
	seen := false
	for _, d := range strings.FieldsFunc(descriptors, isSpace) {
		v, err := strconv.ParseFloat(d[:len(d)-1], 64)
		switch unit := d[len(d)-1]; {
		case err != nil || !(v > 0):
			return c, false
		case unit == 'h':
			continue
		case seen:
			return c, false
		case unit == 'w':
			c.width = v
		case unit == 'x':
			c.density = v
		default:
			return c, false
		}
		seen = true
	}
	return c, true
}

// chooseSrcset returns the candidate that a browser takes at one device pixel a
// CSS pixel, "" if there is none. An img's src is a candidate of 1x unless
// there is one, or one with a width.
func chooseSrcset(srcset, sizes, src string) (url string, fromSet bool) {
	all := parseSrcset(srcset)
	useSrc := src != ""
	slot := slotWidth(sizes)
	for i, c := range all {
		if c.width > 0 {
			all[i].density = c.width / slot
			useSrc = false
		} else if c.density == 1 {
			useSrc = false
		}
	}
	if useSrc {
		all = append(all, candidate{url: src, density: 1})
	}
	best := choose(all)
	if best < 0 {
		return src, false
	}
	return all[best].url, !useSrc || best < len(all)-1
}

// choose takes the first of the lowest densities of at least 1, else the first
// of the highest. It returns −1 if there is none.
func choose(all []candidate) int {
	best := -1
	for i, c := range all {
		if best < 0 {
			best = i
			continue
		}
		b := all[best].density
		if b < 1 && c.density > b || c.density >= 1 && c.density < b {
			best = i
		}
	}
	return best
}

// slotWidth is the width in CSS pixels that a sizes attribute gives the image:
// the first whose condition matches. What is no plain length (calc(), auto)
// counts as the default, 100vw.
func slotWidth(sizes string) float64 {
	for sizes != "" {
		var size string
		size, sizes = cutDescriptors(sizes)
		size = strings.ToLower(strings.TrimSpace(size))
		condition, length := cutLength(size)
		if !mediaMatches(condition) {
			continue
		}
		if w, ok := number(length); ok && w > 0 {
			return w
		}
		return viewportWidth
	}
	return viewportWidth
}

// cutLength cuts a size into its condition and its length.
func cutLength(size string) (condition, length string) {
	for _, function := range []string{"calc(", "min(", "max(", "clamp("} {
		if i := strings.Index(size, function); i >= 0 {
			return size[:i], size[i:]
		}
	}
	i := strings.LastIndexFunc(size, isSpace)
	return size[:i+1], size[i+1:]
}
