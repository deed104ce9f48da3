package lab

import (
	"net/netip"
	"slices"
	"strings"
)

// The addresses of a lab are those that were set aside for measuring networks:
// 198.18.0.0/15 (RFC 2544 §C.2.2) and 2001:2::/48 (RFC 5180 §8 as corrected by its
// erratum 1752). Nothing real has them, and no program takes them for private ones.
// Of IPv4's, the client has the first half and the servers the second; of IPv6's,
// 2001:2::1:0/112 is the client's and 2001:2::3:0/112 the servers'.
var (
	clientAddr4 = netip.AddrFrom4([4]byte{198, 18, 0, 1})
	clientAddr6 = netip.MustParseAddr("2001:2::1:1")
	dnsAddr4    = netip.AddrFrom4([4]byte{198, 19, 0, 53})

	everything4 = netip.MustParsePrefix("198.18.0.0/15")
	everything6 = netip.MustParsePrefix("2001:2::/48")
)

// hostAddrs are the addresses of the host with index i in Config.
func hostAddrs(i int, ipv6 bool) []netip.Addr {
	four := netip.AddrFrom4([4]byte{198, 19, 1, byte(1 + i)})
	if !ipv6 {
		return []netip.Addr{four}
	}
	six := everything6.Addr().As16()
	six[12], six[13], six[15] = 0, 3, byte(1+i)
	return []netip.Addr{four, netip.AddrFrom16(six)}
}

// names are the hosts' names and addresses. Nobody writes to it once the lab is
// made.
type names struct{ addrs map[string][]netip.Addr }

// add gives addresses a name.
func (n *names) add(name string, addrs []netip.Addr) {
	if n.addrs == nil {
		n.addrs = make(map[string][]netip.Addr)
	}
	n.addrs[canonical(name)] = addrs
}

// lookUp returns the addresses of a name, IPv4 first; none if nobody has it.
func (n *names) lookUp(name string) []netip.Addr { return n.addrs[canonical(name)] }

// isLocalhost reports whether a name is that of whoever says it: RFC 6761 §6.3.
func isLocalhost(name string) bool { return canonical(name) == "localhost" }

// loopback is what it stands for.
var loopback = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// canonical is a name as DNS compares it: in lower case, without the root's dot.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// checkNames holds names to what DNS and a URL can carry: RFC 1035 §2.3.1 with
// the digits of RFC 1123 §2.1.
func checkNames(names []string) error {
	for i, name := range names {
		if len(name) > 253 || slices.ContainsFunc(strings.Split(name, "."), badLabel) {
			return refused("name %q: want letters, digits, hyphens and dots", name)
		}
		if _, err := netip.ParseAddr(name); err == nil {
			return refused("name %q is an address", name)
		}
		if isLocalhost(name) {
			return refused("name %q is every machine's own", name)
		}
		same := func(other string) bool { return strings.EqualFold(other, name) }
		if slices.ContainsFunc(names[:i], same) {
			return refused("name %q is there twice", name)
		}
	}
	return nil
}

func badLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return true
	}
	return strings.ContainsFunc(label, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
