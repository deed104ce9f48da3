package linger

import (
	"io"
	"sync"
	"time"
)

const (
	firstBuffer = 16 << 10 // holds most answers of an API: head and body are there after one read
	emptyReads  = 100      // are borne in a row, as bufio does: net.Pipe has them
)

// spare buffers are those of connections that hold nothing unread. A connection
// takes one when it reads and has it only for so long: an idle one has none.
var spare = sync.Pool{New: func() any { return new([firstBuffer]byte) }}

// A buffer holds what was read from a connection and not yet used.
type buffer struct {
	b     []byte
	r, w  int                // b[r:w] is unread
	lent  *[firstBuffer]byte // what b is of, if it is one of the spare ones
	fault error              // of a read that brought nothing; the next fill returns it
	at    time.Time          // when the unread came, where that is known
}

func (b *buffer) len() int       { return b.w - b.r }
func (b *buffer) unread() []byte { return b.b[b.r:b.w] }

func (b *buffer) skip(n int) {
	if b.r += n; b.r == b.w {
		b.r, b.w = 0, 0
	}
}

// room returns where to read to: behind what is there. It makes room if there is
// none.
func (b *buffer) room() []byte {
	switch {
	case b.b == nil:
		b.lent = spare.Get().(*[firstBuffer]byte)
		b.b = b.lent[:]
	case b.w == len(b.b) && b.r > 0:
		b.w = copy(b.b, b.b[b.r:b.w])
		b.r = 0
	case b.w == len(b.b):
		grown := make([]byte, 2*len(b.b))
		copy(grown, b.b)
		b.giveBack()
		b.b = grown
	}
	return b.b[b.w:]
}

// arrival returns when the unread octets came, or the present.
func (b *buffer) arrival() time.Time {
	at := b.at
	b.at = time.Time{}
	if at.IsZero() {
		return time.Now()
	}
	return at
}

// fill reads once, behind what is there. It returns an error only if nothing was
// read.
func (b *buffer) fill(r io.Reader) error {
	if err := b.fault; err != nil {
		b.fault = nil
		return err
	}
	room := b.room()
	for range emptyReads {
		n, err := r.Read(room)
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

// rest lets go of the memory between exchanges, if nothing is left unread.
func (b *buffer) rest() {
	if b.len() == 0 {
		b.giveBack()
		*b = buffer{fault: b.fault}
	}
}

func (b *buffer) giveBack() {
	if b.lent != nil {
		spare.Put(b.lent)
		b.lent = nil
	}
}
