package linger

import (
	"context"
	"fmt"
	"net"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSpread: a new connection begins with the address that has the fewest, and
// with one that did not answer lately last.
func TestSpread(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ name, open, late, in, want string }{
		{"none open", "", "", "4a 4b 4c", "4a 4b 4c"},
		{"the fewest first", "4a 4a 4b", "", "4a 4b 4c", "4c 4b 4a"},
		{"as many: the resolver's order", "4a 4b 4c", "", "4b 4a 4c", "4b 4a 4c"},
		{"the preferred family first all the same", "6a 6a 6b", "", "6a 6b 4a 4b", "6b 4a 6a 4b"},
		{"each family for itself", "4a 6a", "", "6a 6b 4a 4b", "6b 4b 6a 4a"},
		{"one that is late comes last", "4b", "4a", "4a 4b 4c", "4c 4b 4a"},
		{"a family that is late", "", "6a 6b", "6a 6b 4a", "4a 6a 6b"},
		{"all are late", "", "4a 4b", "4a 4b", "4a 4b"},
	} {
		var a addresses
		for name := range strings.FieldsSeq(tt.open) {
			a.claim([]netip.AddrPort{address(name)}, now)
		}
		for name := range strings.FieldsSeq(tt.late) {
			a.useLocked(address(name)).lateUntil = now.Add(1)
		}
		got := names(a.claim(parseNames(tt.in), now))
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func parseNames(names string) []netip.AddrPort {
	var all []netip.AddrPort
	for name := range strings.FieldsSeq(names) {
		all = append(all, address(name))
	}
	return all
}

func names(addrs []netip.AddrPort) string {
	var all []string
	for _, a := range addrs {
		all = append(all, nameOf(a))
	}
	return strings.Join(all, " ")
}

// TestAddressesAreForgotten: what is claimed is given back, late addresses get
// another chance, and nothing is kept of those that are not in use.
func TestAddressesAreForgotten(t *testing.T) {
	now := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	var a addresses
	both := parseNames("4a 4b")
	a.claim(both, now)                                          // for a
	a.move(address("4a"), address("4b"), parseNames("4a"), now) // but b answered first
	if got := names(a.claim(both, now)); got != "4b 4a" {
		t.Errorf("%s: a did not answer a moment ago", got)
	}
	a.forgetLate()
	if got := names(a.claim(both, now)); got != "4a 4b" {
		t.Errorf("%s: on another network a may answer", got)
	}
	a.useLocked(address("4a")).lateUntil = now.Add(lateFor)
	a.leave(address("4a"))
	a.leave(address("4b"))
	later := now.Add(lateFor)
	if got := names(a.claim(both, later)); got != "4a 4b" {
		t.Errorf("%s: its time has passed", got)
	}
	a.move(address("4a"), address("4a"), nil, later)
	for _, name := range []string{"4a", "4b", "4a", "4c"} { // more often than claimed, too
		a.leave(address(name))
	}
	a.claim(parseNames("4d"), later.Add(1))
	if len(a.known) != 1 {
		t.Errorf("%d addresses are remembered", len(a.known))
	}
}

// TestConnectionsAreSpread: those of one origin go to all addresses of its name,
// also when they are opened at once, and the place of one that has ended is taken.
func TestConnectionsAreSpread(t *testing.T) {
	const each = 4
	var addrs []netip.AddrPort
	all := &meeting{n: 3 * each, whole: make(chan struct{})}
	for _, l := range listenOn(t, "127.0.0.1", "127.0.0.2", "127.0.0.3") {
		addrs = append(addrs, addrPort(l.Addr()))
		serveOn(t, l, func(p *peer) {
			for req := p.request(); req != nil; req = p.request() {
				all.wait()
				p.answer(req.URL.Path)
			}
		})
	}
	w := watch(t, Strategy{})
	w.Resolve = resolveTo(addrs...)
	count := func() map[netip.AddrPort]int {
		found := make(map[netip.AddrPort]int)
		for _, c := range w.Connections() {
			found[c.Remote]++
		}
		return found
	}
	for _, a := range w.all("http://a.test", 3*each) {
		if a.err != nil {
			t.Error(a.err)
		}
	}
	for _, addr := range addrs {
		// An attempt that takes long on a busy machine has another address beside it.
		if got := count()[addr]; got < each-1 || got > each+1 {
			t.Errorf("%d connections to %v, want %d", got, addr, each)
		}
	}
}

// A meeting waits until n have come.
type meeting struct {
	n     int
	mu    sync.Mutex
	here  int
	whole chan struct{}
}

func (m *meeting) wait() {
	m.mu.Lock()
	if m.here++; m.here == m.n {
		close(m.whole)
	}
	m.mu.Unlock()
	<-m.whole
}

// listenOn listens on one port of several addresses.
func listenOn(t *testing.T, hosts ...string) []net.Listener {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", hosts[0]+":0")
		if err != nil {
			t.Fatal(err)
		}
		all := []net.Listener{first}
		for _, host := range hosts[1:] {
			l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", host, addrPort(first.Addr()).Port()))
			if err != nil {
				break
			}
			all = append(all, l)
		}
		if len(all) == len(hosts) {
			return all
		}
		for _, l := range all {
			l.Close()
		}
	}
	t.Fatal("no port is free on all addresses")
	return nil
}

// TestLookedUpAnew: each new connection asks where the name is now.
func TestLookedUpAnew(t *testing.T) {
	one, two := serve(t, echo), serve(t, echo)
	now := []string{one.url, two.url}
	w := watch(t, named(t, "serial"))
	w.Resolve = func(_ context.Context, host, port string) ([]netip.AddrPort, error) {
		if host != "a.test" || port != "80" {
			t.Errorf("asked for %s, %s", host, port)
		}
		at := strings.TrimPrefix(now[0], "http://")
		now = now[1:]
		return []netip.AddrPort{netip.MustParseAddrPort(at)}, nil
	}
	wantAnswer(t, w.get("http://a.test/1"), "/1", 1)
	wantAnswer(t, w.get("http://a.test/2"), "/2", 1)
	if a, b := one.accepted.Load(), two.accepted.Load(); a != 1 || b != 1 {
		t.Errorf("%d and %d connections, want one each", a, b)
	}
}

// TestResolve: literal addresses with zones, ports by number and by name.
func TestResolve(t *testing.T) {
	for _, tt := range []struct{ host, port, want string }{
		{"127.0.0.1", "8080", "127.0.0.1:8080"},
		{"::ffff:127.0.0.1", "80", "127.0.0.1:80"},
		{"fe80::1%eth0", "https", "[fe80::1%eth0]:443"},
	} {
		got, err := Resolve(t.Context(), tt.host, tt.port)
		if err != nil || len(got) != 1 || got[0].String() != tt.want {
			t.Errorf("%s, %s: %v, %v", tt.host, tt.port, got, err)
		}
	}
	for _, bad := range []string{"no-such-service", "70000", "-1"} {
		if got, err := Resolve(t.Context(), "127.0.0.1", bad); err == nil {
			t.Errorf("port %s is %v", bad, got)
		}
	}
}

// TestZone: the zone of an address is as it was written; a name is in lower case.
func TestZone(t *testing.T) {
	asked := make(chan string, 1)
	w := watch(t, Strategy{})
	w.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
		asked <- addr
		return nil, context.Canceled
	}
	for url, want := range map[string]string{
		"http://[FE80::1%25Eth0]/": "[fe80::1%Eth0]:80",
		"http://A.test:81/":        "a.test:81",
	} {
		w.get(url)
		if got := <-asked; got != want {
			t.Errorf("%s: %s was dialled, want %s", url, got, want)
		}
	}
}

// TestLookupContext: a look-up has the hooks for look-ups, and the values, and not
// the hooks for connections: a resolver makes some of its own.
func TestLookupContext(t *testing.T) {
	type key struct{}
	var called []string
	trace := &httptrace.ClientTrace{
		DNSDone:      func(httptrace.DNSDoneInfo) { called = append(called, "DNSDone") },
		ConnectStart: func(string, string) { called = append(called, "ConnectStart") },
	}
	srv := serve(t, echo)
	ctx := context.WithValue(httptrace.WithClientTrace(t.Context(), trace), key{}, "value")
	ctx, cancel := context.WithCancel(lookupContext(ctx))
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(srv.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	httptrace.ContextClientTrace(ctx).DNSDone(httptrace.DNSDoneInfo{})
	if len(called) != 1 || called[0] != "DNSDone" || ctx.Value(key{}) != "value" {
		t.Errorf("called %v, value %v", called, ctx.Value(key{}))
	}
	if plain := context.WithValue(t.Context(), key{}, 1); lookupContext(plain) != plain {
		t.Error("a context without a trace was changed")
	}
}

// TestClaimsAreGivenBack: whatever becomes of dials, in the end no address counts a
// connection.
func TestClaimsAreGivenBack(t *testing.T) {
	good := serve(t, echo)
	at := netip.MustParseAddrPort(strings.TrimPrefix(good.url, "http://"))
	for _, tt := range []struct {
		name, url string
		addrs     []netip.AddrPort
		fails     bool
	}{
		{"connected", "http://a.test", []netip.AddrPort{at}, false},
		{"to the second", "http://a.test", []netip.AddrPort{closedPort(t), at}, false},
		{"refused", "http://a.test", []netip.AddrPort{closedPort(t)}, true},
		{"no TLS", "https://a.test", []netip.AddrPort{at}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, named(t, "persistent6"))
			w.Resolve = resolveTo(tt.addrs...)
			for _, a := range w.all(tt.url, 6) {
				if (a.err != nil) != tt.fails {
					t.Errorf("got %v", a.err)
				}
			}
			eventually(t, "every open connection is counted", func() bool {
				s := w.Stats()
				return s.Dialling == 0 && w.claims() == s.Open
			})
			w.Close()
			if got := w.claims(); got != 0 {
				t.Errorf("%d connections are counted after Close", got)
			}
		})
	}
}

// claims counts the connections that addresses count.
func (w *watched) claims() (conns int) {
	w.conns.mu.Lock()
	defer w.conns.mu.Unlock()
	for _, o := range w.conns.origins {
		o.addrs.mu.Lock()
		for _, use := range o.addrs.known {
			conns += use.conns
		}
		o.addrs.mu.Unlock()
	}
	return conns
}
