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
	if len(b) == 0 {
		return Header{}, damaged("IP", "no bytes")
	}
	switch b[0] >> 4 {
	case 4:
		return decode4(b)
	case 6:
		return decode6(b)
	}
	return Header{}, damaged("IP", "version %d", b[0]>>4)
}

const (
	ipv4Header = 20
	ipv6Header = 40
)

// decode4 reads an IPv4 packet: RFC 791 §3.1.
func decode4(b []byte) (Header, error) {
	if len(b) < ipv4Header {
		return Header{}, damaged("IPv4", "%d bytes, want at least %d", len(b), ipv4Header)
	}
	start, end := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if start < ipv4Header || end < start || end > len(b) {
		return Header{}, damaged("IPv4", "a header of %d bytes in a packet of %d, of which %d are here", start, end, len(b))
	}
	h := Header{Version: 4, Protocol: b[9], Transport: start, End: end}
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	first := binary.BigEndian.Uint16(b[6:])&0x1fff == 0
	return h, h.transport(b, src, dst, first)
}

// Numbers of IPv6's extension headers: RFC 8200 §4.
const (
	hopByHop    = 0
	routing     = 43
	fragment    = 44
	destination = 60
)

// decode6 reads an IPv6 packet with its extension headers: RFC 8200 §3 and §4.
func decode6(b []byte) (Header, error) {
	if len(b) < ipv6Header {
		return Header{}, damaged("IPv6", "%d bytes, want at least %d", len(b), ipv6Header)
	}
	end := ipv6Header + int(binary.BigEndian.Uint16(b[4:]))
	if end > len(b) {
		return Header{}, damaged("IPv6", "a packet of %d bytes, of which %d are here", end, len(b))
	}
	h := Header{Version: 6, Protocol: b[6], Transport: ipv6Header, End: end}
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	first := true
	for first && h.extends() { // behind the header of a later fragment, there is data
		rest := b[h.Transport:end]
		if len(rest) < 8 {
			return Header{}, damaged("IPv6", "an extension header of %d bytes", len(rest))
		}
		size := 8 + int(rest[1])*8
		if h.Protocol == fragment {
			size, first = 8, binary.BigEndian.Uint16(rest[2:])&^7 == 0
		}
		if size > len(rest) {
			return Header{}, damaged("IPv6", "an extension header of %d bytes, of which %d are here", size, len(rest))
		}
		h.Protocol, h.Transport = rest[0], h.Transport+size
	}
	return h, h.transport(b, src, dst, first)
}

// extends reports whether the protocol read last is an extension header.
func (h *Header) extends() bool {
	switch h.Protocol {
	case hopByHop, routing, fragment, destination:
		return true
	}
	return false
}

// transport reads what follows IP's headers. Of a fragment that is not the first
// it reads nothing.
func (h *Header) transport(b []byte, src, dst netip.Addr, first bool) error {
	rest := b[h.Transport:h.End]
	h.Payload = h.Transport
	var ports uint32
	switch {
	case !first:
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

// tcp reads TCP's header: RFC 9293 §3.1.
func (h *Header) tcp(b []byte) error {
	if len(b) < 20 {
		return damaged("TCP", "%d bytes, want at least 20", len(b))
	}
	size := int(b[12]>>4) * 4
	if size < 20 || size > len(b) {
		return damaged("TCP", "a header of %d bytes, of which %d are here", size, len(b))
	}
	h.Payload += size
	h.Flags = Flags(b[13])
	h.Seq, h.Ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	h.Window = binary.BigEndian.Uint16(b[14:])
	return nil
}
