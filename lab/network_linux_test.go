package lab

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// TestRouteText: each setting of a route moves what it is for, and nothing else.
func TestRouteText(t *testing.T) {
	for text, want := range map[string]string{
		"": "congctl cubic", "cc=reno": "congctl reno", "iw=2": "congctl cubic initcwnd 2",
		"mss=536": "congctl cubic advmss 536", "quickack": "congctl cubic quickack 1", "nosack": "congctl cubic",
	} {
		var w wiring
		if err := w.kernel.Set(text); err != nil {
			t.Fatal(err)
		}
		if got := routeText(w.route(new(netlink.Dummy), everything4)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestReadBackRoutes: a route that is another than was asked for is found, whichever
// family's it is.
func TestReadBackRoutes(t *testing.T) {
	needLab(t)
	checkLeaks(t)
	w := wiring{addrs: []netip.Addr{clientAddr4, clientAddr6}, mtu: defaultMTU, kernel: Kernel{InitialWindow: 4}, ipv6: true}
	if ipv6Off(os.DirFS("/proc")) != "" {
		t.Skip("no IPv6")
	}
	for _, p := range w.networks() {
		s, err := newSide(nil)
		if err != nil {
			t.Fatal(err)
		}
		var dev *tun
		err = s.run(func() (err error) {
			if dev, err = openTun(); err != nil {
				return err
			}
			return w.wire()
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range []struct {
			what string
			do   func(*netlink.Route) error
			want string
		}{
			{"nothing", func(*netlink.Route) error { return nil }, ""},
			{"its window", changeWindow, `"congctl cubic initcwnd 7" of the route to ` + p.String()},
			{"all of it", removeRoute, "no route to " + p.String()},
		} {
			err = s.run(func() error {
				link, err := netlink.LinkByName(tunName)
				if err == nil {
					err = change.do(w.route(link, p))
				}
				if err != nil {
					t.Error(err)
				}
				_, err = w.readBack()
				return err
			})
			if (err == nil) != (change.want == "") || err != nil && !strings.Contains(err.Error(), change.want) {
				t.Errorf("%v, changed %s: %v", p, change.what, err)
			}
		}
		s.close()
		_ = dev.close()
	}
}

func removeRoute(r *netlink.Route) error {
	return netlink.RouteDel(&netlink.Route{LinkIndex: r.LinkIndex, Dst: r.Dst, Scope: r.Scope})
}

// changeWindow gives a route another initial window.
func changeWindow(r *netlink.Route) error {
	if err := removeRoute(r); err != nil {
		return err
	}
	r.InitCwnd = 7
	return netlink.RouteAdd(r)
}
