package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// TestAddrs: every host has addresses of its own, in the networks that the sides'
// routes cover.
func TestAddrs(t *testing.T) {
	seen := map[netip.Addr]string{clientAddr4: "client", clientAddr6: "client", dnsAddr4: "DNS"}
	for i := range maxHosts {
		addrs := hostAddrs(i, true)
		if len(addrs) != 2 || !addrs[0].Is4() || !addrs[1].Is6() || !slices.Equal(hostAddrs(i, false), addrs[:1]) {
			t.Errorf("host %d has %v, without IPv6 %v", i, addrs, hostAddrs(i, false))
		}
		for _, a := range addrs {
			if other := seen[a]; other != "" {
				t.Errorf("%v is of host %d and %s", a, i, other)
			}
			seen[a] = fmt.Sprint("host ", i)
		}
	}
	if got := fmt.Sprint(hostAddrs(0, true)); got != "[198.19.1.1 2001:2::3:1]" {
		t.Errorf("the first host has %s", got)
	}
	for a, of := range seen {
		if !everything4.Contains(a) && !everything6.Contains(a) {
			t.Errorf("%v of %s is outside", a, of)
		}
	}
}

// TestNames: "Names can be compared without regard to case" (RFC 4343 §3), and the
// root's dot may be there.
func TestNames(t *testing.T) {
	n := new(names)
	if got := n.lookUp("origin"); got != nil {
		t.Errorf("of nobody: %v", got)
	}
	a, b := hostAddrs(0, true), hostAddrs(1, true)
	n.add("Origin", a)
	n.add("www.origin", b)
	for name, want := range map[string][]netip.Addr{"origin": a, "ORIGIN.": a, "www.origin": b, "origin..": nil, "": nil, "w.origin": nil} {
		if got := n.lookUp(name); !slices.Equal(got, want) {
			t.Errorf("%q is %v, want %v", name, got, want)
		}
	}
}
