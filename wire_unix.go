//go:build unix

package linger

import "syscall"

// A receiver reads from a socket without waiting. It is made once for each
// connection, and belongs to who reads there.
type receiver struct {
	call func(fd uintptr) bool // r.receive

	p     []byte
	flags int
	n     int
	err   error
}

// now reads what is there, or with peek looks at it and leaves it. The error is
// syscall.EAGAIN if nothing is.
func (r *receiver) now(raw syscall.RawConn, p []byte, peek bool) (int, error) {
	if r.call == nil {
		r.call = r.receive
	}
	r.p, r.flags = p, syscall.MSG_DONTWAIT
	if peek {
		r.flags |= syscall.MSG_PEEK
	}
	err := raw.Read(r.call)
	r.p = nil
	if err != nil {
		return 0, err
	}
	return r.n, r.err
}

func (r *receiver) receive(fd uintptr) bool {
	r.n, r.err = recvNow(int(fd), r.p, r.flags)
	return true
}

func recvNow(fd int, p []byte, flags int) (n int, err error) {
	for {
		n, _, err = syscall.Recvfrom(fd, p, flags|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return n, err
		}
	}
}
