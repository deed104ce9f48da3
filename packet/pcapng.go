package packet

import "encoding/binary"

// A pcapng is a file of the newer format:
// https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html.
type pcapng struct {
	order   binary.ByteOrder // of the section; nil before the first
	skips   bool             // the section is of a version that is not known
	section []described      // its interfaces, by number
}

// A described is an interface of a section.
type described struct {
	index      int // into Reader.interfaces
	link       LinkType
	snap       uint32 // 0: everything
	resolution resolution
	missed     uint64 // as its last statistics say
}

// Types of blocks.
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockOldPacket  = 2
	blockSimple     = 3
	blockNames      = 4
	blockStatistics = 5
	blockPacket     = 6
	blockJournal    = 9 // of systemd
	blockSecrets    = 10
	blockCustom     = 0xbad
	blockCustomOwn  = 0x40000bad // not to be copied to other files
)

const (
	sectionMagic = 0x1a2b3c4d
	tlsSecrets   = 0x544c534b // "TLSK"

	// maxBlock is the longest that a block may be: as in Wireshark.
	maxBlock = 16 << 20

	maxSecrets    = 16 << 20
	maxInterfaces = 4096 // of a section, and of all
)

func isSection(b []byte) bool { return binary.BigEndian.Uint32(b) == blockSection }

// next reads blocks up to the next packet.
func (f *pcapng) next(r *Reader) error {
	for {
		b, err := f.block(r)
		if err != nil {
			return err
		}
		kind, at, body := f.order.Uint32(b), r.source.at, b[8:len(b)-4]
		r.source.take(len(b))
		if kind == blockSection {
			err = f.begin(r, at, body)
		} else if !f.skips {
			var isPacket bool
			if isPacket, err = f.read(r, kind, at, body); isPacket {
				return nil
			}
		}
		if err != nil {
			return err
		}
	}
}

// block returns the next block, which is not taken.
func (f *pcapng) block(r *Reader) ([]byte, error) {
	s := r.source
	b := s.peek(12)
	if len(b) < 12 {
		return nil, r.ends(len(b))
	}
	size := f.size(b)
	if size == 0 {
		return nil, f.resume(r)
	}
	if b = s.peek(size); len(b) < size {
		return nil, r.ends(len(b))
	}
	if int(f.order.Uint32(b[size-4:])) != size {
		return nil, f.resume(r)
	}
	return b, nil
}

// size is how long a block says it is, 0 if that makes no sense. The byte order is
// that of its section from then on.
func (f *pcapng) size(b []byte) int {
	if isSection(b) {
		switch uint32(sectionMagic) {
		case binary.LittleEndian.Uint32(b[8:]):
			f.order = binary.LittleEndian
		case binary.BigEndian.Uint32(b[8:]):
			f.order = binary.BigEndian
		default:
			return 0
		}
	}
	if f.order == nil {
		return 0
	}
	size := f.order.Uint32(b[4:])
	if size < 12 || size%4 != 0 || size > maxBlock {
		return 0
	}
	return int(size)
}

// resume looks for the next block behind one whose lengths make no sense: for one of a
// known type which says how long it is at both ends, as all do.
func (f *pcapng) resume(r *Reader) error {
	at, s := r.source.at, r.source
	for {
		s.take(1)
		b := s.peek(12)
		if len(b) < 12 {
			s.take(len(b))
			return r.damage(at, "a block that says wrongly how long it is, and behind it nothing that is one")
		}
		if !f.known(b) {
			continue
		}
		size := f.size(b)
		if b = s.peek(size); size > 0 && len(b) == size && int(f.order.Uint32(b[size-4:])) == size {
			return r.damage(at, "a block that says wrongly how long it is; the next is at byte %d", s.at)
		}
	}
}

// known reports whether a block's type is one of those that are read.
func (f *pcapng) known(b []byte) bool {
	if isSection(b) {
		return true
	}
	if f.order == nil {
		return false
	}
	kind := f.order.Uint32(b)
	return kind >= blockInterface && kind <= blockPacket || kind == blockSecrets
}

// begin begins a section: §4.1.
func (f *pcapng) begin(r *Reader, at int64, body []byte) error {
	f.section, f.skips = nil, true
	r.clock = clock{last: r.clock.last} // it may be another day's capture
	if len(body) < 16 {
		return r.damage(at, "a section header of %d bytes", len(body))
	}
	if major := f.order.Uint16(body[4:]); major != 1 {
		return r.damage(at, "a section of version %d, which nobody has described", major)
	}
	f.skips = false
	return nil
}

// read reads a block. It reports whether that is a packet, which is in r.frame then.
func (f *pcapng) read(r *Reader, kind uint32, at int64, body []byte) (isPacket bool, err error) {
	switch kind {
	case blockPacket, blockOldPacket:
		return f.packet(r, at, body, kind == blockOldPacket)
	case blockSimple:
		return f.simple(r, at, body)
	case blockInterface:
		return false, f.describe(r, at, body)
	case blockStatistics:
		f.statistics(r, body)
	case blockSecrets:
		f.secrets(r, body)
	case blockNames:
	case blockJournal, blockCustom, blockCustomOwn: // Wireshark counts them among the packets
		r.frame = frame{offset: at, not: true}
		return true, nil
	default:
		r.defects.UnknownBlocks++
	}
	return false, nil
}
