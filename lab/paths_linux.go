package lab

import (
	"net/netip"
	"time"

	"github.com/lingerhttp/linger/link"
)

// A hop is one link on a packet's way.
type hop struct {
	dir    Direction
	shared bool // it is the one that every packet of its direction passes
	config link.Config
	link   *link.Link
}

// A host is what the relay knows of a server.
type host struct {
	own    [2]*hop // links of its own by direction, nil if it has none
	shared [2]*hop
}

// first is the link that a packet of a direction enters first: going up, the
// shared one, and coming down, the host's own.
func (h *host) first(d Direction) *hop {
	if d == Down && h.own[Down] != nil {
		return h.own[Down]
	}
	return h.shared[d]
}

// after is the link that follows one; nil if that was the last.
func (h *host) after(one *hop) *hop {
	switch {
	case one.dir == Up && one.shared:
		return h.own[Up]
	case one.dir == Down && !one.shared:
		return h.shared[Down]
	}
	return nil
}

// paths are all links, and which of them lead where. They belong to the relay's
// thread once it runs.
type paths struct {
	hosts map[netip.Addr]*host
	order [][]*hop // groups, each fed by those before it only
}

// newPaths makes the links of a configuration. addrs are the hosts', by their
// index.
func newPaths(shared [2]link.Config, own [][2]link.Config, addrs [][]netip.Addr, seed uint64) (paths, error) {
	p := paths{hosts: make(map[netip.Addr]*host)}
	up := &hop{dir: Up, shared: true, config: shared[Up]}
	down := &hop{dir: Down, shared: true, config: shared[Down]}
	var ups, downs []*hop
	for i, c := range own {
		h := &host{shared: [2]*hop{up, down}}
		if hasLink(c[Up]) {
			h.own[Up] = &hop{dir: Up, config: c[Up]}
			ups = append(ups, h.own[Up])
		}
		if hasLink(c[Down]) {
			h.own[Down] = &hop{dir: Down, config: c[Down]}
			downs = append(downs, h.own[Down])
		}
		for _, a := range addrs[i] {
			p.hosts[a] = h
		}
	}
	p.order = [][]*hop{{up}, ups, downs, {down}}
	return p, p.renew(seed)
}

// hasLink tells a link that does something from none.
func hasLink(c link.Config) bool {
	return c.Delay != 0 || c.Rate != 0 || c.Trace != nil || c.Loss != 0 || c.Burst != (link.Burst{}) ||
		len(c.Drop) > 0 || c.Reorder != 0 || c.Duplicate != 0
}

// renew puts new links in the place of all, each with a seed of its own.
func (p *paths) renew(seed uint64) error {
	n := uint64(0)
	for _, group := range p.order {
		for _, h := range group {
			l, err := link.New(h.config, mix(seed, n))
			if err != nil {
				return err
			}
			h.link = l
			n++
		}
	}
	return nil
}

// mix makes the seed of the n-th link: of SplitMix64, whose outputs for seeds that
// lie close have nothing in common (Steele, Lea and Flood, OOPSLA 2014).
func mix(seed, n uint64) uint64 {
	z := seed + (n+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// next is when the first of all links has something to say.
func (p *paths) next() (at time.Duration, ok bool) {
	for _, group := range p.order {
		for _, h := range group {
			if t, due := h.link.Next(); due && (!ok || t < at) {
				at, ok = t, true
			}
		}
	}
	return at, ok
}

// gentleRate is what the relay can carry in its share of a CPU, with a margin.
const gentleRate link.Rate = 100_000_000

// gentle reports whether no more than that will come.
func (p *paths) gentle() bool {
	up, down := p.shared()
	for _, c := range []link.Config{up, down} {
		if rate := meanRate(c); rate == 0 || rate > gentleRate {
			return false
		}
	}
	return true
}

// shared are the links that every packet of a direction passes.
func (p *paths) shared() (up, down link.Config) {
	return p.order[0][0].config, p.order[len(p.order)-1][0].config
}

// meanRate is that of a link with a rate or a trace; 0 of one without.
func meanRate(c link.Config) link.Rate {
	if c.Trace != nil {
		return c.Trace.Mean()
	}
	return c.Rate
}
