package packets

import (
	"encoding/binary"
	"net/netip"

	"github.com/lingerhttp/linger/packet"
)

// A Segment is what one side says in a packet.
type Segment struct {
	Flags packet.Flags // 0 stands for ACK

	// Seq and Ack are stream offsets of the sender's and of the other's bytes. A SYN
	// has Seq -1, whatever stands here: Seq 0, Ack 0 is the ACK of a handshake.
	Seq, Ack int64

	Window int // as it stands in the packet, not scaled
	Data   []byte
	Len    int // so many bytes of 'x' follow Data

	// ID is IPv4's identification; 0 for the side's next, unless NoID.
	ID   uint16
	NoID bool

	// Options. 0 and false leave each out. Scale -1 offers a window scale of 0.
	MSS, Scale    int
	SACKPermitted bool
	SACK          [][2]int64 // offsets of the other's bytes: from, and behind the last
	Timestamps    bool
	TSval, TSecr  uint32
	FastOpen      []byte // the cookie; empty, not nil, asks for one
}

// end is the offset behind what the segment takes of the stream.
func (s *Segment) end() int64 {
	end := s.Seq + int64(len(s.Data)+s.Len)
	if s.Flags&packet.SYN != 0 {
		end = int64(len(s.Data) + s.Len)
	}
	if s.Flags&packet.FIN != 0 {
		end++
	}
	return end
}

// bytes is the TCP segment, without a checksum. Offset 0 is one behind the initial
// sequence number.
func (s *Segment) bytes(src, dst uint16, isn, peer uint32) []byte {
	flags, seq := s.Flags, isn+1+uint32(s.Seq)
	if flags == 0 {
		flags = packet.ACK
	}
	if flags&packet.SYN != 0 {
		seq = isn
	}
	var ack uint32
	if flags&packet.ACK != 0 {
		ack = peer + 1 + uint32(s.Ack)
	}
	options := s.options(peer)
	b := binary.BigEndian.AppendUint16(nil, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, byte(20+len(options))/4<<4, byte(flags))
	b = binary.BigEndian.AppendUint16(b, uint16(s.Window))
	b = append(b, 0, 0, 0, 0)
	b = append(append(b, options...), s.Data...)
	for range s.Len {
		b = append(b, 'x')
	}
	return b
}

// options are those of the segment, as long as a header's lines: of four bytes.
func (s *Segment) options(peer uint32) []byte {
	var b []byte
	if s.MSS > 0 {
		b = append(b, 2, 4, byte(s.MSS>>8), byte(s.MSS))
	}
	if s.SACKPermitted {
		b = append(b, 4, 2)
	}
	if s.Timestamps {
		b = append(b, 8, 10)
		b = binary.BigEndian.AppendUint32(b, s.TSval)
		b = binary.BigEndian.AppendUint32(b, s.TSecr)
	}
	if s.Scale != 0 {
		b = append(b, 3, 3, byte(max(s.Scale, 0)))
	}
	if s.FastOpen != nil {
		b = append(append(b, 34, byte(2+len(s.FastOpen))), s.FastOpen...)
	}
	if len(s.SACK) > 0 {
		b = append(b, 5, byte(2+8*len(s.SACK)))
		for _, block := range s.SACK {
			b = binary.BigEndian.AppendUint32(b, peer+1+uint32(block[0]))
			b = binary.BigEndian.AppendUint32(b, peer+1+uint32(block[1]))
		}
	}
	for len(b)%4 != 0 {
		b = append(b, 1)
	}
	if len(b) > 40 {
		panic("packets: there is no room for so many options: at most 40 bytes")
	}
	return b
}

// IP is a packet from src to dst of the version that they are of, with the header's
// checksum and, of TCP and UDP, the transport's. What is longer than 65,535 bytes has
// the length 0, as a kernel says it of what a card is to cut.
func IP(src, dst netip.Addr, protocol uint8, id uint16, payload []byte) []byte {
	checksum(src, dst, protocol, payload)
	if src.Is4() {
		b := make([]byte, 20, 20+len(payload))
		b[0], b[6], b[8], b[9] = 0x45, 0x40, 64, protocol
		if size := 20 + len(payload); size < 1<<16 {
			binary.BigEndian.PutUint16(b[2:], uint16(size))
		}
		binary.BigEndian.PutUint16(b[4:], id)
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		binary.BigEndian.PutUint16(b[10:], ^packet.Fold(packet.Sum(0, b)))
		return append(b, payload...)
	}
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 0x60, protocol, 64
	if len(payload) < 1<<16 {
		binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	}
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, payload...)
}

// checksum writes the transport's: RFC 9293 §3.1, RFC 768.
func checksum(src, dst netip.Addr, protocol uint8, b []byte) {
	at := 16
	if protocol == packet.ProtocolUDP {
		at = 6
	} else if protocol != packet.ProtocolTCP {
		return
	}
	b[at], b[at+1] = 0, 0
	sum := packet.Sum(packet.Sum(uint64(protocol)+uint64(len(b)), src.AsSlice()), dst.AsSlice())
	binary.BigEndian.PutUint16(b[at:], ^packet.Fold(packet.Sum(sum, b)))
}
