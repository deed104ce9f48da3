package packet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Numbers of IP's protocols: https://www.iana.org/assignments/protocol-numbers.
const (
	ProtocolTCP = 6
	ProtocolUDP = 17
)

// Flags are TCP's control bits: RFC 9293 §3.1.
type Flags uint8

// The control bits that open, close and acknowledge.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
)

// A Header is what the headers of one IP packet say. Offsets count from the
// packet's first byte.
type Header struct {
	Version  int   // of IP: 4 or 6
	Protocol uint8 // of what IP carries; of a fragment that is not the first, too

	// Src and Dst have port 0 where the protocol has no ports, or the packet is a
	// fragment that is not the first.
	Src, Dst netip.AddrPort

	Transport int // where the transport's header begins
	Payload   int // where its payload begins
	End       int // where the packet ends, by IP's own length

	// Of TCP only.
	Flags    Flags
	Seq, Ack uint32
	Window   uint16 // as it stands there, not scaled
}

// PayloadLen is how many bytes the transport carries.
func (h *Header) PayloadLen() int { return h.End - h.Payload }

// An Error is a packet that cannot be read.
type Error struct {
	Layer string // "IP", "IPv4", "IPv6", "TCP" or "UDP"
	Err   string
}

func (e *Error) Error() string { return e.Layer + ": " + e.Err }

func damaged(layer, format string, args ...any) error {
	return &Error{Layer: layer, Err: fmt.Sprintf(format, args...)}
}

// Decode reads the headers of an IP packet. Its error is an *[Error]. Bytes
// behind the packet's own end are not looked at.
func Decode(b []byte) (Header, error) {
	var h Header
	_, err := h.decode(b, view{})
	return h, err
}

// A view says how much of a packet is there to be read. The zero view is of a
// packet that is there as a whole, and says itself how long it is.
type view struct {
	snapped bool // the packet's end may be missing
	wire    int  // if snapped: how long the packet was, with what the link may have put behind it
	parts   bool // the transport of fragments is left alone
}

// end checks where a packet ends by IP's own length. A length of 0 stands in what a
// sender's kernel has not cut to packets yet, and says nothing.
func (v view) end(said, min, here int) (end int, ok bool) {
	if !v.snapped {
		return said, said >= min && said <= here
	}
	if said == 0 {
		said = v.wire
	}
	return said, said >= min
}

// A part is what IP says of a packet that is a part of a greater one. The zero part
// is a packet of its own.
type part struct {
	id     uint32
	offset int  // where it begins in the greater packet's payload
	more   bool // it is not the last
	header int  // of IPv6: where the fragment header is
	field  int  // of IPv6: where the number of the fragment header stands
}

// whole reports whether nothing is missing.
func (p *part) whole() bool { return p.offset == 0 && !p.more }

// decode reads the headers of a packet. Of a fragment it says so.
func (h *Header) decode(b []byte, v view) (part, error) {
	if len(b) == 0 {
		return part{}, damaged("IP", "no bytes")
	}
	switch b[0] >> 4 {
	case 4:
		return h.decode4(b, v)
	case 6:
		return h.decode6(b, v)
	}
	return part{}, damaged("IP", "version %d", b[0]>>4)
}

const (
	ipv4Header = 20
	ipv6Header = 40
)

// decode4 reads an IPv4 packet: RFC 791 §3.1.
func (h *Header) decode4(b []byte, v view) (part, error) {
	if len(b) < ipv4Header {
		return part{}, damaged("IPv4", "%d bytes, want at least %d", len(b), ipv4Header)
	}
	start := int(b[0]&15) * 4
	end, ok := v.end(int(binary.BigEndian.Uint16(b[2:])), start, len(b))
	if !ok || start < ipv4Header || start > len(b) {
		return part{}, damaged("IPv4", "a header of %d bytes in a packet of %d, of which %d are here", start, end, len(b))
	}
	*h = Header{Version: 4, Protocol: b[9], Transport: start, Payload: start, End: end}
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	bits := binary.BigEndian.Uint16(b[6:])
	p := part{offset: int(bits&0x1fff) * 8, more: bits&0x2000 != 0, id: uint32(binary.BigEndian.Uint16(b[4:]))}
	return p, h.transport(b, src, dst, v.reads(&p))
}

// reads reports whether the transport's header of a part is to be read.
func (v view) reads(p *part) bool { return p.whole() || !v.parts && p.offset == 0 }

// Numbers of IPv6's extension headers: RFC 8200 §4.
const (
	hopByHop    = 0
	routing     = 43
	fragment    = 44
	nothing     = 59
	destination = 60
)

// decode6 reads an IPv6 packet with its extension headers: RFC 8200 §3 and §4.
func (h *Header) decode6(b []byte, v view) (part, error) {
	if len(b) < ipv6Header {
		return part{}, damaged("IPv6", "%d bytes, want at least %d", len(b), ipv6Header)
	}
	said := int(binary.BigEndian.Uint16(b[4:]))
	if said > 0 || !v.snapped || b[6] == nothing {
		said += ipv6Header
	}
	end, ok := v.end(said, ipv6Header, len(b))
	if !ok {
		return part{}, damaged("IPv6", "a packet of %d bytes, of which %d are here", end, len(b))
	}
	*h = Header{Version: 6, Protocol: b[6], Transport: ipv6Header, End: end}
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	p := part{field: 6}
	for p.offset == 0 && h.extends() { // behind the header of a later fragment, there is data
		if p.more && v.parts {
			break
		}
		if err := h.extension(b[h.Transport:min(end, len(b))], &p); err != nil {
			return part{}, err
		}
	}
	h.Payload = h.Transport
	return p, h.transport(b, src, dst, v.reads(&p))
}

// extends reports whether the protocol read last is an extension header.
func (h *Header) extends() bool {
	switch h.Protocol {
	case hopByHop, routing, fragment, destination:
		return true
	}
	return false
}

// extension reads one extension header, with which rest begins.
func (h *Header) extension(rest []byte, p *part) error {
	if len(rest) < 8 {
		return damaged("IPv6", "an extension header of %d bytes", len(rest))
	}
	size := 8 + int(rest[1])*8
	if h.Protocol == fragment {
		size = 8
		bits := binary.BigEndian.Uint16(rest[2:])
		p.offset, p.more, p.id, p.header = int(bits&^7), bits&1 != 0, binary.BigEndian.Uint32(rest[4:]), h.Transport
	} else if p.header == 0 {
		p.field = h.Transport
	}
	if size > len(rest) {
		return damaged("IPv6", "an extension header of %d bytes, of which %d are here", size, len(rest))
	}
	h.Protocol, h.Transport = rest[0], h.Transport+size
	return nil
}

// transport reads what follows IP's headers, if it is to read anything.
func (h *Header) transport(b []byte, src, dst netip.Addr, reads bool) error {
	rest := b[h.Transport:min(h.End, len(b))]
	var ports uint32
	switch {
	case !reads:
	case h.Protocol == ProtocolTCP:
		if err := h.tcp(rest); err != nil {
			return err
		}
		ports = binary.BigEndian.Uint32(rest)
	case h.Protocol == ProtocolUDP:
		if len(rest) < 8 {
			return damaged("UDP", "%d bytes, want at least 8", len(rest))
		}
		h.Payload += 8
		ports = binary.BigEndian.Uint32(rest)
	}
	h.Src, h.Dst = netip.AddrPortFrom(src, uint16(ports>>16)), netip.AddrPortFrom(dst, uint16(ports))
	return nil
}

// tcp reads TCP's header: RFC 9293 §3.1. Of its options, the end may be missing if
// the packet's is.
func (h *Header) tcp(b []byte) error {
	if len(b) < 20 {
		return damaged("TCP", "%d bytes, want at least 20", len(b))
	}
	size := int(b[12]>>4) * 4
	if size < 20 || h.Transport+size > h.End {
		return damaged("TCP", "a header of %d bytes, of which %d are here", size, len(b))
	}
	h.Payload += size
	h.Flags = Flags(b[13])
	h.Seq, h.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	h.Window = binary.BigEndian.Uint16(b[14:])
	return nil
}
