package http1

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// Fuzzing seldom puts a whole field together; here heads are put together from
// pieces that matter, and read by net/http as well.

var startLines = []string{
	"HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 ", "HTTP/1.1 304 x", "HTTP/1.1 100 Continue",
	"HTTP/1.1 404", "HTTP/1.0 999 Request denied", "HTTP/2.0 200 OK", "HTTP/1.1  200 OK",
}

var fieldLines = []string{
	"Content-Length: 5", "content-length: 5", "Content-Length: 6", "Content-Length: +5", "Content-Length: 5, 5", "Content-Length: 05",
	"CONTENT-LENGTH:0", "Content-Length:", "Transfer-Encoding: chunked", "transfer-encoding:  Chunked\t", "Transfer-Encoding: gzip, chunked",
	"Transfer-Encoding: identity", "Connection: close", "connection: Keep-Alive", "Connection: keep-alive, CLOSE", "Connection: a,,b",
	"Date: Mon, 23 Nov 2026 14:50:00 GMT", "set-cookie: a=b", "SET-cookie: c=d", "ETag: \"x\"", "Pragma: no-cache", "Trailer: A",
	"X: a\r\n b", "X: a \r\n\t \r\n  b", "X:", "x-y--z-: \t a\tb ", "X: \xff\x80", "X : a", "X\r: a", "X: a\rb", "X: a\x00", ": a", "x", " x: a",
}

func TestAgreesWithNetHTTP(t *testing.T) {
	random := rand.New(rand.NewPCG(9112, 9110))
	pick := func(from []string) string { return from[random.IntN(len(from))] }
	both := 0
	for range 20000 {
		var b strings.Builder
		b.WriteString(pick(startLines))
		end := []string{"\r\n", "\r\n", "\n"}
		b.WriteString(pick(end))
		for range random.IntN(5) {
			b.WriteString(pick(fieldLines))
			b.WriteString(pick(end))
		}
		b.WriteString(pick(end))
		head := []byte(b.String())

		n, _ := HeadEnd(head, 0)
		if n != len(head) {
			t.Fatalf("head of %d octets ends at %d: %q", len(head), n, head)
		}
		method := pick([]string{"GET", "HEAD"})
		ours, err := ParseResponse(head)
		if err != nil {
			continue
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), &http.Request{Method: method})
		if err != nil {
			continue
		}
		both++
		sameHeader(t, head, ours.Header)
		sameFraming(t, method, &ours, theirs)
		if t.Failed() {
			t.Fatalf("%s of %q", method, head)
		}
	}
	if both < 2000 {
		t.Errorf("only %d heads that both accept", both)
	}
}

// What we reject and net/http accepts, on purpose; and the other way round.
func TestDisagreesWithNetHTTP(t *testing.T) {
	for _, test := range []struct {
		in   string
		ours bool
		why  string
	}{
		{"HTTP/1.1  200 OK\r\n\r\n", false, "one space stands before the status code"},
		{"HTTP/1.1 +20 OK\r\n\r\n", false, "a sign is no digit"},
		{"HTTP/1.1 099 OK\r\n\r\n", false, "a code below 100 has no class"},
		{"HTTP/2.0 200 OK\r\n\r\n", false, "HTTP/2 has no status line"},
		{"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n", false, "names are tokens"},
		{"HTTP/1.1 200 OK\r\nA : c\r\n\r\n", false, "no whitespace before the colon"},
		{"HTTP/1.1 200 O\x00K\r\n\r\n", false, "a reason phrase holds no control octets"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", true, "a list of equal lengths is one"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\n", true, "Transfer-Encoding overrides"},
		{"HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n", true, "there is no body, whatever the fields say"},
	} {
		end, _ := HeadEnd([]byte(test.in), 0)
		r, err := ParseResponse([]byte(test.in)[:end])
		if err == nil {
			_, err = ResponseFraming("GET", &r)
		}
		_, theirs := http.ReadResponse(bufio.NewReader(strings.NewReader(test.in)), nil)
		if (err == nil) != test.ours || (theirs == nil) == test.ours {
			t.Errorf("%q (%s): our error is %v, net/http's %v", test.in, test.why, err, theirs)
		}
	}
}
