package lab

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lingerhttp/linger/link"
)

// A Lab is a network: a client side and a server side, each with the kernel's own
// TCP, joined by a link. It must be closed. Everything of it lives in this process,
// and is gone with it, however it ends.
type Lab struct {
	Client, Server *Side

	config  Config
	relay   *relay
	tap     *tap
	dns     *dnsServer
	kernels [2]map[string]string // by side
	notes   []string
	close   func() error

	mu     sync.RWMutex
	closed bool // guarded by mu; the relay may not be asked any more
	steal  stealCount
	procs  procs
}

// New makes a network. Its error is an *[Error] whose Need is set if no lab can be
// made on this system, or says what of the Config cannot be.
func New(c Config) (*Lab, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := permitted(); err != nil {
		return nil, err
	}
	return newLabOn(c, os.DirFS("/proc"))
}

// newLabOn makes a network on the kernel that proc describes.
func newLabOn(c Config, proc fs.FS) (*Lab, error) {
	l := &Lab{config: c, steal: readSteal()}
	l.close = sync.OnceValue(l.takeDown)
	if err := l.build(proc); err != nil {
		if also := l.Close(); also != nil {
			err = errors.Join(err, also)
		}
		return nil, err
	}
	return l, nil
}

// Close ends every program inside, the links and the namespaces. It returns when
// they are gone, and the Tap has been told everything. Sockets that were opened
// inside are cut off, but theirs is the closing. A second Close returns what the
// first did.
func (l *Lab) Close() error { return l.close() }

// takeDown takes away as much as was made.
func (l *Lab) takeDown() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	var errs []error
	for _, s := range []*Side{l.Client, l.Server} {
		if s != nil {
			errs = append(errs, s.endCommands())
		}
	}
	errs = append(errs, l.dns.close())
	if l.relay != nil {
		errs = append(errs, l.relay.close())
	} else {
		l.tap.close()
	}
	l.procs.give()
	for _, s := range []*Side{l.Client, l.Server} {
		if s != nil {
			s.close()
		}
	}
	return errors.Join(errs...)
}

// Notes are sentences on what the lab does without, such as IPv6 where the kernel
// has none.
func (l *Lab) Notes() []string { return append([]string(nil), l.notes...) }

// Kernels are the settings of TCP in force on both sides, by their names under
// /proc/sys, and "route" for those of routes, as they were read back.
func (l *Lab) Kernels() (client, server map[string]string) { return l.kernels[0], l.kernels[1] }

// ask has the relay do something, which it does not once the lab is closed or a
// device has failed: that is the error.
func (l *Lab) ask(f func()) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return net.ErrClosed
	}
	done := false
	l.relay.ask(func() {
		f()
		done = true
	})
	if !done {
		return failed("link", l.relay.failure)
	}
	return nil
}

// Counts are of the packets that have entered so far; none once the lab is closed.
func (l *Lab) Counts() (up, down Counts) {
	_ = l.ask(func() { up, down = l.relay.ways[Up].counts(), l.relay.ways[Down].counts() })
	return up, down
}

// Certificate says how exact the link was, from New until now. It must be asked for
// before Close.
func (l *Lab) Certificate() Certificate {
	c := Certificate{Bound: l.config.bound(), Steal: l.steal.since()}
	_ = l.ask(func() {
		r := l.relay
		c.Duration, c.Scheduling, c.Strays = r.now(), r.scheduling, r.strays
		if r.tap != nil {
			c.Unrecorded = r.tap.lost
		}
		c.Up, c.Down = r.ways[Up].way(l.config.Up.Rate), r.ways[Down].way(l.config.Down.Rate)
	})
	for _, s := range []*Side{l.Client, l.Server} {
		_ = s.run(func() error {
			dev, err := netlink.LinkByName(tunName)
			if err == nil && dev.Attrs().Statistics != nil {
				c.Overrun += int64(dev.Attrs().Statistics.TxDropped)
			}
			return err
		})
	}
	c.judge()
	return c
}

// Quiet waits until nothing is under way, and nothing was for a round trip and a
// little more, so that what one exchange leaves behind is not counted as the
// next one's. It gives up with ctx.
func (l *Lab) Quiet(ctx context.Context) error {
	still := l.config.longestRTT() + stillFor
	tick := time.NewTicker(still / 4)
	defer tick.Stop()
	for {
		var under int
		var idle time.Duration
		err := l.ask(func() { under, idle = l.relay.pool.inUse(), l.relay.now()-l.relay.latest })
		if err != nil || under == 0 && idle >= still {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// stillFor is what a kernel may take to answer a packet, delayed ACKs aside.
const stillFor = 20 * time.Millisecond

// Renew puts new links in the place of all, as they were at the beginning, with
// another seed. What is under way is lost: wait for Quiet first.
func (l *Lab) Renew(seed uint64) error {
	var err error
	if failure := l.ask(func() { err = l.relay.renew(seed) }); failure != nil {
		return failure
	}
	return err
}

// longestRTT is the round trip to the host that is farthest away.
func (c Config) longestRTT() time.Duration {
	far := c.DNSDelay
	for _, h := range c.hosts() {
		far = max(far, h.Up.Delay+h.Down.Delay)
	}
	return far + c.rtt() + 2*(c.Up.Jitter+c.Down.Jitter)
}

// shared are the links that all pass, with the round trip that their queues are
// reckoned by.
func (c Config) shared() [2]link.Config {
	both := [2]link.Config{c.Up, c.Down}
	for d := range both {
		if both[d].RTT == 0 {
			both[d].RTT = c.rtt()
		}
	}
	return both
}

// named reports whether a loss is ordered by the name of its packet.
func (c Config) named() bool {
	n := len(c.Up.Drop) + len(c.Down.Drop)
	for _, h := range c.hosts() {
		n += len(h.Up.Drop) + len(h.Down.Drop)
	}
	return n > 0
}
