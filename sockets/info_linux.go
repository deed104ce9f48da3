package sockets

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Info asks the kernel about a TCP connection. The error is an *os.SyscallError
// if the kernel refuses: a Unix socket is an errors.ErrUnsupported. It is the
// connection's own if it is closed.
func Info(c syscall.Conn) (TCPInfo, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return TCPInfo{}, err
	}
	// Room for a newer kernel's: its length is told by Length.
	var buf [512]byte
	var n uint32
	var errno syscall.Errno
	if err := raw.Control(func(fd uintptr) { n, errno = tcpInfo(fd, buf[:]) }); err != nil {
		return TCPInfo{}, err
	}
	if errno != 0 {
		return TCPInfo{}, os.NewSyscallError("getsockopt", errno)
	}
	return ParseTCPInfo(buf[:n])
}

// tcpInfo fills buf and says how much the kernel wrote, which the function of
// golang.org/x/sys/unix does not.
func tcpInfo(fd uintptr, buf []byte) (uint32, syscall.Errno) {
	n := uint32(len(buf))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)), 0)
	return n, errno
}
