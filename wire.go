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
	send           sender
	direct         bool // Read and Write of Conn are those of the socket
	dontWait       atomic.Bool
	sent, received atomic.Int64 // octets
	pause          func()       // if set, called before each read, which may wait
	backlog        *backlog     // if set, Write does not wait
}

func newWire(c net.Conn) *wire {
	w := &wire{Conn: c}
	if s := socketBelow(c); s != nil {
		w.raw, _ = s.SyscallConn()
		_, bare := c.(syscall.Conn)
		w.veiled = !bare
	}
	switch c.(type) {
	case *net.TCPConn, *net.UnixConn: // somebody's wrapper may do more, even if it shows the socket
		w.direct = bySocket && w.raw != nil
	}
	return w
}

// directSize is how much is read or written at once by the kernel's own calls.
// More takes so long that others should run meanwhile.
const directSize = 16 << 10

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
	if w.backlog != nil {
		return w.backlog.write(w, p)
	}
	n, err := w.write(p)
	if n < len(p) {
		w.sent.Add(int64(n - len(p)))
	}
	return n, err
}

func (w *wire) write(p []byte) (int, error) {
	if !w.direct || len(p) > directSize {
		return w.Conn.Write(p)
	}
	n, err := w.send.write(w.raw, p, true)
	return n, w.opError("write", err)
}

func (w *wire) Read(p []byte) (int, error) {
	n, err := w.read(p)
	w.received.Add(int64(n))
	return n, err
}

func (w *wire) read(p []byte) (int, error) {
	dontWait := w.dontWait.Load()
	if w.pause != nil && !dontWait {
		w.pause()
	}
	switch {
	case dontWait && (w.raw == nil || w.veiled):
		return 0, os.ErrDeadlineExceeded
	case dontWait:
		n, err := w.recv.read(w.raw, p, readNow)
		if err == syscall.EAGAIN {
			err = os.ErrDeadlineExceeded
		}
		return n, err
	case !w.direct || len(p) > directSize:
		return w.Conn.Read(p)
	}
	n, err := w.recv.read(w.raw, p, readWaiting)
	return n, w.opError("read", err)
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
	_, err := w.recv.read(w.raw, octet[:], readPeeking)
	err = silence(err)
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
func silence(err error) error {
	switch err {
	case syscall.EAGAIN:
		return nil
	case nil:
		return errUnasked
	}
	return err
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
