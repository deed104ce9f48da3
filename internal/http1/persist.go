package http1

import "net/http"

// CloseReason decides by the version and the Connection field of a response
// whether the server keeps the connection after it. The reason is empty if it
// does. Whether the body allows that is another question: [Framing].MustClose.
//
// The rules are those of
// https://www.rfc-editor.org/rfc/rfc9112#section-9.3, in their order.
func CloseReason(minor int, h http.Header) string {
	connection := h["Connection"]
	switch {
	case HasToken(connection, "close"):
		// "If the "close" connection option is present, the connection will not
		// persist after the current response; else,"
		return "server sent Connection: close"
	case minor >= 1:
		// "If the received protocol is HTTP/1.1 (or later), the connection will
		// persist after the current response; else,"
		return ""
	case HasToken(connection, "keep-alive"):
		// "If the received protocol is HTTP/1.0, the "keep-alive" connection
		// option is present, either the recipient is not a proxy or the message
		// is a response, and the recipient wishes to honor the HTTP/1.0
		// "keep-alive" mechanism, the connection will persist after the current
		// response; otherwise,"
		return ""
	}
	// "The connection will close after the current response."
	return "HTTP/1.0 without keep-alive"
}
