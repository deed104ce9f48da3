package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lingerhttp/linger/link"
)

// A Config says what network to make. The zero value is one server, called
// "origin", behind a link that delays and loses nothing.
type Config struct {
	// Up and Down are the link that everything passes: from the client to the
	// servers, and from them to the client.
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
	// the order in which they were met. Its Data is its own to keep. If it is too
	// slow, records are lost, and the Certificate counts them.
	Tap func(Record)

	// Bound is how late a packet may leave a link, at the 99th percentile, before
	// the Certificate calls the run late. 0 means 1 ms.
	Bound time.Duration
}

// A Host is a server: its names, and a link of its own between the one that all
// share and itself. Zero links are none.
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

// rtt is the round trip over the link that all share, without queues.
func (c Config) rtt() time.Duration { return c.Up.Delay + c.Down.Delay }

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

// checkNames holds names to what DNS and a URL can carry: RFC 1035 §2.3.1 with
// the digits of RFC 1123 §2.1.
func checkNames(names []string) error {
	for i, name := range names {
		if len(name) > 253 || slices.ContainsFunc(strings.Split(name, "."), badLabel) {
			return refused("name %q: want letters, digits, hyphens and dots", name)
		}
		if _, err := netip.ParseAddr(name); err == nil {
			return refused("name %q is an address", name)
		}
		same := func(other string) bool { return strings.EqualFold(other, name) }
		if slices.ContainsFunc(names[:i], same) {
			return refused("name %q is there twice", name)
		}
	}
	return nil
}

func badLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return true
	}
	return strings.ContainsFunc(label, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// An Error tells what about a lab failed. Need, if set, says what this system
// lacks, and what to do: then no lab can be made here at all.
type Error struct {
	Op   string // "config", "namespace", "tun", "kernel", …
	Need string
	Err  error
}

func (e *Error) Error() string {
	if e.Need != "" {
		return "no lab can be made here: " + e.Need
	}
	return fmt.Sprintf("lab: %s: %v", e.Op, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// failed wraps what an operation met; nil stays nil.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Err: err}
}

func refused(format string, args ...any) error {
	return &Error{Op: "config", Err: fmt.Errorf(format, args...)}
}
