package lab

import (
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The TCP sockets of a side, as its kernel knows them.

// tcpSockets asks the kernel for all of them.
func (s *Side) tcpSockets() (all []*netlink.Socket, err error) {
	err = s.run(func() error {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			some, err := netlink.SocketDiagTCP(family)
			if err != nil {
				return failed("sockets", err)
			}
			all = append(all, some...)
		}
		return nil
	})
	return all, err
}

// Listens reports whether somebody inside listens on a TCP port. It asks the
// kernel: no connection is made to find out.
func (s *Side) Listens(port int) (bool, error) {
	all, err := s.tcpSockets()
	return slices.ContainsFunc(all, func(k *netlink.Socket) bool {
		return k.State == netlink.TCP_LISTEN && int(k.ID.SourcePort) == port
	}), err
}

// unsettled reports whether a connection over the link has something to send, or to
// send again: a SYN, data, or a FIN.
func (s *Side) unsettled() (bool, error) {
	all, err := s.tcpSockets()
	return slices.ContainsFunc(all, owes), err
}

func owes(k *netlink.Socket) bool {
	switch k.State {
	case netlink.TCP_LISTEN, netlink.TCP_TIME_WAIT:
		return false
	case netlink.TCP_SYN_SENT, netlink.TCP_SYN_RECV, netlink.TCP_FIN_WAIT1, netlink.TCP_CLOSING, netlink.TCP_LAST_ACK:
		return !k.ID.Destination.IsLoopback()
	}
	return k.WQueue > 0 && !k.ID.Destination.IsLoopback()
}
