//go:build unix

package linger

import (
	"io"
	"syscall"
	"time"
)

// A swap writes a request and reads the beginning of its answer in one call of
// the runtime's poller. Done one after the other, a read follows the write at
// once, finds nothing, and is made again when something has come. Here the
// goroutine waits right after the write.
//
// It stands on what RawConn.Read does: it resets the readiness of the socket,
// calls the function, and waits for readiness if that returns false. An answer
// can come only after the write, and that is within: none is missed.
type swap struct {
	wire *wire
	call func(fd uintptr) bool // s.step, made once

	out   []byte
	in    *buffer
	look  bool // the connection was idle: look at it first
	begun bool

	idle    error // what was found on the idle connection: nothing was written
	written int   // octets of out
	failed  error // of writing
	wroteAt time.Time
}

func newSwap(w *wire) *swap {
	s := &swap{wire: w}
	s.call = s.step
	return s
}

// do writes out, as far as that goes without waiting, and then reads once into
// in. What became of the read stands in the buffer. If not all could be written,
// it does not read.
func (s *swap) do(out []byte, in *buffer, look bool) {
	s.out, s.in, s.look, s.begun = out, in, look, false
	s.idle, s.written, s.failed = nil, 0, nil
	err := s.wire.raw.Read(s.call)
	switch {
	case err == nil:
	case s.begun:
		in.fault = s.wire.opError("read", err)
	default:
		s.failed = s.wire.opError("write", err)
	}
	s.out, s.in = nil, nil
}

// step is called once to write, and then each time the socket is readable. It
// reports whether the swap is over.
func (s *swap) step(fd uintptr) bool {
	if !s.begun {
		s.begun = true
		return s.write(int(fd))
	}
	n, err := recvNow(int(fd), s.in.room(), 0)
	switch {
	case err == syscall.EAGAIN:
		return false
	case err != nil:
		s.in.fault = s.wire.opError("read", err)
	case n == 0:
		s.in.fault = io.EOF
	default:
		s.in.at = time.Now()
		s.in.w += n
		s.wire.received.Add(int64(n))
	}
	return true
}

// write reports whether there is no answer to be waited for here.
func (s *swap) write(fd int) (over bool) {
	if s.look {
		if s.idle = peekAt(fd); s.idle != nil {
			return true
		}
	}
	s.wire.sent.Add(int64(len(s.out))) // before: the answer may be there at once
	n, err := sendNow(fd, s.out)
	s.wroteAt = time.Now()
	s.written = n
	s.wire.sent.Add(int64(s.written - len(s.out)))
	if err != nil && err != syscall.EAGAIN {
		s.failed = s.wire.opError("write", err)
	}
	return s.written < len(s.out)
}

// peekAt looks at the next octet of a socket.
func peekAt(fd int) error {
	var octet [1]byte
	n, err := recvNow(fd, octet[:], syscall.MSG_PEEK)
	if err == nil && n == 0 {
		return io.EOF
	}
	return silence(err)
}
