package grade

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// requests finds the requests of an HTTP/1 connection. Each has its exchange's number
// for a path, and a body of Content-Length, if any.
type requests struct {
	head     []byte // of the request that is being written, as far as it is
	exchange int
	body     int // bytes of body that are to come
}

func (r *requests) find(b []byte, each func(Piece)) {
	for at := 0; at < len(b); {
		from := at
		if r.body > 0 {
			n := min(r.body, len(b)-at)
			r.body, at = r.body-n, at+n
		} else {
			at += r.inHead(b[at:])
		}
		each(Piece{Exchange: r.exchange, From: int64(from), To: int64(at), Body: -1})
	}
}

// inHead takes in bytes of a head, and returns how many were of it.
func (r *requests) inHead(b []byte) int {
	had := len(r.head)
	r.head = append(r.head, b...)
	end := bytes.Index(r.head, []byte("\r\n\r\n"))
	if line, _, ok := bytes.Cut(r.head, []byte("\r\n")); ok {
		if words := strings.Fields(string(line)); len(words) > 1 {
			r.exchange = exchangeOf(words[1])
		}
	}
	if end < 0 {
		return len(b)
	}
	for line := range strings.SplitSeq(string(r.head[:end]), "\r\n") {
		if name, value, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			r.body, _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	r.head = r.head[:0]
	return end + 4 - had
}

// exchangeOf is the number in a path such as "/7", 0 if there is none.
func exchangeOf(path string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(path, "/"))
	return n
}

// frames finds the messages of one direction of an HTTP/2 connection.
type frames struct {
	skip   int    // bytes of the preface that are to come
	header []byte // of the frame that is being written, as far as it is
	left   int    // bytes of it that are to come
	stream uint32 // 0 of what is no message's
	body   int64  // as in Piece, -1 of what is no DATA
	sent   map[uint32]int64

	// Of the client's direction only: which exchange is on which stream.
	heads *heads
}

func newFrames() *frames { return &frames{sent: make(map[uint32]int64)} }

// newRequestFrames is for the client's direction.
func newRequestFrames(book *notebook, conn netip.AddrPort) *frames {
	f := newFrames()
	f.skip, f.heads = len(http2.ClientPreface), newHeads(book, conn)
	return f
}

func (f *frames) find(b []byte, each func(Piece)) {
	if n := min(f.skip, len(b)); n > 0 {
		f.skip -= n
		each(Piece{To: int64(n), Body: -1})
		f.findFrom(n, b, each)
		return
	}
	f.findFrom(0, b, each)
}

// frameHeader is what stands before each frame: RFC 9113 §4.1.
const frameHeader = 9

func (f *frames) findFrom(at int, b []byte, each func(Piece)) {
	for at < len(b) {
		from := at
		if len(f.header) < frameHeader {
			n := min(frameHeader-len(f.header), len(b)-at)
			f.header, at = append(f.header, b[at:at+n]...), at+n
			if len(f.header) < frameHeader {
				return // a frame's header is never cut by those we watch
			}
			f.begin()
		}
		n := min(f.left, len(b)-at)
		f.heads.add(b[at : at+n])
		f.left, at = f.left-n, at+n
		each(Piece{Stream: f.stream, From: int64(from), To: int64(at), Body: f.body})
		if f.body >= 0 {
			f.body += int64(n)
			f.sent[f.stream] = f.body
		}
		if f.left == 0 {
			f.heads.end()
			f.header = f.header[:0]
		}
	}
}

// begin reads a frame's header.
func (f *frames) begin() {
	h := f.header
	f.left = int(h[0])<<16 | int(h[1])<<8 | int(h[2])
	stream := binary.BigEndian.Uint32(h[5:]) & (1<<31 - 1)
	f.stream, f.body = 0, -1
	switch http2.FrameType(h[3]) {
	case http2.FrameData:
		f.stream, f.body = stream, f.sent[stream]
	case http2.FrameHeaders, http2.FrameContinuation:
		f.stream = stream
		f.heads.begin(stream, http2.FrameType(h[3]) == http2.FrameHeaders && http2.Flags(h[4]).Has(http2.FlagHeadersPriority))
	}
}

// heads read the paths of requests. Nil ones read nothing.
type heads struct {
	decoder *hpack.Decoder
	stream  uint32 // of the head that is being read; 0 while there is none
	skip    int    // bytes of priority before the fields: RFC 9113 §6.2
}

func newHeads(book *notebook, conn netip.AddrPort) *heads {
	h := new(heads)
	h.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		if f.Name == ":path" {
			book.stream(conn, h.stream, exchangeOf(f.Value))
		}
	})
	return h
}

func (h *heads) begin(stream uint32, priority bool) {
	if h == nil {
		return
	}
	h.stream, h.skip = stream, 0
	if priority {
		h.skip = 5
	}
}

func (h *heads) add(b []byte) {
	if h == nil || h.stream == 0 {
		return
	}
	n := min(h.skip, len(b))
	h.skip -= n
	_, _ = h.decoder.Write(b[n:])
}

// end ends a frame. A head ends with it unless CONTINUATION follows, which no client
// of ours needs.
func (h *heads) end() {
	if h != nil && h.stream != 0 {
		_ = h.decoder.Close()
		h.stream = 0
	}
}
