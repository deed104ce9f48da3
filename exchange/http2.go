package exchange

import (
	"bytes"
	"container/list"
	"slices"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/flow"
)

// An http2Reader reads HTTP/2 from both directions of a connection in clear. Bytes
// become frames in an http2Half, frames become blocks of header fields there, and
// what they say of streams becomes exchanges here.
//
// It holds no body. What it holds of streams is bounded: their number, the ranges
// and the header fields kept for them.
type http2Reader struct {
	tell  func(*Exchange)
	nth   int
	halfs [2]*http2Half // by who sends

	streams map[uint32]*http2Stream
	age     list.List // of *http2Stream, the oldest first
	highest [2]uint32 // the highest stream that this side opened
	gone    http2Gone

	ranges int // kept for the streams that are open
	fields int // octets of header fields, as well
	ended  int // directions
}

// What is kept of a connection's open streams.
const (
	maxHTTP2Streams = 10_000
	maxHTTP2Ranges  = 1 << 18 // ranges, and times in which a window was shut
	maxHTTP2Fields  = 16 << 20
	maxHTTP2Block   = 1 << 20 // of one block of header fields, coded and decoded
	maxHTTP2Interim = 64      // of one exchange
)

// newHTTP2 begins with the client's preface, or wherever the capture begins. Each
// exchange is told when it has ended or nothing more of it can come, with all but
// Conn, Secure and Lookup; Nth counts from 1.
func newHTTP2(tell func(*Exchange)) *http2Reader {
	h := &http2Reader{tell: tell, streams: make(map[uint32]*http2Stream)}
	for d := range h.halfs {
		h.halfs[d] = newHTTP2Half(flow.Dir(d), h)
	}
	return h
}

// upgraded says that a request in HTTP/1.1 led here by "Upgrade: h2c": it is stream
// 1's, and the client has sent all of it. Its response, and the telling of it, are
// this reader's from here: e.Response is to be empty, the 101 among e.Interim. Others
// count on from its Nth.
//
// "The HTTP/1.1 request that is sent prior to upgrade is assigned a stream
// identifier of 1 […]. Stream 1 is implicitly 'half-closed' from the client":
// https://www.rfc-editor.org/rfc/rfc7540#section-3.2
func (h *http2Reader) upgraded(e *Exchange) {
	e.Stream, e.Protocol = 1, "HTTP/2.0"
	h.nth = e.Nth
	h.highest[flow.Up] = 1
	s := h.add(1, e)
	s.head[flow.Up], s.done[flow.Up] = true, true
}

func (h *http2Reader) data(d flow.Dir, c chunk) { h.halfs[d&1].data(c) }

func (h *http2Reader) missing(d flow.Dir, m hole) { h.halfs[d&1].missing(m) }

// end tells what is left when both directions have ended: a response may come after
// the client's FIN, but what the server sent last is the last.
func (h *http2Reader) end(d flow.Dir, at int64, how flow.How) {
	h.halfs[d&1].how = how
	h.ended++
	if h.ended < 2 && d == flow.Up && how == flow.ByFIN {
		return
	}
	for h.age.Len() > 0 {
		h.finish(h.age.Front().Value.(*http2Stream))
	}
}

// isHTTP2 says whether b, possibly short, is the start of HTTP/2's client preface:
// RFC 9113 §3.4. An empty b is not.
func isHTTP2(b []byte) bool {
	n := min(len(b), len(http2.ClientPreface))
	return n > 0 && bytes.Equal(b[:n], []byte(http2.ClientPreface[:n]))
}

// An http2Gone remembers the streams that were ended from outside last: by a reset,
// or because there were too many. What comes for them later is nothing new.
type http2Gone struct {
	ids  [256]uint32
	next int
}

func (g *http2Gone) add(id uint32) {
	g.ids[g.next] = id
	g.next = (g.next + 1) % len(g.ids)
}

func (g *http2Gone) has(id uint32) bool { return slices.Contains(g.ids[:], id) }
