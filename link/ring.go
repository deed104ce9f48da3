package link

// A ring is a queue. Its memory grows with what is in it, and shrinks as [calm]
// says.
type ring[T any] struct {
	buf  []T // its length is 0 or a power of two
	head int // where the first one is
	len  int
	calm calm
}

// add adds one at the end and points at it, until the next add or drop.
func (r *ring[T]) add() *T {
	if r.len == len(r.buf) {
		r.resize(max(2*r.len, smallest))
	}
	i := (r.head + r.len) & (len(r.buf) - 1)
	r.len++
	r.calm.added(r.len, len(r.buf))
	return &r.buf[i]
}

// first points at the first one until the next add or drop. There must be one.
func (r *ring[T]) first() *T { return &r.buf[r.head] }

// drop removes the first one. There must be one.
func (r *ring[T]) drop() {
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.len--
	if r.calm.tooLarge(len(r.buf)) {
		r.resize(len(r.buf) / 2)
	}
}

func (r *ring[T]) resize(n int) {
	buf := make([]T, n)
	k := copy(buf, r.buf[r.head:min(r.head+r.len, len(r.buf))])
	copy(buf[k:], r.buf[:r.len-k])
	r.buf, r.head = buf, 0
}

// calm counts what has been taken out of a slice since it was a quarter full. When
// that is as much as it could hold, it is too large: half of it would do. So what
// goes up and down again and again allocates nothing, and what was large once does
// not stay so.
type calm int

// smallest is the size up to which no slice is too large.
const smallest = 64

func (c *calm) added(used, size int) {
	if used >= size/4 {
		*c = 0
	}
}

// tooLarge counts one that was taken, and reports whether to halve the slice.
func (c *calm) tooLarge(size int) bool {
	if *c++; size <= smallest || int(*c) < size {
		return false
	}
	*c = 0
	return true
}
