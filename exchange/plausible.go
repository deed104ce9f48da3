package exchange

import (
	"bytes"

	"github.com/lingerhttp/linger/internal/http1"
)

// maxMethod is how long a method can be, in octets: of those that are registered
// (https://www.iana.org/assignments/http-methods), the longest has 17.
const maxMethod = 32

// plausibleRequest says whether b can be the start of a request line, and whether
// so much of it is there that it is one.
func plausibleRequest(b []byte) (ok, sure bool) {
	for i, c := range b {
		switch {
		case c == ' ':
			return i > 0, i > 0
		case i == maxMethod || !isMethodOctet(c):
			return false, false
		}
	}
	return true, false
}

// isMethodOctet says whether c stands in methods. That is less than what a token may
// hold: none in use has others.
func isMethodOctet(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// plausibleResponse is plausibleRequest for a status line.
func plausibleResponse(b []byte) (ok, sure bool) {
	ok = http1.PlausibleResponse(b) && (len(b) < 6 || b[5] == '1')
	return ok, ok && len(b) >= statusLength
}

// statusLength is that of "HTTP/1.1 200".
const statusLength = 12

// emptyLines is how many octets of line ends stand at the start of b. There are
// clients that send one behind a body: https://www.rfc-editor.org/rfc/rfc9112#section-2.2.
// So do servers, and who only watches forgives it.
func emptyLines(b []byte) int {
	return len(b) - len(bytes.TrimLeft(b, "\r\n"))
}
