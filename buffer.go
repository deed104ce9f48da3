package linger

import "io"

const (
	firstBuffer = 4 << 10  // holds most heads
	keptBuffer  = 16 << 10 // a buffer that grew beyond this is let go between exchanges
	emptyReads  = 100      // are borne in a row, as bufio does: net.Pipe has them
)

// A buffer holds what was read from a connection and not yet used.
type buffer struct {
	b    []byte
	r, w int // b[r:w] is unread
}

func (b *buffer) len() int       { return b.w - b.r }
func (b *buffer) unread() []byte { return b.b[b.r:b.w] }

func (b *buffer) skip(n int) {
	if b.r += n; b.r == b.w {
		b.r, b.w = 0, 0
	}
}

// fill reads once, behind what is there, and makes room first if there is none.
// It returns an error only if nothing was read.
func (b *buffer) fill(r io.Reader) error {
	switch {
	case b.b == nil:
		b.b = make([]byte, firstBuffer)
	case b.w == len(b.b) && b.r > 0:
		b.w = copy(b.b, b.b[b.r:b.w])
		b.r = 0
	case b.w == len(b.b):
		b.b = append(b.b, make([]byte, len(b.b))...)
	}
	for range emptyReads {
		n, err := r.Read(b.b[b.w:])
		b.w += n
		switch {
		case n > 0:
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// rest lets go of a buffer that has grown, between exchanges.
func (b *buffer) rest() {
	if b.len() == 0 && len(b.b) > keptBuffer {
		*b = buffer{}
	}
}
