package http1

import (
	"encoding/binary"
	"math/bits"
)

// What nameOctets says about an octet.
const (
	newWord   = 1 << iota // a hyphen: the next letter begins a word
	wrongCase             // a letter whose case is not the canonical one
	notToken              // not a tchar (RFC 9110 §5.6.2)
)

// nameOctets judges the octets of a field name: row 1 those that begin a word,
// row 0 those within one. The bit newWord of one entry is the row of the next.
var nameOctets = makeNameOctets()

func makeNameOctets() (t [2][256]uint8) {
	for i := range 256 {
		c := byte(i)
		var begin, within uint8
		switch {
		case !isToken(c):
			begin, within = notToken, notToken
		case c == '-':
			begin, within = newWord, newWord
		case 'a' <= c && c <= 'z':
			begin = wrongCase
		case 'A' <= c && c <= 'Z':
			within = wrongCase
		}
		t[1][i], t[0][i] = begin, within
	}
	return t
}

// isToken reports whether c is a tchar: "!#$%&'*+-.^_`|~", a digit or a letter
// (RFC 9110 §5.6.2).
func isToken(c byte) bool {
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isOWS reports whether c is optional whitespace (RFC 9110 §5.6.3).
func isOWS(c byte) bool { return c == ' ' || c == '\t' }

// isControl reports whether c is one of the octets that no value may hold:
// controls other than HTAB (RFC 9110 §5.5).
func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// nextControl returns the index of the first control octet of b at or after i,
// HTAB included, or len(b). Values are scanned with it, so it looks at eight
// octets at a time.
//
// Of the two masks, the lowest bit set is always right; only above it can a
// borrow set a wrong one (Hacker's Delight, §6-1), and the lowest is the one
// that is asked for.
func nextControl(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		below := (x - ' '*ones) &^ x
		del := x ^ 0x7f*ones
		del = (del - ones) &^ del
		if m := (below | del) & highs; m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c < ' ' || c == 0x7f {
			return i
		}
	}
	return len(b)
}

// equalFold reports whether a and b are the same but for the case of ASCII
// letters. strings.EqualFold also takes U+212A, the Kelvin sign, for a k, and so
// would find "chunked" where no other reader does.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
