package lab

import (
	"time"

	"github.com/lingerhttp/linger/link"
)

// A Config says what network to make. The zero value is one server, called
// "origin", behind a link that delays and loses nothing.
type Config struct {
	// Up and Down are the link that everything passes: from the client to the
	// servers, and from them to the client. Where its RTT is 0, it is that of the
	// whole path, to the host that is farthest away. At most 262,144 packets are
	// under way at once, on all links together, which takes some 450 MB at an MTU of
	// 1500; the Certificate counts what there is no room for (Overrun).
	Up, Down link.Config

	// Hosts stand on the server side. None means one, with the name "origin".
	Hosts []Host

	// DNSDelay is how long the DNS server thinks about each answer. Its queries
	// and answers pass the link, too.
	DNSDelay time.Duration

	// Seed decides what the links draw by lot. The same seed drops the same
	// packets: the n-th to enter a link has the n-th draw.
	Seed uint64

	// MTU of both sides in bytes. 0 means 1500.
	MTU int

	// Client and Server are the kernel's settings on the two sides.
	Client, Server Kernel

	// Tap, if set, is told of every packet's fate, in a goroutine of its own, in
	// the order in which they were met. Its Data is its own to keep. If it is so slow
	// that 65,536 records wait for it, some 110 MB if all packets are full, further
	// ones are lost, and the Certificate counts them.
	Tap func(Record)

	// Bound is how late a packet may be handed over. If more than 1 in 100 are later,
	// the Certificate calls the run late. 0 means 1 ms.
	Bound time.Duration
}

// A Host is a server: its names, and a link of its own between the one that all
// share and itself. Zero links are none; where their RTT is 0, it is that of the
// whole path to this host.
type Host struct {
	Names    []string
	Up, Down link.Config
}

// DefaultName is the name of the server where Config names none.
const DefaultName = "origin"

const (
	defaultMTU   = 1500
	minMTU       = 1280 // "every link in the Internet [has] an MTU of 1280 octets or greater": RFC 8200 §5
	maxMTU       = 9000
	defaultBound = time.Millisecond
	maxHosts     = 200
)

func (c Config) mtu() int {
	if c.MTU == 0 {
		return defaultMTU
	}
	return c.MTU
}

func (c Config) bound() time.Duration {
	if c.Bound == 0 {
		return defaultBound
	}
	return c.Bound
}

func (c Config) hosts() []Host {
	if len(c.Hosts) == 0 {
		return []Host{{Names: []string{DefaultName}}}
	}
	return c.Hosts
}

// Check says what is wrong with a Config; New does so, too. Its error is an
// *[Error] or one of package link.
func (c Config) Check() error {
	if c.MTU != 0 && (c.MTU < minMTU || c.MTU > maxMTU) {
		return refused("MTU %d: want %d to %d bytes", c.MTU, minMTU, maxMTU)
	}
	if len(c.Hosts) > maxHosts {
		return refused("%d hosts: there is room for %d", len(c.Hosts), maxHosts)
	}
	if c.DNSDelay < 0 || c.DNSDelay > time.Minute {
		return refused("DNS delay %v: want 0 to 1m", c.DNSDelay)
	}
	if c.Bound < 0 {
		return refused("bound %v: want 0 or more", c.Bound)
	}
	var names []string
	links := []link.Config{c.Up, c.Down}
	for i, h := range c.hosts() {
		if len(h.Names) == 0 {
			return refused("host %d has no name", i+1)
		}
		names = append(names, h.Names...)
		links = append(links, h.Up, h.Down)
	}
	if err := checkNames(names); err != nil {
		return err
	}
	for _, l := range links {
		if err := l.Check(); err != nil {
			return err
		}
	}
	for _, k := range []Kernel{c.Client, c.Server} {
		if err := k.Check(); err != nil {
			return err
		}
	}
	return nil
}

// rtt is the round trip over the link that all share, without queues.
func (c Config) rtt() time.Duration { return c.Up.Delay + c.Down.Delay }

// rtt is the round trip over the host's own links.
func (h Host) rtt() time.Duration { return h.Up.Delay + h.Down.Delay }

// farthest is the round trip over the own links of the host that is farthest away.
func (c Config) farthest() (far time.Duration) {
	for _, h := range c.hosts() {
		far = max(far, h.rtt())
	}
	return far
}

// longestRTT is the longest round trip that there is, the DNS server's time included.
func (c Config) longestRTT() time.Duration {
	return c.rtt() + max(c.farthest(), c.DNSDelay) + 2*(c.Up.Jitter+c.Down.Jitter)
}

// shared are the links that all pass. Their defaults are reckoned from the path to
// the host that is farthest away.
func (c Config) shared() [2]link.Config {
	whole := c.rtt() + c.farthest()
	return [2]link.Config{onPath(c.Up, whole), onPath(c.Down, whole)}
}

// own are the links of each host, whose defaults are reckoned from the path to it;
// the last is the DNS server, whose link is the time for which it thinks.
func (c Config) own() (all [][2]link.Config) {
	for _, h := range c.hosts() {
		whole := c.rtt() + h.rtt()
		all = append(all, [2]link.Config{onPath(h.Up, whole), onPath(h.Down, whole)})
	}
	return append(all, [2]link.Config{{}, {Delay: c.DNSDelay}})
}

// longestPath is the longest round trip that a link reckons with.
const longestPath = 2 * time.Minute

// onPath is a link on a path of that round trip.
func onPath(l link.Config, rtt time.Duration) link.Config {
	if l.RTT == 0 {
		l.RTT = min(rtt, longestPath)
	}
	return l
}

// named reports whether a loss is ordered by the name of its packet.
func (c Config) named() bool {
	n := len(c.Up.Drop) + len(c.Down.Drop)
	for _, h := range c.hosts() {
		n += len(h.Up.Drop) + len(h.Down.Drop)
	}
	return n > 0
}
