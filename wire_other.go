//go:build !unix

package linger

import "syscall"

// Where sockets cannot be peeked at, an ended connection is found by using it.
type receiver struct{}

func (*receiver) now(syscall.RawConn, []byte, bool) (int, error) { return 0, syscall.EAGAIN }
