//go:build unix && (!(linux && (amd64 || arm64)) || race || msan || asan)

package linger

import "syscall"

// Read and Write of package syscall tell the race detector that what was done before
// a message was sent came before what is done when it has arrived: a test that looks
// at what its server's handler has noted stands on that.

// recvNow receives what is there. The error is syscall.EAGAIN if nothing is.
func recvNow(fd int, p []byte, flags int) (int, error) {
	if flags == 0 {
		return takeNow(fd, p)
	}
	for {
		n, _, err := syscall.Recvfrom(fd, p, flags) // the socket does not block
		if err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}

func takeNow(fd int, p []byte) (int, error) {
	for {
		n, err := syscall.Read(fd, p) // the socket does not block
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
