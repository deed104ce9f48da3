package exchange

import (
	"container/list"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/flow"
)

// An http2Stream is an exchange that is not told yet.
type http2Stream struct {
	e     *Exchange
	place *list.Element

	head   [2]bool // the head, in the response the final one, was seen, read or not
	done   [2]bool // END_STREAM
	pushed bool

	credit  [2]int64 // what WINDOW_UPDATEs gave, less what was sent
	lost    [2]int   // of each half when the stream began
	fields  int      // octets kept
	missing [2]int64 // octets of bodies that are in known holes

	problems []string
}

// message is the message of a direction.
func (s *http2Stream) message(d flow.Dir) *Message {
	if d == flow.Up {
		return &s.e.Request
	}
	return &s.e.Response
}

// problem adds a sentence, once.
func (s *http2Stream) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, p := range s.problems {
		if p == text {
			return
		}
	}
	if len(s.problems) < 8 {
		s.problems = append(s.problems, text)
	}
}

// add begins a stream. The one that has been open for longest makes room.
func (h *http2Reader) add(id uint32, e *Exchange) *http2Stream {
	if h.age.Len() >= maxHTTP2Streams {
		oldest := h.age.Front().Value.(*http2Stream)
		oldest.problem("given up: more than %d streams were open", maxHTTP2Streams)
		h.gone.add(oldest.e.Stream)
		h.finish(oldest)
	}
	s := &http2Stream{e: e}
	for d, half := range h.halfs {
		s.lost[d] = half.lost
	}
	s.place = h.age.PushBack(s)
	h.streams[id] = s
	return s
}

// open begins the exchange of a stream.
func (h *http2Reader) open(id uint32) *http2Stream {
	h.nth++
	return h.add(id, &Exchange{Nth: h.nth, Stream: id, Protocol: "HTTP/2.0"})
}

// of is the stream that a frame belongs to, nil if it is behind us. A frame whose
// stream was not seen to begin makes a new one only where the capture lacks bytes.
func (h *http2Reader) of(f *http2Half, id uint32, head bool) *http2Stream {
	if s := h.streams[id]; s != nil || id == 0 {
		return s
	}
	opener := flow.Up // who may open a stream with the number
	if id%2 == 0 {
		opener = flow.Down
	}
	isNew := id > h.highest[opener] && f.dir == opener && head
	if !isNew && (h.halfs[opener].whole && h.halfs[opener].begun || h.gone.has(id)) {
		return nil
	}
	h.highest[opener] = max(h.highest[opener], id)
	return h.open(id)
}

// headers takes a block of header fields: of a request, a response, or trailers.
func (h *http2Reader) headers(f *http2Half, b *http2Block, l http2List) {
	s := h.of(f, b.stream, true)
	if s == nil || s.done[f.dir] {
		return
	}
	if l.long {
		s.problem("header fields beyond %d bytes are left out", maxHTTP2Block)
	}
	m := s.message(f.dir)
	switch {
	case s.head[f.dir]: // trailers
		h.cover(m, b.where)
		m.Body += b.where.bytes
	case f.dir == flow.Up:
		h.cover(m, b.where)
		m.Head += b.where.bytes
		s.head[f.dir] = true
		h.requestHead(s, l)
	default:
		h.cover(m, b.where)
		m.Head += b.where.bytes
		h.responseHead(s, l, b.ends)
	}
	if b.ends {
		h.endOf(s, f.dir)
	}
}

// requestHead reads what a request asks for.
func (h *http2Reader) requestHead(s *http2Stream, l http2List) {
	if l.unknown {
		s.problem("of its request not all header fields could be read: they refer to what is not in the capture")
	}
	method, scheme, path := l.get(":method"), l.get(":scheme"), l.get(":path")
	authority := l.get(":authority")
	if authority == "" {
		authority = l.get("host")
	}
	var url string
	switch {
	case authority == "" && !l.unknown, authority == "" && path != "":
		url = path
	case authority != "" && scheme == "": // CONNECT: RFC 9113 §8.5
		url = authority + path
	case authority != "" && path != "":
		url = scheme + "://" + authority + path
	}
	if size := len(method) + len(url); h.keep(s, size) {
		s.e.Method, s.e.URL = strings.Clone(method), url
	}
}

// responseHead reads the head of a response, interim or final.
func (h *http2Reader) responseHead(s *http2Stream, l http2List, ends bool) {
	status, _ := strconv.Atoi(l.get(":status"))
	if status >= 100 && status < 200 && !ends {
		m := &s.e.Response
		m.Complete = true
		if len(s.e.Interim) < maxHTTP2Interim {
			s.e.Interim = append(s.e.Interim, *m)
			s.e.Response = Message{}
		} else {
			s.problem("interim responses after the %dth are counted as part of the response", maxHTTP2Interim)
			m.Complete = false
		}
		return
	}
	s.head[flow.Down] = true
	s.e.Status = status
	if l.unknown {
		s.problem("of its response not all header fields could be read: they refer to what is not in the capture")
	}
	if len(l.fields) == 0 || !h.keep(s, l.size) {
		return
	}
	s.e.Header = make(http.Header, len(l.fields))
	for _, f := range l.fields {
		if !f.IsPseudo() {
			s.e.Header.Add(f.Name, f.Value)
		}
	}
}

// keep takes room for header fields, false if there is none.
func (h *http2Reader) keep(s *http2Stream, size int) bool {
	if h.fields+size > maxHTTP2Fields {
		s.problem("its header fields were not kept: those of all open streams are over %d bytes", maxHTTP2Fields)
		return false
	}
	h.fields += size
	s.fields += size
	return true
}

// promise takes a PUSH_PROMISE: a request that the server makes up.
func (h *http2Reader) promise(f *http2Half, b *http2Block, l http2List) {
	if f.dir != flow.Down || b.promised%2 != 0 || b.promised <= h.highest[flow.Down] {
		return
	}
	h.highest[flow.Down] = b.promised
	s := h.open(b.promised)
	s.pushed = true
	s.head[flow.Up], s.done[flow.Up] = true, true
	h.requestHead(s, l)
}

// beginData takes the header of a DATA frame.
func (h *http2Reader) beginData(f *http2Half) {
	s := h.of(f, f.frame.StreamID, false)
	if s == nil || s.done[f.dir] {
		f.window.spend(int64(f.frame.Length)) // RFC 9113 §5.4.2: it counts all the same
		return
	}
	f.stream = s
	h.spend(f, s)
	m := s.message(f.dir)
	h.cover(m, f.where)
	m.Body += f.where.bytes
}

// moreData takes a part of a DATA frame's payload, or a hole in it.
func (h *http2Reader) moreData(f *http2Half, c chunk) {
	if f.stream == nil {
		return
	}
	var part stretch
	part.add(c)
	f.where.last, f.where.lastPacket = c.at, c.packet
	m := f.stream.message(f.dir)
	if c.b == nil {
		f.stream.missing[f.dir] += part.bytes
	}
	h.cover(m, part)
	m.Body += part.bytes
}

// endData takes the end of a DATA frame.
func (h *http2Reader) endData(f *http2Half) {
	s := f.stream
	f.stream = nil
	if s == nil || h.streams[s.e.Stream] != s {
		return
	}
	if f.frame.Flags.Has(http2.FlagDataEndStream) {
		h.endOf(s, f.dir)
		return
	}
	h.spent(f, s)
}

// endOf takes END_STREAM.
func (h *http2Reader) endOf(s *http2Stream, d flow.Dir) {
	s.done[d] = true
	s.message(d).Complete = true
	noRequest := len(s.e.Request.Ranges) == 0
	if s.done[0] && s.done[1] || d == flow.Down && noRequest {
		h.finish(s)
	}
}

// reset takes RST_STREAM from a side.
func (h *http2Reader) reset(by flow.Dir, id uint32, code http2.ErrCode) {
	s := h.streams[id]
	if s == nil {
		return
	}
	// "A server may […] request that the client abort transmission of a request without
	// error by sending a RST_STREAM with an error code of NO_ERROR after sending a
	// complete response": https://www.rfc-editor.org/rfc/rfc9113#section-8.1
	if by == flow.Up || !s.done[flow.Down] || code != http2.ErrCodeNo {
		s.problem("%s reset the stream: %s", http2Side(by), code)
	}
	h.gone.add(id)
	h.finish(s)
}

func http2Side(d flow.Dir) string {
	if d == flow.Up {
		return "the client"
	}
	return "the server"
}

// An http2GoAway is what the other side said of the streams of this one.
type http2GoAway struct {
	last uint32
	code http2.ErrCode
}

// finish tells an exchange.
func (h *http2Reader) finish(s *http2Stream) {
	h.age.Remove(s.place)
	delete(h.streams, s.e.Stream)
	e := s.e
	h.fields -= s.fields
	h.ranges -= http2Kept(e)
	h.wrong(s)
	if len(s.problems) > 0 {
		if e.Problem != "" {
			s.problems = append([]string{e.Problem}, s.problems...)
		}
		e.Problem = strings.Join(s.problems, "; ")
	}
	h.tell(e)
}

// http2Kept is how many ranges of an exchange are counted.
func http2Kept(e *Exchange) int {
	n := len(e.Request.Ranges) + len(e.Request.Shut) + len(e.Response.Ranges) + len(e.Response.Shut)
	for i := range e.Interim {
		n += len(e.Interim[i].Ranges)
	}
	return n
}

// wrong finds what is wrong with an exchange that is to be told, beside what was
// found on the way.
func (h *http2Reader) wrong(s *http2Stream) {
	e := s.e
	up, down := h.halfs[flow.Up], h.halfs[flow.Down]
	if s.pushed {
		s.problem("pushed by the server: the client did not ask for it")
	} else if len(e.Request.Ranges) == 0 {
		s.problem("its request is not in the capture")
	} else if g := up.goAway; g != nil && e.Stream > g.last && !s.head[flow.Down] {
		s.problem("the server did not process it: GOAWAY %s, last stream %d", g.code, g.last)
	}
	for d, name := range []string{"request", "response"} {
		if m := s.message(flow.Dir(d)); !s.head[d] && len(m.Ranges) > 0 {
			s.problem("the head of its %s is not in the capture", name)
		}
		if s.missing[d] > 0 {
			s.problem("%d bytes of its %s's body are not in the capture", s.missing[d], name)
		}
	}
	if s.lost[flow.Up] != up.lost || s.lost[flow.Down] != down.lost {
		s.problem("frames of the connection are missing from the capture while it was open: some may have been its own")
	}
	if e.Response.Complete || len(s.problems) > 0 {
		return
	}
	switch down.how {
	case flow.ByFIN, flow.ByRST:
		s.problem("the connection ended before the response was complete")
	default:
		s.problem("the capture ends before the response is complete")
	}
}
