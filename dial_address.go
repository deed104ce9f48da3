package linger

import (
	"context"
	"maps"
	"net"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// From a name to the addresses to try, in the order in which to try them.

// Resolve looks a host and a port (a number, or a service's name) up with the
// system's resolver. It is what a Transport does unless told otherwise.
func Resolve(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host) // LookupNetIP loses zones
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, ip := range ips {
		if addr, ok := netip.AddrFromSlice(ip.IP); ok {
			addrs = append(addrs, netip.AddrPortFrom(addr.Unmap().WithZone(ip.Zone), uint16(number)))
		}
	}
	return addrs, nil
}

// resolve looks up the addresses of "host:port", anew for each connection: a name
// may have moved meanwhile.
func (d *dialler) resolve(ctx context.Context, addr string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &dialError{step: timeline.DNS, err: err}
	}
	lookup := d.t.Resolve
	if lookup == nil {
		lookup = Resolve
	}
	start := time.Now()
	addrs, err := lookup(lookupContext(ctx), host, port)
	if err == nil && len(addrs) == 0 {
		err = &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	span := dialSpan{phase: timeline.DNS, cause: timeline.NameLookup, start: start, end: time.Now()}
	if err != nil {
		span.note = plain(err)
		d.record.add(span)
		return nil, &dialError{step: timeline.DNS, err: err}
	}
	if _, literal := netip.ParseAddr(host); literal != nil {
		span.note = host + " is " + join(addrs)
		d.record.add(span)
	}
	return addrs, nil
}

// lookupContext is ctx with the hooks of httptrace for look-ups alone: a resolver
// that connects to its servers must not be taken for a connection to the origin.
func lookupContext(ctx context.Context) context.Context {
	trace := httptrace.ContextClientTrace(ctx)
	if trace == nil {
		return ctx
	}
	only := &httptrace.ClientTrace{DNSStart: trace.DNSStart, DNSDone: trace.DNSDone}
	if only.DNSStart == nil {
		only.DNSStart = func(httptrace.DNSStartInfo) {} // for net to see a trace, and take it for the one
	}
	return overlaid{ctx, httptrace.WithClientTrace(context.Background(), only)}
}

// overlaid is a context some of whose values are hidden by another one's.
type overlaid struct {
	context.Context
	values context.Context
}

// Value implements context.Context.
func (o overlaid) Value(key any) any {
	if v := o.values.Value(key); v != nil {
		return v
	}
	return o.Context.Value(key)
}

func join(addrs []netip.AddrPort) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.Addr().String()
	}
	return strings.Join(words, ", ")
}

// interleave orders addresses so that the families alternate, beginning with that
// of the first one (RFC 8305 §4): "the client … SHOULD … prefer the first address
// family". In each family those with the fewest connections come first.
func interleave(addrs []netip.AddrPort, conns func(netip.AddrPort) int) []netip.AddrPort {
	var first, second []netip.AddrPort
	for _, a := range addrs {
		if a.Addr().Is4() == addrs[0].Addr().Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	fewest := func(a, b netip.AddrPort) int { return conns(a) - conns(b) }
	slices.SortStableFunc(first, fewest)
	slices.SortStableFunc(second, fewest)
	mixed := make([]netip.AddrPort, 0, len(addrs))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(second) {
			mixed = append(mixed, second[i])
		}
	}
	return mixed
}

// addresses are those of one route that are in use: how many connections each has,
// and which did not answer lately. They spread new connections over all addresses
// of a name, so that the servers behind it share the load.
type addresses struct {
	mu    sync.Mutex
	known map[netip.AddrPort]*addressUse // guarded by mu
}

type addressUse struct {
	conns     int       // open, or being opened
	lateUntil time.Time // it did not answer, or others were quicker: they come first until then
}

// claim orders addresses for a new connection, which it counts for the first. Those
// that did not answer lately come last, lest each new connection wait for them.
func (a *addresses) claim(addrs []netip.AddrPort, now time.Time) []netip.AddrPort {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.known, func(_ netip.AddrPort, use *addressUse) bool { return use.conns == 0 && now.After(use.lateUntil) })
	var good, late []netip.AddrPort
	for _, addr := range addrs {
		if use := a.known[addr]; use != nil && now.Before(use.lateUntil) {
			late = append(late, addr)
		} else {
			good = append(good, addr)
		}
	}
	order := append(interleave(good, a.connsLocked), interleave(late, a.connsLocked)...)
	a.useLocked(order[0]).conns++
	return order
}

// lateFor is how long an address that did not answer comes last. Whoever tries it
// again first loses attemptDelay if it still does not; while it is spared, the
// others have more to bear.
const lateFor = 10 * time.Second

func (a *addresses) connsLocked(addr netip.AddrPort) int {
	if use := a.known[addr]; use != nil {
		return use.conns
	}
	return 0
}

func (a *addresses) useLocked(addr netip.AddrPort) *addressUse {
	if a.known == nil {
		a.known = make(map[netip.AddrPort]*addressUse)
	}
	if a.known[addr] == nil {
		a.known[addr] = &addressUse{}
	}
	return a.known[addr]
}

// move counts a connection for the address that it got instead of the one that was
// claimed, and remembers those that were late meanwhile.
func (a *addresses) move(claimed, got netip.AddrPort, late []netip.AddrPort, now time.Time) {
	a.leave(claimed)
	a.mu.Lock()
	defer a.mu.Unlock()
	use := a.useLocked(got)
	use.conns++
	use.lateUntil = time.Time{}
	for _, addr := range late {
		a.useLocked(addr).lateUntil = now.Add(lateFor)
	}
}

// forgetLate gives every address its chance again: the network is another one.
func (a *addresses) forgetLate() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, use := range a.known {
		use.lateUntil = time.Time{}
	}
}

// leave takes in that a connection has ended, or that none came of a claim.
func (a *addresses) leave(addr netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if use := a.known[addr]; use != nil && use.conns > 0 {
		use.conns--
	}
}
