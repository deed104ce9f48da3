package linger

import (
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"

	"github.com/lingerhttp/linger/timeline"
)

// What a meter knows of HTTP/2 (RFC 9113 §3.4, §6, §7).
const (
	prefaceSize = 24 // of the client's connection preface

	frameData         = 0x0
	frameHeaders      = 0x1
	frameRSTStream    = 0x3
	frameSettings     = 0x4
	frameGoAway       = 0x7
	frameContinuation = 0x9

	flagEndStream = 0x1 // of DATA and HEADERS
	flagAck       = 0x1 // of SETTINGS

	protocolError = 0x1 // the error code PROTOCOL_ERROR
	refusedStream = 0x7 // the error code REFUSED_STREAM

	settingMaxStreams = 0x3 // the parameter SETTINGS_MAX_CONCURRENT_STREAMS
	settingSize       = 6

	// initialStreams is how many streams one assumes before the peer's SETTINGS
	// have come (§6.5.2 recommends no fewer as a peer's limit). unlimitedStreams
	// is for a peer that sets none: net/http takes as many.
	initialStreams   = 100
	unlimitedStreams = 1000

	http1Start = "HTTP/" // how a server that speaks no HTTP/2 begins
)

// A meter stands between an HTTP/2 connection and its frames, counts the bytes
// of each stream and notes which streams the server did not process. It changes
// nothing.
type meter struct {
	net.Conn
	changed func() // called on the first GOAWAY, and when SETTINGS have come into force

	in, out framer // each belongs to the goroutine that reads, or writes

	mu      sync.Mutex
	streams map[uint32]*streamBytes // guarded by mu; those opened and not yet taken
	opened  uint32                  // guarded by mu; the newest stream
	next    *streamBytes            // guarded by mu; whose HEADERS are written next
	limit   uint32                  // guarded by mu; how many streams may be open at once
	known   bool                    // guarded by mu; the limit is the server's
	coming  []frame                 // guarded by mu; SETTINGS not yet acknowledged
	away    bool                    // guarded by mu
	last    uint32                  // guarded by mu; the last stream the server processed, once away

	plain atomic.Bool // the server speaks HTTP/1
}

// streamBytes is what went over the wire for one stream; its meter's mutex guards it.
type streamBytes struct {
	id             uint32 // 0 until its HEADERS are written
	taken          bool   // nobody asks any more
	sent, received timeline.Bytes
	reset          bool   // by the server
	code           uint32 // why
	over           bool   // the server's side of the stream has ended
}

// A fate says whether the server processed a stream.
type fate string

const (
	processed fate = ""
	refusedBy fate = "the server refused the stream"
	goneAway  fate = "the server closed the connection before this stream"
	allGone   fate = "the server closed the connection before its first stream"
	tooMany   fate = "the server allows fewer streams than were begun before it said so"
	unusable  fate = "the connection takes no more streams"
)

func newMeter(c net.Conn, changed func()) *meter {
	m := &meter{Conn: c, changed: changed, streams: make(map[uint32]*streamBytes), limit: initialStreams}
	m.out.preface = prefaceSize
	return m
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.in.take(p[:n], m.received)
	if m.in.have >= len(http1Start) && string(m.in.kept[:len(http1Start)]) == http1Start {
		m.plain.Store(true)
	}
	return n, err
}

// Write implements io.Writer. It counts before it writes: the answer may be
// there before the write returns.
func (m *meter) Write(p []byte) (int, error) {
	m.out.take(p, m.sent)
	return m.Conn.Write(p)
}

// expect says whose HEADERS are written next. It is called while no others can be.
func (m *meter) expect(s *streamBytes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next = s
}

// settled says whether the server's limits are known.
func (m *meter) settled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known
}

// over says whether the server has ended its side of a stream.
func (m *meter) over(s *streamBytes) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return s.over
}

// take returns what was counted for a stream, and forgets it, be it that its
// HEADERS are written only now.
func (m *meter) take(s *streamBytes) (streamBytes, fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.taken = true
	delete(m.streams, s.id)
	switch {
	case s.reset && s.code == refusedStream:
		return *s, refusedBy
	case s.id == 0:
		return *s, m.fateLocked(1 << 31)
	}
	return *s, m.fateLocked(s.id)
}

// fateLocked is what a GOAWAY means for a stream.
func (m *meter) fateLocked(id uint32) fate {
	switch {
	case !m.away || id <= m.last:
		return processed
	case m.last == 0:
		return allGone
	}
	return goneAway
}

// sent counts a frame of ours. When SETTINGS are acknowledged, they have come
// into force (RFC 9113 §6.5.3).
func (m *meter) sent(f frame) {
	m.countSent(f)
	if f.kind == frameSettings && f.flags&flagAck != 0 {
		m.settle()
		m.changed()
	}
}

// settle puts the oldest SETTINGS not yet acknowledged into force.
func (m *meter) settle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.coming) == 0 {
		return
	}
	switch f := m.coming[0]; {
	case f.limits:
		m.limit = f.streams
	case !m.known:
		m.limit = unlimitedStreams
	}
	m.known = true
	m.coming = m.coming[1:]
}

// capacity is how many streams may be open at once.
func (m *meter) capacity() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int(min(m.limit, 1<<30))
}

func (m *meter) countSent(f frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.kind == frameHeaders && f.stream > m.opened {
		m.opened = f.stream
		m.openLocked(f.stream)
	}
	if s := m.streams[f.stream]; s != nil {
		f.countTo(&s.sent)
	}
}

// openLocked begins the account of a new stream, if somebody wants it.
func (m *meter) openLocked(id uint32) {
	if m.next == nil {
		return
	}
	m.next.id = id
	if !m.next.taken {
		m.streams[id] = m.next
	}
	m.next = nil
}

// goneAway says whether the server has announced that it takes no more streams.
func (m *meter) goneAway() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.away
}

// received counts a frame of the server's. A GOAWAY is told before whoever reads
// sees it: when streams fail for it, the pool knows.
func (m *meter) received(f frame) {
	if m.countReceived(f) {
		m.changed()
	}
}

// countReceived says whether the frame is the first GOAWAY.
func (m *meter) countReceived(f frame) (leaving bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.streams[f.stream]
	if s != nil {
		f.countTo(&s.received)
		s.over = s.over || f.endsStream()
	}
	switch {
	case f.kind == frameSettings && f.flags&flagAck == 0:
		m.coming = append(m.coming, f)
	case f.kind == frameRSTStream && s != nil:
		s.reset, s.code = true, f.word
	case f.kind == frameGoAway:
		m.last = f.word & (1<<31 - 1)
		leaving = !m.away
		m.away = true
	}
	return leaving
}

// A frame is what a meter needs to know of an HTTP/2 frame (RFC 9113 §4.1).
type frame struct {
	kind   byte
	flags  byte
	stream uint32
	size   int64  // header included
	word   uint32 // the first four bytes of the payload

	limits  bool   // these are SETTINGS that limit streams
	streams uint32 // to so many
}

// countTo adds the frame to the bytes of its stream.
func (f frame) countTo(b *timeline.Bytes) {
	switch f.kind {
	case frameHeaders, frameContinuation:
		b.Header += f.size
	case frameData:
		b.Body += f.size
	}
}

func (f frame) endsStream() bool {
	return (f.kind == frameHeaders || f.kind == frameData) && f.flags&flagEndStream != 0
}

// frameHead is the length of a frame's header, and frameKept that of the part
// of a frame that a framer keeps: its header, and of its payload enough for more
// SETTINGS than are known.
const (
	frameHead = 9
	frameKept = frameHead + 24*settingSize
)

// A framer finds the frames in one direction of a connection, however its bytes
// are cut.
type framer struct {
	preface int // bytes to skip before the first frame
	kept    [frameKept]byte
	have    int // bytes of the frame under way so far
}

// take goes through bytes and reports each frame that they complete.
func (f *framer) take(p []byte, report func(frame)) {
	skip := min(f.preface, len(p))
	f.preface -= skip
	p = p[skip:]
	for len(p) > 0 {
		if f.have < frameKept {
			n := copy(f.kept[f.have:min(frameKept, f.size())], p)
			f.have += n
			p = p[n:]
		} else {
			n := min(len(p), f.size()-f.have)
			f.have += n
			p = p[n:]
		}
		if f.have >= frameHead && f.have == f.size() {
			report(f.frame())
			f.have = 0
		}
	}
}

// size is how long the frame under way is, as far as is known: until its header
// is whole, as long as that.
func (f *framer) size() int {
	if f.have < frameHead {
		return frameHead
	}
	return frameHead + int(f.kept[0])<<16 + int(f.kept[1])<<8 + int(f.kept[2])
}

func (f *framer) frame() frame {
	r := frame{
		kind:   f.kept[3],
		flags:  f.kept[4],
		stream: binary.BigEndian.Uint32(f.kept[5:]) & (1<<31 - 1),
		size:   int64(f.size()),
	}
	payload := f.kept[frameHead:min(frameKept, f.size())]
	if len(payload) >= 4 {
		r.word = binary.BigEndian.Uint32(payload)
	}
	for r.kind == frameSettings && len(payload) >= settingSize {
		if binary.BigEndian.Uint16(payload) == settingMaxStreams {
			r.limits, r.streams = true, binary.BigEndian.Uint32(payload[2:])
		}
		payload = payload[settingSize:]
	}
	return r
}
