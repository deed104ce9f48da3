package linger

import (
	"context"
	"net"
	"net/netip"
)

// A socket of linger's own.

// dialAddr connects to one address.
func (d *dialler) dialAddr(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
	dialer := net.Dialer{ControlContext: d.t.prepare}
	if local := d.t.LocalAddr; local.IsValid() {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	c, err := dialer.DialContext(ctx, "tcp", addr.String())
	return c, d.explained(err)
}
