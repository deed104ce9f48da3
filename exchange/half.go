package exchange

import (
	"errors"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/internal/http1"
)

// A half reads the messages of one direction of HTTP/1. It finds where they begin and
// end, whatever is lost between, and tells its owner; what belongs to what, the owner
// finds.
//
// No octet of a body is looked at where its length is known. Each octet is looked at
// in order and by itself: how the stream is cut makes no difference.
type half struct {
	d     flow.Dir
	owner *http1Reader
	state state
	part  *part // the message under way, nil between messages

	held   held   // what cannot be told yet: how a message begins, a line that is searched
	head   []byte // of the message under way
	next   int    // where HeadEnd goes on
	left   int64  // of a body whose length is known
	chunks http1.Chunks
	body   http1.Framing

	interims []Message // before the response to come
	broken   *part     // the last message, if where it ends is not known
	lost     gap       // since the last message
	last     seen
	done     bool
}

// A seen is the last that there was of a direction.
type seen struct {
	to, at int64
	packet int32
}

// A state says what a half reads.
type state uint8

const (
	between   state = iota // a message may begin
	inHead                 //
	peeking                // a body, or the next response if this was one to HEAD
	inLength               //
	inChunks               //
	toTheEnd               // of the connection
	searching              // for where a message begins
	waiting                // for the answer to what may change the protocol
)

// Bounds, in octets.
const (
	maxHead = 256 << 10
	maxLine = 8 << 10 // of a request line that is searched for
	headBit = 4 << 10 // how much is looked at for the end of a head at once
)

func (h *half) data(c chunk) {
	for len(c.b) > 0 {
		if h.owner.next != nil {
			h.owner.next.data(h.d, c)
			return
		}
		n := h.step(c)
		c = c.behind(n)
	}
}

// step takes bytes from the start of c, and returns how many.
func (h *half) step(c chunk) int {
	n := len(c.b)
	switch h.state {
	case between:
		return h.stepBetween(c)
	case inHead:
		return h.stepHead(c)
	case peeking:
		return h.stepPeek(c)
	case inLength:
		n = int(min(h.left, int64(n)))
		h.take(c.first(n))
		if h.left -= int64(n); h.left == 0 {
			h.finish()
		}
	case inChunks:
		return h.stepChunks(c)
	case toTheEnd:
		h.take(c)
	case searching:
		return h.stepSearch(c)
	case waiting:
		h.saw(c)
		h.owner.backlog(h.d, c)
	}
	return n
}

// take takes the bytes of c for the message under way.
func (h *half) take(c chunk) {
	h.part.took(c)
	h.saw(c)
}

func (h *half) saw(c chunk) { h.last = seen{c.to, c.at, c.packet} }

// stepBetween takes one byte of how a message begins.
func (h *half) stepBetween(c chunk) int {
	if len(h.held.b) == 0 {
		if n := emptyLines(c.b); n > 0 {
			h.saw(c.first(n))
			return n
		}
	}
	one := c.first(1)
	h.held.add(one)
	h.saw(one)
	ok, sure := plausibleRequest(h.held.b)
	if h.d == flow.Down {
		ok, sure = plausibleResponse(h.held.b)
	}
	switch {
	case !ok:
		h.lose(h.held.marks[0].c.from, nil)
		h.again(0)
	case sure:
		h.begin(0)
	}
	return 1
}

// again reads once more what was held, from byte i on.
func (h *half) again(i int) {
	for _, c := range h.held.take(i) {
		h.data(c)
	}
}

// begin begins a message with byte i of what is held.
func (h *half) begin(i int) {
	chunks := h.held.take(i)
	h.part = begin(chunks[0])
	h.part.before, h.part.answer.behind = h.lost, h.broken
	h.part.acked = h.owner.acked(h.d, h.part)
	h.broken, h.lost = nil, gap{}
	h.state, h.head, h.next = inHead, h.head[:0], 0
	if h.d == flow.Up {
		h.owner.requestBegins(h.part)
	}
	for _, c := range chunks {
		h.data(c)
	}
}

// lose says that it is not known where the next message begins. after is the message
// that may reach up to there; from is where it was lost.
func (h *half) lose(from int64, after *part) {
	h.state, h.part, h.broken = searching, nil, after
	if !h.lost.open {
		h.lost = gap{open: true, from: from}
	}
	h.owner.lost(h.d)
}

// stepHead takes bytes up to the end of the head, if that is there.
func (h *half) stepHead(c chunk) int {
	old := len(h.head)
	n := min(len(c.b), headBit, maxHead-old)
	if n == 0 {
		h.breakOff("its head is longer than 256 KiB")
		return 0
	}
	h.head = append(h.head, c.b[:n]...)
	end, next := http1.HeadEnd(h.head, h.next)
	h.next = next
	if end > 0 {
		n = end - old
		h.head = h.head[:end]
	}
	h.take(c.first(n))
	if end > 0 {
		h.part.whole = true
		h.finishHead()
	}
	return n
}

// finishHead reads the head and goes on to the body.
func (h *half) finishHead() {
	var f http1.Framing
	var err error
	guess := false
	if h.d == flow.Up {
		f, err = h.readRequest()
	} else {
		f, guess, err = h.readResponse()
	}
	if len(h.head) > headBit {
		h.head = nil
	}
	if h.part == nil || h.owner.next != nil { // it was an interim response, or led elsewhere
		return
	}
	if coding := (*http1.CodingError)(nil); err != nil && !errors.As(err, &coding) {
		h.breakOff(err.Error())
		return
	}
	h.body = f
	if guess && !f.Empty() {
		h.state = peeking
		return
	}
	h.beginBody()
}

func (h *half) beginBody() {
	f := h.body
	switch {
	case f.Empty():
		h.finish()
	case f.Kind == http1.Length:
		h.state, h.left = inLength, f.Length
	case f.Kind == http1.Chunked:
		h.state, h.chunks = inChunks, http1.Chunks{}
	default:
		h.state = toTheEnd
	}
}

// stepPeek takes one byte of a body, or of the next response if there is no body: who
// does not know whether the request was a HEAD can see it by that.
func (h *half) stepPeek(c chunk) int {
	const next = "HTTP/1."
	one := c.first(1)
	h.held.add(one)
	h.saw(one)
	n := len(h.held.b)
	switch {
	case h.held.b[n-1] != next[n-1]:
		h.beginBody()
		h.again(0)
	case n == len(next):
		h.part.answer.headed = true
		h.finish()
		h.again(0)
	}
	return 1
}

// stepChunks takes the rest of a chunk, or what stands between chunks. The latter it
// hands over byte by byte: so a fault is at the same byte, however the stream is cut.
func (h *half) stepChunks(c chunk) int {
	n := int(min(h.chunks.Remaining(), int64(len(c.b))))
	h.chunks.Skip(int64(n))
	var err error
	for n < len(c.b) && err == nil && !h.chunks.Done() && h.chunks.Remaining() == 0 {
		if _, _, err = h.chunks.Next(c.b[n : n+1]); err == nil {
			n++
		}
	}
	if n > 0 {
		h.take(c.first(n))
	}
	switch {
	case err != nil:
		h.breakOff(err.Error())
	case h.chunks.Done():
		h.finish()
	}
	return n
}

// finish ends the message under way: it is complete.
func (h *half) finish() {
	p := h.part
	p.Complete, p.over = true, true
	h.state, h.part = between, nil
	h.owner.finished(h.d, p)
}

// breakOff ends the message under way: where it ends is not known.
func (h *half) breakOff(trouble string) {
	p := h.part
	p.broken = true
	if p.trouble == "" {
		p.trouble = trouble
	}
	if !p.whole {
		h.readPartOfHead()
	}
	h.owner.broke(h.d, p)
	h.lose(p.End(), p)
}
