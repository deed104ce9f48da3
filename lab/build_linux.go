package lab

// How a lab is made, from its sides to its DNS server.

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
)

// build makes everything, in order; Close takes away as much as was made.
func (l *Lab) build(proc fs.FS) error {
	n := new(names)
	var err error
	if l.Client, err = newSide(n); err != nil {
		return err
	}
	if l.Server, err = newSide(n); err != nil {
		return err
	}
	var off string
	err = l.Client.run(func() error {
		off = ipv6Off(proc)
		return nil
	})
	if err != nil {
		return err
	}
	if off != "" {
		l.note(off)
	}
	addrs := l.nameHosts(n, off == "")
	l.Client.addrs = []netip.Addr{clientAddr4}
	if off == "" {
		l.Client.addrs = append(l.Client.addrs, clientAddr6)
	}
	for _, a := range addrs {
		l.Server.addrs = append(l.Server.addrs, a...)
	}
	if err := l.connect(addrs, off == ""); err != nil {
		return err
	}
	l.dns, err = startDNS(l.Server, n)
	return failed("DNS server", err)
}

// note adds a sentence to Notes, unless it is there.
func (l *Lab) note(text string) {
	if !slices.Contains(l.notes, text) {
		l.notes = append(l.notes, text)
	}
}

// nameHosts gives every host its addresses; the DNS server is the last.
func (l *Lab) nameHosts(n *names, ipv6 bool) [][]netip.Addr {
	var addrs [][]netip.Addr
	for i, h := range l.config.hosts() {
		a := hostAddrs(i, ipv6)
		for _, name := range h.Names {
			n.add(name, a)
		}
		addrs = append(addrs, a)
	}
	return append(addrs, []netip.Addr{dnsAddr4})
}

// connect makes the devices, and the relay between them.
func (l *Lab) connect(addrs [][]netip.Addr, ipv6 bool) error {
	var tuns [2]*tun
	for d, s := range []*Side{l.Client, l.Server} {
		w := wiring{addrs: s.addrs, mtu: l.config.mtu(), kernel: []Kernel{l.config.Client, l.config.Server}[d], ipv6: ipv6}
		err := s.run(func() (err error) {
			if tuns[d], err = openTun(); err != nil {
				return failed("tun", err)
			}
			if err := w.wire(); err != nil {
				return told("network", err)
			}
			if l.kernels[d], err = w.readBack(); err != nil {
				return told("kernel", err)
			}
			if err := layFiles(); err != nil {
				l.note(fmt.Sprintf("programs inside do not find the lab's names: %v", err))
			}
			return nil
		})
		if err != nil {
			return errors.Join(err, closeTuns(tuns))
		}
	}
	p, err := newPaths(l.config.shared(), l.config.own(), addrs, l.config.Seed)
	if err != nil {
		return errors.Join(err, closeTuns(tuns))
	}
	l.tap = newTap(l.config.Tap)
	l.procs.take()
	l.relay, err = newRelay(tuns, l.config, p, l.tap)
	if err != nil {
		return errors.Join(failed("link", err), closeTuns(tuns))
	}
	return nil
}

func closeTuns(tuns [2]*tun) error {
	var errs []error
	for _, t := range tuns {
		if t != nil {
			errs = append(errs, t.close())
		}
	}
	return errors.Join(errs...)
}
