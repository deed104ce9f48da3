package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"sync"

	"github.com/vishvananda/netlink"
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
func (l *Lab) Kernels() (client, server map[string]string) {
	return maps.Clone(l.kernels[0]), maps.Clone(l.kernels[1])
}

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
// before Close; after it, and once a device has failed, it says that it knows nothing.
func (l *Lab) Certificate() Certificate {
	c := Certificate{Bound: l.config.bound(), Steal: l.steal.since()}
	if err := l.ask(func() { l.relay.certify(&c) }); err != nil {
		c.Unknown = append(c.Unknown, fmt.Sprintf("nothing is known of the packets: %v", err))
	} else if lost, err := l.overrun(); err != nil {
		c.Unknown = append(c.Unknown, fmt.Sprintf("packets lost before the link are not counted: %v", err))
	} else {
		c.Overrun += lost
	}
	c.judge()
	return c
}

// overrun is how many packets the devices had no room for.
func (l *Lab) overrun() (lost int64, err error) {
	for _, s := range []*Side{l.Client, l.Server} {
		err := s.run(func() error {
			dev, err := netlink.LinkByName(tunName)
			if err != nil {
				return failed("statistics of "+tunName, err)
			}
			if dev.Attrs().Statistics == nil {
				return failed("statistics of "+tunName, errors.New("the kernel has none"))
			}
			lost += int64(dev.Attrs().Statistics.TxDropped)
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return lost, nil
}

// Renew puts new links in the place of all, as they were at the beginning, with
// another seed. What is under way is lost: wait for Quiet first.
func (l *Lab) Renew(seed uint64) error {
	var err error
	if failure := l.ask(func() { err = l.relay.renew(seed) }); failure != nil {
		return failure
	}
	return err
}
