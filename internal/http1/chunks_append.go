package http1

import (
	"iter"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
)

// AppendChunk appends data to dst as one chunk. Empty data appends nothing: a
// chunk of no octets would end the body.
func AppendChunk(dst, data []byte) []byte {
	if len(data) == 0 {
		return dst
	}
	dst = strconv.AppendInt(dst, int64(len(data)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, data...)
	return append(dst, "\r\n"...)
}

// AppendLastChunk appends what ends a chunked body: the last chunk, the trailer
// section with the fields of TrailerFields, and the empty line.
func AppendLastChunk(dst []byte, trailer http.Header) []byte {
	dst = append(dst, "0\r\n"...)
	for name, value := range TrailerFields(trailer) {
		dst = append(dst, name...)
		dst = append(dst, ": "...)
		dst = append(dst, value...)
		dst = append(dst, "\r\n"...)
	}
	return append(dst, "\r\n"...)
}

// TrailerFields yields what a trailer section may hold, in the order of the field
// names. Their values come when the body has been sent, too late to refuse them,
// and nothing in them can be read as another message: fields that a trailer section
// must not hold or whose name is no token are left out, and each control octet in
// a value becomes a space.
func TrailerFields(trailer http.Header) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for _, name := range slices.Sorted(maps.Keys(trailer)) {
			if !isName(name) || !trailerMayHold(textproto.CanonicalMIMEHeaderKey(name)) {
				continue
			}
			for _, value := range trailer[name] {
				if !yield(name, withoutControls(value)) {
					return
				}
			}
		}
	}
}

// withoutControls returns a field value with a space for each control octet.
func withoutControls(value string) string {
	b := []byte(value)
	for i, c := range b {
		if isControl(c) {
			b[i] = ' '
		}
	}
	return string(b)
}

func isName(name string) bool {
	for i := range len(name) {
		if !isToken(name[i]) {
			return false
		}
	}
	return name != ""
}
