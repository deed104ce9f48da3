package sniff

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A Sniffer takes packets by a socket of packet(7). Open, Finish and Close are for
// anybody; what Run does is its caller's.
type Sniffer struct {
	fd       int
	finished atomic.Bool
	missed   atomic.Int64
	close    func() error

	names    map[int]Interface // Run's
	loopback map[int]bool      // Run's
}

const (
	// room is how many bytes of packets may wait in the socket while Run is busy.
	room = 64 << 20

	// longest is the most that one packet has: what a kernel puts together on
	// loopback for IPv6 may be up to 512 KiB ("BIG TCP").
	longest = 512<<10 + 128

	// still is for how long nothing must have come for Run to end after Finish;
	// patience is how long it waits for that.
	still    = 100 * time.Millisecond
	patience = time.Second
)

// Open begins to take packets: they wait for Run. Its error is an *[Error].
func Open() (*Sniffer, error) {
	// SOCK_DGRAM takes the link's header away, whatever it is.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, failed("packet socket", err)
	}
	s := &Sniffer{fd: fd, names: make(map[int]Interface), loopback: make(map[int]bool)}
	s.close = sync.OnceValue(func() error { return unix.Close(s.fd) })
	if err := s.begin(); err != nil {
		return nil, errors.Join(failed("packet socket", err), s.Close())
	}
	return s, nil
}

// begin says which packets are wanted. Until it binds the socket, none come.
func (s *Sniffer) begin() error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room); err != nil {
		// Without CAP_NET_ADMIN, as much as everybody may have.
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room); err != nil {
			return os.NewSyscallError("setsockopt SO_RCVBUF", err)
		}
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_TIMESTAMPNS", err)
	}
	if err := s.attach(onlyTCP); err != nil {
		return err
	}
	// Of ETH_P_ALL alone come the packets that this host sends, too.
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	return os.NewSyscallError("bind", unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: all}))
}

// onlyTCP lets TCP over IPv4 pass, and all of IPv6, whose extension headers it does
// not read.
var onlyTCP = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 0, Size: 1},
	bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 4},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 6, SkipTrue: 3},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 4, SkipTrue: 3},
	bpf.LoadAbsolute{Off: 9, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.IPPROTO_TCP, SkipTrue: 1},
	bpf.RetConstant{Val: longest},
	bpf.RetConstant{Val: 0},
}

func (s *Sniffer) attach(program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	about := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &about))
}

// Run shows each packet, until Finish was called and those that were under way have
// come: each says whether a packet was one to wait for. What passes loopback is
// shown once. Its error is an *[Error].
func (s *Sniffer) Run(each func(*Frame) bool) error {
	var f Frame
	data, control := make([]byte, longest), make([]byte, 256)
	last, end := time.Now(), time.Time{}
	for {
		now := time.Now()
		if s.finished.Load() {
			if end.IsZero() {
				last, end = now, now.Add(patience)
			}
			if now.Sub(last) >= still || now.After(end) {
				return s.count()
			}
		}
		got, err := s.next(&f, data, control)
		if err != nil {
			return failed("receiving", err)
		}
		if got && each(&f) {
			last = now
		}
	}
}

// tick is how often Run looks whether it is to end, in milliseconds.
const tick = 20

// next waits a tick for the next packet.
func (s *Sniffer) next(f *Frame, data, control []byte) (bool, error) {
	n, on, _, from, err := unix.Recvmsg(s.fd, data, control, unix.MSG_TRUNC)
	switch err {
	case nil:
		return s.frame(f, data, n, control[:on], from), nil
	case unix.EAGAIN:
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, tick)
		if err != nil && err != unix.EINTR {
			return false, os.NewSyscallError("poll", err)
		}
		return false, nil
	case unix.EINTR, unix.ENETDOWN: // an interface went down: others are there
		return false, nil
	}
	return false, os.NewSyscallError("recvmsg", err)
}

// frame reads a packet of n bytes, and says whether it is to be shown.
func (s *Sniffer) frame(f *Frame, data []byte, n int, control []byte, from unix.Sockaddr) bool {
	at, ok := from.(*unix.SockaddrLinklayer)
	if !ok || at.Pkttype == unix.PACKET_OUTGOING && s.isLoopback(at.Ifindex) {
		return false // it comes in again
	}
	f.Interface = s.named(at.Ifindex)
	f.Data, f.Length = data[:min(n, len(data))], n
	f.At = stamp(control)
	return true
}

// stamp is the kernel's time of a packet; now, if it has none.
func stamp(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Now()
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			t := *(*unix.Timespec)(unsafe.Pointer(&m.Data[0]))
			return time.Unix(t.Unix())
		}
	}
	return time.Now()
}

func (s *Sniffer) named(index int) Interface {
	if i, known := s.names[index]; known {
		return i
	}
	i := Interface{Index: index}
	if about, err := net.InterfaceByIndex(index); err == nil {
		i.Name = about.Name
		s.loopback[index] = about.Flags&net.FlagLoopback != 0
	}
	s.names[index] = i
	return i
}

func (s *Sniffer) isLoopback(index int) bool {
	s.named(index)
	return s.loopback[index]
}

// count asks how many packets found no room.
func (s *Sniffer) count() error {
	st, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return failed("statistics", os.NewSyscallError("getsockopt", err))
	}
	s.missed.Store(int64(st.Drops))
	return nil
}

// Finish has Run end when no packet has come for a tenth of a second, and after a
// second in any case.
func (s *Sniffer) Finish() { s.finished.Store(true) }

// Missed is how many packets were not shown because there was no room for them: known
// when Run has ended.
func (s *Sniffer) Missed() int { return int(s.missed.Load()) }

// Close ends the Sniffer, after Run.
func (s *Sniffer) Close() error { return s.close() }
