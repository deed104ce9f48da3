package linger

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/lingerhttp/linger/timeline"
)

// What a meter knows of HTTP/2 (RFC 9113 §3.4, §6, §7).
const (
	prefaceSize = 24 // of the client's connection preface

	frameData         = 0x0
	frameHeaders      = 0x1
	frameRSTStream    = 0x3
	frameGoAway       = 0x7
	frameContinuation = 0x9

	refusedStream = 0x7 // the error code REFUSED_STREAM
)

// A meter stands between an HTTP/2 connection and its frames, counts the bytes
// of each stream and notes which streams the server did not process. It changes
// nothing.
type meter struct {
	net.Conn
	goingAway func() // called once, on GOAWAY

	in, out framer // each belongs to the goroutine that reads, or writes

	mu      sync.Mutex
	streams map[uint32]*streamBytes // guarded by mu; those opened and not yet taken
	opened  uint32                  // guarded by mu; the newest stream
	away    bool                    // guarded by mu
	last    uint32                  // guarded by mu; the last stream the server processed, once away
}

// streamBytes is what went over the wire for one stream.
type streamBytes struct {
	sent, received timeline.Bytes
	refused        bool
}

// A fate says whether the server processed a stream.
type fate string

const (
	processed fate = ""
	refusedBy fate = "the server refused the stream"
	goneAway  fate = "the server closed the connection before this stream"
	allGone   fate = "the server closed the connection before its first stream"
)

func newMeter(c net.Conn, goingAway func()) *meter {
	m := &meter{Conn: c, goingAway: goingAway, streams: make(map[uint32]*streamBytes)}
	m.out.preface = prefaceSize
	return m
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.in.take(p[:n], m.received)
	return n, err
}

// Write implements io.Writer. It counts before it writes: the answer may be
// there before the write returns.
func (m *meter) Write(p []byte) (int, error) {
	m.out.take(p, m.sent)
	return m.Conn.Write(p)
}

// newest returns the stream that was opened last.
func (m *meter) newest() uint32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened
}

// take returns what was counted for a stream, and forgets it.
func (m *meter) take(id uint32) (streamBytes, fate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.streams[id]
	delete(m.streams, id)
	switch {
	case s == nil && id == 0:
		return streamBytes{}, m.fateLocked(1 << 31)
	case s == nil:
		return streamBytes{}, processed
	case s.refused:
		return *s, refusedBy
	}
	return *s, m.fateLocked(id)
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

// sent counts a frame of ours.
func (m *meter) sent(f frame) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.kind == frameHeaders && f.stream > m.opened {
		m.opened = f.stream
		m.streams[f.stream] = &streamBytes{}
	}
	if s := m.streams[f.stream]; s != nil {
		f.countTo(&s.sent)
	}
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
	if m.count(f) {
		m.goingAway()
	}
}

// count counts a frame of the server's, and says whether it is the first GOAWAY.
func (m *meter) count(f frame) (leaving bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.streams[f.stream]
	if s != nil {
		f.countTo(&s.received)
	}
	switch {
	case f.kind == frameRSTStream && s != nil:
		s.refused = f.word == refusedStream
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

// frameHead is the length of a frame's header, and frameKept that of the part
// of a frame that a framer keeps: its header and one word of its payload.
const (
	frameHead = 9
	frameKept = frameHead + 4
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
	if f.have >= frameKept {
		r.word = binary.BigEndian.Uint32(f.kept[frameHead:])
	}
	return r
}
