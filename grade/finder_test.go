package grade

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// told are the pieces that a finder finds in writes of so many bytes, in words.
func told(f finder, b []byte, size int) string {
	var words []string
	var at, last int64
	for len(b) > 0 {
		n := min(size, len(b))
		f.find(b[:n], func(p Piece) {
			word := fmt.Sprintf("%d/%d", p.Exchange, p.Stream)
			if len(words) == 0 || words[len(words)-1] != word {
				words = append(words, word)
			}
			if at+p.From != last {
				word = "a gap"
			}
			last = at + p.To
		})
		at, b = at+int64(n), b[n:]
	}
	return strings.Join(words, " ")
}

func TestRequests(t *testing.T) {
	text := "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\ncontent-length: 10\r\n\r\n0123456789GET /3 HTTP/1.1\r\n\r\n"
	for _, size := range []int{len(text), 28, 40} {
		if got := told(new(requests), []byte(text), size); got != "1/0 2/0 3/0" {
			t.Errorf("writes of %d: %s", size, got)
		}
	}
}

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(http2.ClientPreface)
	f := http2.NewFramer(&b, nil)
	head := func(stream uint32, path string) {
		var block bytes.Buffer
		_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":path", Value: path})
		_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
	}
	_ = f.WriteSettings()
	head(1, "/7")
	_ = f.WriteData(1, false, []byte("abc"))
	_ = f.WriteWindowUpdate(0, 5)
	head(3, "/4")
	_ = f.WriteData(3, false, make([]byte, 300))
	_ = f.WriteData(3, true, nil)
	for _, size := range []int{b.Len(), 100} {
		book := newNotebook()
		if got := told(newRequestFrames(book, theClient), b.Bytes(), size); got != "0/0 0/1 0/0 0/3" {
			t.Errorf("writes of %d: %s", size, got)
		}
		if s := book.streams[theClient]; s[1] != 7 || s[3] != 4 {
			t.Errorf("writes of %d: exchanges %v", size, s)
		}
	}
}
