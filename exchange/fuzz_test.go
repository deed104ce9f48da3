package exchange

import (
	"strings"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// FuzzHTTP1Sink: whatever the bytes, whatever is not in the capture and however they
// are cut, nothing panics, and what is told depends on the bytes alone.
func FuzzHTTP1Sink(f *testing.F) {
	f.Add([]byte(getA+getB), []byte(okay+"hello"+okay+"hello"), uint64(0x1234), false)
	f.Add([]byte("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"+getA), []byte(okay+"hel"), uint64(7), false)
	f.Add([]byte("HEAD /a HTTP/1.1\r\n\r\n"+getA), []byte("HTTP/1.1 100 C\r\n\r\n"+okay+okay+"hello"), uint64(99), true)
	f.Add([]byte("CONNECT a:1 HTTP/1.1\r\n\r\n"+getA), []byte("HTTP/1.1 200 OK\r\n\r\n"+okay+"hello"), uint64(3), false)
	f.Add([]byte("GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"), []byte("HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n"), uint64(3), false)
	f.Add([]byte("xGET /a.png HTTP/1.1\r\n\r\n"+getB), []byte("zzHTTP/1.HTTP/1.1 200 OK\r\n\r\nabc"), uint64(1<<40+5), true)
	f.Fuzz(func(t *testing.T, up, down []byte, seed uint64, midway bool) {
		if len(up)+len(down) > 1<<16 {
			return
		}
		whole := feed(up, down, seed, midway, 1<<20)
		for _, cut := range []int{1, 3, 7} {
			if pieces := feed(up, down, seed, midway, cut); pieces != whole {
				t.Fatalf("in pieces of %d:\n%s\nas a whole:\n%s", cut, pieces, whole)
			}
		}
	})
}

// feed tells a Sink of the bytes in turns, of which seed says how long they are and
// what is lost, each turn in pieces of cut bytes.
func feed(up, down []byte, seed uint64, midway bool, cut int) string {
	var told strings.Builder
	c := begun()
	if midway {
		c = &flow.Conn{}
	}
	sink := New(c, nil, func(e *Exchange) { told.WriteString(brief(e) + "\n") })
	left := [2][]byte{up, down}
	var offset [2]int64
	for turn := int64(1); len(left[0])+len(left[1]) > 0; turn++ {
		seed = seed*6364136223846793005 + 1442695040888963407
		d := flow.Dir(seed >> 63)
		n := min(int(seed>>40&0x3f)+1, len(left[d]))
		b := left[d][:n]
		left[d] = left[d][n:]
		at := turn * 1e6
		if seed>>50&0xf == 0 && n > 0 {
			sink.Missing(d, offset[d], int64(n), at, int32(turn))
			offset[d] += int64(n)
			continue
		}
		for len(b) > 0 {
			n := min(cut, len(b))
			sink.Data(d, offset[d], b[:n:n], at, int32(turn))
			offset[d] += int64(n)
			b = b[n:]
		}
	}
	sink.End(flow.Up, 1e12, flow.How(seed>>20%3))
	sink.End(flow.Down, 1e12, flow.How(seed>>22%3))
	return told.String()
}
