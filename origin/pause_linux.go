package origin

import (
	"errors"
	"net"
	"syscall"
)

// Linux can stop a socket from listening and start it again without giving its
// port away: shutdown(2) ends the listening and resets whatever was waiting to
// be accepted, the socket stays bound, and listen(2) begins anew. In between the
// kernel refuses connections as if nobody were there. Closing the listener and
// opening another would leave the port to others meanwhile, and could not be
// done with a listener that came from another network namespace.

// canPause reports whether pause will work, as an error if not.
func canPause(l net.Listener) error {
	if _, ok := l.(syscall.Conn); !ok {
		return errors.New("to refuse connections needs a listener with a file descriptor")
	}
	return nil
}

// pause stops listening. A socket whose port the kernel chose gives it up with
// that, so it is bound to the same one at once and then keeps it. One whose port
// was asked for is still bound, and says so with EINVAL.
func pause(l net.Listener) error {
	return control(l, func(fd int) error {
		addr, err := syscall.Getsockname(fd)
		if err != nil {
			return err
		}
		if err := syscall.Shutdown(fd, syscall.SHUT_RD); err != nil {
			return err
		}
		if err := syscall.Bind(fd, addr); err != syscall.EINVAL {
			return err
		}
		return nil
	})
}

// backlog is as many as the kernel will have; it cuts the number to
// net.core.somaxconn.
const backlog = 1 << 15

func resume(l net.Listener) error {
	return control(l, func(fd int) error { return syscall.Listen(fd, backlog) })
}

func control(l net.Listener, do func(fd int) error) error {
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) { failure = do(int(fd)) })
	return errors.Join(err, failure)
}
