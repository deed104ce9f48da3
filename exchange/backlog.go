package exchange

import (
	"bytes"

	"github.com/lingerhttp/linger/flow"
)

// A backlog keeps what a reader will be told later, in its order.
type backlog struct {
	events []event
	bytes  int
}

// An event is one call of a reader: data if h and end are nil.
type event struct {
	d   flow.Dir
	c   chunk
	h   *hole
	end *ending
}

type ending struct {
	at  int64
	how flow.How
}

// eventSize is about what an event takes besides its bytes.
const eventSize = 100

func (b *backlog) data(d flow.Dir, c chunk) {
	b.bytes += len(c.b)
	if n := len(b.events); n > 0 && b.events[n-1].takes(d, c) {
		last := &b.events[n-1].c
		last.b, last.to = append(last.b, c.b...), c.to
		return
	}
	c.b = bytes.Clone(c.b)
	b.events = append(b.events, event{d: d, c: c})
}

// takes says whether c goes on where the event's bytes in clear text end, read at
// the same time.
func (e *event) takes(d flow.Dir, c chunk) bool {
	return e.h == nil && e.end == nil && e.d == d && e.c.to == c.from && e.c.at == c.at && e.c.packet == c.packet &&
		e.c.to-e.c.from == int64(len(e.c.b)) && c.to-c.from == int64(len(c.b))
}

func (b *backlog) missing(d flow.Dir, h hole) { b.events = append(b.events, event{d: d, h: &h}) }

func (b *backlog) end(d flow.Dir, at int64, how flow.How) {
	b.events = append(b.events, event{d: d, end: &ending{at, how}})
}

// full says whether it holds as much as limit, in bytes; what it needs for itself
// counts from where that is more.
func (b *backlog) full(limit int) bool {
	return b.bytes >= limit || len(b.events)*eventSize >= 4*limit
}

func (b *backlog) replay(r reader) {
	for _, e := range b.events {
		switch {
		case e.h != nil:
			r.missing(e.d, *e.h)
		case e.end != nil:
			r.end(e.d, e.end.at, e.end.how)
		default:
			r.data(e.d, e.c)
		}
	}
}
