package lab

import (
	"net/netip"
	"strings"
)

// The addresses of a lab are those that were set aside for measuring networks:
// 198.18.0.0/15 (RFC 2544 §C.2.2) and 2001:2::/48 (RFC 5180 §8). Nothing real has
// them, and no program takes them for private ones. The client has the first half,
// the servers the second.
var (
	clientAddr4 = netip.AddrFrom4([4]byte{198, 18, 0, 1})
	clientAddr6 = netip.MustParseAddr("2001:2::1:1")
	dnsAddr4    = netip.AddrFrom4([4]byte{198, 19, 0, 53})
	dnsAddr6    = netip.MustParseAddr("2001:2::2:53")

	everything4 = netip.MustParsePrefix("198.18.0.0/15")
	everything6 = netip.MustParsePrefix("2001:2::/48")
)

// hostAddrs are the addresses of the host with index i in Config.
func hostAddrs(i int, ipv6 bool) []netip.Addr {
	four := netip.AddrFrom4([4]byte{198, 19, 1, byte(1 + i)})
	if !ipv6 {
		return []netip.Addr{four}
	}
	six := dnsAddr6.As16()
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

// canonical is a name as DNS compares it: in lower case, without the root's dot.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
