//go:build unix

package linger

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// Reading and writing a socket by the kernel's own calls, and waiting by the
// runtime's poller.

const bySocket = true

// A receiver reads from a socket, one caller at a time.
type receiver struct {
	mu   sync.Mutex
	call func(fd uintptr) bool // r.receive, made once

	p     []byte
	flags int
	wait  bool
	n     int
	err   error
}

// How a receiver reads.
const (
	readWaiting = iota // until there is something
	readNow            // what is there
	readPeeking        // what is there, and leaves it
)

// read reads once. The error is syscall.EAGAIN if nothing was there and it does not
// wait, and io.EOF at the end.
func (r *receiver) read(raw syscall.RawConn, p []byte, how int) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.call == nil {
		r.call = r.receive
	}
	r.p, r.flags, r.wait = p, 0, how == readWaiting
	if how == readPeeking {
		r.flags = syscall.MSG_PEEK
	}
	err := raw.Read(r.call)
	r.p = nil
	switch {
	case err != nil:
		return 0, err
	case r.err != nil:
		return 0, r.err
	case r.n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return r.n, nil
}

func (r *receiver) receive(fd uintptr) bool {
	r.n, r.err = recvNow(int(fd), r.p, r.flags)
	return r.err != syscall.EAGAIN || !r.wait
}

// A sender writes to a socket, one caller at a time.
type sender struct {
	mu   sync.Mutex
	call func(fd uintptr) bool // s.send, made once

	p    []byte
	wait bool
	n    int
	err  error
}

// write writes all of p, or, if it does not wait, what the socket takes.
func (s *sender) write(raw syscall.RawConn, p []byte, wait bool) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call == nil {
		s.call = s.send
	}
	s.p, s.wait, s.n, s.err = p, wait, 0, nil
	err := raw.Write(s.call)
	s.p = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// send reports whether nothing is left to be written, or nothing can be.
func (s *sender) send(fd uintptr) bool {
	for s.n < len(s.p) {
		n, err := sendNow(int(fd), s.p[s.n:])
		switch {
		case err == syscall.EAGAIN:
			return !s.wait
		case err != nil:
			s.err = err
			return true
		}
		s.n += n
	}
	return true
}

// opError words an error as net does: one of the kernel, and one of RawConn, which
// calls reading "raw-read".
func (w *wire) opError(op string, err error) error {
	switch err := err.(type) {
	case syscall.Errno:
		to := w.RemoteAddr()
		return &net.OpError{Op: op, Net: to.Network(), Source: w.LocalAddr(), Addr: to, Err: os.NewSyscallError(op, err)}
	case *net.OpError:
		named := *err
		named.Op = op
		return &named
	}
	return err
}
