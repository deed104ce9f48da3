package packet

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// fragments puts IP packets together again of their fragments: RFC 791 §3.2, RFC 8200
// §4.5. It holds at most maxUnderWay packets of at most 64 KiB; the oldest is
// forgotten for a new one, and whatever has waited for fragmentsWait.
type fragments struct {
	order     []*whole // the oldest first
	forgotten int      // packets that were given up
}

const (
	maxUnderWay   = 256
	maxWhole      = 65535
	fragmentsWait = 60 * time.Second // RFC 8200 §4.5; of IPv4 "15 seconds" at first, by kernels 30
)

// A wholeID is what the fragments of one packet have in common.
type wholeID struct {
	src, dst netip.Addr
	id       uint32
	protocol uint8 // of IPv4; RFC 8200 leaves it out
}

// A whole is a packet of which fragments have come.
type whole struct {
	wholeID
	began int64  // when the first came, in nanoseconds
	head  []byte // IP's headers, of the fragment at 0; nil before
	field int    // of IPv6: where the number of what follows stands in head
	next  uint8  // of IPv6: that number
	data  []byte // what follows the headers
	have  []gap  // of data, in order; neighbours are one
	end   int    // how much it is in all; -1 before the last fragment
	cut   int    // where data is missing that was snapped
}

// A gap is a range of bytes, here or not.
type gap struct{ from, to int }

// add takes a fragment in. It returns the packet once it is whole, and how long it
// was: the packet is shorter if a fragment was snapped.
func (f *fragments) add(p *Packet, of part) (b []byte, wire int, err error) {
	size := p.End - p.Transport
	if size == 0 || of.more && size%8 != 0 || p.Transport+of.offset+size > maxWhole {
		return nil, 0, damaged("IP", "a fragment of %d bytes at %d", size, of.offset)
	}
	w := f.find(p, of)
	if !w.take(p, of, size) {
		f.forget(w)
		return nil, 0, damaged("IP", "fragments that overlap")
	}
	if w.head == nil || w.end < 0 || w.have[0] != (gap{0, w.end}) {
		return nil, 0, nil
	}
	f.order = slices.DeleteFunc(f.order, func(o *whole) bool { return o == w })
	b, wire = w.packet()
	return b, wire, nil
}

// find returns the packet that a fragment belongs to, a new one if need be.
func (f *fragments) find(p *Packet, of part) *whole {
	id := wholeID{src: p.Src.Addr(), dst: p.Dst.Addr(), id: of.id}
	if p.Version == 4 {
		id.protocol = p.Protocol
	}
	for len(f.order) > 0 && p.At-f.order[0].began > int64(fragmentsWait) {
		f.forget(f.order[0])
	}
	for _, w := range f.order {
		if w.wholeID == id {
			return w
		}
	}
	if len(f.order) == maxUnderWay {
		f.forget(f.order[0])
	}
	w := &whole{wholeID: id, began: p.At, end: -1, cut: maxWhole}
	f.order = append(f.order, w)
	return w
}

func (f *fragments) forget(w *whole) {
	f.order = slices.DeleteFunc(f.order, func(o *whole) bool { return o == w })
	f.forgotten++
}

// take adds a fragment. It reports false if the fragment contradicts those before: "the
// entire IPv6 datagram (and any constituent fragments) MUST be silently discarded"
// (https://www.rfc-editor.org/rfc/rfc5722#section-4), and kernels do the same in IPv4.
// A second copy of a fragment, captured twice, does no harm.
func (w *whole) take(p *Packet, of part, size int) bool {
	from, to := of.offset, of.offset+size
	if !of.more {
		if w.end >= 0 && w.end != to {
			return false
		}
		w.end = to
	}
	isNew, ok := w.cover(from, to)
	last := w.have[len(w.have)-1].to
	if !ok || w.end >= 0 && last > w.end {
		return false
	}
	if !isNew {
		return true
	}
	if len(w.data) < to {
		w.data = append(w.data, make([]byte, to-len(w.data))...)
	}
	if n := copy(w.data[from:to], p.Data[min(p.Transport, len(p.Data)):]); n < size {
		w.cut = min(w.cut, from+n)
	}
	if from == 0 {
		w.keepHead(p, of)
	}
	return true
}

// cover adds a range to those that are here. It is new, or the whole of it is here
// already; otherwise it is not ok.
func (w *whole) cover(from, to int) (isNew, ok bool) {
	i, _ := slices.BinarySearchFunc(w.have, from, func(g gap, from int) int { return g.to - from })
	for i < len(w.have) && w.have[i].to == from {
		i++ // it ends where the new one begins
	}
	if i < len(w.have) && w.have[i].from < to {
		return false, w.have[i].from <= from && to <= w.have[i].to
	}
	w.have = slices.Insert(w.have, i, gap{from, to})
	if i+1 < len(w.have) && w.have[i+1].from == to {
		w.have[i].to = w.have[i+1].to
		w.have = slices.Delete(w.have, i+1, i+2)
	}
	if i > 0 && w.have[i-1].to == from {
		w.have[i-1].to = w.have[i].to
		w.have = slices.Delete(w.have, i, i+1)
	}
	return true, true
}

// keepHead keeps the headers that come before what was taken apart.
func (w *whole) keepHead(p *Packet, of part) {
	w.head = slices.Clone(p.Data[:p.Transport])
	if p.Version == 6 {
		w.head, w.field, w.next = w.head[:of.header], of.field, p.Protocol
	}
}

// packet returns the packet, as if it had never been taken apart.
func (w *whole) packet() (b []byte, wire int) {
	b = append(w.head, w.data[:min(w.end, w.cut)]...)
	wire = len(w.head) + w.end
	if b[0]>>4 == 6 {
		binary.BigEndian.PutUint16(b[4:], uint16(wire-ipv6Header))
		b[w.field] = w.next
		return b, wire
	}
	binary.BigEndian.PutUint16(b[2:], uint16(wire))
	b[6], b[7], b[10], b[11] = 0, 0, 0, 0
	binary.BigEndian.PutUint16(b[10:], ^Fold(Sum(0, b[:len(w.head)])))
	return b, wire
}
