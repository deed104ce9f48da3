package lab

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/packet"
)

// The device at one end of the link. The kernel hands over TCP's segments as they
// leave the socket, up to 64 KiB in one piece with a virtio header that says how
// to cut it (TSO), which the kernel would otherwise do itself one step before the
// device. Cut here, it is the same packets at a fraction of the system calls. On the
// other side a bundle goes the way back.

const (
	tunDevice = "/dev/net/tun"
	tunName   = "link0"

	vnetHeader = 10 // struct virtio_net_hdr, linux/virtio_net.h
	maxPiece   = vnetHeader + 65535 + 40
)

// A tun is one device. It belongs to the relay's thread.
type tun struct {
	fd    int
	piece [maxPiece]byte // what was read last
}

// offload is what the kernel leaves to whoever reads the device: checksums, and to
// cut TCP's segments.
const offload = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6

// openTun makes the device of a side in the network namespace of the calling thread.
func openTun() (*tun, error) { return makeTun(tunName, offload) }

func makeTun(name string, offload int) (*tun, error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: tunDevice, Err: err}
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return nil, errors.Join(os.NewSyscallError("TUNSETIFF", err), unix.Close(fd))
	}
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, offload); err != nil {
		return nil, errors.Join(os.NewSyscallError("TUNSETOFFLOAD", err), unix.Close(fd))
	}
	return &tun{fd: fd}, nil
}

func (t *tun) close() error { return unix.Close(t.fd) }

// A vnet is the header before each piece: virtio's struct virtio_net_hdr.
type vnet struct {
	flags, kind                             uint8
	headerLen, segment, sumStart, sumOffset uint16
}

// needsSum says that the checksum at sumStart+sumOffset holds the sum of TCP's
// pseudo-header alone: VIRTIO_NET_HDR_F_NEEDS_CSUM.
const needsSum = 1

func readVnet(b []byte) vnet {
	n := binary.NativeEndian
	return vnet{b[0], b[1], n.Uint16(b[2:]), n.Uint16(b[4:]), n.Uint16(b[6:]), n.Uint16(b[8:])}
}

// put writes the header to the beginning of b.
func (v vnet) put(b []byte) {
	n := binary.NativeEndian
	b[0], b[1] = v.flags, v.kind
	n.PutUint16(b[2:], v.headerLen)
	n.PutUint16(b[4:], v.segment)
	n.PutUint16(b[6:], v.sumStart)
	n.PutUint16(b[8:], v.sumOffset)
}

// read takes one piece from the device and calls each for every packet in it,
// with the vnet header that its like would have. It returns false if there was
// nothing to read.
func (t *tun) read(pool *slots, each func(*slot)) (bool, error) {
	n, err := ignoringEINTR(func() (int, error) { return unix.Read(t.fd, t.piece[:]) })
	switch {
	case err == unix.EAGAIN:
		return false, nil
	case err != nil:
		return false, os.NewSyscallError("read "+tunName, err)
	case n <= vnetHeader:
		return true, nil
	}
	v, b := readVnet(t.piece[:]), t.piece[vnetHeader:n]
	if v.kind == unix.VIRTIO_NET_HDR_GSO_NONE || v.segment == 0 {
		each(pool.take(t.piece[:n]))
		return true, nil
	}
	cut(v, b, pool, each)
	return true, nil
}

// cut makes the packets of a piece of TCP, as the kernel's tcp_gso_segment does:
// sequence numbers and IPv4's identification count on, CWR is the first's alone,
// FIN and PSH the last's.
func cut(v vnet, b []byte, pool *slots, each func(*slot)) {
	tcp := int(v.sumStart)
	head := tcp + int(b[tcp+12]>>4)*4
	seq, flags := binary.BigEndian.Uint32(b[tcp+4:]), b[tcp+13]
	id := binary.BigEndian.Uint16(b[4:])
	for at := head; at < len(b); at += int(v.segment) {
		end := min(at+int(v.segment), len(b))
		s := pool.empty()
		s.begin(vnet{flags: needsSum, sumStart: v.sumStart, sumOffset: v.sumOffset})
		s.n += copy(s.buf[s.n:], b[:head])
		s.n += copy(s.buf[s.n:], b[at:end])
		p := s.packet()
		binary.BigEndian.PutUint32(p[tcp+4:], seq+uint32(at-head))
		own := flags
		if at > head {
			own &^= 0x80 // CWR
		}
		if end < len(b) {
			own &^= uint8(packet.FIN | packet.PSH)
		}
		p[tcp+13] = own
		setLengths(p, tcp, id)
		id++
		each(s)
	}
}

// setLengths writes what of the headers depends on a packet's length.
func setLengths(p []byte, tcp int, id uint16) {
	var pseudo uint64
	if p[0]>>4 == 4 {
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		binary.BigEndian.PutUint16(p[4:], id)
		p[10], p[11] = 0, 0
		binary.BigEndian.PutUint16(p[10:], ^packet.Fold(packet.Sum(0, p[:tcp])))
		pseudo = packet.Sum(0, p[12:20])
	} else {
		binary.BigEndian.PutUint16(p[4:], uint16(len(p)-40))
		pseudo = packet.Sum(0, p[8:40])
	}
	pseudo += packet.ProtocolTCP + uint64(len(p)-tcp)
	binary.BigEndian.PutUint16(p[tcp+16:], packet.Fold(pseudo))
}

// write hands a packet, with its vnet header, to the kernel behind the device.
func (t *tun) write(b []byte) error {
	_, err := ignoringEINTR(func() (int, error) { return unix.Write(t.fd, b) })
	if err != nil {
		return os.NewSyscallError("write "+tunName, err)
	}
	return nil
}

func ignoringEINTR(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if err != unix.EINTR {
			return n, err
		}
	}
}
