package http1

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// head makes a head of lines, with an empty one behind them.
func head(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

func TestParseResponse(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     Response
	}{
		{
			"nginx", head("HTTP/1.1 304 Not Modified", "Server: nginx/1.26.3", `ETag: "69ad3b1c-b84"`),
			Response{1, 1, 304, "304 Not Modified", http.Header{"Server": {"nginx/1.26.3"}, "Etag": {`"69ad3b1c-b84"`}}},
		},
		{
			"no fields", head("HTTP/1.0 200 OK"),
			Response{1, 0, 200, "200 OK", http.Header{}},
		},
		{
			"no reason, with its space", head("HTTP/1.1 200 "),
			Response{1, 1, 200, "200 ", http.Header{}},
		},
		{
			"no reason, without its space", head("HTTP/1.1 200"),
			Response{1, 1, 200, "200", http.Header{}},
		},
		{
			"a reason in Latin-1", head("HTTP/1.1 404 Non trouv\xe9"),
			Response{1, 1, 404, "404 Non trouv\xe9", http.Header{}},
		},
		{
			// "A recipient that receives a message with a major version number
			// that it implements and a minor version number higher than what it
			// implements SHOULD process the message as if it were in the highest
			// minor version within that major version to which the recipient is
			// conformant."
			// https://www.rfc-editor.org/rfc/rfc9110#section-6.2
			"a later minor version", head("HTTP/1.9 200 OK"),
			Response{1, 9, 200, "200 OK", http.Header{}},
		},
		{
			// "Values outside the range 100..599 are invalid. … A client that
			// receives a response with an invalid status code SHOULD process the
			// response as if it had a 5xx (Server Error) status code":
			// no syntax error. https://www.rfc-editor.org/rfc/rfc9110#section-15
			"an unknown class", head("HTTP/1.1 999 Request denied"),
			Response{1, 1, 999, "999 Request denied", http.Header{}},
		},
		{
			"several values keep their order", head("HTTP/1.1 200 OK", "Set-Cookie: a=1", "Vary: A", "set-cookie: b=2", "SET-COOKIE: c=3"),
			Response{1, 1, 200, "200 OK", http.Header{"Set-Cookie": {"a=1", "b=2", "c=3"}, "Vary": {"A"}}},
		},
		{
			// "OWS occurring before the first non-whitespace octet of the field
			// line value, or after the last non-whitespace octet of the field
			// line value, is excluded by parsers".
			// https://www.rfc-editor.org/rfc/rfc9112#section-5.1
			"whitespace around values", head("HTTP/1.1 200 OK", "A:b", "C: \t d e\tf \t ", "G:", "H: \t"),
			Response{1, 1, 200, "200 OK", http.Header{"A": {"b"}, "C": {"d e\tf"}, "G": {""}, "H": {""}}},
		},
		{
			"octets above 0x7f in a value", head("HTTP/1.1 200 OK", "A: \x80\xff gr\xc3\xbcn"),
			Response{1, 1, 200, "200 OK", http.Header{"A": {"\x80\xff gr\xc3\xbcn"}}},
		},
		{
			"a colon in a value", head("HTTP/1.1 302 Found", "Location: http://[::1]:80/"),
			Response{1, 1, 302, "302 Found", http.Header{"Location": {"http://[::1]:80/"}}},
		},
		{
			// "a recipient MAY recognize a single LF as a line terminator and
			// ignore any preceding CR."
			// https://www.rfc-editor.org/rfc/rfc9112#section-2.2
			"lone LFs", "HTTP/1.1 200 OK\nA: b\r\nC: d\n\n",
			Response{1, 1, 200, "200 OK", http.Header{"A": {"b"}, "C": {"d"}}},
		},
		{
			// "A user agent that receives an obs-fold in a response message …
			// MUST replace each received obs-fold with one or more SP octets".
			// https://www.rfc-editor.org/rfc/rfc9112#section-5.2
			"folded values", "HTTP/1.1 200 OK\r\nA: b \t\r\n\t  c\r\n d\r\nE:\n f\nG: h\r\n \r\n\r\n",
			Response{1, 1, 200, "200 OK", http.Header{"A": {"b c d"}, "E": {"f"}, "G": {"h"}}},
		},
		{
			"names of every tchar", head("HTTP/1.1 200 OK", "!#$%&'*+-.^_`|~09azAZ: b"),
			Response{1, 1, 200, "200 OK", http.Header{"!#$%&'*+-.^_`|~09azaz": {"b"}}},
		},
	} {
		r, err := ParseResponse([]byte(test.in))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if !reflect.DeepEqual(r, test.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", test.name, r, test.want)
		}
	}
}

func TestParseResponseErrors(t *testing.T) {
	const line = "HTTP/1.1 200 OK\r\n" // 17 octets
	for _, test := range []struct {
		in, what string
		offset   int
	}{
		{"", "no HTTP version", 0},
		{"\r\n\r\n", "no HTTP version", 0},
		{"ICY 200 OK\r\n\r\n", "no HTTP version", 0},
		{"http/1.1 200 OK\r\n\r\n", "no HTTP version", 0},
		{"HTTP/1.10 200 OK\r\n\r\n", "no space and three-digit status code behind the version", 8},
		{"HTTP/1.1  200 OK\r\n\r\n", "no space and three-digit status code behind the version", 8},
		{"HTTP/1.1 20 OK\r\n\r\n", "no space and three-digit status code behind the version", 8},
		{"HTTP/1.1 -20 OK\r\n\r\n", "no space and three-digit status code behind the version", 8},
		{"HTTP/1.1 099 OK\r\n\r\n", "status code below 100", 9},
		{"HTTP/1.1 000 OK\r\n\r\n", "status code below 100", 9},
		{"HTTP/1.1 2000 OK\r\n\r\n", "no space behind the status code", 12},
		{"HTTP/1.1 200\tOK\r\n\r\n", "no space behind the status code", 12},
		{"HTTP/1.1 200 O\rK\r\n\r\n", "bare CR in reason phrase", 14},
		{"HTTP/1.1 200 O\x00K\r\n\r\n", "octet 0x00 in reason phrase", 14},
		{"HTTP/1.1 200 OK", "no empty line at the end", 15},
		{line, "no empty line at the end", 17},
		{line + "A: b\r\n", "no empty line at the end", 23},
		{line + "A: b", "no empty line at the end", 21},
		{line + "A", "field line without a colon", 18},
		{line + "A\r\n\r\n", "field line without a colon", 18},
		{line + "\r\nA: b\r\n\r\n", "octets behind the empty line", 19},
		{line + "A: b\rc\r\n\r\n", "bare CR in field value", 21},
		{line + "A: b\r\r\n\r\n", "bare CR in field value", 21},
		{line + "A: b\x00c\r\n\r\n", "octet 0x00 in field value", 21},
		{line + "A: b\x1bc\r\n\r\n", "octet 0x1b in field value", 21},
		{line + "A: b\x7fc\r\n\r\n", "octet 0x7f in field value", 21},
		{line + "A: some more octets \x01 here\r\n\r\n", "octet 0x01 in field value", 37},
		{line + "A: b\r\n c\x00\r\n\r\n", "octet 0x00 in field value", 25},
		{line + ": b\r\n\r\n", "empty field name", 17},
		{line + "A : b\r\n\r\n", "whitespace in or behind a field name", 18},
		{line + "A\t: b\r\n\r\n", "whitespace in or behind a field name", 18},
		{line + "A B: c\r\n\r\n", "whitespace in or behind a field name", 18},
		{line + " A: b\r\n\r\n", "whitespace before the first field", 17},
		{line + "\tA: b\r\n\r\n", "whitespace before the first field", 17},
		{line + "A\x80: b\r\n\r\n", "octet 0x80 in field name", 18},
		{line + "(A): b\r\n\r\n", "octet 0x28 in field name", 17},
		{line + "A\x00: b\r\n\r\n", "octet 0x00 in field name", 18},
	} {
		r, err := ParseResponse([]byte(test.in))
		want := SyntaxError{In: "HTTP response", What: test.what, Offset: test.offset}
		var got *SyntaxError
		if !errors.As(err, &got) || *got != want {
			t.Errorf("%q: got %v, %v\nwant %v", test.in, r, err, &want)
		}
	}
}

func TestSyntaxErrorText(t *testing.T) {
	_, err := ParseResponse([]byte("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"))
	if want := "malformed HTTP response: bare CR in field value at octet 21"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = lengthFraming("HTTP response", []string{"+5"})
	if want := `malformed HTTP response: Content-Length "+5" is not a number of octets`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestVersionError(t *testing.T) {
	for _, in := range []string{head("HTTP/2.0 200 OK"), head("HTTP/0.9 200 OK"), head("HTTP/3.1 200")} {
		_, err := ParseResponse([]byte(in))
		var version *VersionError
		if !errors.As(err, &version) || !strings.Contains(err.Error(), in[:8]) {
			t.Errorf("%q: %v, want a VersionError that names %s", in, err, in[:8])
		}
	}
}

func TestProto(t *testing.T) {
	for want, minor := range map[string]int{"HTTP/1.0": 0, "HTTP/1.1": 1, "HTTP/1.7": 7} {
		if got := (Response{Major: 1, Minor: minor}).Proto(); got != want {
			t.Errorf("response: %s, want %s", got, want)
		}
		if got := (Request{Major: 1, Minor: minor}).Proto(); got != want {
			t.Errorf("request: %s, want %s", got, want)
		}
	}
}

// What was parsed must stand on its own: the reader's buffer is used again.
func TestParsedDoesNotAliasHead(t *testing.T) {
	in := []byte(head("HTTP/1.1 200 Fine", "X-Some-Name: value", "x-other-name: v"))
	r, err := ParseResponse(in)
	if err != nil {
		t.Fatal(err)
	}
	for i := range in {
		in[i] = '#'
	}
	want := Response{1, 1, 200, "200 Fine", http.Header{"X-Some-Name": {"value"}, "X-Other-Name": {"v"}}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

// Appending to one field's values must not reach into another's.
func TestValuesDoNotShareCapacity(t *testing.T) {
	r, err := ParseResponse([]byte(head("HTTP/1.1 200 OK", "A: 1", "B: 2")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Add("A", "3")
	if got := r.Header["B"]; len(got) != 1 || got[0] != "2" {
		t.Errorf("B became %q", got)
	}
}

// More fields than the first allocation foresees.
func TestManyFields(t *testing.T) {
	lines := []string{"HTTP/1.1 200 OK"}
	want := http.Header{}
	for i := range 3*maxHint + 1 {
		name := "X-" + strings.Repeat("A", i%7+1) + strings.Repeat("1", i/7)
		name = http.CanonicalHeaderKey(name)
		lines = append(lines, name+": v")
		want.Add(name, "v")
	}
	r, err := ParseResponse([]byte(head(lines...)))
	if err != nil || !reflect.DeepEqual(r.Header, want) {
		t.Errorf("%d fields of %d, %v", len(r.Header), len(want), err)
	}
}

func TestCanonicalName(t *testing.T) {
	long := strings.Repeat("ab-", 40)
	for _, name := range []string{
		"a", "etag", "ETAG", "content-type", "x-a--b-", "-a-b", "9lives", "www-AUTHENTICATE", "x_y-Z_z", long,
	} {
		in := head("HTTP/1.1 200 OK", name+": v")
		r, err := ParseResponse([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := r.Header[http.CanonicalHeaderKey(name)]; !ok || len(r.Header) != 1 {
			t.Errorf("%s became %v, want %s", name, r.Header, http.CanonicalHeaderKey(name))
		}
	}
	for name := range commonNames {
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is interned, but not canonical", name)
		}
	}
	for name := range notInTrailers {
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is kept out of trailers, but not canonical", name)
		}
	}
}
