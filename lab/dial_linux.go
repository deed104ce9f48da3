package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Dialling from inside: the socket is made by the side's thread, which must not
// wait; the caller waits until it is connected.

// Dial connects from inside, as [net.Dial] does: without a host, and with
// "localhost", to this side itself.
func (s *Side) Dial(network, addr string) (net.Conn, error) {
	return s.DialContext(context.Background(), network, addr)
}

// DialContext connects from inside, as net.Dialer's does: it fits
// http.Transport.DialContext. A host's name is looked up in the lab's own table,
// which takes no time; what a look-up over the link costs, [Side.Resolver] shows.
// Its addresses are tried one after the other, IPv4 first; the error is that of the
// first, or ctx's.
func (s *Side) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	to, err := s.targets(network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if !strings.HasPrefix(network, "tcp") {
		return s.dialOther(ctx, network, to[0])
	}
	var first error
	for _, t := range to {
		c, err := s.connect(ctx, t)
		if err == nil {
			return c, nil
		}
		if first == nil || ctx.Err() != nil {
			first = &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(t), Err: err}
		}
	}
	return nil, first
}

// dialOther makes a connection that there is no need to wait for, as of UDP.
func (s *Side) dialOther(ctx context.Context, network string, to netip.AddrPort) (c net.Conn, err error) {
	err = s.run(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, to.String())
		return err
	})
	return c, err
}

// targets are the addresses that a dial may go to.
func (s *Side) targets(network, addr string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	number, err := net.LookupPort(network, port)
	if err != nil {
		return nil, err
	}
	addrs := s.lookUp(host)
	if len(addrs) == 0 {
		return nil, noHost(host)
	}
	var to []netip.AddrPort
	for _, a := range addrs {
		if !strings.HasSuffix(network, "4") && a.Is6() || !strings.HasSuffix(network, "6") && !a.Is6() {
			to = append(to, netip.AddrPortFrom(a, uint16(number)))
		}
	}
	if len(to) == 0 {
		return nil, errNoAddress
	}
	return to, nil
}

// connect opens one TCP connection.
func (s *Side) connect(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fd := -1
	err := s.run(func() (err error) {
		fd, err = beginConnect(to)
		return err
	})
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), to.String())
	defer f.Close() // net.FileConn has a descriptor of its own
	if err := s.awaitConnect(ctx, f); err != nil {
		return nil, err
	}
	return net.FileConn(f)
}

// beginConnect makes a socket in the namespace of the calling thread and sends its
// SYN.
func beginConnect(to netip.AddrPort) (int, error) {
	family, sa := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()})
	if to.Addr().Is4() {
		family, sa = unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := unix.Connect(fd, sa); err != nil && err != unix.EINPROGRESS {
		return -1, errors.Join(os.NewSyscallError("connect", err), unix.Close(fd))
	}
	return fd, nil
}

// awaitConnect waits until a socket is connected, ctx is done, or the lab is closed.
func (s *Side) awaitConnect(ctx context.Context, f *os.File) error {
	giveUp := func() { _ = f.SetDeadline(time.Unix(1, 0)) }
	defer context.AfterFunc(ctx, giveUp)()
	defer context.AfterFunc(s.open, giveUp)()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	err = raw.Write(func(fd uintptr) (done bool) {
		done, result = connected(int(fd))
		return done
	})
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case s.open.Err() != nil:
		return net.ErrClosed
	case err != nil:
		return err
	}
	return result
}

// connected reports whether connect(2) has come to an end, and to which.
func connected(fd int) (bool, error) {
	failure, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return true, os.NewSyscallError("getsockopt", err)
	}
	if failure != 0 {
		return true, os.NewSyscallError("connect", syscall.Errno(failure))
	}
	_, err = unix.Getpeername(fd)
	return err == nil, nil
}

// Resolver asks the lab's DNS server, over the link: each question takes a round
// trip and Config.DNSDelay.
func (s *Side) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return s.DialContext(ctx, network, net.JoinHostPort(dnsAddr4.String(), "53"))
	}}
}
