package flow

import (
	"net/netip"
	"slices"

	"github.com/lingerhttp/linger/packet"
)

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
	silence   = 3600e9 // without a packet
	sweep     = 10e9   // between two looks for those
)

// most is how many connections are kept in mind; beyond it the one that was silent
// longest is closed.
const most = 200_000

// A Table holds the connections of a capture that is being read. It takes the time
// from the packets.
type Table struct {
	config Config
	conns  map[tuple]*Conn
	opened int

	last  *Conn // of the last packet: the next is often of the same
	swept int64
}

// A tuple names a connection without saying which end is the client: low is the end
// that compares lower.
type tuple struct{ low, high netip.AddrPort }

func tupleOf(a, b netip.AddrPort) tuple {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return tuple{a, b}
}

// NewTable returns a table without connections.
func NewTable(c Config) *Table { return &Table{config: c, conns: make(map[tuple]*Conn)} }

// Len is how many connections are kept in mind.
func (t *Table) Len() int { return len(t.conns) }

// Add takes in the capture's next packet, which must be of TCP.
func (t *Table) Add(p *packet.Packet) {
	if p.At-t.swept > sweep || t.swept == 0 {
		t.sweep(p.At)
	}
	c := t.find(p)
	d := Down
	if p.Src == c.Client {
		d = Up
	}
	c.take(p, d, t.config.Segment)
}

// find returns the packet's connection, a new one if need be.
func (t *Table) find(p *packet.Packet) *Conn {
	if c := t.last; c != nil && (p.Src == c.Client && p.Dst == c.Server || p.Src == c.Server && p.Dst == c.Client) && !c.succeeded(p) {
		return c
	}
	key := tupleOf(p.Src, p.Dst)
	c := t.conns[key]
	if c != nil && c.succeeded(p) {
		t.close(key, c)
		c = nil
	}
	if c == nil {
		c = t.open(key, p)
	}
	return c
}

// succeeded says whether the packet begins another connection with the same tuple: a
// SYN with another sequence number.
func (c *Conn) succeeded(p *packet.Packet) bool {
	if p.Flags&(packet.SYN|packet.ACK) != packet.SYN {
		return false
	}
	e := &c.ends[Up]
	return p.Src != c.Client || !e.syn || p.Seq+1 != e.zero
}

func (t *Table) open(key tuple, p *packet.Packet) *Conn {
	if len(t.conns) >= most {
		t.evict()
	}
	t.opened++
	c := &Conn{ID: t.opened, First: p.At, Last: p.At}
	c.Client, c.Server = p.Src, p.Dst
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
	}
	t.conns[key] = c
	if t.config.Open != nil {
		c.sink = t.config.Open(c)
	}
	return c
}

// likelyServer says whether a packet in the middle of a connection comes from the
// server: by its first bytes, or else because its port is the lower one.
func likelyServer(p *packet.Packet) bool {
	b := p.Bytes()
	if len(b) >= 5 && string(b[:5]) == "HTTP/" {
		return true
	}
	return p.Src.Port() < p.Dst.Port()
}

// sweep closes the connections that ended or fell silent long ago.
func (t *Table) sweep(now int64) {
	t.swept = now
	for key, c := range t.conns {
		quiet := now - c.Last
		if quiet > silence || quiet > lingering && c.Closing.Seen {
			t.close(key, c)
		}
	}
}

// evict closes the connection that was silent longest, of a few.
func (t *Table) evict() {
	var oldest *Conn
	var key tuple
	looked := 0
	for k, c := range t.conns {
		if oldest == nil || c.Last < oldest.Last {
			oldest, key = c, k
		}
		if looked++; looked == 64 {
			break
		}
	}
	t.close(key, oldest)
}

func (t *Table) close(key tuple, c *Conn) {
	delete(t.conns, key)
	if t.last == c {
		t.last = nil
	}
	c.finish()
	if t.config.Close != nil {
		t.config.Close(c)
	}
}

// Close closes all connections: the capture has ended.
func (t *Table) Close() {
	for _, c := range t.byAge() {
		t.close(tupleOf(c.Client, c.Server), c)
	}
}

// byAge returns the connections in the order of their first packets.
func (t *Table) byAge() []*Conn {
	all := make([]*Conn, 0, len(t.conns))
	for _, c := range t.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *Conn) int { return a.ID - b.ID })
	return all
}
