package report

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes text from elsewhere safe for a terminal: what is not printable,
// such as an escape sequence, a line break, a mark that turns the writing
// direction or a broken character, is shown by its number.
func clean(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < utf8.RuneSelf && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cleanURL makes a URL from elsewhere safe, and plain ASCII: every other octet
// is percent-encoded, as it would be on the wire (RFC 3986 §2.1).
func cleanURL(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			fmt.Fprintf(&b, "%%%02X", s[i])
		} else {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// wide are the blocks whose characters take two columns (Unicode's
// EastAsianWidth W and F, rounded to blocks).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1},
		{Lo: 0x1f680, Hi: 0x1f6ff, Stride: 1},
		{Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

// columns is how many columns clean text takes on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// head is the longest beginning of clean text that fits so many columns.
func head(s string, width int) string {
	for i, r := range s {
		if width -= runeColumns(r); width < 0 {
			return s[:i]
		}
	}
	return s
}

// padRight fills text up to so many columns, padLeft does so from the left.
// Text that is longer is cut.
func padRight(s string, width int) string {
	s = head(s, width)
	return s + strings.Repeat(" ", width-columns(s))
}

func padLeft(s string, width int) string {
	s = head(s, width)
	return strings.Repeat(" ", width-columns(s)) + s
}

// elide shortens plain ASCII in its middle. keep is how many columns of the
// beginning matter more than the end.
func elide(s string, width, keep int, dots string) string {
	if len(s) <= width {
		return s
	}
	room := width - columns(dots)
	if room <= 0 {
		return s[:max(width, 0)]
	}
	front := min(max(room/3, keep), room*2/3)
	return s[:front] + dots + s[len(s)-(room-front):]
}

// shortName names a URL within so many columns by what tells it apart on the
// page: the path, after the host if that is not the page's own.
func (t Terminal) shortName(raw, page string, width int) string {
	name, host := relative(raw, page)
	return elide(name, width, host, t.glyph("…", ".."))
}

// relative cuts the page's origin off a URL. Of another origin it says how many
// columns of the name it takes.
func relative(raw, page string) (name string, host int) {
	raw = cleanURL(raw)
	u, err := url.Parse(raw)
	base, baseErr := url.Parse(cleanURL(page))
	if err != nil || baseErr != nil || u.Host == "" {
		return raw, 0
	}
	rest, _ := strings.CutPrefix(raw, u.Scheme+"://"+u.Host)
	switch {
	case rest == raw: // written in a way of its own: show all of it
		return raw, 0
	case u.Scheme == base.Scheme && u.Host == base.Host:
		if rest == "" {
			rest = "/"
		}
		return rest, 0
	case u.Host != base.Host:
		return "//" + u.Host + rest, 2 + len(u.Host)
	}
	return raw, len(u.Scheme) + 3 + len(u.Host)
}

// wrapped breaks clean text between words into lines of so many columns, all but
// the first indented.
func wrapped(s string, width int, indent string) string {
	var b strings.Builder
	used := 0
	for word := range strings.FieldsSeq(s) {
		n := columns(word)
		if used > 0 && used+1+n > width {
			b.WriteString("\n" + indent)
			used = len(indent)
		} else if used > 0 {
			b.WriteByte(' ')
			used++
		}
		for used+n > width && n > 1 { // one word longer than a line
			part := head(word, max(width-used, 2))
			b.WriteString(part + "\n" + indent)
			word, used = word[len(part):], len(indent)
			n -= columns(part)
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}
