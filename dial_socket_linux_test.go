package linger

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOwnSocket connects from an address that is not the kernel's choice, and reads
// the options back.
func TestOwnSocket(t *testing.T) {
	from := netip.MustParseAddr("127.0.0.2")
	seen := make(chan string, 1)
	srv := serve(t, func(p *peer) {
		seen <- p.RemoteAddr().String()
		echo(p)
	})
	w := watch(t, persistent)
	w.LocalAddr, w.UnackedTimeout = from, 2500*time.Millisecond
	wantAnswer(t, w.get(srv.url+"/1"), "/1", 1)
	if got := netip.MustParseAddrPort(<-seen).Addr(); got != from {
		t.Errorf("the server sees %v, not %v", got, from)
	}
	for _, tt := range []struct{ level, option, want int }{
		{unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 2500},
	} {
		if got := optionOf(t, w, tt.level, tt.option); got != tt.want {
			t.Errorf("option %d is %d, want %d", tt.option, got, tt.want)
		}
	}
}

// optionOf reads an option of the Transport's only connection.
func optionOf(t *testing.T, w *watched, level, option int) (value int) {
	w.conns.mu.Lock()
	defer w.conns.mu.Unlock()
	for _, o := range w.conns.origins {
		for _, pc := range o.conns {
			err := pc.conn.(*http1Conn).wire.raw.Control(func(fd uintptr) {
				var err error
				if value, err = unix.GetsockoptInt(int(fd), level, option); err != nil {
					t.Error(err)
				}
			})
			if err != nil {
				t.Error(err)
			}
		}
	}
	return value
}

// TestOwnSocketOfAnotherFamily: from an IPv4 address nothing reaches IPv6, and what
// has both is reached by IPv4.
func TestOwnSocketOfAnotherFamily(t *testing.T) {
	srv := serve(t, echo)
	w := watch(t, persistent)
	w.LocalAddr = netip.MustParseAddr("127.0.0.1")
	four := netip.MustParseAddrPort(srv.url[len("http://"):])
	w.Resolve = func(context.Context, string, string) ([]netip.AddrPort, error) {
		return []netip.AddrPort{netip.AddrPortFrom(netip.IPv6Loopback(), four.Port()), four}, nil
	}
	a := w.get("http://both.test/1")
	wantAnswer(t, a, "/1", 1)
	if a.e.Conn.Remote != four {
		t.Errorf("reached %v", a.e.Conn.Remote)
	}
}
