package linger

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What a faulty server does over HTTP/2.

// A faulty2 is a connection of it. One goroutine reads frames; each stream whose
// request is whole has one that answers.
type faulty2 struct {
	*faultyConn
	answers sync.WaitGroup

	mu      sync.Mutex // guards what follows, and writing
	fr      *http2.Framer
	block   bytes.Buffer
	enc     *hpack.Encoder
	open    map[uint32]*request2 // requests that are not whole yet
	highest uint32               // of the streams applied
	seen    uint32               // the highest stream that was opened
	last    uint32               // of the streams it still takes; see away
}

// A request2 is a request on a stream.
type request2 struct {
	order
	c    *faulty2
	id2  uint32 // the stream
	dice *rand.Rand
	act  act2
	body []byte
}

// An act2 is what becomes of one request.
type act2 struct {
	name   string
	weight int
	early  bool // it happens when the head is there, and the request is not applied
	do     func(*request2)
}

func (a act2) weigh() int { return a.weight }

// acts2 are all that there are. Those with a blank name are no faults.
var acts2 = []act2{
	{"", 140, false, (*request2).plain},
	{"", 30, false, (*request2).piecemeal},
	{"", 10, false, (*request2).trailed},
	{"", 10, false, (*request2).gzipped},
	{"delayed", 10, false, func(r *request2) { r.c.pause(r.dice); r.plain() }},
	{"interim answers", 10, false, (*request2).interim},

	{"refused", 5, true, resets(http2.ErrCodeRefusedStream)},
	{"reset, CANCEL", 2, true, resets(http2.ErrCodeCancel)},
	{"reset, INTERNAL_ERROR", 2, true, resets(http2.ErrCodeInternal)},
	{"reset, PROTOCOL_ERROR", 1, true, resets(http2.ErrCodeProtocol)},
	{"answered early", 6, true, (*request2).answerEarly},
	{"GOAWAY before this request", 2, true, (*request2).awayBefore},
	{"cut before the request was whole", 2, true, func(r *request2) { r.c.cut() }},

	{"applied, then reset, INTERNAL_ERROR", 3, false, resets(http2.ErrCodeInternal)},
	{"applied, then reset, CANCEL", 3, false, resets(http2.ErrCodeCancel)},
	{"applied, then reset, ENHANCE_YOUR_CALM", 2, false, resets(http2.ErrCodeEnhanceYourCalm)},
	{"applied, then reset, PROTOCOL_ERROR", 2, false, resets(http2.ErrCodeProtocol)},
	{"applied, then cut", 2, false, func(r *request2) { r.c.cut() }},
	{"reset in the body", 4, false, (*request2).resetInBody},
	{"cut in the body", 2, false, (*request2).cutInBody},
	{"GOAWAY behind this answer", 3, false, (*request2).awayBehind},
	{"GOAWAY before this answer", 2, false, func(r *request2) { r.c.away(0, http2.ErrCodeNo); r.plain() }},
	{"GOAWAY with an error", 1, false, (*request2).awayInAnger},
	{"closed behind this answer", 2, false, func(r *request2) { r.plain(); r.c.Close() }},

	{"length too large", 3, false, func(r *request2) { r.lie(+3) }},
	{"length too small", 3, false, func(r *request2) { r.lie(-3) }},
	{"data behind the end", 2, false, (*request2).overtime},
	{"head too large", 2, false, (*request2).bigHead},
	{"no status", 2, false, (*request2).noStatus},
	{"an answer nobody asked for", 1, false, (*request2).unasked},
	{"no frame", 1, false, func(r *request2) { r.c.locked(func() { r.c.Write([]byte("garbage, and more of it")) }) }},
	{"a frame too large", 1, false, (*request2).bigFrame},
	{"fewer streams from now on", 2, false, (*request2).fewer},
}

func (c *faultyConn) serveHTTP2() {
	if _, err := io.CopyN(io.Discard, c.in, prefaceSize); err != nil {
		return
	}
	h := &faulty2{faultyConn: c, fr: http2.NewFramer(c, c.in), open: make(map[uint32]*request2), last: 1<<31 - 1}
	h.enc = hpack.NewEncoder(&h.block)
	h.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 24},
		http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1 + uint32(c.dice.IntN(50))})
	h.fr.WriteWindowUpdate(0, 1<<30)
	defer h.answers.Wait()
	for {
		f, err := h.fr.ReadFrame()
		if err != nil {
			return
		}
		h.take(f)
	}
}

// locked does something alone, writing above all.
func (c *faulty2) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *faulty2) pause(dice *rand.Rand) {
	time.Sleep(time.Duration(dice.IntN(1000)) * time.Microsecond)
}

// cut is faultyConn's, with dice that several may throw.
func (c *faulty2) cut() { c.locked(c.faultyConn.cut) }

func (c *faulty2) take(f http2.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch f := f.(type) {
	case *http2.SettingsFrame:
		if !f.IsAck() {
			c.fr.WriteSettingsAck()
		}
	case *http2.PingFrame:
		if !f.IsAck() {
			c.fr.WritePing(true, f.Data)
		}
	case *http2.RSTStreamFrame:
		delete(c.open, f.StreamID)
	case *http2.MetaHeadersFrame:
		c.beginLocked(f)
	case *http2.DataFrame:
		if r := c.open[f.StreamID]; r != nil {
			r.body = append(r.body, f.Data()...)
			if f.StreamEnded() {
				c.completeLocked(r)
			}
		}
	}
}

// beginLocked takes in the head of a request. Streams that a GOAWAY left out are
// not looked at.
func (c *faulty2) beginLocked(f *http2.MetaHeadersFrame) {
	if f.StreamID > c.last || c.open[f.StreamID] != nil {
		return
	}
	c.seen = max(c.seen, f.StreamID)
	field := func(name string) string {
		for _, hf := range f.RegularFields() {
			if hf.Name == name {
				return hf.Value
			}
		}
		return ""
	}
	r := &request2{c: c, id2: f.StreamID, act: roll(c.dice, acts2), dice: rand.New(rand.NewPCG(c.s.seed, c.dice.Uint64()))}
	r.order = order2(field)
	if r.act.name != "" {
		c.s.note(r.act.name)
	}
	switch {
	case r.act.early:
		c.answers.Go(r.perform)
	case f.StreamEnded():
		c.completeLocked(r)
	default:
		c.open[r.id2] = r
	}
}

// order2 is orderOf for names in lower case.
func order2(field func(string) string) order {
	return orderOf(func(name string) string { return field(string(bytes.ToLower([]byte(name)))) })
}

// completeLocked applies a request that has come whole, and has it answered.
func (c *faulty2) completeLocked(r *request2) {
	delete(c.open, r.id2)
	c.highest = max(c.highest, r.id2)
	c.s.apply(r.order, r.body)
	c.answers.Go(r.perform)
}

func (r *request2) perform() { r.act.do(r) }

// head writes the head of an answer of status.
func (r *request2) head(status string, end bool, pairs ...string) {
	r.c.locked(func() { r.c.headLocked(r.id2, end, append([]string{":status", status}, pairs...)...) })
}

func (c *faulty2) headLocked(id uint32, end bool, pairs ...string) {
	c.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		c.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	for first := true; first || c.block.Len() > 0; first = false {
		part := c.block.Next(16 << 10)
		if first {
			c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: part, EndHeaders: c.block.Len() == 0, EndStream: end})
		} else {
			c.fr.WriteContinuation(id, c.block.Len() == 0, part)
		}
	}
}

// named are the fields that say whose an answer is.
func (r *request2) named(pairs ...string) []string {
	return append([]string{"x-id", strconv.Itoa(r.id), "x-len", strconv.Itoa(r.want)}, pairs...)
}

// data writes a part of the body, in frames that the client takes.
func (r *request2) data(end bool, body []byte) {
	for more := true; more; {
		part := body[:min(len(body), 16<<10)]
		body = body[len(part):]
		more = len(body) > 0
		r.c.locked(func() { r.c.fr.WriteData(r.id2, end && !more, part) })
	}
}

func (r *request2) reset(code http2.ErrCode) {
	r.c.locked(func() { r.c.fr.WriteRSTStream(r.id2, code) })
}

func resets(code http2.ErrCode) func(*request2) {
	return func(r *request2) { r.reset(code) }
}

func (r *request2) plain() {
	r.head("200", false, r.named()...)
	r.data(true, r.answer())
}

// piecemeal lets other streams' frames in between.
func (r *request2) piecemeal() {
	r.head("200", false, r.named("content-length", strconv.Itoa(r.want))...)
	body := r.answer()
	for range 5 {
		n := r.dice.IntN(1 + len(body))
		r.data(false, body[:n])
		body = body[n:]
		if r.dice.IntN(3) == 0 {
			r.c.pause(r.dice)
		}
	}
	r.data(true, body)
}

func (r *request2) trailed() {
	r.head("200", false, r.named("trailer", "x-sum")...)
	r.data(false, r.answer())
	r.c.locked(func() { r.c.headLocked(r.id2, true, "x-sum", "1") })
}

func (r *request2) gzipped() {
	r.head("200", false, r.named("content-encoding", "gzip")...)
	r.data(true, gzipped(string(r.answer())))
}

func (r *request2) interim() {
	r.head("103", false, "link", "</a>")
	r.head("102", false)
	r.plain()
}

// answerEarly: "A server can send a complete response prior to the client sending
// an entire request … by sending a RST_STREAM with an error code of NO_ERROR" —
// RFC 9113 §8.1.
func (r *request2) answerEarly() {
	r.want = min(r.want, 100)
	r.head("413", false, r.named()...)
	r.data(true, r.answer())
	r.reset(http2.ErrCodeNo)
}

func (r *request2) resetInBody() {
	r.head("200", false, r.named()...)
	body := r.answer()
	r.data(false, body[:r.dice.IntN(len(body)+1)])
	r.reset(http2.ErrCodeInternal)
}

func (r *request2) cutInBody() {
	r.head("200", false, r.named("content-length", strconv.Itoa(r.want+1))...)
	body := r.answer()
	r.data(false, body[:r.dice.IntN(len(body)+1)])
	r.c.cut()
}

// awayBefore ends the connection before this request, if none behind it has been
// applied: a GOAWAY says of all up to a number that they were.
func (r *request2) awayBefore() {
	if r.c.away(r.id2-2, http2.ErrCodeNo) >= r.id2 {
		r.reset(http2.ErrCodeInternal)
	}
}

func (r *request2) awayBehind() {
	if r.dice.IntN(2) == 0 { // "a graceful shutdown", RFC 9113 §6.8
		r.c.away(1<<31-1, http2.ErrCodeNo)
		r.c.pause(r.dice)
	}
	r.plain()
	r.c.away(0, http2.ErrCodeNo)
}

func (r *request2) awayInAnger() {
	r.c.away(0, http2.ErrCodeEnhanceYourCalm)
	r.c.cut()
}

// away writes a GOAWAY whose last stream is the one given, or the last that was
// applied, and returns which. Requests behind it that are not whole yet are dropped.
func (c *faulty2) away(last uint32, code http2.ErrCode) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = min(c.last, max(last, c.highest))
	for id := range c.open {
		if id > c.last {
			delete(c.open, id)
		}
	}
	c.fr.WriteGoAway(c.last, code, nil)
	return c.last
}

// lie tells a length that is not the body's: a malformed answer, whatever was read
// of it (RFC 9113 §8.1.1).
func (r *request2) lie(by int) {
	body := r.answer()
	r.want = max(0, r.want+by)
	r.head("200", false, r.named("content-length", strconv.Itoa(r.want))...)
	r.data(true, body)
}

func (r *request2) overtime() {
	r.plain()
	r.c.locked(func() { r.c.fr.WriteData(r.id2, true, []byte("more")) })
}

func (r *request2) bigHead() {
	r.head("200", false, r.named("a", string(alphabet[:2*faultyHead]))...)
	r.data(true, r.answer())
}

func (r *request2) noStatus() {
	r.c.locked(func() { r.c.headLocked(r.id2, true, "a", "b") })
}

func (r *request2) unasked() {
	r.plain()
	r.c.locked(func() {
		r.c.headLocked(r.c.seen+1000, false, ":status", "200", "x-id", "stray")
		r.c.fr.WriteData(r.c.seen+1000, true, []byte("stray"))
	})
}

func (r *request2) bigFrame() {
	r.head("200", false, r.named()...)
	r.c.locked(func() { r.c.fr.WriteRawFrame(http2.FrameData, 0, r.id2, alphabet[:17<<10]) })
}

func (r *request2) fewer() {
	r.c.locked(func() {
		r.c.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1 + uint32(r.dice.IntN(5))})
	})
	r.plain()
}
