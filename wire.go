package linger

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// A wire is the socket below all else; it counts what passes. While dontWait is
// set, a read that would have to wait fails with os.ErrDeadlineExceeded, which TLS
// takes for a timeout and survives.
type wire struct {
	net.Conn
	raw            syscall.RawConn // nil if it is none of the kernel's
	veiled         bool            // something stands between the wire and the socket: somebody's TLS
	recv           receiver
	dontWait       atomic.Bool
	sent, received atomic.Int64 // octets
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c}
	if s := socketBelow(c); s != nil {
		w.raw, _ = s.SyscallConn()
		_, bare := c.(syscall.Conn)
		w.veiled = !bare
	}
	return w
}

// direct says whether reading and writing the socket itself is what Read and
// Write do. Somebody's wrapper may do more, even if it shows the socket.
func (w *wire) direct() bool {
	switch w.Conn.(type) {
	case *net.TCPConn, *net.UnixConn:
		return w.raw != nil
	}
	return false
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
	switch {
	case !w.dontWait.Load():
		return w.Conn.Read(p)
	case w.raw == nil || w.veiled:
		return 0, os.ErrDeadlineExceeded
	}
	n, err := w.recv.now(w.raw, p, false)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err == nil && n == 0:
		return 0, io.EOF
	}
	return max(n, 0), err
}

var errUnasked = errors.New("the server sent bytes that nobody had asked for")

// look looks at an idle connection, whose socket is the wire, without waiting. It
// returns nil if it is open and silent: not ended by the server, and without
// bytes that nobody asked for.
func (w *wire) look(c net.Conn) error {
	if secured, ok := c.(*tls.Conn); ok {
		return w.lookThrough(secured)
	}
	if w.raw == nil {
		return nil
	}
	var octet [1]byte
	err := silence(w.recv.now(w.raw, octet[:], true))
	if err == errUnasked && w.veiled {
		return lookBriefly(c)
	}
	return err
}

// briefly is how long a look may take that reads what stands in the socket
// already.
const briefly = time.Millisecond

// lookBriefly reads through what veils the socket: what is there may be no data.
func lookBriefly(c net.Conn) error {
	c.SetReadDeadline(time.Now().Add(briefly))
	defer c.SetReadDeadline(time.Time{})
	var octet [1]byte
	n, err := c.Read(octet[:])
	switch {
	case n > 0:
		return errUnasked
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return err
}

// silence judges by what became of looking at the next octet of a socket whether
// it is open and silent.
func silence(n int, err error) error {
	switch {
	case err == syscall.EAGAIN:
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
func (w *wire) lookThrough(c *tls.Conn) error {
	w.dontWait.Store(true)
	defer w.dontWait.Store(false)
	var octet [1]byte
	n, err := c.Read(octet[:])
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
