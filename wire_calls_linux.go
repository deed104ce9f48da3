//go:build linux && (amd64 || arm64) && !race && !msan && !asan

package linger

import (
	"syscall"
	"unsafe"
)

// The kernel's calls that receive and send on a socket without blocking. The
// scheduler is not told of them, as it is by package syscall: it would make ready
// to run others on this processor for as long as the call takes, which for calls
// that never wait costs more than it gains: a sixth of all an exchange costs with
// 64 callers on two processors.

// recvNow receives what is there. The error is syscall.EAGAIN if nothing is.
func recvNow(fd int, p []byte, flags int) (int, error) {
	for {
		n, _, err := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)), uintptr(flags|syscall.MSG_DONTWAIT), 0, 0)
		switch err {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, err
		}
	}
}

// sendNow sends as much of p as goes. The error is syscall.EAGAIN if nothing does.
func sendNow(fd int, p []byte) (int, error) {
	for {
		n, _, err := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
			uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch err {
		case 0:
			return int(n), nil
		case syscall.EINTR:
		default:
			return 0, err
		}
	}
}
