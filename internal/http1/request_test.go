package http1

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
)

func TestParseRequest(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     Request
	}{
		{
			"curl", head("GET /where?q=now HTTP/1.1", "Host: www.example.org", "User-Agent: curl/8.14.1", "Accept: */*"),
			Request{"GET", "/where?q=now", 1, 1, http.Header{
				"Host": {"www.example.org"}, "User-Agent": {"curl/8.14.1"}, "Accept": {"*/*"},
			}},
		},
		{
			"absolute form", head("GET http://www.example.org/pub HTTP/1.0"),
			Request{"GET", "http://www.example.org/pub", 1, 0, http.Header{}},
		},
		{
			"authority form", head("CONNECT www.example.com:80 HTTP/1.1", "host: www.example.com"),
			Request{"CONNECT", "www.example.com:80", 1, 1, http.Header{"Host": {"www.example.com"}}},
		},
		{
			"asterisk form", head("OPTIONS * HTTP/1.1", "Host: a"),
			Request{"OPTIONS", "*", 1, 1, http.Header{"Host": {"a"}}},
		},
		{
			// "The request method is case-sensitive."
			// https://www.rfc-editor.org/rfc/rfc9112#section-3.1
			"a method nobody knows", head("get-It! / HTTP/1.1"),
			Request{"get-It!", "/", 1, 1, http.Header{}},
		},
		{
			"octets above 0x7f in the target", head("GET /gr\xc3\xbcn HTTP/1.1"),
			Request{"GET", "/gr\xc3\xbcn", 1, 1, http.Header{}},
		},
	} {
		r, err := ParseRequest([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if !reflect.DeepEqual(r, test.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.name, r, test.want)
		}
	}
}

func TestParseRequestErrors(t *testing.T) {
	const line = "GET / HTTP/1.1\r\n" // 16 octets
	for _, test := range []struct {
		in, what string
		offset   int
	}{
		{"", "no method and space", 0},
		{"\r\nGET / HTTP/1.1\r\n\r\n", "no method and space", 0},
		{" GET / HTTP/1.1\r\n\r\n", "no method and space", 0},
		{"GET\t/ HTTP/1.1\r\n\r\n", "no method and space", 3},
		{"G(T / HTTP/1.1\r\n\r\n", "no method and space", 1},
		{"GET", "no method and space", 3},
		{"GET  / HTTP/1.1\r\n\r\n", "no request target and space", 4},
		{"GET /\r\n\r\n", "no request target and space", 5},
		{"GET /\x00 HTTP/1.1\r\n\r\n", "no request target and space", 5},
		{"GET /\x7f HTTP/1.1\r\n\r\n", "no request target and space", 5},
		{"GET /", "no request target and space", 5},
		{"GET /  HTTP/1.1\r\n\r\n", "no HTTP version", 6},
		// "No whitespace is allowed in the request-target."
		// https://www.rfc-editor.org/rfc/rfc9112#section-3.2
		{"GET /a b HTTP/1.1\r\n\r\n", "no HTTP version", 7},
		{"GET / http/1.1\r\n\r\n", "no HTTP version", 6},
		{"GET / HTTP/1.1 \r\n\r\n", "octets behind the version", 14},
		{"GET / HTTP/1.10\r\n\r\n", "octets behind the version", 14},
		{"GET / HTTP/1.1\n\r\n", "line ends with a lone LF", 14},
		{"GET / HTTP/1.1\r\r\n\r\n", "bare CR in request line", 14},
		{"GET / HTTP/1.1", "no empty line at the end", 14},
		{line + "A: b\n\r\n", "line ends with a lone LF", 20},
		{line + "A: b\r\n\n", "line ends with a lone LF", 22},
		{line + "A: b\rC: d\r\n\r\n", "bare CR in field value", 20},
		// "A server that receives an obs-fold in a request message that is not
		// within a "message/http" container MUST either reject the message … or
		// replace each received obs-fold".
		// https://www.rfc-editor.org/rfc/rfc9112#section-5.2
		{line + "A: b\r\n c\r\n\r\n", "folded field value", 22},
		// "A server MUST reject, with a response status code of 400 (Bad
		// Request), any received request message that contains whitespace
		// between a header field name and colon."
		// https://www.rfc-editor.org/rfc/rfc9112#section-5.1
		{line + "A : b\r\n\r\n", "whitespace in or behind a field name", 17},
		{line + " A: b\r\n\r\n", "whitespace before the first field", 16},
		{line + ": b\r\n\r\n", "empty field name", 16},
		{line + "A: \x00\r\n\r\n", "octet 0x00 in field value", 19},
	} {
		r, err := ParseRequest([]byte(test.in))
		want := SyntaxError{In: "HTTP request", What: test.what, Offset: test.offset}
		var got *SyntaxError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%q: got %v, %v\nwant %v", test.in, r, err, &want)
		}
	}
}

func TestParseRequestVersion(t *testing.T) {
	// The preface of HTTP/2 (RFC 9113 §3.4).
	_, err := ParseRequest([]byte("PRI * HTTP/2.0\r\n\r\n"))
	var version *VersionError
	if !errors.As(err, &version) || version.Major != 2 {
		t.Errorf("%v, want a VersionError that names HTTP/2.0", err)
	}
}
