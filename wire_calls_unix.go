//go:build unix && !(linux && (amd64 || arm64))

package linger

import "syscall"

// recvNow receives what is there. The error is syscall.EAGAIN if nothing is.
func recvNow(fd int, p []byte, flags int) (int, error) {
	for {
		n, _, err := syscall.Recvfrom(fd, p, flags|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

// sendNow sends as much of p as goes. The error is syscall.EAGAIN if nothing does.
func sendNow(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Write(fd, p) // the socket does not block
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
