package lab

import (
	"sync"
	"time"

	"github.com/lingerhttp/linger/link"
)

// A Record is what became of one packet. Every packet that entered has one, and
// each copy that a link made of it another; not so what is under way when the lab is
// renewed or closed. What is for nobody in the lab, and what cannot be read as a
// packet, does not enter, nor what there is no room for: a [Certificate] counts them
// as Strays and as Overrun.
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

// A tap hands records from the relay, which must not wait, to a function, which may.
// The relay adds to one slice, while the function is told those of another, and then
// they change places.
type tap struct {
	tell  func(Record)
	awake chan struct{} // holds one if something waits; closed when nothing more will come
	done  chan struct{}

	mu      sync.Mutex
	waiting []Record // guarded by mu
	lost    int64    // guarded by mu; records there was no room for
}

// tapRoom is how many records may wait, while as many are being told: some 110 MB
// each, if all hold packets of 1,500 bytes.
const tapRoom = 65_536

func newTap(tell func(Record)) *tap {
	if tell == nil {
		return nil
	}
	t := &tap{tell: tell, awake: make(chan struct{}, 1), done: make(chan struct{})}
	go t.run()
	return t
}

// run tells the records until close.
func (t *tap) run() {
	defer close(t.done)
	var told []Record
	for range t.awake {
		told = t.swap(told)
		for i := range told {
			t.tell(told[i])
		}
		clear(told) // their data is whoever's was told
	}
}

// swap returns what waits, and takes the memory of what was told for what comes.
func (t *tap) swap(told []Record) []Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := t.waiting
	t.waiting = told[:0]
	return waiting
}

// add takes a record in.
func (t *tap) add(r Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == tapRoom {
		t.lost++
		return
	}
	t.waiting = append(t.waiting, r)
	select {
	case t.awake <- struct{}{}:
	default: // run has yet to hear of the one before
	}
}

// missing is how many records there was no room for.
func (t *tap) missing() int64 {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lost
}

// close waits until everything has been told.
func (t *tap) close() {
	if t == nil {
		return
	}
	close(t.awake)
	<-t.done
}
