package exchange

import (
	"fmt"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// BenchmarkSink is of full-size segments: of one large body after another, in the
// three ways in which a body is framed, and of what is no HTTP.
func BenchmarkSink(b *testing.B) {
	segment := make([]byte, 1460)
	for name, test := range map[string]struct{ head, chunk string }{
		"length":  {"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n", ""},
		"chunked": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5b4\r\n"},
		"close":   {"HTTP/1.0 200 OK\r\n\r\n", ""},
		"lost":    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx", ""},
		"other":   {"SSH-2.0", ""},
	} {
		b.Run(name, func(b *testing.B) {
			sink := New(begun(), nil, func(*Exchange) {})
			sink.Data(flow.Up, 0, []byte(getA), 1, 1)
			sink.Data(flow.Down, 0, []byte(test.head), 1, 2)
			offset := int64(len(test.head))
			body := segment
			if test.chunk != "" {
				body = append(append([]byte(test.chunk), segment...), "\r\n"...)
				body = body[:0x5b4+len(test.chunk)+2]
				copy(body[len(body)-2:], "\r\n")
			}
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				sink.Data(flow.Down, offset, body, offset, 3)
				offset += int64(len(body))
			}
		})
	}
	b.Run("exchanges", func(b *testing.B) {
		n := 0
		sink := New(begun(), nil, func(*Exchange) { n++ })
		answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n", 100) + string(segment[:100]))
		var up, down int64
		for b.Loop() {
			sink.Data(flow.Up, up, []byte(getA), up+1, 1)
			sink.Data(flow.Down, down, answer, up+1, 2)
			up, down = up+int64(len(getA)), down+int64(len(answer))
		}
		if n == 0 {
			b.Error("nothing was told")
		}
	})
}
