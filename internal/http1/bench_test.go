package http1

import (
	"bufio"
	"bytes"
	"net/textproto"
	"testing"
)

// eightFields is the head of a response as nginx sends it for a small image.
var eightFields = []byte("HTTP/1.1 200 OK\r\n" +
	"Server: nginx/1.26.3\r\n" +
	"Date: Mon, 23 Nov 2026 14:50:00 GMT\r\n" +
	"Content-Type: image/webp\r\n" +
	"Content-Length: 2948\r\n" +
	"Last-Modified: Sun, 08 Mar 2026 09:12:44 GMT\r\n" +
	"Connection: keep-alive\r\n" +
	"ETag: \"69ad3b1c-b84\"\r\n" +
	"Accept-Ranges: bytes\r\n" +
	"\r\n")

func TestParseResponseAllocations(t *testing.T) {
	lowerCase := bytes.ToLower(eightFields)
	copy(lowerCase, "HTTP")
	for name, head := range map[string][]byte{"canonical names": eightFields, "lower-case names": lowerCase} {
		n := testing.AllocsPerRun(100, func() {
			r, err := ParseResponse(head)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ResponseFraming("GET", &r); err != nil || CloseReason(r.Minor, r.Header) != "" || r.Proto() != "HTTP/1.1" {
				t.Fatalf("not a kept connection: %v, %v", r, err)
			}
		})
		// The head as a string, the values, and a map and its one group of eight.
		if n > 4 {
			t.Errorf("%s: %v allocations, want at most 4", name, n)
		}
	}
}

func BenchmarkParseResponse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(eightFields)))
	for b.Loop() {
		end, _ := HeadEnd(eightFields, 0)
		r, err := ParseResponse(eightFields[:end])
		if err != nil {
			b.Fatal(err)
		}
		if _, err := ResponseFraming("GET", &r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseLongResponse has 16 fields in lower case, as content delivery
// networks send them: more than one group of the header's map holds.
func BenchmarkParseLongResponse(b *testing.B) {
	head := bytes.Replace(bytes.ToLower(eightFields), []byte("http"), []byte("HTTP"), 1)
	head = append(head[:len(head)-2], "age: 3600\r\nvia: 1.1 varnish\r\nvary: Accept-Encoding\r\nx-cache: HIT\r\n"+
		"x-served-by: cache-fra-1\r\nx-timer: S1.0,VS0,VE1\r\nalt-svc: h3=\":443\"\r\ncache-control: max-age=60\r\n\r\n"...)
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		if _, err := ParseResponse(head); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTextproto reads the same head the way http.ReadResponse does, without
// its framing.
func BenchmarkTextproto(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(eightFields)))
	octets := bytes.NewReader(nil)
	buffered := bufio.NewReader(octets)
	for b.Loop() {
		octets.Reset(eightFields)
		buffered.Reset(octets)
		r := textproto.NewReader(buffered)
		if _, err := r.ReadLine(); err != nil {
			b.Fatal(err)
		}
		if _, err := r.ReadMIMEHeader(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChunks(b *testing.B) {
	var body []byte
	for range 16 {
		body = AppendChunk(body, make([]byte, 4000))
	}
	body = AppendLastChunk(body, nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		var c Chunks
		for rest := body; !c.Done(); {
			n, _, err := c.Next(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}
