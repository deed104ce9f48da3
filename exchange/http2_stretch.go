package exchange

import "github.com/lingerhttp/linger/flow"

// A stretch is a part of a stream with the times at which its ends could be read.
type stretch struct {
	from, to                int64
	bytes                   int64 // in clear
	first, last             int64
	firstRead, lastRead     int64
	firstPacket, lastPacket int32
}

// add grows the stretch by a chunk behind it.
func (s *stretch) add(c chunk) {
	bytes := int64(len(c.b))
	if c.b == nil { // a hole
		bytes = c.to - c.from
	}
	s.join(stretch{c.from, c.to, bytes, c.at, c.at, max(c.at, c.whole), max(c.at, c.whole), c.packet, c.packet})
}

// join grows the stretch by one behind it.
func (s *stretch) join(o stretch) {
	if *s == (stretch{}) {
		*s = o
		return
	}
	s.to, s.last, s.lastRead, s.lastPacket = o.to, o.last, o.lastRead, o.lastPacket
	s.bytes += o.bytes
}

// hole is the stretch as one that is not read, with n bytes in clear.
func (s *stretch) hole(n int64) hole {
	return hole{from: s.from, to: s.to, n: n, at: s.last, packet: s.lastPacket}
}

// cover adds a stretch to a message, to its last range if that ends where the
// stretch begins, or if no other may be made.
func (m *Message) cover(s stretch, mayAdd bool) {
	if m.First == 0 {
		m.First, m.FirstRead, m.FirstPacket = s.first, s.firstRead, s.firstPacket
	}
	m.Last, m.LastRead, m.LastPacket = s.last, s.lastRead, s.lastPacket
	n := len(m.Ranges)
	if n > 0 && (m.Ranges[n-1].To == s.from || !mayAdd) {
		m.Ranges[n-1].To = max(m.Ranges[n-1].To, s.to)
		return
	}
	m.Ranges = append(m.Ranges, flow.Block{From: s.from, To: s.to})
}
