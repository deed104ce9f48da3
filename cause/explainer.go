package cause

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/lingerhttp/linger/exchange"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/packet"
)

// Config says how to explain. The zero value explains all TCP connections of a capture.
type Config struct {
	// Ports limits it to connections of which one end has one of these ports. None
	// means all.
	Ports []uint16

	// KeyLog is a TLS key log (the format of SSLKEYLOGFILE), to which more may be
	// appended by Explainer.Secrets; nil means none.
	KeyLog []byte

	// Departures say when what was captured at its receiver left its sender, which
	// another capture has seen; nil if there is none.
	Departures *Departures

	// Closed, if set, is told of each connection when all of it is explained, before its
	// segments are forgotten.
	Closed func(*flow.Conn)

	// Keep keeps the segments of a connection until it is closed, for pictures. Without
	// it they are forgotten when no exchange needs them any more.
	Keep bool
}

// An Explainer explains the exchanges of a capture while it is read. Its memory is
// bounded by the connections that are open.
type Explainer struct {
	config  Config
	each    func(*Explained)
	table   *flow.Table
	lookups *exchange.Lookups
	http    exchange.Config
	conns   map[*flow.Conn]*conn
	queue   []waiting
	last    *conn // that of the last segment: the next is often of the same
	paths   map[route]*path
	pairs   map[[2]netip.Addr]*pair
	used    int // paths and pairs, when unused ones were last forgotten
	number  int
}

// A route is what a path belongs to.
type route struct {
	client netip.Addr
	dir    flow.Dir
}

// A conn is a connection with what its senders did, and its exchanges that are still
// to be explained.
type conn struct {
	*flow.Conn
	lanes   [2]*lane
	pair    *pair
	lookup  *exchange.Lookup
	waiting []*exchange.Exchange
}

// New begins a capture. Each exchange is told when all that explains it was seen,
// in the order of that.
func New(c Config, each func(*Explained)) *Explainer {
	e := &Explainer{
		config: c, each: each, lookups: exchange.NewLookups(),
		conns: make(map[*flow.Conn]*conn), paths: make(map[route]*path),
		pairs: make(map[[2]netip.Addr]*pair),
	}
	e.http.Keys = new(exchange.KeyLog)
	e.http.Keys.Add(c.KeyLog)
	e.table = flow.NewTable(flow.Config{Open: e.open, Segment: e.segment, Close: e.closed})
	return e
}

// Secrets adds lines to the key log.
func (e *Explainer) Secrets(lines []byte) { e.http.Keys.Add(lines) }

// dnsPort is where names are looked up: RFC 1035 §4.2.
const dnsPort = 53

// Add takes in the capture's next packet.
func (e *Explainer) Add(p *packet.Packet) {
	switch p.Protocol {
	case packet.ProtocolUDP:
		if p.Src.Port() == dnsPort || p.Dst.Port() == dnsPort {
			e.lookups.Add(p)
		}
	case packet.ProtocolTCP:
		if e.wanted(p) {
			e.table.Add(p)
		}
	}
}

func (e *Explainer) wanted(p *packet.Packet) bool {
	return len(e.config.Ports) == 0 || slices.Contains(e.config.Ports, p.Src.Port()) || slices.Contains(e.config.Ports, p.Dst.Port())
}

// Close explains what is still open: the capture has ended.
func (e *Explainer) Close() {
	for _, w := range e.queue {
		w.explain(e)
	}
	e.queue = nil
	e.table.Close()
}

func (e *Explainer) open(c *flow.Conn) flow.Sink {
	e.tidy()
	s := &conn{Conn: c}
	ends := [2]netip.Addr{c.Client.Addr(), c.Server.Addr()}
	if e.pairs[ends] == nil {
		e.pairs[ends] = new(pair)
	}
	s.pair = e.pairs[ends]
	s.pair.open++
	if s.pair.conns = append(s.pair.conns, c); len(s.pair.conns) > mostEnds {
		s.pair.conns = s.pair.conns[1:]
	}
	for d := flow.Up; d <= flow.Down; d++ {
		s.lanes[d] = newLane(c, d, e.path(route{c.Client.Addr(), d}), s.pair)
		s.lanes[d].departures = e.config.Departures
	}
	e.conns[c] = s
	return exchange.New(c, &e.http, func(x *exchange.Exchange) { e.exchange(s, x) })
}

// mostIdle is how many paths and pairs are kept in mind before those are forgotten that
// no connection uses: the next one of the same hosts would have known how fast they are.
const mostIdle = 3072

func (e *Explainer) tidy() {
	if len(e.paths)+len(e.pairs) < max(mostIdle, 2*e.used) {
		return
	}
	maps.DeleteFunc(e.paths, func(_ route, p *path) bool { return len(p.lanes) == 0 })
	maps.DeleteFunc(e.pairs, func(_ [2]netip.Addr, p *pair) bool { return p.open == 0 })
	e.used = len(e.paths) + len(e.pairs)
}

func (e *Explainer) path(r route) *path {
	p := e.paths[r]
	if p == nil {
		p = new(path)
		e.paths[r] = p
	}
	return p
}

// How many segments a connection keeps for what flow may learn of them later, and steps
// of each direction before the older ones become lumps: a share of what all keep, and
// not more or less than so many.
const (
	mostKept  = 4096
	leastKept = 512
	allKept   = 1 << 18
)

func (e *Explainer) kept() int { return max(leastKept, min(mostKept, allKept/max(1, len(e.conns)))) }

// segment hands a segment to the lanes of its connection.
func (e *Explainer) segment(c *flow.Conn) {
	s := e.last
	if s == nil || s.Conn != c {
		if s = e.conns[c]; s == nil { // it is over
			c.Forget(len(c.Segments))
			return
		}
		e.last = s
	}
	seg := &c.Segments[len(c.Segments)-1]
	s.pair.learn(c)
	s.lanes[flow.Up].follow()
	s.lanes[flow.Down].follow()
	s.lanes[seg.Dir].count(seg)
	if seg.Kind == flow.Handshake && seg.Dir == flow.Up && s.lookup == nil {
		s.lookup = e.lookups.For(c)
	}
	s.calibrate(seg)
	if seg.Len > 0 && seg.Kind != flow.KeepAlive {
		s.lanes[seg.Dir].sent(seg, c.Forgotten+len(c.Segments)-1)
		s.lanes[seg.Dir].compact(e.kept())
	}
	if seg.Ack >= 0 {
		s.lanes[seg.Dir.Other()].acked(seg)
	}
	if seg.Flags&(packet.FIN|packet.RST) != 0 {
		e.queue = append(e.queue, waiting{s, nil, seg.At})
	}
	e.due(seg.At)
	if n := len(c.Segments) - e.kept(); !e.config.Keep && n >= len(c.Segments)/2 {
		s.settle(n)
		c.Forget(n)
	}
}

// settle notes what the first n segments were there for, before they are forgotten.
func (s *conn) settle(n int) {
	for _, l := range s.lanes {
		for i := range l.steps {
			if st := &l.steps[i]; st.segment < s.Forgotten+n {
				st.kind = l.kindOf(st)
			}
		}
	}
}

// calibrate reads the clocks of both ends off the handshake.
func (s *conn) calibrate(seg *flow.Segment) {
	o := &s.Opening
	switch {
	case len(o.SYNs) != 1 || len(o.SYNACKs) != 1:
	case seg.Kind == flow.Handshake && seg.Dir == flow.Down:
		s.lanes[flow.Down].calibrate(seg, o.SYN)
	case seg.Packet == o.ACKPacket:
		s.lanes[flow.Up].calibrate(seg, o.SYNACK)
	}
}

// exchange takes in that an exchange has ended, as far as bytes tell.
func (e *Explainer) exchange(s *conn, x *exchange.Exchange) {
	if x.Nth == 1 {
		x.Lookup = s.lookup
	}
	s.pair.kept = s.pair.kept || x.Nth > 1
	s.waiting = append(s.waiting, x)
	e.queue = append(e.queue, waiting{s, x, s.Last})
}

// A waiting is an exchange that is to be explained, and when it ended; or without one,
// a connection that may be over.
type waiting struct {
	conn     *conn
	exchange *exchange.Exchange
	since    int64
}

// patience is how long an exchange waits to be explained, in nanoseconds of the
// capture: what comes after it tells what was lost and what was not, how fast the
// link is, and how far the clocks are apart. A timeout of TCP is over in it, mostly.
const patience = 2e9

// due explains the exchanges that have waited long enough.
func (e *Explainer) due(now int64) {
	n := 0
	for ; n < len(e.queue) && now-e.queue[n].since > patience; n++ {
		e.queue[n].explain(e)
		e.queue[n] = waiting{}
	}
	e.queue = e.queue[n:]
}

// explain explains the exchange, unless its connection has ended and that was done.
func (w waiting) explain(e *Explainer) {
	if len(w.conn.waiting) > 0 && w.conn.waiting[0] == w.exchange {
		e.explain(w.conn)
	}
	if s := w.conn; len(s.waiting) == 0 && s.Over() && !e.config.Keep && e.conns[s.Conn] == s {
		for _, l := range s.lanes {
			if n := len(l.steps); n > 0 { // others may have stood behind them
				l.path.model(l.steps[n-1].image)
			}
		}
		e.leave(s)
		s.Rest()
	}
}

// leave forgets a connection that has nothing more to explain.
func (e *Explainer) leave(s *conn) {
	delete(e.conns, s.Conn)
	s.pair.open--
	if e.last == s {
		e.last = nil
	}
	for _, l := range s.lanes {
		l.path.leave(l)
	}
}

func (e *Explainer) explain(s *conn) {
	x := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	out := s.explain(x)
	e.number++
	out.Timeline.Number = e.number
	e.each(out)
	if x.Stream != 0 {
		return // others may stand between its bytes, and are still to be told
	}
	up, down := s.lanes[flow.Up], s.lanes[flow.Down]
	next, ok := up.behind(x.Request.End())
	if !ok {
		next = s.Last
	}
	up.forget(x.Request.End(), next)
	down.forget(x.Response.End(), next)
}

// closed explains what is left of a connection that has ended.
func (e *Explainer) closed(c *flow.Conn) {
	if s := e.conns[c]; s != nil {
		for len(s.waiting) > 0 {
			e.explain(s)
		}
		defer e.leave(s)
	}
	if e.config.Closed != nil {
		e.config.Closed(c)
	}
}
