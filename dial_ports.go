package linger

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Running out of local ports, and saying so: the kernel's "cannot assign requested
// address" means that and other things.

// ErrPortExhausted means that this machine had no local port left for a further
// connection to a destination. The error is a *PortExhaustedError.
var ErrPortExhausted = errors.New("no local port is left")

// A PortExhaustedError says toward which destination no local port is left: each
// connection to it needs one, and holds it for a minute after its end on the side
// that closed first (TIME_WAIT, RFC 9293 §3.6.1).
//
// linger closes no idle connections to make room then: a port that it closed would
// stand in TIME_WAIT itself, and those toward other destinations are not in the way.
type PortExhaustedError struct {
	Destination netip.AddrPort

	// TimeWait is how many ports toward Destination stand in TIME_WAIT, -1 if that
	// is not known: it is on Linux.
	TimeWait int

	// Err is what the dial function said, an *net.OpError mostly.
	Err error
}

// Error returns one line: the destination, and how many ports wait.
func (e *PortExhaustedError) Error() string {
	if e.TimeWait < 0 {
		return fmt.Sprintf("%v toward %v", ErrPortExhausted, e.Destination)
	}
	return fmt.Sprintf("%v toward %v: %d are in TIME_WAIT", ErrPortExhausted, e.Destination, e.TimeWait)
}

// Unwrap returns what the dial function said.
func (e *PortExhaustedError) Unwrap() error { return e.Err }

// Is makes errors.Is find ErrPortExhausted.
func (e *PortExhaustedError) Is(target error) bool { return target == ErrPortExhausted }

// explained returns the error of a dial as a caller is to get it.
func (d *dialler) explained(err error) error {
	to, ok := outOfPorts(err, hasSource)
	if !ok {
		return err
	}
	return &PortExhaustedError{Destination: to, TimeWait: d.t.timeWait.toward(to, time.Now()), Err: err}
}

// outOfPorts decides whether err says that no local port is left, and toward whom.
//
// connect(2) says EADDRNOTAVAIL when all ports toward the destination are taken,
// but also when no address of this machine fits the destination, which sourced
// finds out. bind(2) says EADDRINUSE when all ports of a chosen source address are
// taken. If the port was chosen as well, that one port is taken, and no more.
func outOfPorts(err error, sourced func(netip.AddrPort) bool) (to netip.AddrPort, yes bool) {
	var op *net.OpError
	var sys *os.SyscallError
	if !errors.As(err, &op) || !errors.As(op.Err, &sys) || addrPort(op.Source).Port() != 0 {
		return to, false
	}
	to = addrPort(op.Addr)
	switch {
	case !to.IsValid():
		return to, false
	case sys.Syscall == "connect" && errors.Is(sys, syscall.EADDRNOTAVAIL):
		return to, sourced(to)
	}
	return to, sys.Syscall == "bind" && errors.Is(sys, syscall.EADDRINUSE)
}

// hasSource says whether this machine has an address from which that one can be
// reached. Connecting a socket of UDP, which sends nothing, chooses one as
// connecting one of TCP does, and its ports are others.
func hasSource(to netip.AddrPort) bool {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// A timeWaitCount remembers a count for a while: where ports run out many dials
// fail at once, and counting takes the kernel some milliseconds.
type timeWaitCount struct {
	mu sync.Mutex
	// What follows is guarded by mu.
	to    netip.AddrPort
	at    time.Time
	count int
}

const countedFor = time.Second

// toward counts the ports toward a destination that stand in TIME_WAIT, -1 if it
// cannot.
func (c *timeWaitCount) toward(to netip.AddrPort, now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.to != to || now.Sub(c.at) >= countedFor {
		c.to, c.at, c.count = to, now, countTimeWait(to)
	}
	return c.count
}
