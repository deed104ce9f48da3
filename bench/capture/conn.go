package main

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
)

// The hosts and the path between them.
const (
	rtt     = 20e6   // nanoseconds
	rate    = 12.5e6 // of the bottleneck, in bytes a second
	mss     = 1448
	initial = 10   // segments of the initial window
	window  = 256  // segments of the largest
	think   = 5e6  // nanoseconds, of the server
	kernel  = 20e3 // nanoseconds, of the client before it answers
)

// A plan says what to make up.
type plan struct {
	clients, exchanges int
	least, most        int64
	seed               uint64
}

// A segment is one packet, as the client's end sees it.
type segment struct {
	at    int64
	left  int64 // its sender
	up    bool
	port  uint16
	seq   uint32
	ack   uint32
	id    uint16
	flags byte
	text  []byte // its first bytes; the others are filler
	size  int    // bytes of data
}

// A conn is one client's connection, and then its next one.
type conn struct {
	port       uint16
	at         int64 // of its next event
	do         func(*conn)
	up, down   uint32 // the next sequence numbers
	ids        [2]uint16
	rest       int64 // bytes of the response to be sent
	head       []byte
	cwnd       int
	burst      int     // segments of the window that are still to be sent
	before     []int64 // when those of the window before arrived
	arrived    []int64 // and those of this one
	unanswered int     // segments without an ACK
	exchange   int
}

// A network is the connections that share the bottleneck.
type network struct {
	plan
	random *rand.Rand
	conns  []*conn   // a heap by time
	free   int64     // when the bottleneck is
	queue  []segment // behind it
	ports  uint16
	tell   func(segment)
	full   bool
}

func (n *network) Len() int           { return len(n.conns) }
func (n *network) Less(i, j int) bool { return n.conns[i].at < n.conns[j].at }
func (n *network) Swap(i, j int)      { n.conns[i], n.conns[j] = n.conns[j], n.conns[i] }
func (n *network) Push(any)           {}
func (n *network) Pop() any           { return nil }

// run tells the segments of a plan in order, until it is told to stop.
func run(p plan, tell func(segment) bool) {
	n := &network{plan: p, random: rand.New(rand.NewPCG(p.seed, 0)), ports: 1024}
	n.tell = func(s segment) { n.full = n.full || !tell(s) }
	for i := range p.clients {
		n.conns = append(n.conns, &conn{at: 1767323045e9 + int64(i)*rtt, do: n.open})
	}
	for !n.full {
		c := n.conns[0]
		n.flush(c.at)
		c.do(c)
		heap.Fix(n, 0)
	}
}

// send tells a segment that a connection sends, or gets, now.
func (n *network) send(c *conn, up bool, flags byte, text []byte, size int) {
	n.tell(n.segment(c, c.at, up, flags, text, size))
}

// segment makes a connection's next one.
func (n *network) segment(c *conn, at int64, up bool, flags byte, text []byte, size int) segment {
	s := segment{at: at, left: at, up: up, port: c.port, flags: flags, text: text, size: size, seq: c.down, ack: c.up}
	switch {
	case up:
		s.seq, s.ack = c.up, c.down
		c.up += uint32(size) + counts(flags)
		c.ids[0]++
		s.id = c.ids[0]
	default:
		s.left = min(c.at, at-rtt/2)
		c.down += uint32(size) + counts(flags)
		c.ids[1]++
		s.id = c.ids[1]
	}
	if flags == syn {
		s.ack = 0
	}
	return s
}

// flush tells the segments that have come over the bottleneck by a time.
func (n *network) flush(until int64) {
	i := 0
	for ; i < len(n.queue) && n.queue[i].at <= until; i++ {
		n.tell(n.queue[i])
	}
	n.queue = n.queue[i:]
}

// then says what comes next of a connection.
func (c *conn) then(later int64, do func(*conn)) { c.at, c.do = c.at+later, do }

// TCP's flags.
const (
	fin = 1
	syn = 2
	psh = 8
	ack = 16
)

// counts is 1 of a segment with SYN or FIN: they take a sequence number.
func counts(flags byte) uint32 { return uint32(flags&syn/syn | flags&fin) }

func (n *network) open(c *conn) {
	if n.ports++; n.ports < 1024 {
		n.ports = 1024
	}
	*c = conn{at: c.at, port: n.ports, up: n.random.Uint32(), down: n.random.Uint32(), cwnd: initial}
	n.send(c, true, syn, nil, 0)
	c.then(rtt, n.opened)
}

func (n *network) opened(c *conn) {
	n.send(c, false, syn|ack, nil, 0)
	c.then(kernel, n.established)
}

func (n *network) established(c *conn) {
	n.send(c, true, ack, nil, 0)
	c.then(kernel, n.request)
}

func (n *network) request(c *conn) {
	c.exchange++
	text := fmt.Appendf(nil, "GET /%d/%d HTTP/1.1\r\nHost: origin\r\nUser-Agent: capture\r\n\r\n", c.port, c.exchange)
	n.send(c, true, psh|ack, text, len(text))
	// Sizes are spread evenly on a logarithmic scale.
	size := int64(float64(n.least) * math.Exp(n.random.Float64()*math.Log(float64(n.most)/float64(n.least))))
	c.head = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
	c.rest, c.burst = size+int64(len(c.head)), c.cwnd
	c.before, c.arrived = c.before[:0], c.arrived[:0]
	c.then(rtt/2+think, n.respond)
}

// respond sends the response's next segment, which is to take its turn at the
// bottleneck. Behind the last of a window its sender waits for ACKs.
func (n *network) respond(c *conn) {
	size := int(min(c.rest, mss))
	c.rest -= int64(size)
	flags := byte(ack)
	if c.rest == 0 {
		flags |= psh
	}
	arrives := max(c.at+rtt/2, n.free)
	n.free = arrives + int64(float64(size+66)/rate*1e9)
	n.queue = append(n.queue, n.segment(c, arrives, false, flags, c.head, size))
	c.head = nil
	if c.unanswered++; c.unanswered == 2 || c.rest == 0 {
		c.unanswered = 0
		n.queue = append(n.queue, n.segment(c, arrives, true, ack, nil, 0))
	}
	c.arrived = append(c.arrived, arrives)
	switch c.burst--; {
	case c.rest == 0 && c.exchange < n.exchanges:
		c.then(arrives-c.at+1e6, n.request)
		return
	case c.rest == 0:
		c.then(arrives-c.at+1e6, n.close)
		return
	case c.burst == 0:
		c.before, c.arrived = c.arrived, c.before[:0]
		c.cwnd = min(2*c.cwnd, window)
		c.burst = c.cwnd
	}
	c.then(max(c.released()-c.at, 0), n.respond)
}

// released is when the server may send its next segment: when it has an ACK of the
// window before, which is let go as long as it was itself.
func (c *conn) released() int64 {
	if len(c.before) == 0 {
		return c.at
	}
	return c.before[len(c.arrived)*len(c.before)/c.cwnd] + rtt/2
}

func (n *network) close(c *conn) {
	n.send(c, true, fin|ack, nil, 0)
	c.then(rtt, n.closed)
}

func (n *network) closed(c *conn) {
	n.send(c, false, fin|ack, nil, 0)
	c.then(kernel, n.gone)
}

func (n *network) gone(c *conn) {
	n.send(c, true, ack, nil, 0)
	c.then(rtt, n.open)
}
