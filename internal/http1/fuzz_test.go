package http1

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"reflect"
	"strings"
	"testing"
)

// The parsers are compared with net/http's: of a head that both accept they must
// say the same. Where one of them rejects it, there is nothing to compare; we are
// stricter on purpose about
//
//   - spaces in front of the status code, signs in it, codes below 100, names with
//     spaces in them, a lone LF or a fold in a request
//   - versions other than 1.x
//
// and more lenient about
//
//   - a list of equal numbers in one Content-Length field
//   - an invalid Content-Length beside a Transfer-Encoding, or in a message that
//     has no body whatever its fields say
//
// We go by the RFC where net/http does not: it ignores Transfer-Encoding in
// HTTP/1.0.

var responseSeeds = []string{
	string(eightFields),
	"HTTP/1.1 200\r\n\r\n",
	"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\nA: b\n c\n\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nTrailer: A\r\n\r\n0\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nConnection: close\r\nset-cookie: a\r\nSet-Cookie: b\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\nPragma: no-cache\r\n\r\n",
	"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
	"HTTP/2.0 200 OK\r\n\r\n",
}

func FuzzParseResponse(f *testing.F) {
	for _, seed := range responseSeeds {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, b []byte, toHEAD bool) {
		end, _ := HeadEnd(b, 0)
		if in := headEndInPieces(b[:min(len(b), 500)]); len(b) <= 500 && in != end {
			t.Fatalf("head ends at %d, octet by octet at %d", end, in)
		}
		head := b[:end]
		ours, err := ParseResponse(head)
		if err != nil {
			if ours.Header != nil {
				t.Fatalf("a header beside the error %v", err)
			}
			return
		}
		if !PlausibleResponse(head) {
			t.Fatalf("accepted, but not plausible: %q", head)
		}
		request := &http.Request{Method: "GET"}
		if toHEAD {
			request.Method = "HEAD"
		}
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b)), request)
		if err != nil {
			return
		}
		if ours.Status != theirs.StatusCode || ours.Proto() != theirs.Proto ||
			strings.Trim(head1(head)[9:], " ") != strings.Trim(theirs.Status, " ") {
			t.Errorf("start line: %v\nnet/http: %s %s", ours, theirs.Proto, theirs.Status)
		}
		sameHeader(t, head, ours.Header)
		sameFraming(t, request.Method, &ours, theirs)
	})
}

// head1 is the first line of a head.
func head1(head []byte) string {
	line, _, _ := strings.Cut(string(head), "\n")
	return strings.TrimSuffix(line, "\r")
}

// sameHeader reads the fields of a head with net/textproto: net/http takes some
// of them away.
func sameHeader(t *testing.T, head []byte, ours http.Header) {
	t.Helper()
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(head)))
	if _, err := r.ReadLine(); err != nil {
		t.Fatal(err)
	}
	theirs, err := r.ReadMIMEHeader()
	if err != nil {
		t.Fatalf("net/textproto: %v", err)
	}
	for _, values := range theirs {
		for i := range values {
			// A fold at the end of a value leaves its space there.
			values[i] = strings.TrimRight(values[i], " ")
		}
	}
	if !reflect.DeepEqual(ours, http.Header(theirs)) {
		t.Errorf("header: %q\nnet/textproto: %q", ours, theirs)
	}
}

func sameFraming(t *testing.T, method string, ours *Response, theirs *http.Response) {
	t.Helper()
	if ours.Minor == 0 && has(ours.Header, "Transfer-Encoding") {
		return
	}
	f, err := ResponseFraming(method, ours)
	if err != nil {
		t.Fatalf("framing: %v\nnet/http: %d, %q", err, theirs.ContentLength, theirs.TransferEncoding)
	}
	theyChunk := len(theirs.TransferEncoding) > 0
	bodiless := f.Kind == NoBody
	if !bodiless && (f.Kind == Chunked) != theyChunk {
		t.Errorf("framing: %v\nnet/http: %q", f, theirs.TransferEncoding)
	}
	// Of a message that cannot have a body, net/http may say that it is chunked and
	// of unknown length.
	if f.Length != theirs.ContentLength && !(bodiless && theyChunk) {
		t.Errorf("framing: %v\nnet/http: length %d", f, theirs.ContentLength)
	}
	if connection := ours.Header["Connection"]; !strings.Contains(strings.Join(connection, ""), `"`) {
		closes := CloseReason(ours.Minor, ours.Header) != "" || f.Kind == UntilClose
		if !bodiless && closes != theirs.Close {
			t.Errorf("closes: %t, net/http: %t", closes, theirs.Close)
		}
	}
}

func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
		"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		end, _ := HeadEnd(b, 0)
		head := b[:end]
		ours, err := ParseRequest(head)
		if err != nil {
			if ours.Header != nil {
				t.Fatalf("a header beside the error %v", err)
			}
			return
		}
		if want := ours.Method + " " + ours.Target + " " + ours.Proto(); head1(head) != want {
			t.Errorf("request line %q became %q", head1(head), want)
		}
		sameHeader(t, head, ours.Header)
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		if ours.Method != theirs.Method || ours.Target != theirs.RequestURI || ours.Proto() != theirs.Proto {
			t.Errorf("request line: %v\nnet/http: %s %s %s", ours, theirs.Method, theirs.RequestURI, theirs.Proto)
		}
		if ours.Minor == 0 && has(ours.Header, "Transfer-Encoding") || ours.Method == "PRI" {
			return
		}
		framing, err := RequestFraming(&ours)
		if err != nil {
			t.Fatalf("framing: %v\nnet/http: %d, %q", err, theirs.ContentLength, theirs.TransferEncoding)
		}
		if framing.Length != theirs.ContentLength || (framing.Kind == Chunked) != (len(theirs.TransferEncoding) > 0) {
			t.Errorf("framing: %v\nnet/http: %d, %q", framing, theirs.ContentLength, theirs.TransferEncoding)
		}
	})
}

func FuzzChunks(f *testing.F) {
	for _, seed := range []string{
		"0\r\n\r\n",
		"5\r\nhello\r\n7;a=b\r\n, world\r\n0\r\nA: b\r\nHost: c\r\n\r\nrest",
		"5\r\nhello\n",
		"ffffffffffffffff\r\n",
		"5 \t;x\r\nhello\r\n00\r\n\r\n",
		"0\r\nA: " + strings.Repeat("b", 100), // past the bound, without an end
	} {
		f.Add([]byte(seed), uint8(1))
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		// As a body: what comes out does not depend on how it is cut.
		whole := decode(&Chunks{MaxTrailer: 100}, b, len(b)+1)
		cut := decode(&Chunks{MaxTrailer: 100}, b, int(piece)+1)
		if whole.fault != "" {
			// How much of a trailer section was taken before its fault was seen
			// does depend on it.
			whole.consumed, cut.consumed = 0, 0
		}
		if !reflect.DeepEqual(whole, cut) {
			t.Fatalf("whole:           %+v\nin pieces of %d: %+v", whole, int(piece)+1, cut)
		}
		if whole.done {
			sameContent(t, b[:whole.consumed], whole.content)
		}

		// As content: encoded and decoded it is the same again.
		var body []byte
		for rest := b; len(rest) > 0; {
			n := min(len(rest), int(piece)+1)
			body, rest = AppendChunk(body, rest[:n]), rest[n:]
		}
		trailer := http.Header{"A": {string(b)}}
		body = AppendLastChunk(body, trailer)
		again := decode(&Chunks{MaxTrailer: len(body)}, body, int(piece)+1)
		if again.content != string(b) || !again.done || again.consumed != len(body) || len(again.trailer["A"]) != 1 {
			t.Fatalf("encoded %q, decoded %+v", b, again)
		}
	})
}

// sameContent decodes a body that we took with net/http.
func sameContent(t *testing.T, body []byte, ours string) {
	t.Helper()
	response := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + string(body)
	theirs, err := http.ReadResponse(bufio.NewReader(strings.NewReader(response)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Body.Close()
	var content bytes.Buffer
	// Its reader allows sizes of 16 digits and forbids nothing else that ours
	// takes; how it reads trailer fields is its own affair.
	if _, err := content.ReadFrom(theirs.Body); err == nil && content.String() != ours {
		t.Fatalf("content %q, net/http: %q", ours, content.String())
	}
}
