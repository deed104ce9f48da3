package packet

import (
	"encoding/binary"
	"fmt"
)

// A LinkType says what stands before IP in the frames of a capture:
// https://www.tcpdump.org/linktypes.html.
type LinkType uint16

// The link types that are read. What a frame of them begins with is in [LinkType.ip].
const (
	linkNull     LinkType = 0
	linkEthernet LinkType = 1
	linkPPP      LinkType = 9
	linkHDLC     LinkType = 50
	linkRaw12    LinkType = 12 // DLT_RAW stands in files by this number, or by 14, though
	linkRaw14    LinkType = 14 // LINKTYPE_RAW is 101
	linkRaw      LinkType = 101
	linkLoop     LinkType = 108
	linkSLL      LinkType = 113
	linkIPv4     LinkType = 228
	linkIPv6     LinkType = 229
	linkSLL2     LinkType = 276

	linkPKTAP     LinkType = 258 // of macOS, before the frame of some other type
	linkPKTAPUser LinkType = 149 // what Apple's own files call it
)

// linkNames are those of the types that are met most, read here or not.
var linkNames = map[LinkType]string{
	linkNull: "BSD loopback", linkEthernet: "Ethernet", linkPPP: "PPP", linkHDLC: "PPP in HDLC", linkRaw12: "raw IP", linkRaw14: "raw IP",
	linkRaw: "raw IP", linkLoop: "OpenBSD loopback", linkSLL: "Linux cooked", linkIPv4: "raw IPv4", linkIPv6: "raw IPv6",
	linkSLL2: "Linux cooked v2", linkPKTAP: "Apple PKTAP", linkPKTAPUser: "Apple PKTAP",
	6: "token ring", 10: "FDDI", 51: "PPPoE", 104: "Cisco HDLC", 105: "IEEE 802.11",
	107: "frame relay", 117: "OpenBSD pflog", 119: "IEEE 802.11 with Prism header", 127: "IEEE 802.11 with radiotap header",
	147: "private use", 187: "Bluetooth HCI", 189: "USB", 195: "IEEE 802.15.4",
	201: "Bluetooth HCI with direction", 220: "USB of Linux", 227: "CAN", 230: "IEEE 802.15.4 without FCS",
	239: "Linux netfilter log", 249: "USB of Windows", 252: "Wireshark's exported PDUs", 253: "Linux netlink",
	266: "USB of Darwin",
}

func (l LinkType) String() string {
	if name := linkNames[l]; name != "" {
		return name
	}
	return fmt.Sprintf("type %d", uint16(l))
}

// Readable reports whether IP packets are found in frames of the type.
func (l LinkType) Readable() bool {
	_, is := l.ip(nil)
	return is != unreadable
}

// A content says what is in a frame.
type content uint8

const (
	ip         content = iota
	otherThing         // something that is not IP
	tooShort           // the header of the link is not all there
	unreadable         // of a link type that is not read
)

// ip returns the packet that a frame carries.
func (l LinkType) ip(b []byte) ([]byte, content) {
	switch l {
	case linkEthernet:
		return typed(b, 14, 12)
	case linkRaw, linkRaw12, linkRaw14, linkIPv4, linkIPv6:
		return b, ip
	case linkSLL:
		return typed(b, 16, 14)
	case linkSLL2:
		return typed(b, 20, 0)
	case linkNull, linkLoop:
		return loopback(b)
	case linkPPP, linkHDLC:
		if len(b) >= 2 && b[0] == 0xff && b[1] == 3 {
			b = b[2:]
		}
		return ppp(b)
	case linkPKTAP, linkPKTAPUser:
		return pktap(b)
	}
	return nil, unreadable
}

// pktap reads the header that macOS puts before a frame: bsd/net/pktap.h in its kernel.
func pktap(b []byte) ([]byte, content) {
	if len(b) < 12 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)) {
		return nil, tooShort
	}
	inner := LinkType(binary.LittleEndian.Uint32(b[8:]))
	if inner == linkPKTAP || inner == linkPKTAPUser {
		return nil, otherThing
	}
	return inner.ip(b[binary.LittleEndian.Uint32(b):])
}

// Types of Ethernet frames: https://www.iana.org/assignments/ieee-802-numbers.
const (
	typeIPv4        = 0x0800
	typeIPv6        = 0x86dd
	typeVLAN        = 0x8100
	typeQinQ        = 0x88a8
	typeQinQBefore  = 0x9100 // what was used before IEEE 802.1ad gave it a number
	typePPPoE       = 0x8864
	typeMPLS        = 0x8847
	typeMPLSToMany  = 0x8848
	typeLengthsFrom = 1500 // and below: a length, IEEE 802.3 §3.2.6
)

// typed reads a frame with a header of the given size and the type at a place in it.
func typed(b []byte, header, at int) ([]byte, content) {
	if len(b) < header {
		return nil, tooShort
	}
	kind := binary.BigEndian.Uint16(b[at:])
	if b = b[header:]; kind == typeIPv4 || kind == typeIPv6 {
		return b, ip
	}
	for kind == typeVLAN || kind == typeQinQ || kind == typeQinQBefore {
		if len(b) < 4 {
			return nil, tooShort
		}
		kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	switch {
	case kind == typeIPv4 || kind == typeIPv6:
		return b, ip
	case kind == typePPPoE: // RFC 2516 §4
		if len(b) < 6 {
			return nil, tooShort
		}
		return ppp(b[6:])
	case kind == typeMPLS || kind == typeMPLSToMany:
		return mpls(b)
	case kind <= typeLengthsFrom && len(b) >= 8 && [6]byte(b) == [6]byte{0xaa, 0xaa, 3}: // RFC 1042
		return typed(b[6:], 2, 0)
	}
	return nil, otherThing
}

// mpls reads what begins with MPLS's labels. Nothing says what is behind the last: it
// is IP if it looks so (RFC 3032 §2.1, RFC 4928 §3).
func mpls(b []byte) ([]byte, content) {
	for len(b) > 4 {
		bottom := b[2]&1 == 1
		if b = b[4:]; bottom {
			if version := b[0] >> 4; version == 4 || version == 6 {
				return b, ip
			}
			return nil, otherThing
		}
	}
	return nil, tooShort
}

// ppp reads what begins with the number of PPP's protocol, which may be compressed to
// one byte: RFC 1661 §2 and §6.5.
func ppp(b []byte) ([]byte, content) {
	if len(b) < 2 {
		return nil, tooShort
	}
	kind, size := binary.BigEndian.Uint16(b), 2
	if b[0]&1 == 1 {
		kind, size = uint16(b[0]), 1
	}
	switch kind {
	case 0x21, 0x57:
		return b[size:], ip
	case 0x281, 0x283:
		return mpls(b[size:])
	}
	return nil, otherThing
}

// loopback reads a frame that begins with the number of an address family, in the
// byte order of who captured it, or the network's. IPv6 has five numbers, by system.
func loopback(b []byte) ([]byte, content) {
	if len(b) < 4 {
		return nil, tooShort
	}
	family := binary.LittleEndian.Uint32(b)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(b)
	}
	switch family {
	case 2, 10, 23, 24, 28, 30:
		return b[4:], ip
	}
	return nil, otherThing
}
