package http1

import (
	"errors"
	"net/http"
	"testing"
)

// A framingCase is one rule of RFC 9112 at work on the fields of a message.
type framingCase struct {
	name   string
	method string // responses: of the request; GET if empty
	status int    // responses: 200 if 0
	minor  int
	fields []string // name, value, name, value …
	want   Framing
	fault  string // the text of the error, if one is wanted
}

func (c framingCase) header() http.Header {
	h := http.Header{}
	for i := 0; i < len(c.fields); i += 2 {
		h.Add(c.fields[i], c.fields[i+1])
	}
	return h
}

func (c framingCase) check(t *testing.T, got Framing, err error) {
	t.Helper()
	fault := ""
	if err != nil {
		fault = err.Error()
	}
	if got != c.want || fault != c.fault {
		t.Errorf("%s:\ngot  %+v, error %q\nwant %+v, error %q", c.name, got, fault, c.want, c.fault)
	}
}

const (
	te = "Transfer-Encoding"
	cl = "Content-Length"
)

// The numbers are those of the rules of
// https://www.rfc-editor.org/rfc/rfc9112#section-6.3.
var responseFramings = []framingCase{
	// 1. "Any response to a HEAD request and any response with a 1xx
	// (Informational), 204 (No Content), or 304 (Not Modified) status code is
	// always terminated by the first empty line after the header fields, regardless
	// of the header fields present in the message, and thus cannot contain a message
	// body or trailer section."
	{name: "HEAD", method: "HEAD", minor: 1, fields: []string{cl, "5"}, want: Framing{NoBody, 5, ""}},
	{name: "HEAD without a length", method: "HEAD", minor: 1, want: Framing{NoBody, -1, ""}},
	{name: "HEAD, chunked", method: "HEAD", minor: 1, fields: []string{te, "chunked"}, want: Framing{NoBody, -1, ""}},
	{name: "HEAD, chunked, with a length", method: "HEAD", minor: 1, fields: []string{te, "chunked", cl, "5"}, want: Framing{NoBody, -1, ""}},
	{name: "HEAD with a bad length", method: "HEAD", minor: 1, fields: []string{cl, "5x"}, want: Framing{NoBody, -1, ""}},
	{name: "100", status: 100, minor: 1, fields: []string{cl, "5"}, want: Framing{NoBody, 0, ""}},
	{name: "101", status: 101, minor: 1, fields: []string{te, "chunked"}, want: Framing{NoBody, 0, ""}},
	{name: "204", status: 204, minor: 1, fields: []string{cl, "5"}, want: Framing{NoBody, 0, ""}},
	{name: "304", status: 304, minor: 1, fields: []string{te, "gzip, chunked"}, want: Framing{NoBody, 0, ""}},
	{name: "304 with a bad length", status: 304, minor: 1, fields: []string{cl, "-1"}, want: Framing{NoBody, 0, ""}},
	{name: "304 in HTTP/1.0 with a coding", status: 304, fields: []string{te, "chunked"}, want: Framing{NoBody, 0, closeOldCoding}},

	// 2. "Any 2xx (Successful) response to a CONNECT request implies that the
	// connection will become a tunnel immediately after the empty line that
	// concludes the header fields. A client MUST ignore any Content-Length or
	// Transfer-Encoding header fields received in such a message."
	{name: "CONNECT", method: "CONNECT", minor: 1, want: Framing{NoBody, 0, ""}},
	{name: "CONNECT, chunked", method: "CONNECT", minor: 1, fields: []string{te, "chunked"}, want: Framing{NoBody, 0, ""}},
	{name: "CONNECT with a length", method: "CONNECT", status: 299, minor: 1, fields: []string{cl, "x"}, want: Framing{NoBody, 0, ""}},
	{name: "CONNECT refused", method: "CONNECT", status: 407, minor: 1, fields: []string{cl, "5"}, want: Framing{Length, 5, ""}},

	// 3. "If a message is received with both a Transfer-Encoding and a
	// Content-Length header field, the Transfer-Encoding overrides the
	// Content-Length. Such a message might indicate an attempt to perform request
	// smuggling (Section 11.2) or response splitting (Section 11.1) and ought to be
	// handled as an error."
	{name: "both", minor: 1, fields: []string{cl, "5", te, "chunked"}, want: Framing{Chunked, -1, closeBoth}},
	{name: "both, the length being bad", minor: 1, fields: []string{te, "chunked", cl, "x"}, want: Framing{Chunked, -1, closeBoth}},
	{name: "both, not chunked", minor: 1, fields: []string{te, "identity", cl, "5"}, want: Framing{UntilClose, -1, closeBoth}},

	// 4. "If a Transfer-Encoding header field is present and the chunked transfer
	// coding is the final encoding, the message body length is determined by reading
	// and decoding the chunked data until the transfer coding indicates the data is
	// complete."
	{name: "chunked", minor: 1, fields: []string{te, "chunked"}, want: Framing{Chunked, -1, ""}},
	{name: "chunked, in other letters", minor: 1, fields: []string{te, " ,ChunKED, "}, want: Framing{Chunked, -1, ""}},
	{
		name: "chunked last of two", minor: 1, fields: []string{te, "gzip, chunked"}, want: Framing{Chunked, -1, ""},
		fault: `unsupported transfer coding "gzip"`,
	},
	{
		name: "chunked last, in a second field", minor: 1, fields: []string{te, "gzip", te, "chunked"}, want: Framing{Chunked, -1, ""},
		fault: `unsupported transfer coding "gzip"`,
	},
	{
		name: "a coding with parameters", minor: 1, fields: []string{te, `x;a="b, c", chunked`}, want: Framing{Chunked, -1, ""},
		fault: `unsupported transfer coding "x;a=\"b, c\""`,
	},
	{
		name: "identity is no coding in front of another", minor: 1, fields: []string{te, "identity, chunked"}, want: Framing{Chunked, -1, ""},
		fault: `unsupported transfer coding "identity"`,
	},
	// "A sender MUST NOT apply the chunked transfer coding more than once to a
	// message body". https://www.rfc-editor.org/rfc/rfc9112#section-6.1
	{
		name: "chunked twice", minor: 1, fields: []string{te, "chunked, chunked"},
		fault: "malformed HTTP response: chunked coding applied twice",
	},
	{
		name: "chunked twice, with another between", minor: 1, fields: []string{te, "chunked, gzip", te, "chunked"},
		fault: "malformed HTTP response: chunked coding applied twice",
	},
	// "The chunked coding does not define any parameters. Their presence SHOULD be
	// treated as an error." https://www.rfc-editor.org/rfc/rfc9112#section-7.1
	{
		name: "chunked with parameters", minor: 1, fields: []string{te, "chunked ;a=b"},
		fault: "malformed HTTP response: chunked coding with parameters",
	},

	// 4. "If a Transfer-Encoding header field is present in a response and the
	// chunked transfer coding is not the final encoding, the message body length is
	// determined by reading the connection until it is closed by the server."
	{
		name: "chunked not last", minor: 1, fields: []string{te, "chunked, gzip"}, want: Framing{UntilClose, -1, closeNotChunked},
		fault: `unsupported transfer coding "gzip"`,
	},
	{
		name: "not chunked", minor: 1, fields: []string{te, "gzip"}, want: Framing{UntilClose, -1, closeNotChunked},
		fault: `unsupported transfer coding "gzip"`,
	},
	{
		name: "nearly chunked", minor: 1, fields: []string{te, "xchunked"}, want: Framing{UntilClose, -1, closeNotChunked},
		fault: `unsupported transfer coding "xchunked"`,
	},
	{name: "identity", minor: 1, fields: []string{te, "Identity"}, want: Framing{UntilClose, -1, closeNotChunked}},
	{name: "no coding named", minor: 1, fields: []string{te, ""}, want: Framing{UntilClose, -1, closeNotChunked}},

	// "A server or client that receives an HTTP/1.0 message containing a
	// Transfer-Encoding header field MUST treat the message as if the framing is
	// faulty, even if a Content-Length is present, and close the connection after
	// processing the message." https://www.rfc-editor.org/rfc/rfc9112#section-6.1
	{name: "chunked in HTTP/1.0", fields: []string{te, "chunked"}, want: Framing{Chunked, -1, closeOldCoding}},

	// 5. "If a message is received without Transfer-Encoding and with an invalid
	// Content-Length header field, then the message framing is invalid and the
	// recipient MUST treat it as an unrecoverable error, unless the field value can
	// be successfully parsed as a comma-separated list (Section 5.6.1 of [HTTP]),
	// all values in the list are valid, and all values in the list are the same (in
	// which case, the message is processed with that single value used as the
	// Content-Length field value)."
	{name: "a length twice", minor: 1, fields: []string{cl, "5", cl, "5"}, want: Framing{Length, 5, ""}},
	{name: "a length twice in one field", minor: 1, fields: []string{cl, "5 ,\t5"}, want: Framing{Length, 5, ""}},
	{name: "differing lengths", minor: 1, fields: []string{cl, "5", cl, "6"}, fault: `malformed HTTP response: Content-Lengths "5" and "6" differ`},
	{name: "differing lengths in one field", minor: 1, fields: []string{cl, "5,6"}, fault: `malformed HTTP response: Content-Lengths "5" and "6" differ`},
	{name: "differing digits", minor: 1, fields: []string{cl, "5", cl, "05"}, fault: `malformed HTTP response: Content-Lengths "5" and "05" differ`},
	{name: "one bad length of two", minor: 1, fields: []string{cl, "5", cl, "x"}, fault: `malformed HTTP response: Content-Lengths "5" and "x" differ`},
	{name: "an empty element", minor: 1, fields: []string{cl, "5,"}, fault: `malformed HTTP response: Content-Lengths "5" and "" differ`},
	{name: "an empty length", minor: 1, fields: []string{cl, ""}, fault: `malformed HTTP response: Content-Length "" is not a number of octets`},
	{name: "a sign", minor: 1, fields: []string{cl, "+5"}, fault: `malformed HTTP response: Content-Length "+5" is not a number of octets`},
	{name: "a minus sign", minor: 1, fields: []string{cl, "-5"}, fault: `malformed HTTP response: Content-Length "-5" is not a number of octets`},
	{name: "a hexadecimal length", minor: 1, fields: []string{cl, "0x5"}, fault: `malformed HTTP response: Content-Length "0x5" is not a number of octets`},
	{name: "an underscore", minor: 1, fields: []string{cl, "1_0"}, fault: `malformed HTTP response: Content-Length "1_0" is not a number of octets`},
	{name: "a space within", minor: 1, fields: []string{cl, "1 0"}, fault: `malformed HTTP response: Content-Length "1 0" is not a number of octets`},
	{name: "digits of another script", minor: 1, fields: []string{cl, "\u0665"}, fault: `malformed HTTP response: Content-Length "٥" is not a number of octets`},
	{name: "the greatest length", minor: 1, fields: []string{cl, "9223372036854775807"}, want: Framing{Length, 1<<63 - 1, ""}},
	{name: "a length too great", minor: 1, fields: []string{cl, "9223372036854775808"}, fault: `malformed HTTP response: Content-Length "9223372036854775808" is not a number of octets`},
	{name: "a length of 2^64 + 5", minor: 1, fields: []string{cl, "18446744073709551621"}, fault: `malformed HTTP response: Content-Length "18446744073709551621" is not a number of octets`},

	// 6. "If a valid Content-Length header field is present without
	// Transfer-Encoding, its decimal value defines the expected message body length
	// in octets."
	{name: "length", minor: 1, fields: []string{cl, "5"}, want: Framing{Length, 5, ""}},
	{name: "length 0", minor: 0, fields: []string{cl, "0"}, want: Framing{Length, 0, ""}},
	{name: "length 007", minor: 1, fields: []string{cl, "007"}, want: Framing{Length, 7, ""}},

	// 8. "Otherwise, this is a response message without a declared message body
	// length, so the message body length is determined by the number of octets
	// received prior to the server closing the connection."
	{name: "nothing declared", minor: 1, want: Framing{UntilClose, -1, closeNoLength}},
	{name: "nothing declared in HTTP/1.0", want: Framing{UntilClose, -1, closeNoLength}},
	{name: "nothing declared, out of range", status: 600, minor: 1, want: Framing{UntilClose, -1, closeNoLength}},
}

func TestResponseFraming(t *testing.T) {
	for _, c := range responseFramings {
		r := &Response{Major: 1, Minor: c.minor, Status: c.status, Header: c.header()}
		if c.status == 0 {
			r.Status = 200
		}
		method := c.method
		if method == "" {
			method = "GET"
		}
		got, err := ResponseFraming(method, r)
		c.check(t, got, err)
	}
}

var requestFramings = []framingCase{
	// 3 and https://www.rfc-editor.org/rfc/rfc9112#section-6.1: "A server MAY reject
	// a request that contains both Content-Length and Transfer-Encoding or process
	// such a request in accordance with the Transfer-Encoding alone. Regardless, the
	// server MUST close the connection after responding to such a request to avoid
	// the potential attacks."
	{name: "both", minor: 1, fields: []string{te, "chunked", cl, "5"}, want: Framing{Chunked, -1, closeBoth}},
	{name: "chunked", minor: 1, fields: []string{te, "chunked"}, want: Framing{Chunked, -1, ""}},
	{name: "chunked in HTTP/1.0", fields: []string{te, "chunked"}, want: Framing{Chunked, -1, closeOldCoding}},
	// "A server that receives a request message with a transfer coding it does not
	// understand SHOULD respond with 501 (Not Implemented)."
	// https://www.rfc-editor.org/rfc/rfc9112#section-6.1
	{
		name: "an unknown coding", minor: 1, fields: []string{te, "x, chunked"}, want: Framing{Chunked, -1, ""},
		fault: `unsupported transfer coding "x"`,
	},
	// 4. "If a Transfer-Encoding header field is present in a request and the
	// chunked transfer coding is not the final encoding, the message body length
	// cannot be determined reliably; the server MUST respond with the 400 (Bad
	// Request) status code and then close the connection."
	{
		name: "chunked not last", minor: 1, fields: []string{te, "chunked, gzip"},
		fault: "malformed HTTP request: Transfer-Encoding that does not end with chunked",
	},
	{
		name: "identity", minor: 1, fields: []string{te, "identity", cl, "5"},
		fault: "malformed HTTP request: Transfer-Encoding that does not end with chunked",
	},
	{
		name: "chunked twice", minor: 1, fields: []string{te, "chunked", te, "chunked"},
		fault: "malformed HTTP request: chunked coding applied twice",
	},
	// 5 and 6, as for responses.
	{name: "length", minor: 1, fields: []string{cl, "5"}, want: Framing{Length, 5, ""}},
	{name: "differing lengths", minor: 1, fields: []string{cl, "5, 6"}, fault: `malformed HTTP request: Content-Lengths "5" and "6" differ`},
	// 7. "If this is a request message and none of the above are true, then the
	// message body length is zero (no message body is present)."
	{name: "nothing declared", minor: 1, want: Framing{NoBody, 0, ""}},
}

func TestRequestFraming(t *testing.T) {
	for _, c := range requestFramings {
		got, err := RequestFraming(&Request{Method: "POST", Major: 1, Minor: c.minor, Header: c.header()})
		c.check(t, got, err)
	}
}

func TestFramingErrorTypes(t *testing.T) {
	_, err := ResponseFraming("GET", &Response{Status: 200, Minor: 1, Header: http.Header{te: {"gzip, chunked"}}})
	var coding *CodingError
	if !errors.As(err, &coding) || coding.Coding != "gzip" {
		t.Errorf("%v, want a CodingError that names gzip", err)
	}
	_, err = ResponseFraming("GET", &Response{Status: 200, Minor: 1, Header: http.Header{cl: {"-1"}}})
	var fault *SyntaxError
	if !errors.As(err, &fault) || fault.Offset != -1 {
		t.Errorf("%v, want a SyntaxError without a place", err)
	}
}
