package lab

import (
	"encoding/binary"
	"time"

	"github.com/lingerhttp/linger/packet"
)

// A slot holds one packet that is under way, with its vnet header before it.
type slot struct {
	buf []byte // of the pool's size, or larger for what is larger than the MTU
	n   int    // bytes of buf in use
	id  int    // its index in the pool

	packet.Header
	host    *host
	conn    int    // ordinal of its connection, 0 if nobody counts
	kind    nthOf  // which packet of its connection it is
	seq     uint64 // ordinal of its entry, from 1
	copy    bool   // a link made it of another
	entered time.Duration
	left    time.Duration // of the link that it left last
	queued  time.Duration // in the queues of all links so far
}

// packet is the IP packet.
func (s *slot) packet() []byte { return s.buf[vnetHeader:s.n] }

// begin writes the header before the packet, which is yet to be appended.
func (s *slot) begin(v vnet) {
	v.put(s.buf)
	s.n = vnetHeader
}

// A slots is the pool of slots: as many as ever were under way at once. It belongs
// to the relay's thread.
type slots struct {
	size int // bytes of a slot
	most int // how many packets may be under way; the relay sees to it
	all  []*slot
	free []int
}

// empty returns a slot that is not in use, with no packet in it.
func (p *slots) empty() *slot {
	if n := len(p.free); n > 0 {
		s := p.all[p.free[n-1]]
		p.free = p.free[:n-1]
		return s
	}
	s := &slot{id: len(p.all), buf: make([]byte, p.size)}
	p.all = append(p.all, s)
	return s
}

// take returns a slot with a copy of a packet and its vnet header.
func (p *slots) take(b []byte) *slot {
	s := p.empty()
	if len(b) > len(s.buf) {
		s.buf = make([]byte, len(b))
	}
	s.n = copy(s.buf, b)
	return s
}

// twin returns another slot with the same packet on the same way.
func (p *slots) twin(s *slot) *slot {
	t := p.take(s.buf[:s.n])
	id, buf, n := t.id, t.buf, t.n
	*t = *s
	t.id, t.buf, t.n = id, buf, n
	return t
}

func (p *slots) put(s *slot) {
	s.host, s.copy = nil, false
	p.free = append(p.free, s.id)
}

// inUse is how many packets are under way.
func (p *slots) inUse() int { return len(p.all) - len(p.free) }

// complete returns a copy of the packet with the checksum that the kernel left to
// the device.
func (s *slot) complete() []byte {
	p := append([]byte(nil), s.packet()[:s.End]...)
	v := readVnet(s.buf)
	at, sum := int(v.sumStart), int(v.sumStart)+int(v.sumOffset)
	if v.flags&needsSum == 0 || sum+2 > len(p) {
		return p
	}
	binary.BigEndian.PutUint16(p[sum:], checksum(p, at, s.Protocol))
	return p
}

// checksum is that of a transport whose sum so far is the pseudo-header's. Of UDP, "if the computed
// checksum is zero, it is transmitted as all ones": RFC 768.
func checksum(p []byte, transport int, protocol uint8) uint16 {
	sum := ^packet.Fold(packet.Sum(0, p[transport:]))
	if sum == 0 && protocol == packet.ProtocolUDP {
		return 0xffff
	}
	return sum
}
