package packet

import (
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
)

// A pcap is a file of the older format:
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html.
type pcap struct {
	order  binary.ByteOrder
	unit   int64 // of a fraction of a second, in nanoseconds
	header int   // bytes before each packet
	link   LinkType
	last   int64 // seconds of the packet before; 0 if there is none
}

const (
	pcapHeader = 24

	// maxFrame is the longest that a packet may be: what is longer is damage. libpcap
	// takes 256 KiB, but a kernel's largest segment (GSO_MAX_SIZE) has 512.
	maxFrame = 1 << 20
)

// pcapMagics are the first four bytes of files in the byte order of the little end.
var pcapMagics = map[uint32]pcap{
	0xa1b2c3d4: {unit: 1000, header: 16},
	0xa1b23c4d: {unit: 1, header: 16},
	0xa1b2cd34: {unit: 1000, header: 24}, // libpcap as Alexey Kuznetsov patched it in the 1990s
}

// newPcap reads the header of a file, if it is one.
func newPcap(s *source) (*pcap, error) {
	b := s.peek(4)
	order := binary.ByteOrder(binary.LittleEndian)
	f, ok := pcapMagics[order.Uint32(b)]
	if !ok {
		order = binary.BigEndian
		if f, ok = pcapMagics[order.Uint32(b)]; !ok {
			return nil, nil
		}
	}
	if b = s.peek(pcapHeader); len(b) < pcapHeader {
		return nil, notCapture("a pcap file of %d bytes, which is less than its header", len(b))
	}
	if major := order.Uint16(b[4:]); major != 2 {
		return nil, notCapture("a pcap file of version %d, which nobody has described", major)
	}
	f.order, f.link = order, LinkType(order.Uint32(b[20:])) // the upper bits tell of a frame check sequence
	s.take(pcapHeader)
	if !f.link.Readable() {
		return nil, notCapture("a pcap file of link type %d (%v), in which IP packets are not looked for", uint16(f.link), f.link)
	}
	return &f, nil
}

// next reads the next packet.
func (f *pcap) next(r *Reader) error {
	b := r.source.peek(f.header)
	if len(b) < f.header {
		return r.ends(len(b))
	}
	seconds, fraction := f.order.Uint32(b), f.order.Uint32(b[4:])
	captured, length := f.order.Uint32(b[8:]), f.order.Uint32(b[12:])
	if captured > maxFrame || length == 0 {
		return f.resume(r, captured, length)
	}
	size := f.header + int(captured)
	if b = r.source.peek(size); len(b) < size {
		return r.ends(len(b))
	}
	f.last = int64(seconds)
	fits := int64(fraction)*f.unit < 1e9
	r.frame = frame{
		data: b[f.header:], wire: int(max(captured, min(length, 1<<30))), link: f.link, offset: r.source.at,
		at: int64(seconds)*1e9 + int64(fraction)*f.unit, timed: true, sane: fits,
	}
	r.source.take(size)
	return nil
}

// resume looks for the next packet behind one whose length makes no sense: for what
// could be a packet's header, with another one where the packet ends.
func (f *pcap) resume(r *Reader, captured, length uint32) error {
	at, s := r.source.at, r.source
	for {
		s.take(1)
		b := s.peek(f.header)
		if len(b) < f.header {
			s.take(len(b))
			return r.damage(at, "%d captured bytes of a packet of %d, and behind it nothing that is one", captured, length)
		}
		if !f.plausible(b) {
			continue
		}
		size := f.header + int(f.order.Uint32(b[8:]))
		b = s.peek(size + f.header)
		if len(b) == size || len(b) == size+f.header && f.plausible(b[size:]) {
			return r.damage(at, "%d captured bytes of a packet of %d; the next is at byte %d", captured, length, s.at)
		}
	}
}

// plausible reports whether b could be the header of a packet.
func (f *pcap) plausible(b []byte) bool {
	const day = 86400
	seconds, captured, length := int64(f.order.Uint32(b)), f.order.Uint32(b[8:]), f.order.Uint32(b[12:])
	return captured > 0 && captured <= maxFrame && captured <= length && length <= maxFrame &&
		int64(f.order.Uint32(b[4:]))*f.unit < 1e9 && (f.last == 0 || seconds > f.last-day && seconds < f.last+day)
}

// ends says how the file ended: n bytes were left, which are not a packet.
func (r *Reader) ends(n int) error {
	s := r.source
	r.done = true
	if n == 0 && s.err == io.EOF {
		return io.EOF
	}
	at := s.at + int64(n)
	var corrupt flate.CorruptInputError
	switch {
	case s.err == io.EOF || s.err == io.ErrUnexpectedEOF:
		r.defects.Truncated = at
		return &Damage{Packet: r.defects.Read + 1, Offset: at, What: "the file ends within it"}
	case errors.As(s.err, &corrupt) || errors.Is(s.err, gzip.ErrChecksum) || errors.Is(s.err, gzip.ErrHeader):
		return r.damage(at, "what gzip made is damaged, and nothing behind it can be read: %v", s.err)
	}
	return r.broken(s.err)
}
