package lab

import (
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// tcpListen is TCP_LISTEN, linux/net/tcp_states.h.
const tcpListen = 10

// Listens reports whether somebody inside listens on a TCP port. It asks the
// kernel: no connection is made to find out.
func (s *Side) Listens(port int) (listens bool, err error) {
	err = s.run(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			sockets, err := netlink.SocketDiagTCP(family)
			if err != nil {
				return failed("sockets", err)
			}
			for _, k := range sockets {
				listens = listens || k.State == tcpListen && int(k.ID.SourcePort) == port
			}
		}
		return nil
	})
	return listens, err
}
