package linger

import (
	"net"
	"net/http"
	"time"
)

// A partial connection reads, writes and closes, and has nothing else that a
// net.Conn has: tests make them up by embedding a nil net.Conn. net/http never
// finds out.
type partial struct{ net.Conn }

func (partial) LocalAddr() net.Addr              { return nil }
func (partial) RemoteAddr() net.Addr             { return nil }
func (partial) SetDeadline(time.Time) error      { return http.ErrNotSupported }
func (partial) SetReadDeadline(time.Time) error  { return http.ErrNotSupported }
func (partial) SetWriteDeadline(time.Time) error { return http.ErrNotSupported }

// completeConn returns a connection as it is or, if it panics when it is asked for an
// address, one that does not.
func completeConn(c net.Conn) (w net.Conn) {
	defer func() {
		if recover() != nil {
			w = partial{c}
		}
	}()
	c.LocalAddr()
	return c
}
