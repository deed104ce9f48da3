package linger

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
)

// Looking at a socket without waiting: an idle connection that the server has
// closed, or on which it sent bytes unasked, is found before a request is put on
// it.

// A prober looks at an idle connection.
type prober struct {
	raw    syscall.RawConn // of a connection in clear; nil: it cannot be looked at
	tls    *tls.Conn       // what is on top of it, nil if nothing
	wire   *wire           // what is below TLS
	peeked [1]byte
}

// newProber makes the prober of connection c, whose socket is below it.
func newProber(c, socket net.Conn) prober {
	p := prober{}
	if w, ok := socket.(*wire); ok {
		p.wire = w
		p.tls, _ = c.(*tls.Conn)
		socket = w.Conn
	}
	if s := socketBelow(socket); s != nil {
		p.raw, _ = s.SyscallConn()
	}
	return p
}

// look returns nil if the connection is open and silent.
func (p *prober) look() error {
	switch {
	case p.tls != nil:
		return p.lookThrough()
	case p.raw == nil:
		return nil
	}
	n, err := peek(p.raw, p.peeked[:])
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return nil
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	return errUnasked
}

// lookThrough reads through TLS what stands in the socket, and what stands in
// TLS already: a record may hold more than an answer. Session tickets and the
// like are no data, and are no reason to give up the connection.
func (p *prober) lookThrough() error {
	p.wire.dontWait.Store(true)
	defer p.wire.dontWait.Store(false)
	n, err := p.tls.Read(p.peeked[:])
	switch {
	case n > 0:
		return errUnasked
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case err == nil:
		return io.ErrNoProgress
	}
	return err
}

// A wire is the socket below all else; it counts what passes. While dontWait is
// set, a read that would have to wait fails with os.ErrDeadlineExceeded, which TLS
// takes for a timeout and survives.
type wire struct {
	net.Conn
	dontWait       atomic.Bool
	sent, received atomic.Int64 // octets
}

// wireBelow finds the wire that a connection stands on, nil if there is none.
func wireBelow(c net.Conn) *wire {
	for {
		switch at := c.(type) {
		case *wire:
			return at
		case interface{ NetConn() net.Conn }: // TLS
			c = at.NetConn()
		default:
			return nil
		}
	}
}

// Write counts before it writes: the answer may be there before the write returns.
func (w *wire) Write(p []byte) (int, error) {
	w.sent.Add(int64(len(p)))
	n, err := w.Conn.Write(p)
	if n < len(p) {
		w.sent.Add(int64(n - len(p)))
	}
	return n, err
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.read(p)
	w.received.Add(int64(n))
	return n, err
}

func (w *wire) read(p []byte) (int, error) {
	if !w.dontWait.Load() {
		return w.Conn.Read(p)
	}
	s, ok := w.Conn.(syscall.Conn)
	if !ok {
		return 0, os.ErrDeadlineExceeded
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0, err
	}
	n, err := readNow(raw, p)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err == nil && n == 0:
		return 0, io.EOF
	}
	return max(n, 0), err
}
