//go:build !unix

package linger

import "syscall"

// Where sockets cannot be read and written by the kernel's own calls, net does it;
// an ended connection is found by using it.

type (
	receiver struct{}
	sender   struct{}
)

const (
	readWaiting = iota
	readNow
	readPeeking
)

const bySocket = false

func (*receiver) read(syscall.RawConn, []byte, int) (int, error) { return 0, syscall.EAGAIN }
func (*sender) write(syscall.RawConn, []byte, bool) (int, error) { return 0, syscall.EAGAIN }
func (*wire) opError(_ string, err error) error                  { return err }
