package http1

import "strings"

// notInTrailers are the fields that a trailer section must not hold: "Many
// fields cannot be processed outside the header section because their evaluation
// is necessary prior to receiving the content, such as those that describe
// message framing, routing, authentication, request modifiers, response
// controls, or content format"
// (https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1).
var notInTrailers = internNames(
	// Framing, and what a hop says to the next one.
	"Connection", "Content-Length", "Keep-Alive", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
	// Routing.
	"Host", "Max-Forwards",
	// Authentication, and what else is taken for it.
	"Authorization", "Cookie", "Proxy-Authenticate", "Proxy-Authorization", "Set-Cookie",
	"Www-Authenticate",
	// Request modifiers; trailerMayHold knows the conditions, If-*.
	"Cache-Control", "Expect", "Pragma", "Range",
	// Response controls.
	"Age", "Date", "Expires", "Location", "Retry-After", "Vary", "Warning",
	// The format of the content.
	"Content-Encoding", "Content-Range", "Content-Type",
)

// trailerMayHold reports whether a trailer section may hold a field of that
// canonical name.
func trailerMayHold(name string) bool {
	return notInTrailers[name] == "" && !strings.HasPrefix(name, "If-")
}
