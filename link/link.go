package link

import "time"

// A Link is one direction of a path. Its methods must not be called at the same
// time.
//
// Without CoDel, all is known of a packet as it enters: its times are reckoned
// ahead, and it stands in the queue only to be counted. CoDel decides on a packet
// as it comes out of the queue, so that until then nothing is known.
type Link struct {
	now      time.Duration // the latest
	queue    line
	codel    *codel // nil without CoDel
	sender   sender
	wire     wire
	due      due
	inFlight int
}

// New returns a link. Two with the same configuration and the same seed do the
// same to the same packets. An error is that of [Config.Check].
func New(c Config, seed uint64) (*Link, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	l := &Link{
		queue:  line{limit: c.queue()},
		sender: c.sender(),
		wire:   newWire(c, seed),
	}
	if c.Queue.CoDel && l.sender != (unlimited{}) {
		l.codel = new(codel)
	}
	return l, nil
}

// Enter lets a packet enter. The caller chooses what now counts from; it is at
// least 0, at most 146 years, and never decreases from one call of Enter or Take
// to the next: an earlier one counts as the latest.
func (l *Link) Enter(now time.Duration, p Packet) {
	l.advance(now)
	l.inFlight++
	w := waiter{fate: Fate{Packet: p, Entered: l.now}, luck: l.wire.draw(p)}
	w.begin = l.sender.ready(l.now)
	switch waits := w.begin > l.now; {
	case waits && l.queue.full(p.bytes()):
		l.drop(&w.fate, Tail, l.now)
	case l.codel != nil:
		l.queue.push(&w)
		l.advance(l.now)
	default:
		if waits {
			l.queue.push(&w)
		}
		l.send(&w, w.begin)
	}
}

// Next returns when the next fate is due, if nothing enters before; false if none
// is to come. With CoDel, which decides late, it may also be a time at which there
// is only something to decide: Take will find nothing, and Next a later time.
func (l *Link) Next() (at time.Duration, ok bool) {
	at, ok = l.due.next()
	if l.codel != nil && l.queue.waiting.len > 0 {
		if pull := l.sender.ready(l.now); !ok || pull < at {
			at, ok = pull, true
		}
	}
	return at, ok
}

// Take returns the next fate that is due by now; false if none is. Fates come in
// the order of their time, and are the same however seldom Take is called.
func (l *Link) Take(now time.Duration) (f Fate, ok bool) {
	l.advance(now)
	first, inOrder := l.due.first()
	if first == nil || first.At > max(now, l.now) {
		return f, false
	}
	f = first.Fate
	if !first.Copy {
		l.inFlight--
	}
	l.due.drop(inOrder)
	return f, true
}

// InFlight returns how many packets have entered whose fate was not taken yet.
func (l *Link) InFlight() int { return l.inFlight }

// Queued returns how many packets waited to be transmitted, and their bytes, at
// the time of the latest call of Enter or Take.
func (l *Link) Queued() (packets int, bytes int64) { return l.queue.waiting.len, l.queue.bytes }

// advance takes those packets out of the queue whose transmission begins by now.
func (l *Link) advance(now time.Duration) {
	l.now = max(l.now, min(now, never))
	for l.codel == nil && l.queue.waiting.len > 0 && l.queue.first().begin <= l.now {
		l.queue.drop()
	}
	for l.codel != nil && l.queue.waiting.len > 0 {
		at := l.sender.ready(l.queue.first().fate.Entered)
		if at > l.now {
			return
		}
		w := l.pull(at)
		l.send(&w, at)
	}
}

// send transmits a packet and puts it on the wire.
func (l *Link) send(w *waiter, begin time.Duration) {
	w.fate.Left = l.sender.send(begin, w.fate.bytes())
	l.wire.carry(&w.fate, &w.luck, &l.due)
}

// drop ends a packet's way in the queue.
func (l *Link) drop(f *Fate, why Reason, at time.Duration) {
	f.Drop, f.Left, f.At = why, at, at
	l.due.add(f, false)
}
