package linger

import (
	"context"
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prepare sets the options of a socket before it is bound.
func (t *Transport) prepare(_ context.Context, _, _ string, c syscall.RawConn) (err error) {
	failed := c.Control(func(fd uintptr) {
		if t.LocalAddr.IsValid() {
			// It bears this name for IPv6, too.
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		}
		if limit := t.UnackedTimeout; limit > 0 && err == nil {
			ms := min(max(1, limit/time.Millisecond), math.MaxInt32)
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ms))
		}
	})
	if failed != nil {
		return failed
	}
	return err
}
