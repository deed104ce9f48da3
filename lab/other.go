//go:build !linux

package lab

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
)

// Where there are no network namespaces, no lab can be made, and nothing here works:
// it lets programs compile that would make one.

// Available says that no lab can be made here.
func Available() error {
	return &Error{Op: "namespace", Need: "labs need Linux, this is " + runtime.GOOS + ": run linger there, in a virtual machine or a container"}
}

// Rootless says that no lab can be made here.
func Rootless() error { return Available() }

// A Lab is a network. None can be made here.
type Lab struct{ Client, Server *Side }

// New says what of the Config cannot be, or that no lab can be made here.
func New(c Config) (*Lab, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	return nil, Available()
}

// Close does nothing.
func (l *Lab) Close() error { return nil }

// Notes are none.
func (l *Lab) Notes() []string { return nil }

// Kernels are none.
func (l *Lab) Kernels() (client, server map[string]string) { return nil, nil }

// Counts are zero.
func (l *Lab) Counts() (up, down Counts) { return Counts{}, Counts{} }

// Certificate is empty.
func (l *Lab) Certificate() Certificate { return Certificate{} }

// Quiet fails.
func (l *Lab) Quiet(context.Context) error { return Available() }

// Renew fails.
func (l *Lab) Renew(uint64) error { return Available() }

// A Side is one end of a lab.
type Side struct{}

// Addrs are none.
func (s *Side) Addrs() []netip.Addr { return nil }

// Dial fails.
func (s *Side) Dial(network, addr string) (net.Conn, error) { return nil, Available() }

// DialContext fails.
func (s *Side) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return nil, Available()
}

// Listen fails.
func (s *Side) Listen(network, addr string) (net.Listener, error) { return nil, Available() }

// ListenPacket fails.
func (s *Side) ListenPacket(network, addr string) (net.PacketConn, error) { return nil, Available() }

// Listens fails.
func (s *Side) Listens(port int) (bool, error) { return false, Available() }

// Resolver returns one that finds nothing.
func (s *Side) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: s.DialContext}
}

// A Cmd is a program that would run inside.
type Cmd struct{ *exec.Cmd }

// Command returns a program that does not start.
func (s *Side) Command(ctx context.Context, name string, args ...string) *Cmd {
	return &Cmd{&exec.Cmd{Err: Available()}}
}

// Apart does nothing.
func (c *Cmd) Apart() {}
