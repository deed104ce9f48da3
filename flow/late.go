package flow

import "slices"

// What stands behind a hole waits here.

// How much may wait behind a hole before the hole is given up: bytes and pieces of one
// direction, and bytes of all connections. A receiver's window may be some 10 MB.
const (
	lateBytes  = 32 << 20
	latePieces = 16384
	lateAll    = 128 << 20
)

// lateTime is how long bytes wait behind a hole in nanoseconds where no packet of the
// other side was captured, that could tell whether the hole's bytes arrived.
const lateTime = 30e9

// joined is how long a piece may become by joining others to it, and joinedTime how
// much later than its first bytes the others may have come, in nanoseconds: their own
// times are forgotten.
const (
	joined     = 64 << 10
	joinedTime = 1e6
)

// A piece is bytes behind a hole, of one segment or of several. b is shorter than the
// piece if it was snapped, or if nobody wants it.
type piece struct {
	from, to int64
	b        []byte

	came   int64 // when its first bytes were captured, with which packet
	packet int32
	pushed bool // its last segment ended a write

	// When the hole in front of it was first seen, by a segment with this timestamp.
	at    int64
	tsval uint32
	noTS  bool
}

// A held counts the bytes of all connections that wait behind holes.
type held struct{ bytes int }

func (h *held) full(st *stream) bool {
	return len(st.late) > latePieces || h.bytes > lateAll || st.held() > lateBytes
}

// held is how many bytes wait, those not captured counted.
func (st *stream) held() int64 {
	if len(st.late) == 0 {
		return 0
	}
	return st.late[len(st.late)-1].to - st.late[0].from
}

// at is the index of the first piece that ends behind an offset.
func (st *stream) at(offset int64) int {
	i, _ := slices.BinarySearchFunc(st.late, offset, func(l piece, offset int64) int {
		if l.to <= offset {
			return -1
		}
		return 1
	})
	return i
}

// lacks says whether any byte of a range has not come yet, and which piece stands
// behind the first of those.
func (st *stream) lacks(from, to int64) (behind int, ok bool) {
	from = max(from, st.edge)
	i := st.at(from)
	for ; i < len(st.late) && st.late[i].from <= from; i++ {
		from = st.late[i].to
	}
	return i, from < to
}

// keep puts a copy of a piece in its place, less what is there already.
func (h *held) keep(st *stream, l piece) {
	i := st.at(l.from)
	for l.from < l.to {
		if i == len(st.late) {
			h.insert(st, i, l)
			return
		}
		if head := l.until(st.late[i].from); head.from < head.to {
			i = h.insert(st, i, head)
		}
		l = l.cut(st.late[i].to)
		i++
	}
}

// insert puts a copy of a piece before the one of an index, or joins it to the one
// before, and returns the index of the one behind it.
func (h *held) insert(st *stream, i int, l piece) int {
	if i < len(st.late) { // the hole is the one that was seen before
		next := &st.late[i]
		l.at, l.tsval, l.noTS = next.at, next.tsval, next.noTS
	}
	h.bytes += len(l.b)
	if i > 0 {
		if before := &st.late[i-1]; before.joins(&l) {
			before.b = append(before.b, l.b...)
			before.to, before.pushed = l.to, l.pushed
			return i
		}
	}
	if l.b != nil {
		l.b = append(make([]byte, 0, len(l.b)), l.b...)
	}
	st.late = slices.Insert(st.late, i, l)
	return i + 1
}

// joins says whether another piece may be joined to this one. What follows a write may
// be the next message, whose time counts.
func (l *piece) joins(next *piece) bool {
	if l.to != next.from || l.b == nil != (next.b == nil) {
		return false
	}
	if l.pushed || next.came < l.came || next.came-l.came > joinedTime {
		return false
	}
	return l.b == nil || int64(len(l.b)) == l.to-l.from && len(l.b)+len(next.b) <= joined
}

// first takes the first piece out.
func (h *held) first(st *stream) piece {
	l := st.late[0]
	h.bytes -= len(l.b)
	st.late[0] = piece{}
	if st.late = st.late[1:]; len(st.late) == 0 {
		st.late = nil
	}
	return l
}

// drop forgets all that waits.
func (h *held) drop(st *stream) {
	for len(st.late) > 0 {
		h.first(st)
	}
}

// cut is the piece from an offset on.
func (l piece) cut(from int64) piece {
	if n := from - l.from; n > 0 {
		l.b = l.b[min(n, int64(len(l.b))):]
		l.from = min(from, l.to)
	}
	return l
}

// until is the piece up to an offset.
func (l piece) until(to int64) piece {
	if n := to - l.from; n < int64(len(l.b)) {
		l.b = l.b[:max(n, 0)]
	}
	l.to = max(l.from, min(l.to, to))
	return l
}
