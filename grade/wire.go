package grade

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// A wire is what passed the link, sorted by connection and direction: the packets'
// headers and fates, and nothing that anyone inferred.
type wire struct {
	conns map[netip.AddrPort]*conn // by the client's end
	busy  [2][]busy                // of each direction, in the order of time
}

// The directions, as indexes.
const (
	up = iota
	down
)

// A busy is the time in which the link sent one packet.
type busy struct{ from, to int64 }

// A conn is one TCP connection.
type conn struct {
	client netip.AddrPort
	ways   [2]way
}

// A way is one direction of a connection.
type way struct {
	segments []segment // in the order in which they departed
	acks     []ack     // for this direction's sender, in the order in which they arrived there
	steps    []step

	isn   uint32
	mss   int64 // bytes of data that a full segment has
	scale uint  // of the windows that this direction's sender offers
}

// A segment is a packet of TCP as the link saw it.
type segment struct {
	entered, left, arrived int64 // left is when its last bit was sent, or would have been had it not been dropped before
	serial                 int64 // how long the link sent it
	from, to               int64 // offsets of its data; both -1 of a SYN
	syn                    bool
	dropped                bool
	ack                    int64 // -1 without
	window                 int64
}

// An ack is a segment of the other direction, as what it says of this one.
type ack struct {
	departed, arrived int64
	upTo, edge        int64 // what is acknowledged, and up to where may be sent
}

// A step is when the first byte that had not left the link's queue became another one.
type step struct {
	left    int64 // the packet's, or a later one's that had been waited for
	arrived int64 // when all before next could be read
	next    int64
}

// newWire sorts the packets of a run.
func newWire(f *Facts) *wire {
	w := &wire{conns: make(map[netip.AddrPort]*conn)}
	packets := make([]*Packet, 0, len(f.Packets))
	for i := range f.Packets {
		if !f.Packets[i].Copy {
			packets = append(packets, &f.Packets[i])
		}
	}
	slices.SortFunc(packets, func(a, b *Packet) int { return cmp.Compare(a.Seq, b.Seq) })
	var free [2]int64 // when the link will have sent all that entered
	for _, p := range packets {
		w.add(p, f.Scenario.Rate, &free)
	}
	for _, c := range w.conns {
		c.ways[up].settle(&c.ways[down])
		c.ways[down].settle(&c.ways[up])
	}
	return w
}

// add takes in the packet that entered next.
func (w *wire) add(p *Packet, rate link.Rate, free *[2]int64) {
	d := direction(p.Down)
	serial := serialization(len(p.Data), rate)
	left := p.Left
	if p.Drop == link.Tail || p.Drop == link.CoDel {
		left = max(p.Entered, free[d]) + serial
	} else {
		free[d] = left
	}
	w.segment(p, left, serial)
	if p.Drop == link.Tail || p.Drop == link.CoDel {
		return
	}
	b := busy{max(left-serial, p.Entered), left}
	if n := len(w.busy[d]); n > 0 { // what the link rounds off it carries over
		b.from = max(b.from, w.busy[d][n-1].to)
	}
	w.busy[d] = append(w.busy[d], b)
}

func direction(isDown bool) int {
	if isDown {
		return down
	}
	return up
}

// serialization is how long the link sends a packet of that size.
func serialization(size int, rate link.Rate) int64 {
	if rate == 0 {
		return 0
	}
	return int64(size) * 8 * 1e9 / int64(rate)
}

// segment adds a packet of TCP to its connection.
func (w *wire) segment(p *Packet, left, serial int64) {
	h, err := packet.Decode(p.Data)
	if err != nil || h.Protocol != packet.ProtocolTCP {
		return
	}
	d, client := direction(p.Down), h.Src
	if p.Down {
		client = h.Dst
	}
	c := w.conns[client]
	if c == nil {
		c = &conn{client: client}
		w.conns[client] = c
	}
	way, other := &c.ways[d], &c.ways[1-d]
	s := segment{
		entered: p.Entered, left: left, serial: serial, arrived: p.At + int64(p.Late), dropped: p.Drop != link.None,
		syn: h.Flags&packet.SYN != 0, ack: -1, window: int64(h.Window) << way.scale,
	}
	if s.syn {
		way.isn, s.from, s.to, s.window = h.Seq, -1, -1, int64(h.Window)
		mss, scale, timestamps := options(p.Data[h.Transport+20 : h.Payload])
		way.scale, other.mss = scale, mss
		if timestamps { // 12 bytes of each segment: RFC 7323 appendix A
			other.mss -= 12
		}
	} else {
		s.from = int64(int32(h.Seq - way.isn - 1)) // no scenario has 2 GiB
		s.to = s.from + int64(h.PayloadLen())
	}
	if h.Flags&packet.ACK != 0 {
		s.ack = int64(int32(h.Ack - other.isn - 1))
	}
	way.segments = append(way.segments, s)
}

// options reads those of a SYN that the truth needs: RFC 9293 §3.2, RFC 7323.
func options(b []byte) (mss int64, scale uint, timestamps bool) {
	mss = 536
	for len(b) > 0 {
		kind := b[0]
		if kind == 0 {
			break
		}
		if kind == 1 {
			b = b[1:]
			continue
		}
		if len(b) < 2 || int(b[1]) < 2 || int(b[1]) > len(b) {
			break
		}
		switch value := b[2:b[1]]; {
		case kind == 2 && len(value) == 2:
			mss = int64(binary.BigEndian.Uint16(value))
		case kind == 3 && len(value) == 1:
			scale = uint(value[0])
		case kind == 8:
			timestamps = true
		}
		b = b[b[1]:]
	}
	return mss, scale, timestamps
}

// settle reckons what follows from all segments of both directions.
func (w *way) settle(other *way) {
	for i := range other.segments {
		if s := &other.segments[i]; s.ack >= 0 && !s.dropped {
			w.acks = append(w.acks, ack{s.entered, s.arrived, s.ack, s.ack + s.window})
		}
	}
	slices.SortStableFunc(w.acks, func(a, b ack) int { return cmp.Compare(a.arrived, b.arrived) })
	w.walk()
}

// walk finds the steps.
func (w *way) walk() {
	var arrivals []*segment
	for i := range w.segments {
		if s := &w.segments[i]; !s.dropped && s.to > s.from {
			arrivals = append(arrivals, s)
		}
	}
	slices.SortStableFunc(arrivals, func(a, b *segment) int { return cmp.Compare(a.left, b.left) })
	var held [][2]int64 // that arrived behind a hole
	var next, readable int64
	for _, s := range arrivals {
		readable = max(readable, s.arrived)
		if s.from > next {
			held = append(held, [2]int64{s.from, s.to})
			continue
		}
		if s.to <= next {
			continue
		}
		next = s.to
		for moved := true; moved; {
			moved = false
			for _, h := range held {
				if h[0] <= next && h[1] > next {
					next, moved = h[1], true
				}
			}
		}
		w.steps = append(w.steps, step{s.left, readable, next})
	}
}

// frontier is the first byte that had not left the queue at a time.
func (w *way) frontier(at int64) int64 {
	i, _ := slices.BinarySearchFunc(w.steps, at, func(s step, at int64) int { return cmp.Compare(s.left, at+1) })
	if i == 0 {
		return 0
	}
	return w.steps[i-1].next
}

// done is the step with which all bytes before an offset have left.
func (w *way) done(offset int64) (step, bool) {
	i, _ := slices.BinarySearchFunc(w.steps, offset, func(s step, o int64) int { return cmp.Compare(s.next, o) })
	if i == len(w.steps) {
		return step{}, false
	}
	return w.steps[i], true
}

// stepAfter is the first step behind a time.
func (w *way) stepAfter(at int64) (step, bool) {
	i, _ := slices.BinarySearchFunc(w.steps, at, func(s step, at int64) int { return cmp.Compare(s.left, at+1) })
	if i == len(w.steps) {
		return step{}, false
	}
	return w.steps[i], true
}
