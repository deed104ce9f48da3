package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/packet"
)

// A madePiece describes a piece of TCP as a socket hands it to the device.
type madePiece struct {
	name     string
	src, dst netip.Addr
	options  int // bytes
	segment  int
	payload  int
	flags    uint8
	id       uint16
	tos      uint8
}

var (
	piece4 = madePiece{name: "IPv4", src: clientAddr4, dst: netip.MustParseAddr("198.19.0.1"), segment: 1448, payload: 10*1448 + 7, options: 12, flags: 0x10, id: 0xfffd}
	piece6 = madePiece{name: "IPv6", src: clientAddr6, dst: netip.MustParseAddr("2001:2::3:1"), segment: 1428, payload: 10*1428 + 7, options: 12, flags: 0x10}
)

func (m madePiece) but(name string, change func(*madePiece)) madePiece {
	m.name += " " + name
	change(&m)
	return m
}

// madePieces are all the ways in which a piece can differ from another.
func madePieces() []madePiece {
	var all []madePiece
	for _, m := range []madePiece{piece4, piece6} {
		all = append(all, m,
			m.but("whole segments", func(m *madePiece) { m.payload = 4 * m.segment }),
			m.but("two segments", func(m *madePiece) { m.payload = m.segment + 1 }),
			m.but("PSH", func(m *madePiece) { m.flags |= 0x08 }),
			m.but("PSH and FIN", func(m *madePiece) { m.flags |= 0x09 }),
			m.but("ECE", func(m *madePiece) { m.flags |= 0x40 }),
			m.but("CWR", func(m *madePiece) { m.flags |= 0x80 }),
			m.but("ECT(0)", func(m *madePiece) { m.tos = 2 }),
			m.but("no options", func(m *madePiece) { m.options, m.segment = 0, m.segment+12 }),
			m.but("odd segments", func(m *madePiece) { m.segment, m.payload = 87, 20*87+1 }),
			m.but("jumbo", func(m *madePiece) { m.segment, m.payload = m.segment+7500, 60_000 }),
		)
	}
	return all
}

// bytes is the piece behind its vnet header.
func (m madePiece) bytes() []byte {
	ip := 20
	if m.src.Is6() {
		ip = 40
	}
	head := ip + 20 + m.options
	p := make([]byte, head+m.payload)
	if m.src.Is6() {
		copy(p, []byte{0x60 | m.tos>>4, m.tos << 4, 0, 0, 0, 0, packet.ProtocolTCP, 64})
	} else {
		copy(p, []byte{0x45, m.tos, 0, 0, 0, 0, 0x40, 0, 64, packet.ProtocolTCP})
	}
	copy(p[ip-2*len(m.src.AsSlice()):], append(m.src.AsSlice(), m.dst.AsSlice()...))
	t := p[ip:]
	binary.BigEndian.PutUint16(t, 40000)
	binary.BigEndian.PutUint16(t[2:], 80)
	binary.BigEndian.PutUint32(t[4:], 0xffffff00) // wraps around
	binary.BigEndian.PutUint32(t[8:], 77)
	t[12], t[13], t[14], t[15] = uint8(20+m.options)<<2, m.flags, 1, 2
	if m.options == 12 {
		copy(t[20:], []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2})
	}
	for i := range m.payload {
		p[head+i] = byte(i * 7 >> 3)
	}
	setLengths(p, ip, m.id)
	v := vnet{needsSum, unix.VIRTIO_NET_HDR_GSO_TCPV4, uint16(head), uint16(m.segment), uint16(ip), 16}
	if m.src.Is6() {
		v.kind = unix.VIRTIO_NET_HDR_GSO_TCPV6
	}
	if m.flags&0x80 != 0 {
		v.kind |= unix.VIRTIO_NET_HDR_GSO_ECN
	}
	b := make([]byte, vnetHeader, vnetHeader+len(p))
	v.put(b)
	return append(b, p...)
}

// cutOut is what cut makes of it, with the headers decoded.
func (m madePiece) cutOut(t *testing.T) []*slot {
	b := m.bytes()
	var all []*slot
	pool := slots{size: vnetHeader + maxMTU}
	cut(readVnet(b), b[vnetHeader:], &pool, func(s *slot) {
		h, err := packet.Decode(s.packet())
		if err != nil {
			t.Fatalf("a packet of the piece: %v", err)
		}
		s.Header = h
		all = append(all, s)
	})
	return all
}

// The kernel cuts a piece itself when it forwards it to a device that takes no
// pieces; but for the hop that counts, the packets have to be the same.
func TestCutIsAsTheKernels(t *testing.T) {
	if err := Available(); err != nil {
		t.Skip(err)
	}
	s, err := newSide(new(names))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var in, out *tun
	err = s.run(func() (err error) {
		in, out, err = forwarding()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	defer out.close()
	ipv6 := ipv6Off(os.DirFS("/proc")) == ""
	for _, m := range madePieces() {
		t.Run(m.name, func(t *testing.T) {
			if m.src.Is6() && !ipv6 {
				t.Skip("no IPv6")
			}
			sameAsKernel(t, m, in, out)
		})
	}
}

func sameAsKernel(t *testing.T, m madePiece, in, out *tun) {
	want := m.cutOut(t)
	if err := in.write(m.bytes()); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, maxPiece)
	for i, s := range want {
		n := readOne(t, out, buf)
		ours := s.complete()
		routed(ours)
		if theirs := buf[vnetHeader:n]; !bytes.Equal(ours, theirs) {
			head := s.Payload
			t.Fatalf("packet %d of %d differs:\nlinger %d bytes % x\nkernel %d bytes % x", i+1, len(want),
				len(ours), ours[:head], len(theirs), theirs[:min(head, len(theirs))])
		}
	}
}

// readOne waits for a packet of TCP: others are the kernel's own, such as those of
// multicast.
func readOne(t *testing.T, from *tun, buf []byte) int {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(from.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 10_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 {
			t.Fatalf("the kernel sent no packet: %v", err)
		}
		if n, err = unix.Read(from.fd, buf); err != nil {
			t.Fatal(err)
		}
		if h, err := packet.Decode(buf[vnetHeader:n]); err == nil && h.Protocol == packet.ProtocolTCP {
			return n
		}
	}
}

// routed does what a router does to a packet: it has one hop less.
func routed(p []byte) {
	if p[0]>>4 == 6 {
		p[7]--
		return
	}
	p[8]--
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], ^packet.Fold(packet.Sum(0, p[:20])))
}

// forwarding makes two devices in the calling thread's namespace: what is written
// to the first comes out of the second, which takes whole packets only.
func forwarding() (in, out *tun, err error) {
	if in, err = makeTun("in0", offload); err != nil {
		return nil, nil, err
	}
	if out, err = makeTun("out0", 0); err != nil {
		return nil, nil, err
	}
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		_ = setSysctl("net/"+name, "1") // of IPv6 there may be none
	}
	for i, name := range []string{"in0", "out0"} {
		dev, err := netlink.LinkByName(name)
		if err != nil {
			return nil, nil, err
		}
		w := wiring{kernel: Kernel{}}
		if err := netlink.LinkSetMTU(dev, maxMTU); err != nil {
			return nil, nil, err
		}
		if err := netlink.LinkSetUp(dev); err != nil {
			return nil, nil, err
		}
		for _, a := range []netip.Addr{[]netip.Addr{piece4.src, piece4.dst}[i], []netip.Addr{piece6.src, piece6.dst}[i]} {
			r := w.route(dev, netip.PrefixFrom(a, a.BitLen()))
			if err := netlink.RouteAdd(r); err != nil && a.Is4() {
				return nil, nil, fmt.Errorf("route to %v: %w", a, err)
			}
		}
		own := &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(198, 18, 255, byte(i+1)).To4(), Mask: net.CIDRMask(32, 32)}}
		if err := netlink.AddrAdd(dev, own); err != nil {
			return nil, nil, err
		}
	}
	return in, out, nil
}

func TestSlotTwin(t *testing.T) {
	pool := slots{size: vnetHeader + 1500}
	s := pool.take(piece4.but("", func(m *madePiece) { m.payload = 100 }).bytes())
	s.host, s.seq, s.Header.End = new(host), 7, s.n-vnetHeader
	twin := pool.twin(s)
	if twin.id == s.id || &twin.buf[0] == &s.buf[0] {
		t.Fatal("the twin has the same memory")
	}
	if !bytes.Equal(twin.packet(), s.packet()) || twin.seq != 7 || twin.host != s.host || twin.Header != s.Header {
		t.Errorf("the twin is another packet: %+v of %+v", twin, s)
	}
	if pool.inUse() != 2 {
		t.Errorf("%d in use, want 2", pool.inUse())
	}
	pool.put(s)
	pool.put(twin)
	if pool.inUse() != 0 || pool.empty() != twin {
		t.Error("what was put back last, whose memory is warm, is not taken first")
	}
}

// A packet that is larger than the MTU, as the kernel's fragments of UDP are not but
// a piece of one segment may be, gets a larger slot.
func TestSlotGrows(t *testing.T) {
	pool := slots{size: 100}
	b := bytes.Repeat([]byte{1, 2, 3}, 100)
	if s := pool.take(b); !bytes.Equal(s.buf[:s.n], b) {
		t.Error("it does not hold what was taken")
	}
}

func TestCompleteLeavesCompleteSums(t *testing.T) {
	m := piece4.but("", func(m *madePiece) { m.payload = 100 })
	b := m.bytes()
	for _, flags := range []uint8{0, needsSum} {
		pool := slots{size: len(b)}
		s := pool.take(b)
		s.buf[0] = flags
		s.Header, _ = packet.Decode(s.packet())
		sum := packet.Sum(0, s.packet()[12:20]) + packet.ProtocolTCP + uint64(len(s.packet())-20)
		right := packet.Fold(packet.Sum(sum, s.complete()[20:])) == 0xffff
		if right != (flags == needsSum) {
			t.Errorf("flags %d: the checksum is right: %v", flags, right)
		}
	}
}

// "If the computed checksum is zero, it is transmitted as all ones": RFC 768.
func TestChecksumOfZero(t *testing.T) {
	p := []byte{0xff, 0xff}
	if got := checksum(p, 0, packet.ProtocolUDP); got != 0xffff {
		t.Errorf("UDP: %#x", got)
	}
	if got := checksum(p, 0, packet.ProtocolTCP); got != 0 {
		t.Errorf("TCP: %#x", got)
	}
}
