package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Addresses, routes and the kernel's settings of one side. All of it runs on the
// side's thread.

// queueLen is how many packets may wait in the device for the relay. It is
// enough for whatever sockets send at once: what the link has no room for, the
// link drops.
const queueLen = 100_000

// A wiring is what a side's namespace is to have.
type wiring struct {
	addrs  []netip.Addr
	mtu    int
	kernel Kernel
	ipv6   bool
}

// wire sets up the network of the calling thread's namespace, after its device was
// made.
func (w wiring) wire() error {
	dev, err := netlink.LinkByName(tunName)
	if err != nil {
		return err
	}
	if err := w.sysctls(); err != nil {
		return err
	}
	err = errors.Join(
		netlink.LinkSetMTU(dev, w.mtu),
		netlink.LinkSetTxQLen(dev, queueLen),
		// Without multicast, and without an address of the kernel's own choice,
		// IPv6 sends nothing by itself.
		netlink.LinkSetMulticastOff(dev),
		w.quietIPv6(),
	)
	if err != nil {
		return err
	}
	for _, a := range w.addrs {
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}}
		if a.Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(dev, addr); err != nil {
			return &os.PathError{Op: "add address", Path: a.String(), Err: err}
		}
	}
	return w.up(dev)
}

// up starts both devices and makes the routes.
func (w wiring) up(dev netlink.Link) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := errors.Join(netlink.LinkSetUp(lo), netlink.LinkSetUp(dev)); err != nil {
		return err
	}
	for _, p := range w.networks() {
		if err := netlink.RouteAdd(w.route(dev, p)); err != nil {
			return routeError(w.kernel, err)
		}
	}
	return nil
}

// route is the way to everything in the lab, with the settings of TCP that belong
// to routes.
func (w wiring) route(dev netlink.Link, p netip.Prefix) *netlink.Route {
	r := &netlink.Route{
		LinkIndex: dev.Attrs().Index,
		Scope:     netlink.SCOPE_LINK,
		Dst:       &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())},
		Congctl:   w.kernel.congestion(),
		InitCwnd:  w.kernel.InitialWindow,
		AdvMSS:    w.kernel.MSS,
	}
	if w.kernel.QuickACK {
		r.QuickACK = 1
	}
	return r
}

func routeError(k Kernel, err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		available, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
		if !strings.Contains(" "+strings.TrimSpace(string(available))+" ", " "+k.congestion()+" ") {
			return refused("this kernel has no congestion control %q: it has %s", k.congestion(), strings.TrimSpace(string(available)))
		}
	}
	return &os.SyscallError{Syscall: "add route", Err: err}
}

func (w wiring) quietIPv6() error {
	if !w.ipv6 {
		return nil
	}
	dir := "net/ipv6/conf/" + tunName + "/"
	return errors.Join(setSysctl(dir+"addr_gen_mode", "1"), setSysctl(dir+"accept_ra", "0"),
		setSysctl(dir+"accept_dad", "0"), setSysctl(dir+"router_solicitations", "0"))
}

// conveniences are settings without which a lab is no other network: some kernels,
// and some user namespaces, have them not.
var conveniences = []string{"net/ipv4/ping_group_range", "net/ipv4/ip_unprivileged_port_start"}

// sysctls sets those of the namespace.
func (w wiring) sysctls() error {
	for _, s := range w.kernel.sysctls() {
		if err := setSysctl(s.name, s.value); err != nil && !slices.Contains(conveniences, s.name) {
			return err
		}
	}
	return nil
}

const sysctlRoot = "/proc/sys/"

// setSysctl writes a setting of the calling thread's namespace. Containers often show
// /proc/sys for reading alone: here, in a mount namespace of our own, that is undone.
func setSysctl(name, value string) error {
	err := os.WriteFile(sysctlRoot+name, []byte(value), 0)
	if !errors.Is(err, unix.EROFS) {
		return err
	}
	const flags = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if unix.Mount("", sysctlRoot, "", flags, "") != nil {
		return need(err, "%s is for reading alone: let the kernel's settings be changed (docker run --privileged)", sysctlRoot)
	}
	return os.WriteFile(sysctlRoot+name, []byte(value), 0)
}

func sysctl(name string) string {
	b, _ := os.ReadFile(sysctlRoot + name)
	return strings.Join(strings.Fields(string(b)), " ")
}

// ipv6Off says why the calling thread's namespace has no IPv6, or nothing if it has.
func ipv6Off(proc fs.FS) string {
	for _, conf := range []string{"all", "default"} { // a new device has the latter's
		b, err := fs.ReadFile(proc, "sys/net/ipv6/conf/"+conf+"/disable_ipv6")
		switch {
		case err != nil:
			return "the kernel has no IPv6: only IPv4 is used"
		case strings.TrimSpace(string(b)) != "0":
			return "IPv6 is switched off (net.ipv6.conf." + conf + ".disable_ipv6): only IPv4 is used"
		}
	}
	return ""
}

// networks are what routes lead to.
func (w wiring) networks() []netip.Prefix {
	if w.ipv6 {
		return []netip.Prefix{everything4, everything6}
	}
	return []netip.Prefix{everything4}
}

// readBack asks the kernel of the calling thread's namespace what is in force. The
// error says that something else is than was asked for.
func (w wiring) readBack() (map[string]string, error) {
	got := make(map[string]string)
	for _, s := range w.kernel.sysctls() {
		got[s.name] = sysctl(s.name)
		if want := strings.Join(strings.Fields(s.value), " "); got[s.name] != want && !slices.Contains(conveniences, s.name) {
			return got, refused("the kernel made %s of %s = %s", got[s.name], s.name, want)
		}
	}
	for _, name := range recorded {
		got[name] = sysctl(name)
	}
	dev, err := netlink.LinkByName(tunName)
	if err != nil {
		return got, err
	}
	for _, p := range w.networks() {
		if got["route"], err = w.readRoute(dev, p); err != nil {
			return got, err
		}
	}
	return got, nil
}

// readRoute returns what the kernel's route to a network sets. The error says that it
// is something else than was asked for.
func (w wiring) readRoute(dev netlink.Link, to netip.Prefix) (string, error) {
	family := netlink.FAMILY_V4
	if to.Addr().Is6() {
		family = netlink.FAMILY_V6
	}
	routes, err := netlink.RouteList(dev, family)
	if err != nil {
		return "", os.NewSyscallError("list routes", err)
	}
	for i := range routes {
		if routes[i].Dst == nil || routes[i].Dst.String() != to.String() {
			continue
		}
		got, want := routeText(&routes[i]), routeText(w.route(dev, to))
		if got != want {
			return got, refused("the kernel made %q of the route to %v: %q", got, to, want)
		}
		return got, nil
	}
	return "", refused("the kernel has no route to %v", to)
}

// routeText says what a route sets of TCP.
func routeText(r *netlink.Route) string {
	parts := []string{"congctl " + r.Congctl}
	for _, v := range []struct {
		name  string
		value int
	}{{"initcwnd", r.InitCwnd}, {"advmss", r.AdvMSS}, {"quickack", r.QuickACK}} {
		if v.value != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", v.name, v.value))
		}
	}
	return strings.Join(parts, " ")
}
