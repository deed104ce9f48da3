//go:build unix

package linger

import "syscall"

// peek looks at the next byte of a socket without taking it and without waiting.
func peek(raw syscall.RawConn, p []byte) (n int, err error) {
	return recv(raw, p, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
}

// readNow takes what is there, without waiting.
func readNow(raw syscall.RawConn, p []byte) (n int, err error) {
	return recv(raw, p, syscall.MSG_DONTWAIT)
}

func recv(raw syscall.RawConn, p []byte, flags int) (n int, err error) {
	failed := raw.Read(func(fd uintptr) bool {
		n, _, err = syscall.Recvfrom(int(fd), p, flags)
		return true
	})
	if failed != nil {
		return 0, failed
	}
	return n, err
}
