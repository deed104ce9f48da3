package http1

import (
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
// section, in the order of the field names, and the empty line.
//
// Nothing in the trailer can break the framing: fields that a trailer section
// must not hold or whose name is no token are left out, and each control octet
// in a value becomes a space.
func AppendLastChunk(dst []byte, trailer http.Header) []byte {
	dst = append(dst, "0\r\n"...)
	for _, name := range slices.Sorted(maps.Keys(trailer)) {
		if !isName(name) || !trailerMayHold(textproto.CanonicalMIMEHeaderKey(name)) {
			continue
		}
		for _, value := range trailer[name] {
			dst = append(dst, name...)
			dst = append(dst, ": "...)
			dst = appendValue(dst, value)
			dst = append(dst, "\r\n"...)
		}
	}
	return append(dst, "\r\n"...)
}

// appendValue appends a field value with a space for each control octet.
func appendValue(dst []byte, value string) []byte {
	start := len(dst)
	dst = append(dst, value...)
	for i, c := range dst[start:] {
		if isControl(c) {
			dst[start+i] = ' '
		}
	}
	return dst
}

// isName reports whether name is a token.
func isName(name string) bool {
	for i := range len(name) {
		if !isToken(name[i]) {
			return false
		}
	}
	return name != ""
}
