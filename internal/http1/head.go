package http1

import "bytes"

// HeadEnd returns the length of the head at the start of b, the empty line that
// ends it included, or 0 if the head is not complete.
//
// A caller that reads more octets behind b passes the next of the earlier call
// as from, 0 at first: the search is then linear over any number of reads.
//
// A line ends with CRLF or with a lone LF, whatever the parsers think of the
// latter: "a recipient MAY recognize a single LF as a line terminator and ignore
// any preceding CR" (https://www.rfc-editor.org/rfc/rfc9112#section-2.2). The
// head begins with its start line: empty lines in front of it belong to
// [EmptyLines].
func HeadEnd(b []byte, from int) (end, next int) {
	for from < len(b) {
		i := bytes.IndexByte(b[from:], '\n')
		if i < 0 {
			return 0, len(b)
		}
		from += i
		rest := b[from+1:]
		switch {
		case len(rest) >= 1 && rest[0] == '\n':
			return from + 2, from
		case len(rest) >= 2 && rest[0] == '\r' && rest[1] == '\n':
			return from + 3, from
		case len(rest) == 0 || len(rest) == 1 && rest[0] == '\r':
			return 0, from // the next octet decides; look at this LF again
		}
		from++
	}
	return 0, from
}

// EmptyLines returns the length of the empty lines at the start of b. A reader
// of requests drops them before it looks for a head: "a server that is expecting
// to receive and parse a request-line SHOULD ignore at least one empty line
// (CRLF) received prior to the request-line"
// (https://www.rfc-editor.org/rfc/rfc9112#section-2.2). A reader of responses
// does not.
func EmptyLines(b []byte) int {
	n := 0
	for bytes.HasPrefix(b[n:], []byte("\r\n")) {
		n += 2
	}
	return n
}

// PlausibleResponse reports whether b, possibly shorter than a status line, can
// be the start of one: "HTTP/d.d ddd". With it a client can tell garbage from
// HTTP at the first octet instead of waiting for a head that never ends. An
// empty b is plausible; an empty line is not.
func PlausibleResponse(b []byte) bool {
	const pattern = "HTTP/d.d ddd"
	for i := range min(len(b), len(pattern)) {
		if pattern[i] == 'd' {
			if !isDigit(b[i]) {
				return false
			}
		} else if b[i] != pattern[i] {
			return false
		}
	}
	return true
}
