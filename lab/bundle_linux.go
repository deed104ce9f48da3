package lab

import (
	"bytes"
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// A bundle is packets of one direction that are due at about the same time and belong
// together as the pieces of one segment do: it is handed to the receiver's kernel
// in one write, with the virtio header that says so, as a network card that merges
// what it receives hands it over (GRO). To the link they are packets, one by one;
// to the kernel it is a tenth of the work. Nothing waits to be bundled, and full
// packets over a link of less than 240 Mbit/s never are.
//
// The relay owns one for each direction.
type bundle struct {
	parcels []parcel
	size    int    // bytes of the IP packet that they make together
	segment int    // bytes of payload of each but the last, which may have fewer
	open    bool   // another may follow
	next    uint32 // its sequence number
	joint   [maxPiece]byte
}

// A parcel is a packet that has come to the end of its way.
type parcel struct {
	slot *slot
	hop  *hop // that it came from
	fate link.Fate
}

// bundleTime is how far apart in the plan the packets of a bundle may be: as long as
// network cards wait, about, before they interrupt (ethtool's rx-usecs).
const bundleTime = 50 * time.Microsecond

// begin starts a bundle, which must be empty, with its first packet.
func (b *bundle) begin(p parcel) {
	s := p.slot
	b.parcels = append(b.parcels, p)
	b.size, b.segment = s.n-vnetHeader, s.PayloadLen()
	b.next = s.Seq + uint32(b.segment)
	b.open = s.Protocol == packet.ProtocolTCP && b.segment > 0 && s.End == b.size &&
		s.Flags&^packet.ACK == 0 && plainSum(s)
}

// plainSum reports whether a TCP packet's checksum was left to the device, as that
// of every packet in a bundle is.
func plainSum(s *slot) bool {
	v := readVnet(s.buf)
	return v.flags == needsSum && v.kind == unix.VIRTIO_NET_HDR_GSO_NONE && int(v.sumStart) == s.Transport
}

// takes reports whether a packet continues the bundle. The rules are those of the
// kernel's tcp_gro_receive: the same headers but for what counts on, no more bytes
// than the ones before, and nothing after FIN or PSH.
func (b *bundle) takes(s *slot, at time.Duration) bool {
	if !b.open || at-b.parcels[0].fate.At >= bundleTime || s.Seq != b.next || s.copy {
		return false
	}
	size := s.PayloadLen()
	if s.Protocol != packet.ProtocolTCP || size == 0 || size > b.segment || b.size+size > maxPiece-vnetHeader-40 {
		return false
	}
	return s.End == s.n-vnetHeader && s.Flags&^(packet.ACK|packet.PSH|packet.FIN) == 0 && plainSum(s) &&
		sameHeaders(b.parcels[0].slot, s)
}

// sameHeaders compares what has to be equal in the headers of two packets of TCP.
func sameHeaders(first, other *slot) bool {
	if first.Payload != other.Payload || first.Transport != other.Transport || first.Version != other.Version {
		return false
	}
	a, b := first.packet()[:first.Payload], other.packet()[:other.Payload]
	t := first.Transport
	same := func(from, to int) bool { return bytes.Equal(a[from:to], b[from:to]) }
	if !same(t, t+4) || !same(t+8, t+13) || !same(t+14, t+16) || !same(t+18, first.Payload) {
		return false // ports, acknowledgement and header's length, window, urgent pointer and options
	}
	if first.Version == 4 { // all but length, identification and checksum
		return same(0, 2) && same(6, 10) && same(12, t)
	}
	return same(0, 4) && same(6, t) // all but length
}

// add takes in a packet that continues the bundle.
func (b *bundle) add(p parcel) {
	size := p.slot.PayloadLen()
	b.parcels = append(b.parcels, p)
	b.size += size
	b.next += uint32(size)
	b.open = size == b.segment && p.slot.Flags&^packet.ACK == 0
}

// write hands the bundle to the kernel behind a device.
func (b *bundle) write(t *tun) error {
	if len(b.parcels) == 1 {
		s := b.parcels[0].slot
		return t.write(s.buf[:s.n])
	}
	return t.write(b.join())
}

// join makes one packet of all, with the vnet header that says how it was cut. It
// is the reverse of the function cut.
func (b *bundle) join() []byte {
	first, last := b.parcels[0].slot, b.parcels[len(b.parcels)-1].slot
	n := copy(b.joint[:], first.buf[:vnetHeader+first.Payload])
	for i := range b.parcels {
		s := b.parcels[i].slot
		n += copy(b.joint[n:], s.packet()[s.Payload:])
	}
	kind := uint8(unix.VIRTIO_NET_HDR_GSO_TCPV4)
	if first.Version == 6 {
		kind = unix.VIRTIO_NET_HDR_GSO_TCPV6
	}
	v := readVnet(first.buf)
	v.kind, v.headerLen, v.segment = kind, uint16(first.Payload), uint16(b.segment)
	v.put(b.joint[:])
	p := b.joint[vnetHeader:n]
	p[first.Transport+13] = uint8(last.Flags)
	setLengths(p, first.Transport, binary.BigEndian.Uint16(p[4:]))
	return b.joint[:n]
}

// clear empties the bundle.
func (b *bundle) clear() { b.parcels, b.open = b.parcels[:0], false }
