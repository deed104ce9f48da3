package cause

import (
	"cmp"
	"errors"
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/lingerhttp/linger/packet"
)

// Two captures of the same connections, one at each end: their clocks are brought
// together, and then the departure of what one end received is known.

// An Alignment says how the clocks of two captures stand to each other.
type Alignment struct {
	// Offset is what the server's end shows less what the client's end shows, at the time
	// Begin of the client's; Drift is by how much that grows, 1e-6 being a microsecond a
	// second.
	Offset time.Duration
	Begin  int64 // nanoseconds since 1970
	Drift  float64

	// Trip is the smallest time up and the smallest time down together. How it divides
	// cannot be told: Offset takes both for the same, and is wrong by half their
	// difference, at most by half of Trip.
	Trip time.Duration

	// Residue is by how much the smallest times of parts of the capture give another
	// offset, of the quarter of parts in which they do least: the others may have had no
	// empty queue.
	Residue time.Duration

	Up, Down int // packets that are in both captures, to the server and back
	Lost     int // of the packets with data that left the server's end, how many the client's has not

	// Departures are when what the client's end received left the server's, by the clock
	// of the client's.
	Departures *Departures
}

// Departures are when packets of a capture left their sender, which the capture itself
// does not show. nil knows none.
type Departures struct {
	left map[int32]int64 // by the packet's number in the capture
}

// Left is when a packet left its sender, in nanoseconds since 1970 by the clock of the
// capture in which it has the number.
func (d *Departures) Left(packet int32) (int64, bool) {
	if d == nil {
		return 0, false
	}
	at, known := d.left[packet]
	return at, known
}

// Errors of Align.
var (
	// ErrNothingCommon says that the captures do not hold the same packets, in both
	// directions: of other connections, or with addresses that were translated between.
	ErrNothingCommon = errors.New("the two captures have no packets in common, to the server and back")

	// ErrSwapped says that the first capture is the servers' end's: give them in the other
	// order.
	ErrSwapped = errors.New("the first of the two captures was taken at the server's end")

	// ErrOnePlace says that no time passes between the captures.
	ErrOnePlace = errors.New("the two captures were taken at one place, or their times are not true")
)

// Align finds out how a capture at the clients' end and one at the servers' end stand to
// each other. The packets may be reused by the sequences. Of more than 8,000,000 packets
// of the server's end, the rest is left out.
//
// Clocks are compared by the smallest times both ways, as NTP does (RFC 5905 §8): the
// offset is half the difference. Where it moves, it is taken to move evenly, as fast as
// leaves most room between the smallest times up and down.
func Align(client, server iter.Seq[*packet.Packet]) (*Alignment, error) {
	b := newBoth()
	for p := range server {
		b.note(p)
	}
	b.sort()
	for p := range client {
		b.match(p)
	}
	return b.align()
}

// both takes in the server's end, and then the client's.
type both struct {
	conns map[connKey]*stream
	pure  map[pureKey]int64 // when the server's end has it; -1 if it does more than once
	noted int

	met   [2]floor       // of the differences, server's less client's: up, down
	found map[int32]seen // what was sent down, by its number at the client's end
	sent  int            // packets with data that were sent down
}

// A seen is when both ends had a packet, each by its clock.
type seen struct{ server, client int64 }

// connKey names one direction of a connection.
type connKey struct{ src, dst netip.AddrPort }

// A pureKey tells packets without data apart.
type pureKey struct {
	from     *stream
	seq, ack uint32
	tsval    uint32
	id       uint16
	flags    packet.Flags
}

// A stream is one direction of one connection, as the server's end has it.
type stream struct {
	dir     int // 0 up, 1 down
	started bool
	highest int64 // the highest sequence number, unwrapped
	longest int64 // bytes of a segment
	sent    []departure
}

// A departure is a segment with data. Sequence numbers are unwrapped.
type departure struct {
	from, to int64
	at       int64
	ack      uint32
	tsval    uint32
	id       uint16
}

// mostNoted bounds the memory: of longer captures the rest is left out.
const mostNoted = 8_000_000

func newBoth() *both {
	return &both{conns: make(map[connKey]*stream), pure: make(map[pureKey]int64), found: make(map[int32]seen)}
}

// stream finds a packet's stream.
func (b *both) stream(p *packet.Packet, fresh bool) *stream {
	k := connKey{p.Src, p.Dst}
	s := b.conns[k]
	if s == nil && fresh {
		s = &stream{dir: b.dirOf(p)}
		b.conns[k] = s
	}
	return s
}

// dirOf says whether the first packet of a stream goes up or down: by its SYN, or as the
// other direction does not, or else to the lower port.
func (b *both) dirOf(p *packet.Packet) int {
	other := b.conns[connKey{p.Dst, p.Src}]
	switch {
	case other != nil:
		return 1 - other.dir
	case p.Flags&(packet.SYN|packet.ACK) == packet.SYN:
		return 0
	case p.Flags&packet.SYN != 0 || p.Src.Port() < p.Dst.Port():
		return 1
	}
	return 0
}

// note takes in a packet of the server's end.
func (b *both) note(p *packet.Packet) {
	if p.Protocol != packet.ProtocolTCP || b.noted == mostNoted {
		return
	}
	b.noted++
	s := b.stream(p, true)
	n := int64(p.PayloadLen())
	if n == 0 {
		k := pureOf(s, p)
		if _, twice := b.pure[k]; twice {
			b.pure[k] = -1
		} else {
			b.pure[k] = p.At
		}
		return
	}
	from := s.unwrap(p.Seq)
	b.sent += s.dir
	s.longest = max(s.longest, n)
	s.sent = append(s.sent, departure{from, from + n, p.At, p.Ack, p.Options.TSval, p.ID})
}

func pureOf(s *stream, p *packet.Packet) pureKey {
	return pureKey{s, p.Seq, p.Ack, p.Options.TSval, p.ID, p.Flags}
}

// unwrap makes of a sequence number one that does not wrap: the one nearest to the
// highest.
func (s *stream) unwrap(seq uint32) int64 {
	if !s.started {
		s.started, s.highest = true, int64(seq)
	}
	n := s.highest + int64(int32(seq-uint32(s.highest)))
	s.highest = max(s.highest, n)
	return n
}

// sort makes the streams ready to be searched, and to be gone through anew.
func (b *both) sort() {
	for _, s := range b.conns {
		slices.SortStableFunc(s.sent, func(a, b departure) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.at, b.at)) })
		if len(s.sent) > 0 {
			s.highest = s.sent[0].from
		}
	}
}

// match finds a packet of the client's end at the server's.
func (b *both) match(p *packet.Packet) {
	if p.Protocol != packet.ProtocolTCP {
		return
	}
	s := b.stream(p, false)
	if s == nil {
		return
	}
	if p.PayloadLen() == 0 {
		if at, known := b.pure[pureOf(s, p)]; known && at >= 0 {
			b.met[s.dir].add(p.At, at-p.At)
		}
		return
	}
	d, same := s.find(s.unwrap(p.Seq), p)
	if same {
		b.met[s.dir].add(p.At, d.at-p.At)
	}
	if d != nil && s.dir == 1 {
		b.found[int32(p.Number)] = seen{d.at, p.At}
	}
}

// find is the segment that holds the last byte of a packet which begins at from, and
// whether it is the very same packet. A card may have cut at one end what is whole at
// the other: then all pieces have the same timestamp.
func (s *stream) find(from int64, p *packet.Packet) (best *departure, same bool) {
	to := from + int64(p.PayloadLen())
	i, _ := slices.BinarySearchFunc(s.sent, to, func(d departure, to int64) int { return cmp.Compare(d.from, to) })
	for i--; i >= 0 && s.sent[i].from+s.longest >= to; i-- {
		d := &s.sent[i]
		if d.to < to || d.tsval != p.Options.TSval {
			continue
		}
		if d.from == from && d.to == to && d.id == p.ID && d.ack == p.Ack {
			return d, true
		}
		if best == nil {
			best = d
		}
	}
	return best, false
}

// A floor are the smallest and the largest of differences along time. Of many, only
// each few's are kept.
type floor struct {
	low, high []point
	stride    int // how many differences a point stands for
	in        int // how many the last one does
	all       int
}

// A point is a difference of two captures' times, at a time of the first.
type point struct{ at, apart int64 }

// mostPoints bounds a floor.
const mostPoints = 1 << 14

func (f *floor) add(at, apart int64) {
	f.all++
	f.stride = max(f.stride, 1)
	p := point{at, apart}
	if n := len(f.low); n > 0 && f.in < f.stride {
		f.in++
		f.low[n-1], f.high[n-1] = lower(f.low[n-1], p), higher(f.high[n-1], p)
		return
	}
	if len(f.low) == mostPoints {
		f.low, f.high = halved(f.low, lower), halved(f.high, higher)
		f.stride *= 2
	}
	f.low, f.high, f.in = append(f.low, p), append(f.high, p), 1
}

func lower(a, b point) point {
	if b.apart < a.apart {
		return b
	}
	return a
}

func higher(a, b point) point {
	if b.apart > a.apart {
		return b
	}
	return a
}

func halved(list []point, of func(a, b point) point) []point {
	half := list[:0]
	for i := 0; i+1 < len(list); i += 2 {
		half = append(half, of(list[i], list[i+1]))
	}
	return half
}

// align brings the clocks together. Server's less client's is the offset and a time up,
// or the offset less a time down.
func (b *both) align() (*Alignment, error) {
	if b.met[0].all == 0 || b.met[1].all == 0 {
		return nil, ErrNothingCommon
	}
	up, down := b.met[0].low, b.met[1].high
	l := line{begin: min(up[0].at, down[0].at)}
	l.drift = driftOf(up, down, l.begin)
	trip := l.room(up, down)
	swapped := line{begin: l.begin}
	swapped.drift = driftOf(b.met[1].low, b.met[0].high, l.begin)
	switch other := swapped.room(b.met[1].low, b.met[0].high); {
	case other > max(trip, 0):
		return nil, ErrSwapped
	case trip <= 0:
		return nil, ErrOnePlace
	}
	l.offset = l.lowest(up) - trip/2
	a := &Alignment{
		Offset: time.Duration(math.Round(l.offset)), Begin: l.begin, Drift: l.drift, Trip: time.Duration(trip),
		Residue: l.residue(up, down), Up: b.met[0].all, Down: b.met[1].all, Lost: max(b.sent-len(b.found), 0),
		Departures: &Departures{left: make(map[int32]int64, len(b.found))},
	}
	for packet, s := range b.found {
		if left := s.server - int64(math.Round(l.at(s.client))); left < s.client {
			a.Departures.left[packet] = left
		}
	}
	return a, nil
}

// A line is an offset that moves evenly.
type line struct {
	begin         int64
	offset, drift float64 // at begin, and by how much it grows
}

func (l line) at(t int64) float64 { return l.offset + l.drift*float64(t-l.begin) }

// lowest is the least by which points are above the line.
func (l line) lowest(points []point) float64 {
	least := math.Inf(1)
	for _, p := range points {
		least = min(least, float64(p.apart)-l.at(p.at))
	}
	return least
}

// highest is the most by which points are above the line.
func (l line) highest(points []point) float64 {
	most := math.Inf(-1)
	for _, p := range points {
		most = max(most, float64(p.apart)-l.at(p.at))
	}
	return most
}

// room is what is between points above and points below, across the line.
func (l line) room(above, below []point) float64 { return l.lowest(above) - l.highest(below) }

const (
	// steepest is how far two clocks may drift apart: what adjtimex(2) slews by.
	steepest = 500e-6

	// evident is from what room on a drift is believed, in nanoseconds: less is how
	// exactly packets are timed.
	evident = 20_000
)

// driftOf finds the drift that leaves most room, which is a concave function of it, or
// none if none is evident.
func driftOf(above, below []point, begin int64) float64 {
	room := func(drift float64) float64 { return line{begin: begin, drift: drift}.room(above, below) }
	from, to := -steepest, steepest
	for range 60 {
		third := (to - from) / 3
		if room(from+third) < room(to-third) {
			from += third
		} else {
			to -= third
		}
	}
	best := (from + to) / 2
	most := room(best)
	if room(0) > most-evident {
		return 0
	}
	// Of those that leave as much room, the least.
	from, to = 0, best
	for range 40 {
		if middle := (from + to) / 2; room(middle) < most-evident/10 {
			from = middle
		} else {
			to = middle
		}
	}
	return to
}

// parts is into how many a capture is cut to see whether the line fits all of it.
const parts = 16

// residue is how far the offsets of parts are from the line, at the quarter that is
// nearest.
func (l line) residue(above, below []point) time.Duration {
	end := max(above[len(above)-1].at, below[len(below)-1].at)
	length := (end-l.begin)/parts + 1
	var apart []float64
	for i := range int64(parts) {
		a, b := within(above, l.begin+i*length, length), within(below, l.begin+i*length, length)
		if len(a) > 0 && len(b) > 0 {
			apart = append(apart, math.Abs(l.lowest(a)+l.highest(b))/2)
		}
	}
	if len(apart) == 0 {
		return 0
	}
	slices.Sort(apart)
	return time.Duration(apart[len(apart)/4])
}

// within are the points from a time on, for so long.
func within(points []point, from, length int64) []point {
	i, _ := slices.BinarySearchFunc(points, from, func(p point, t int64) int { return cmp.Compare(p.at, t) })
	j, _ := slices.BinarySearchFunc(points, from+length, func(p point, t int64) int { return cmp.Compare(p.at, t) })
	return points[i:max(i, j)]
}
