package http1

import (
	"fmt"
	"net/http"
)

const versionForm = "HTTP/d.d"

// A Response is the head of a response.
type Response struct {
	Major, Minor int // 1 and 0 to 9
	Status       int // 100 to 999, as received

	// Text is status code and reason phrase as received: "200 OK".
	Text string

	// Header holds the fields under their canonical names
	// (net/textproto.CanonicalMIMEHeaderKey), the values of one name in their
	// order. It is never nil. Nothing is added or taken away.
	Header http.Header
}

// A Request is the head of a request.
type Request struct {
	Method, Target string
	Major, Minor   int // 1 and 0 to 9

	// Header holds the fields as in a Response; Host is among them.
	Header http.Header
}

// Proto returns the version as it stands in the status line: "HTTP/1.1".
func (r Response) Proto() string { return proto(r.Major, r.Minor) }

// Proto returns the version as it stands in the request line: "HTTP/1.1".
func (r Request) Proto() string { return proto(r.Major, r.Minor) }

func proto(major, minor int) string {
	switch {
	case major == 1 && minor == 1:
		return "HTTP/1.1"
	case major == 1 && minor == 0:
		return "HTTP/1.0"
	}
	return fmt.Sprintf("HTTP/%d.%d", major, minor)
}

// ParseResponse reads a head as [HeadEnd] delimits it. Strings of the result
// share one copy of the head; they do not refer to its octets.
//
// The error is a [*SyntaxError], or a [*VersionError] if the version is not 1.x.
func ParseResponse(head []byte) (Response, error) {
	s := section{in: "HTTP response", b: head, s: string(head)}
	var r Response
	if err := s.statusLine(&r); err != nil {
		return Response{}, err
	}
	var err error
	if r.Header, err = s.fields(); err != nil {
		return Response{}, err
	}
	return r, nil
}

// statusLine reads "HTTP/d.d SP 3DIGIT [SP reason]".
//
// "A server MUST send the space that separates the status-code from the
// reason-phrase even when the reason-phrase is absent"
// (https://www.rfc-editor.org/rfc/rfc9112#section-4): many do not, and nothing
// hangs on it.
func (s *section) statusLine(r *Response) error {
	var err error
	if r.Major, r.Minor, err = s.version(); err != nil {
		return err
	}
	b, at := s.b, s.at
	if len(b) < at+5 || b[at] != ' ' ||
		!isDigit(b[at+1]) || !isDigit(b[at+2]) || !isDigit(b[at+3]) {
		return s.fail(at, "no space and three-digit status code behind the version")
	}
	r.Status = int(b[at+1]-'0')*100 + int(b[at+2]-'0')*10 + int(b[at+3]-'0')
	if r.Status < 100 {
		// Such a code has no class. A reader that takes all below 200 for interim
		// would find another message behind this head than one that does not.
		return s.fail(at+1, "status code below 100")
	}
	text := at + 1
	at += 4
	end, next, err := s.lineEnd(at, "reason phrase")
	if err != nil {
		return err
	}
	r.Text = s.s[text:end]
	if at < end && b[at] != ' ' {
		return s.fail(at, "no space behind the status code")
	}
	s.at = next
	return nil
}

// ParseRequest reads a head as [HeadEnd] delimits it, without empty lines in
// front ([EmptyLines]). Strings of the result share one copy of the head; they
// do not refer to its octets.
//
// The error is a [*SyntaxError], or a [*VersionError] if the version is not 1.x.
// Whether target and Host make sense is not looked at.
func ParseRequest(head []byte) (Request, error) {
	s := section{in: "HTTP request", b: head, s: string(head), strict: true}
	var r Request
	if err := s.requestLine(&r); err != nil {
		return Request{}, err
	}
	var err error
	if r.Header, err = s.fields(); err != nil {
		return Request{}, err
	}
	return r, nil
}

// requestLine reads "method SP request-target SP HTTP-version CRLF", with
// exactly those spaces: "lenient parsing can result in request smuggling
// security vulnerabilities if there are multiple recipients of the message and
// each has its own unique interpretation of robustness"
// (https://www.rfc-editor.org/rfc/rfc9112#section-3).
func (s *section) requestLine(r *Request) error {
	at := 0
	for at < len(s.b) && isToken(s.b[at]) {
		at++
	}
	if at == 0 || at == len(s.b) || s.b[at] != ' ' {
		return s.fail(at, "no method and space")
	}
	r.Method = s.s[:at]

	at++
	start := at
	// Octets above 0x7f are no part of a URI, but clients do send them.
	for at < len(s.b) && s.b[at] > ' ' && s.b[at] != 0x7f {
		at++
	}
	if at == start || at == len(s.b) || s.b[at] != ' ' {
		return s.fail(at, "no request target and space")
	}
	r.Target = s.s[start:at]

	s.at = at + 1
	var err error
	if r.Major, r.Minor, err = s.version(); err != nil {
		return err
	}
	end, next, err := s.lineEnd(s.at, "request line")
	if err != nil {
		return err
	}
	if end != s.at {
		return s.fail(s.at, "octets behind the version")
	}
	s.at = next
	return nil
}

// version reads "HTTP/d.d". "HTTP-version is case-sensitive"
// (https://www.rfc-editor.org/rfc/rfc9112#section-2.3).
func (s *section) version() (major, minor int, err error) {
	b := s.b[s.at:]
	if len(b) < len(versionForm) || string(b[:5]) != "HTTP/" ||
		!isDigit(b[5]) || b[6] != '.' || !isDigit(b[7]) {
		return 0, 0, s.fail(s.at, "no HTTP version")
	}
	major, minor = int(b[5]-'0'), int(b[7]-'0')
	if major != 1 {
		return 0, 0, &VersionError{Major: major, Minor: minor}
	}
	s.at += len(versionForm)
	return major, minor, nil
}
