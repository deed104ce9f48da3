package linger

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/lingerhttp/linger/sockets"
)

// A look at every connection: the pool's account of it, the octets that its wire
// has counted, and what the kernel says.

// Connections returns the connections that are open now, each as it is, in the
// order in which they were opened. The pool is held while it is asked and not
// while the kernel is, which takes a microsecond or two for each.
func (t *Transport) Connections() []Connection {
	all, wires := t.pool().snapshot()
	for i, w := range wires {
		if w != nil {
			all[i].measure(w)
		}
	}
	slices.SortFunc(all, func(a, b Connection) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// snapshot is the pool's part of Connections, and the wire below each.
func (p *pool) snapshot() (all []Connection, wires []*wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, o := range p.origins {
		n += len(o.conns)
	}
	all, wires = make([]Connection, 0, n), make([]*wire, 0, n)
	for _, o := range p.origins {
		name := o.key.String()
		for _, pc := range o.conns {
			all = append(all, pc.describe(name, p.strategy))
			wires = append(wires, pc.conn.below())
		}
	}
	return all, wires
}

// describe is the pool's account of a connection of the origin of that name.
func (pc *pooled) describe(origin string, s Strategy) Connection {
	return Connection{
		Conn:     pc.conn.about(),
		Origin:   origin,
		Protocol: protocolOf(pc.conn, s),
		State:    pc.state,
		Uses:     pc.used,
		InFlight: pc.inFlight,
		Opened:   pc.opened,
		LastUsed: pc.lastUsed,
	}
}

// measure adds what the wire and the kernel know.
func (c *Connection) measure(w *wire) {
	c.Sent, c.Received = w.sent.Load(), w.received.Load()
	s := socketBelow(w.Conn)
	if s == nil || !c.Remote.IsValid() {
		return
	}
	if info, err := sockets.Info(s); err == nil {
		c.TCP = &info
	}
}

// socketBelow finds the socket below what a dial function may have made of it,
// nil if there is none.
func socketBelow(c net.Conn) syscall.Conn {
	for {
		switch at := c.(type) {
		case syscall.Conn:
			return at
		case interface{ NetConn() net.Conn }:
			c = at.NetConn()
		default:
			return nil
		}
	}
}

// Age is how long the connection has been open.
func (c Connection) Age(now time.Time) time.Duration { return now.Sub(c.Opened) }

// IdleFor is how long nothing has been on the connection, 0 if something is.
func (c Connection) IdleFor(now time.Time) time.Duration {
	if c.InFlight > 0 {
		return 0
	}
	return now.Sub(c.LastUsed)
}

var connStateWords = [...]string{"idle", "active", "leaving", "closing", "gone"}

// String returns the state's word: "idle".
func (s ConnState) String() string {
	if int(s) < len(connStateWords) {
		return connStateWords[s]
	}
	return fmt.Sprintf("state(%d)", s)
}

// MarshalText writes the state as its word.
func (s ConnState) MarshalText() ([]byte, error) {
	if int(s) >= len(connStateWords) {
		return nil, fmt.Errorf("linger: no state of a connection has the number %d", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *ConnState) UnmarshalText(text []byte) error {
	i := slices.Index(connStateWords[:], string(text))
	if i < 0 {
		return fmt.Errorf("linger: no state of a connection is called %q", text)
	}
	*s = ConnState(i)
	return nil
}

func protocolOf(c conn, s Strategy) string {
	if c.multiplexed() {
		return "HTTP/2.0"
	}
	return s.http1Name()
}
