package flow

import (
	"slices"

	"github.com/lingerhttp/linger/packet"
)

// The connections of a capture are kept here.

// Config says what to do with connections. Any of its functions may be nil.
type Config struct {
	// Open is told of each connection with its first packet, and returns who takes its
	// bytes; nil is nobody.
	Open func(*Conn) Sink

	// Segment is told of each segment, the last of c.Segments, before the Sink gets its
	// bytes.
	Segment func(c *Conn)

	// Close is told of each connection when nothing more of it is expected.
	Close func(*Conn)
}

// How long a connection is kept in mind, in nanoseconds of the capture.
const (
	lingering = 60e9   // after its end, for what is sent again
	halfway   = 600e9  // without a packet, after one side's end
	silence   = 3600e9 // without a packet
	sweep     = 10e9   // between two looks for those
)

// most is how many connections are kept in mind; beyond it those that were silent
// longest are closed.
const most = 100_000

// A Table holds the connections of a capture that is being read. It takes the time
// from the packets.
type Table struct {
	config Config
	conns  map[tuple]*Conn
	opened int
	held   held

	// recent are connections of the last packets, each in the place that its ports say:
	// the next packet is often of one of them, and need not be looked up.
	recent [512]*Conn

	before int64 // when the last packet was captured
	swept  int64
}

// place is where a connection stands in recent, by the sum of its ports.
func place(ports uint16) uint16 { return ports & 511 }

// NewTable returns a table without connections.
func NewTable(c Config) *Table { return &Table{config: c, conns: make(map[tuple]*Conn)} }

// Add takes in the capture's next packet, which must be of TCP.
func (t *Table) Add(p *packet.Packet) {
	// One packet with an absurd time must not be the end of all connections.
	now := min(p.At, t.before)
	t.before = p.At
	if now-t.swept > sweep {
		t.sweep(now)
	} else if now < t.swept-sweep {
		t.swept = now
	}
	c := t.find(p)
	c.take(p, c.dir(p), t.config.Segment)
}

// find returns the packet's connection, a new one if need be.
func (t *Table) find(p *packet.Packet) *Conn {
	recent := &t.recent[place(p.Src.Port()+p.Dst.Port())]
	if c := *recent; c != nil && c.has(p) && !c.succeeded(p) {
		return c
	}
	key := tupleOf(p)
	c := t.conns[key]
	if c != nil && c.succeeded(p) {
		t.close(c)
		c = nil
	}
	if c == nil {
		c = t.open(key, p)
	}
	*recent = c
	return c
}

func (t *Table) open(key tuple, p *packet.Packet) *Conn {
	if len(t.conns) >= most {
		t.evict()
	}
	t.opened++
	c := &Conn{ID: t.opened, Client: p.Src, Server: p.Dst, First: p.At, Last: p.At, held: &t.held, key: key}
	switch {
	case p.Flags&(packet.SYN|packet.ACK) == packet.SYN:
	case p.Flags&packet.SYN != 0 || likelyServer(p):
		c.Client, c.Server = p.Dst, p.Src
		c.Guessed = p.Flags&packet.SYN == 0
	default:
		c.Guessed = true
	}
	for d := range c.Sides {
		c.Sides[d].WindowScale = -1
		c.ends[d].ackWindow = -1
	}
	t.conns[key] = c
	if t.config.Open != nil {
		c.sink = t.config.Open(c)
	}
	return c
}

// sweep closes the connections that ended or fell silent long ago.
func (t *Table) sweep(now int64) {
	t.swept = now
	var old []*Conn
	for _, c := range t.conns {
		limit := int64(silence)
		switch {
		case c.closed():
			limit = lingering
		case c.Closing.Seen:
			limit = halfway
		}
		if now-c.Last > limit {
			old = append(old, c)
		}
	}
	t.closeAll(old)
}

// evict closes the connections that were silent longest, so many at once that looking
// for them costs each connection little.
func (t *Table) evict() {
	all := t.all()
	slices.SortFunc(all, func(a, b *Conn) int {
		if a.Last != b.Last {
			if a.Last < b.Last {
				return -1
			}
			return 1
		}
		return a.ID - b.ID
	})
	t.closeAll(all[:len(all)/16+1])
}

// Close closes all connections: the capture has ended.
func (t *Table) Close() { t.closeAll(t.all()) }

func (t *Table) all() []*Conn {
	all := make([]*Conn, 0, len(t.conns))
	for _, c := range t.conns {
		all = append(all, c)
	}
	return all
}

// closeAll closes connections in the order of their first packets: a map has none.
func (t *Table) closeAll(all []*Conn) {
	slices.SortFunc(all, func(a, b *Conn) int { return a.ID - b.ID })
	for _, c := range all {
		t.close(c)
	}
}

func (t *Table) close(c *Conn) {
	delete(t.conns, c.key)
	if recent := &t.recent[place(c.key.lowPort+c.key.highPort)]; *recent == c {
		*recent = nil
	}
	c.finish()
	if t.config.Close != nil {
		t.config.Close(c)
	}
}
