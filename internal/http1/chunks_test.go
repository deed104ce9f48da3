package http1

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// A decoded is what came out of a chunked body.
type decoded struct {
	content  string
	trailer  http.Header
	done     bool
	consumed int
	fault    string
}

// decode takes the coding off b, of which no call sees more than piece octets.
func decode(c *Chunks, b []byte, piece int) decoded {
	var d decoded
	for {
		n, data, err := c.Next(b[d.consumed:min(len(b), d.consumed+piece)])
		d.consumed += n
		d.content += string(data)
		if err != nil {
			d.fault = err.Error()
		}
		if n == 0 {
			d.done, d.trailer = c.Done(), c.Trailer()
			return d
		}
	}
}

func TestChunks(t *testing.T) {
	for _, test := range []struct {
		name, in string
		content  string
		trailer  http.Header
		rest     string
	}{
		{name: "no content", in: "0\r\n\r\n"},
		{name: "two chunks", in: "5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n", content: "hello, world"},
		{name: "content that looks like framing", in: "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", content: "\r\n0\r\n\r\n"},
		{name: "hexadecimal digits of both cases", in: "1a\r\nabcdefghijklmnopqrstuvwxyz\r\nA\r\n0123456789\r\n0\r\n\r\n", content: "abcdefghijklmnopqrstuvwxyz0123456789"},
		{name: "zeros", in: "0000000000000000000005\r\nhello\r\n000\r\n\r\n", content: "hello"},
		// "A recipient MUST ignore unrecognized chunk extensions."
		// https://www.rfc-editor.org/rfc/rfc9112#section-7.1.1
		{name: "extensions", in: "5;a;b=c ; d=\"e;f\"\r\nhello\r\n0;g\r\n\r\n", content: "hello"},
		{name: "bad whitespace", in: "5 \t; a = b\r\nhello\r\n0 ;c\r\n\r\n", content: "hello"},
		{name: "a padded size", in: "5   \r\nhello\r\n0  \r\n\r\n", content: "hello"},
		{
			name: "a trailer section", in: "0\r\nExpires-At: never\r\ndigest: \t a \r\nDIGEST: b\r\n\r\n",
			trailer: http.Header{"Expires-At": {"never"}, "Digest": {"a", "b"}},
		},
		{
			// "Many fields cannot be processed outside the header section".
			// https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1
			name: "fields that must not stand there", in: "0\r\ntransfer-encoding: gzip\r\nA: b\r\nContent-Length: 5\r\nIf-Match: c\r\nSet-Cookie: d\r\nTrailer: A\r\nHost: e\r\n\r\n",
			trailer: http.Header{"A": {"b"}},
		},
		{name: "only such fields", in: "0\r\nHost: a\r\n\r\n"},
		{name: "octets behind the body", in: "1\r\na\r\n0\r\n\r\nHTTP/1.1 200", content: "a", rest: "HTTP/1.1 200"},
		{name: "octets behind a trailer section", in: "0\r\nA: b\r\n\r\n\r\n", trailer: http.Header{"A": {"b"}}, rest: "\r\n"},
	} {
		want := decoded{content: test.content, trailer: test.trailer, done: true, consumed: len(test.in) - len(test.rest)}
		for piece := 1; piece <= len(test.in); piece++ {
			if got := decode(new(Chunks), []byte(test.in), piece); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, in pieces of %d:\ngot  %+v\nwant %+v", test.name, piece, got, want)
			}
		}
	}
}

func TestChunksErrors(t *testing.T) {
	for _, test := range []struct {
		in, what string
		offset   int
		content  string
	}{
		{"\r\n", "no chunk size", 0, ""},
		{";a\r\n", "no chunk size", 0, ""},
		{" 5\r\n", "no chunk size", 0, ""},
		{"-5\r\n", "no chunk size", 0, ""},
		{"+5\r\n", "no chunk size", 0, ""},
		{"g\r\n", "no chunk size", 0, ""},
		{"0x5\r\n", "octet 0x78 behind chunk size", 1, ""},
		{"5_0\r\n", "octet 0x5f behind chunk size", 1, ""},
		{"5 5\r\nhello\r\n", "octet 0x35 behind chunk size", 2, ""},
		{"5\x00\r\n", "octet 0x00 in chunk line", 1, ""},
		{"5;a\x00\r\n", "octet 0x00 in chunk line", 3, ""},
		{"5;a\x7f\r\n", "octet 0x7f in chunk line", 3, ""},
		// "Although the line terminator for the start-line and fields is the
		// sequence CRLF, a recipient MAY recognize a single LF as a line
		// terminator": of chunk lines it says nothing.
		// https://www.rfc-editor.org/rfc/rfc9112#section-2.2
		{"5\nhello\r\n0\r\n\r\n", "chunk line ends with a lone LF", 1, ""},
		{"5;a\nhello\r\n0\r\n\r\n", "chunk line ends with a lone LF", 3, ""},
		{"0\n\r\n", "chunk line ends with a lone LF", 1, ""},
		{"5\r;\r\n", "bare CR in chunk line", 2, ""},
		{"5\r\r\n", "bare CR in chunk line", 2, ""},
		{"5;a\rb\r\n", "bare CR in chunk line", 4, ""},
		{"8000000000000000\r\n", "chunk size that overflows", 15, ""},
		{"10000000000000005\r\n", "chunk size that overflows", 16, ""},
		{"ffffffffffffffff\r\n", "chunk size that overflows", 15, ""},
		{"5\r\nhello5\r\n", "no CRLF behind the data of a chunk", 8, "hello"},
		{"5\r\nhello\n5\r\n", "no CRLF behind the data of a chunk", 8, "hello"},
		{"5\r\nhello\r0\r\n", "no CRLF behind the data of a chunk", 9, "hello"},
		{"5\r\nhello\r\n\r\n", "no chunk size", 10, "hello"},
		{"1\r\na\r\n2\r\nbc\r\nx", "no chunk size", 13, "abc"},
	} {
		want := &SyntaxError{In: "chunked body", What: test.what, Offset: test.offset}
		for piece := 1; piece <= len(test.in); piece++ {
			c := new(Chunks)
			got := decode(c, []byte(test.in), piece)
			if got.content != test.content || got.done || got.consumed != test.offset || got.fault != want.Error() {
				t.Errorf("%q, in pieces of %d: %+v\nwant content %q and %v", test.in, piece, got, test.content, want)
			}
			if n, data, err := c.Next([]byte("0\r\n\r\n")); n != 0 || data != nil || err == nil {
				t.Errorf("%q: the error did not stay: %d, %q, %v", test.in, n, data, err)
			}
		}
	}
}

func TestChunksTrailerErrors(t *testing.T) {
	for _, test := range []struct {
		in, what string
		offset   int
	}{
		{"0\r\n\n", "line ends with a lone LF", 3},
		{"0\r\nA: b\n\r\n", "line ends with a lone LF", 7},
		{"0\r\nA: b\r\n\n", "line ends with a lone LF", 9},
		{"0\r\nA: b\r\n c\r\n\r\n", "folded field value", 9},
		{"0\r\nA\r\n\r\n", "field line without a colon", 4},
		{"0\r\nA : b\r\n\r\n", "whitespace in or behind a field name", 4},
		{"0\r\nA: b\rc\r\n\r\n", "bare CR in field value", 7},
		{"1\r\na\r\n0\r\nA: b\x00\r\n\r\n", "octet 0x00 in field value", 13},
	} {
		want := &SyntaxError{In: "trailer section", What: test.what, Offset: test.offset}
		for piece := 1; piece <= len(test.in); piece++ {
			if got := decode(new(Chunks), []byte(test.in), piece); got.done || got.fault != want.Error() {
				t.Errorf("%q, in pieces of %d: %+v, want %v", test.in, piece, got, want)
			}
		}
	}
}

func TestChunksBounds(t *testing.T) {
	const perLine = maxChunkLine - len("1;\r\n")
	line := func(extension int) string { return "1;" + strings.Repeat("x", extension) + "\r\na\r\n" }
	// A signature of 200 octets with each chunk of 300, far beyond the bound in all.
	signed := strings.Repeat("12c;"+strings.Repeat("s", 200)+"\r\n"+strings.Repeat("a", 300)+"\r\n", 200)
	for _, test := range []struct {
		name, in string
		max      int
		ok       bool
	}{
		{"the longest line", line(perLine) + "0\r\n\r\n", 0, true},
		{"a line too long", line(perLine+1) + "0\r\n\r\n", 0, false},
		{"a size too long", strings.Repeat("0", maxChunkLine) + "\r\n\r\n", 0, false},
		{"a line that never ends", "5;" + strings.Repeat("x", 1<<20), 0, false},
		{"extensions beyond the content", strings.Repeat(line(1000), 20) + "0\r\n\r\n", 0, false},
		{"extensions in proportion", signed + "0\r\n\r\n", 0, true},
		{"one octet a chunk", strings.Repeat("1\r\na\r\n", 10000) + "0\r\n\r\n", 0, true},
		{"a trailer section of 64 KiB", "0\r\nA:" + strings.Repeat("b", 64<<10-6) + "\r\n\r\n", 0, true},
		{"a trailer section of more", "0\r\nA:" + strings.Repeat("b", 64<<10-5) + "\r\n\r\n", 0, false},
		{"a short trailer section", "0\r\nA: b\r\n\r\n", 8, true},
		{"a trailer section too long", "0\r\nA: bc\r\n\r\n", 8, false},
		{"a trailer section that never ends", "0\r\n" + strings.Repeat("A: b\r\n", 20000), 0, false},
	} {
		for _, piece := range []int{1, 7, 4096, len(test.in)} {
			c := Chunks{MaxTrailer: test.max}
			got := decode(&c, []byte(test.in), piece)
			_, _, err := c.Next([]byte("x"))
			if got.done != test.ok || errors.Is(err, ErrTooLarge) == test.ok {
				t.Errorf("%s, in pieces of %d: done %t after %d octets, error %v", test.name, piece, got.done, got.consumed, err)
			}
		}
	}
}

// A reader that takes content past the decoder must come to the same end.
func TestChunksSkip(t *testing.T) {
	body := []byte("5\r\nhello\r\n7\r\n, world\r\n0\r\nA: b\r\n\r\n")
	var c Chunks
	var content []byte
	for at := 0; !c.Done(); {
		if direct := c.Remaining(); direct > 0 {
			direct = min(direct, 3)
			content = append(content, body[at:at+int(direct)]...)
			c.Skip(direct)
			at += int(direct)
			continue
		}
		n, data, err := c.Next(body[at : at+1])
		if err != nil || n != 1 || len(data) > 0 {
			t.Fatalf("at octet %d: %d, %q, %v", at, n, data, err)
		}
		at++
	}
	if string(content) != "hello, world" || !reflect.DeepEqual(c.Trailer(), http.Header{"A": {"b"}}) {
		t.Errorf("content %q, trailer %v", content, c.Trailer())
	}
}

// Octets that were skipped count in the place of a later fault.
func TestChunksSkipOffset(t *testing.T) {
	var c Chunks
	if _, _, err := c.Next([]byte("5\r\nhe")); err != nil {
		t.Fatal(err)
	}
	c.Skip(3)
	_, _, err := c.Next([]byte("\r\nx"))
	var fault *SyntaxError
	if !errors.As(err, &fault) || fault.Offset != len("5\r\nhello\r\n") {
		t.Errorf("%v, want a SyntaxError at octet 10", err)
	}
}

func TestChunksSkipTooFar(t *testing.T) {
	for _, n := range []int64{-1, 6} {
		var c Chunks
		if _, _, err := c.Next([]byte("5\r\n")); err != nil || c.Remaining() != 5 {
			t.Fatalf("remaining %d, %v", c.Remaining(), err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Skip(%d) of 5 did not panic", n)
				}
			}()
			c.Skip(n)
		}()
	}
}

// The end of the body must be seen in the call that returns its last content, so
// that a connection is free before its reader sees the end.
func TestChunksEndWithLastContent(t *testing.T) {
	body := []byte("5\r\nhello\r\n0\r\n\r\n")
	var c Chunks
	n, data, err := c.Next(body)
	if n != len(body) || string(data) != "hello" || err != nil || !c.Done() {
		t.Errorf("%d octets, %q, %v, done %t", n, data, err, c.Done())
	}
	if n, data, err := c.Next([]byte("HTTP")); n != 0 || data != nil || err != nil {
		t.Errorf("after the end: %d octets, %q, %v", n, data, err)
	}
}

func TestAppendChunk(t *testing.T) {
	got := AppendChunk([]byte("x"), []byte("hello"))
	got = AppendChunk(got, nil)
	got = AppendChunk(got, bytes.Repeat([]byte{'a'}, 26))
	got = AppendLastChunk(got, nil)
	want := "x5\r\nhello\r\n1a\r\n" + strings.Repeat("a", 26) + "\r\n0\r\n\r\n"
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendLastChunk(t *testing.T) {
	got := AppendLastChunk(nil, http.Header{
		"B":              {"1", "2\r\nHost: evil\x00\xe9"},
		"A":              {""},
		"content-length": {"5"},
		"Host":           {"a"},
		"C D":            {"no token"},
		"":               {"no name"},
	})
	if want := "0\r\nA: \r\nB: 1\r\nB: 2  Host: evil \xe9\r\n\r\n"; string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
