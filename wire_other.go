//go:build !unix

package linger

import "syscall"

// Where sockets cannot be peeked at, an ended connection is found by using it.

func peek(syscall.RawConn, []byte) (int, error)    { return 0, syscall.EAGAIN }
func readNow(syscall.RawConn, []byte) (int, error) { return 0, syscall.EAGAIN }
