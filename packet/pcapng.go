package packet

import (
	"bytes"
	"encoding/binary"
	"iter"
	"math"
	"math/bits"
)

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

// packet reads an enhanced packet block, or the older one that looks like it but for
// the interface's number: §4.3, appendix A.
func (f *pcapng) packet(r *Reader, at int64, body []byte, older bool) (bool, error) {
	if len(body) < 20 {
		return false, f.lost(r, at, "a packet block of %d bytes", len(body))
	}
	n, captured, length := f.order.Uint32(body), f.order.Uint32(body[12:]), f.order.Uint32(body[16:])
	if older {
		n = uint32(f.order.Uint16(body)) // behind it stands how many packets were dropped
	}
	if int(n) >= len(f.section) {
		return false, f.lost(r, at, "of interface %d, of which the file says nothing", n)
	}
	if int(captured) > len(body)-20 {
		return false, f.lost(r, at, "%d bytes in a block that has %d for them", captured, len(body)-20)
	}
	i := &f.section[n]
	when, sane := i.resolution.time(uint64(f.order.Uint32(body[4:]))<<32 | uint64(f.order.Uint32(body[8:])))
	r.frame = frame{
		data: body[20 : 20+captured], wire: int(max(captured, min(length, 1<<30))), offset: at,
		at: when, timed: true, sane: sane, link: i.link, index: i.index,
	}
	return true, nil
}

// simple reads a simple packet block, which is always of interface 0: §4.4.
func (f *pcapng) simple(r *Reader, at int64, body []byte) (bool, error) {
	if len(body) < 4 || len(f.section) == 0 {
		return false, f.lost(r, at, "a packet block of %d bytes, in a section of %d interfaces", len(body), len(f.section))
	}
	i, length := &f.section[0], f.order.Uint32(body)
	captured := length
	if i.snap > 0 {
		captured = min(captured, i.snap)
	}
	captured = min(captured, uint32(len(body)-4))
	r.frame = frame{
		data: body[4 : 4+captured], wire: int(max(captured, min(length, 1<<30))), offset: at, link: i.link, index: i.index,
	}
	return true, nil
}

// lost counts a packet that cannot be read.
func (f *pcapng) lost(r *Reader, at int64, format string, args ...any) error {
	r.defects.Read++
	return r.defects.damage(r.defects.Read, at, format, args...)
}

// options yields the options of a block: §3.5. They end where they make no sense.
func (f *pcapng) options(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= 4 {
			code, size := f.order.Uint16(b), int(f.order.Uint16(b[2:]))
			b = b[4:]
			if code == 0 || size > len(b) || !yield(code, b[:size]) {
				return
			}
			b = b[min((size+3)&^3, len(b)):]
		}
	}
}

// describe reads an interface description block: §4.2.
func (f *pcapng) describe(r *Reader, at int64, body []byte) error {
	if len(body) < 8 {
		return r.damage(at, "an interface description of %d bytes", len(body))
	}
	if len(f.section) == maxInterfaces {
		return r.damage(at, "more than %d interfaces", maxInterfaces)
	}
	one := described{link: LinkType(f.order.Uint16(body)), snap: f.order.Uint32(body[4:]), resolution: microseconds}
	var name string
	for code, value := range f.options(body[8:]) {
		switch {
		case code == 2:
			name = string(bytes.TrimRight(value[:min(len(value), 255)], "\x00"))
		case code == 9 && len(value) == 1:
			one.resolution.set(value[0])
		case code == 14 && len(value) == 8:
			one.resolution.offset = int64(f.order.Uint64(value))
		}
	}
	one.index = f.place(r, Interface{Name: name, Link: one.link})
	f.section = append(f.section, one)
	return nil
}

// place finds the place of an interface among the reader's: that of its like in an
// earlier section, if there is one.
func (f *pcapng) place(r *Reader, one Interface) int {
	taken := make(map[int]bool, len(f.section))
	for i := range f.section {
		taken[f.section[i].index] = true
	}
	for i, other := range r.interfaces {
		if other == one && !taken[i] {
			return i
		}
	}
	if len(r.interfaces) == maxInterfaces {
		return maxInterfaces - 1 // a name may be wrong then, but nothing grows
	}
	r.interfaces = append(r.interfaces, one)
	return len(r.interfaces) - 1
}

// statistics reads how many packets were missed: §4.6. The counts go on from one block
// of an interface to the next.
func (f *pcapng) statistics(r *Reader, body []byte) {
	if len(body) < 12 || int(f.order.Uint32(body)) >= len(f.section) {
		return
	}
	i := &f.section[f.order.Uint32(body)]
	var missed uint64
	for code, value := range f.options(body[12:]) {
		if (code == 5 || code == 7) && len(value) == 8 { // isb_ifdrop, isb_osdrop
			missed += f.order.Uint64(value)
		}
	}
	r.defects.Missed += missed - i.missed
	i.missed = missed
}

// secrets reads a decryption secrets block: §4.7.
func (f *pcapng) secrets(r *Reader, body []byte) {
	if len(body) < 8 || f.order.Uint32(body) != tlsSecrets {
		return
	}
	log := body[8:]
	log = log[:min(uint64(len(log)), uint64(f.order.Uint32(body[4:])))]
	if len(r.secrets)+len(log) >= maxSecrets {
		r.defects.SecretsDropped += len(log)
		return
	}
	r.secrets = append(r.secrets, log...)
	if len(log) > 0 && log[len(log)-1] != '\n' {
		r.secrets = append(r.secrets, '\n')
	}
}

// A resolution says what time a number of units is.
type resolution struct {
	binary   bool   // the unit is 2^-exponent seconds, not 10^-exponent
	exponent uint8  // in use only if multiply is 0
	multiply uint64 // nanoseconds in a unit, 0 if they are no whole number
	offset   int64  // seconds, to be added
}

// microseconds is the resolution where no option gives another.
var microseconds = resolution{multiply: 1000}

// set takes in if_tsresol: "If the Most Significant Bit is equal to zero, the remaining
// bits indicate the resolution of the timestamp as a negative power of 10".
func (r *resolution) set(option byte) {
	r.binary, r.exponent, r.multiply = option&0x80 != 0, option&0x7f, 0
	if !r.binary && r.exponent <= 9 {
		r.multiply = 1
		for range 9 - r.exponent {
			r.multiply *= 10
		}
	}
}

const maxSeconds = math.MaxInt64 / 1_000_000_000

// time returns the nanoseconds since 1970 of a number of units; it is not ok if they
// do not fit.
func (r *resolution) time(units uint64) (int64, bool) {
	hi, ns := bits.Mul64(units, r.multiply)
	if r.multiply == 0 {
		hi, ns = r.divide(units)
	}
	if hi > 0 || ns > math.MaxInt64 {
		return 0, false
	}
	if r.offset == 0 {
		return int64(ns), true
	}
	if r.offset > maxSeconds || r.offset < -maxSeconds {
		return 0, false
	}
	at := int64(ns) + r.offset*1e9
	return at, r.offset < 0 || at >= int64(ns)
}

// divide makes nanoseconds of units that are no whole number of them. hi is not 0 if
// they do not fit.
func (r *resolution) divide(units uint64) (hi, ns uint64) {
	hi, lo := bits.Mul64(units, 1e9)
	switch {
	case r.binary && r.exponent >= 64:
		return 0, hi >> (r.exponent - 64)
	case r.binary:
		return hi >> r.exponent, hi<<(64-r.exponent) | lo>>r.exponent
	case r.exponent > 19: // 10^20 is more than fits; so small a unit is nobody's
		return 1, 0
	}
	by := uint64(1)
	for range r.exponent {
		by *= 10
	}
	if hi >= by {
		return hi, 0
	}
	ns, _ = bits.Div64(hi, lo, by)
	return 0, ns
}
