package http1

import (
	"fmt"
	"math"
	"net/http"
	"strings"
)

// A BodyKind says how the end of a body is found.
type BodyKind uint8

// The ways in which a body ends.
const (
	NoBody     BodyKind = iota // there is none: the message ends with its head
	Length                     // after a known number of octets, perhaps 0
	Chunked                    // as the chunked coding says
	UntilClose                 // with the connection; responses only
)

// String returns the kind in words.
func (k BodyKind) String() string {
	switch k {
	case NoBody:
		return "no body"
	case Length:
		return "length"
	case Chunked:
		return "chunked"
	case UntilClose:
		return "until close"
	}
	return fmt.Sprintf("BodyKind(%d)", uint8(k))
}

// Framing says where the body of a message ends.
type Framing struct {
	Kind BodyKind

	// Length is the number of octets for the kind Length. For the others it is
	// what http.Response.ContentLength means by them: -1 where the length is not
	// known beforehand, 0 where there is no body, and for the answer to a HEAD
	// what Content-Length announces, -1 if it announces nothing.
	Length int64

	// MustClose, if not empty, is the reason why the connection must not carry
	// another exchange, whatever the Connection field says.
	MustClose string
}

// Empty reports whether the message ends with its head: nothing is to be read.
func (f Framing) Empty() bool {
	return f.Kind == NoBody || (f.Kind == Length && f.Length == 0)
}

// Reasons of MustClose.
const (
	closeBoth       = "both Transfer-Encoding and Content-Length"
	closeOldCoding  = "Transfer-Encoding in HTTP/1.0"
	closeNotChunked = "Transfer-Encoding that does not end with chunked"
	closeNoLength   = "the end of the connection ends the body"
)

// ResponseFraming decides how the body of the response to a request with the
// given method ends, by the rules of
// https://www.rfc-editor.org/rfc/rfc9112#section-6.3 in their order.
//
// A 2xx to CONNECT has no body: what follows its head is the tunnel. Nor has a
// 101: what follows is the new protocol.
//
// The error is a [*SyntaxError] if the framing is invalid, or a [*CodingError]
// if a transfer coding other than chunked was applied; the latter comes with the
// framing.
func ResponseFraming(method string, r *Response) (Framing, error) {
	switch {
	case method == "CONNECT" && r.Status/100 == 2:
		// "A client MUST ignore any Content-Length or Transfer-Encoding header
		// fields received in such a message."
		return Framing{Kind: NoBody}, nil
	case method == "HEAD" || r.Status/100 == 1 || r.Status == 204 || r.Status == 304:
		// "… is always terminated by the first empty line after the header
		// fields, regardless of the header fields present in the message, and
		// thus cannot contain a message body or trailer section."
		return bodiless(method, r), nil
	case has(r.Header, "Transfer-Encoding"):
		return codedFraming("HTTP response", r.Minor, r.Header)
	case has(r.Header, "Content-Length"):
		return lengthFraming("HTTP response", r.Header["Content-Length"])
	}
	// "Otherwise, this is a response message without a declared message body
	// length, so the message body length is determined by the number of octets
	// received prior to the server closing the connection."
	return Framing{Kind: UntilClose, Length: -1, MustClose: closeNoLength}, nil
}

// bodiless is the framing of a response that cannot have a body.
func bodiless(method string, r *Response) Framing {
	f := Framing{Kind: NoBody}
	coded := has(r.Header, "Transfer-Encoding")
	if coded && r.Minor == 0 {
		f.MustClose = closeOldCoding
	}
	if method == "HEAD" {
		f.Length = -1
		if lengths := r.Header["Content-Length"]; len(lengths) > 0 && !coded {
			if announced, err := lengthFraming("HTTP response", lengths); err == nil {
				f.Length = announced.Length
			}
		}
	}
	return f
}

// RequestFraming decides how the body of a request ends, by the rules of
// https://www.rfc-editor.org/rfc/rfc9112#section-6.3 in their order. It is never
// UntilClose. Its errors are those of [ResponseFraming].
func RequestFraming(r *Request) (Framing, error) {
	switch {
	case has(r.Header, "Transfer-Encoding"):
		f, err := codedFraming("HTTP request", r.Minor, r.Header)
		if f.Kind == UntilClose {
			// "If a Transfer-Encoding header field is present in a request and
			// the chunked transfer coding is not the final encoding, the message
			// body length cannot be determined reliably; the server MUST respond
			// with the 400 (Bad Request) status code and then close the
			// connection."
			return Framing{}, framingError("HTTP request", closeNotChunked)
		}
		return f, err
	case has(r.Header, "Content-Length"):
		return lengthFraming("HTTP request", r.Header["Content-Length"])
	}
	// "If this is a request message and none of the above are true, then the
	// message body length is zero (no message body is present)."
	return Framing{Kind: NoBody}, nil
}

// codedFraming decides for a message with a Transfer-Encoding field: chunked if
// that is the last coding, until close if it is not.
//
// "identity" alone is no coding any more (RFC 9112 drops it), but old servers
// send it to say that there is none; it is taken at that.
func codedFraming(in string, minor int, h http.Header) (Framing, error) {
	codings, err := readCodings(in, h["Transfer-Encoding"])
	if err != nil {
		return Framing{}, err
	}
	f := Framing{Kind: UntilClose, Length: -1, MustClose: closeNotChunked}
	if codings.chunked {
		f.Kind, f.MustClose = Chunked, ""
	}
	switch {
	case has(h, "Content-Length"):
		// "If a message is received with both a Transfer-Encoding and a
		// Content-Length header field, the Transfer-Encoding overrides the
		// Content-Length. Such a message might indicate an attempt to perform
		// request smuggling or response splitting and ought to be handled as an
		// error."
		f.MustClose = closeBoth
	case minor == 0:
		// "A server or client that receives an HTTP/1.0 message containing a
		// Transfer-Encoding header field MUST treat the message as if the framing
		// is faulty, even if a Content-Length is present, and close the
		// connection after processing the message."
		// https://www.rfc-editor.org/rfc/rfc9112#section-6.1
		f.MustClose = closeOldCoding
	}
	if codings.other != "" && (codings.chunked || !equalFold(codings.other, "identity")) {
		return f, &CodingError{Coding: codings.other}
	}
	return f, nil
}

// codings is what a Transfer-Encoding field says.
type codings struct {
	chunked bool   // chunked is the last one
	other   string // the last one that is not chunked
}

// readCodings reads the values of a Transfer-Encoding field.
//
// "A sender MUST NOT apply the chunked transfer coding more than once to a
// message body" (https://www.rfc-editor.org/rfc/rfc9112#section-6.1). "The
// chunked coding does not define any parameters. Their presence SHOULD be
// treated as an error" (https://www.rfc-editor.org/rfc/rfc9112#section-7.1).
func readCodings(in string, values []string) (codings, error) {
	var c codings
	seen := false
	for _, rest := range values {
		for rest != "" {
			var coding string
			coding, rest = cutElement(rest)
			if coding == "" {
				continue
			}
			name, _, parameters := strings.Cut(coding, ";")
			c.chunked = equalFold(strings.TrimRight(name, " \t"), "chunked")
			switch {
			case !c.chunked:
				c.other = coding
			case parameters:
				return codings{}, framingError(in, "chunked coding with parameters")
			case seen:
				return codings{}, framingError(in, "chunked coding applied twice")
			}
			seen = seen || c.chunked
		}
	}
	return c, nil
}

// lengthFraming decides for a message with a Content-Length field alone.
//
// "… the recipient MUST treat it as an unrecoverable error, unless the field
// value can be successfully parsed as a comma-separated list, all values in the
// list are valid, and all values in the list are the same (in which case, the
// message is processed with that single value used as the Content-Length field
// value)." The same means the same digits: 5 and 05 are not.
func lengthFraming(in string, values []string) (Framing, error) {
	first, _, _ := strings.Cut(values[0], ",")
	first = strings.Trim(first, " \t")
	n, ok := parseLength(first)
	if !ok {
		return Framing{}, framingError(in, fmt.Sprintf("Content-Length %q is not a number of octets", first))
	}
	for _, list := range values {
		for value := range strings.SplitSeq(list, ",") {
			if value = strings.Trim(value, " \t"); value != first {
				return Framing{}, framingError(in, fmt.Sprintf("Content-Lengths %q and %q differ", first, value))
			}
		}
	}
	return Framing{Kind: Length, Length: n}, nil
}

// parseLength reads 1*DIGIT. What does not fit into an int64 is no number of
// octets either.
func parseLength(digits string) (n int64, ok bool) {
	for i := range len(digits) {
		c := digits[i]
		if !isDigit(c) || n > (math.MaxInt64-int64(c-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, digits != ""
}

func framingError(in, what string) error {
	return &SyntaxError{In: in, What: what, Offset: -1}
}

func has(h http.Header, name string) bool { return len(h[name]) > 0 }
