package lab

import (
	"time"

	"github.com/lingerhttp/linger/link"
)

// A Record is what became of one packet. Every packet that entered has one, and
// each copy that a link made of it another; not so what is under way when the lab is
// renewed or closed.
type Record struct {
	// Seq is the ordinal of the packet's entry among those of both directions, from
	// 1. Records come in the order of their ends, not of Seq.
	Seq uint64

	Dir Direction

	// Entered is when the packet came from the sender's kernel, Left when its last
	// bit had left the queue that it stood in last, At when it was due at the
	// receiver's kernel, or was dropped. These are the link's times: what the plan
	// says, to the nanosecond.
	Entered, Left, At time.Time

	// Queued is how long it took to leave the queues that it stood in, the
	// transmission of its own bits included.
	Queued time.Duration

	// Late is how much later than At the packet was handed over; 0 if it was dropped.
	Late time.Duration

	// Drop says why the packet was dropped; link.None if it arrived.
	Drop link.Reason
	Copy bool

	// Conn is the ordinal of its connection, from 1 in the order of the SYNs; 0 if it
	// has none, or its SYN was not seen. It is the Nth of its Kind in its direction.
	Conn int
	Kind link.Kind
	Nth  int

	// Data is the IP packet, its checksums complete.
	Data []byte
}

// A tap hands records from the relay, which must not wait, to a function, which
// may. Between them stand batches, up to a bound.
type tap struct {
	tell    func(Record)
	batches chan []Record
	batch   []Record // not sent yet; the relay's
	lost    int64    // records there was no room for; the relay's
	done    chan struct{}
}

const (
	batchSize    = 256
	batchesAhead = 256 // 65,536 records, about 100 MB if all are full
)

func newTap(tell func(Record)) *tap {
	if tell == nil {
		return nil
	}
	t := &tap{tell: tell, batches: make(chan []Record, batchesAhead), done: make(chan struct{})}
	go t.run()
	return t
}

// run tells the records until close.
func (t *tap) run() {
	defer close(t.done)
	for batch := range t.batches {
		for _, r := range batch {
			t.tell(r)
		}
	}
}

// add takes a record in.
func (t *tap) add(r Record) {
	t.batch = append(t.batch, r)
	if len(t.batch) >= batchSize {
		t.flush()
	}
}

// flush sends what add took in.
func (t *tap) flush() {
	if t == nil || len(t.batch) == 0 {
		return
	}
	select {
	case t.batches <- t.batch:
	default:
		t.lost += int64(len(t.batch))
	}
	t.batch = make([]Record, 0, batchSize)
}

// close waits until everything has been told.
func (t *tap) close() {
	if t == nil {
		return
	}
	t.flush()
	close(t.batches)
	<-t.done
}
