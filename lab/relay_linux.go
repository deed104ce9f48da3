package lab

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// The relay carries packets from one device through the links to the other:
//
//	read     device → slots                           tun_linux.go
//	enter    a slot → the first link of its way
//	advance  what is due leaves a link, for the next one or
//	deliver  what is due at once → the other device   bundle_linux.go
//
// It owns the devices, the slots and the links, and is one goroutine on a thread
// of its own, which the kernel runs before others and wakes within some 40 µs: Go's
// timers are late by a millisecond. Whoever wants something of it asks.
type relay struct {
	start time.Time // the links' time counts from here
	tuns  [2]*tun   // where packets of a direction come from: Up's at the client
	pool  slots
	paths paths
	flows *flows // nil if nobody wants to know
	tap   *tap
	out   [2]*bundle // of a direction: what is about to be handed over

	entries uint64 // packets that entered
	ways    [2]wayCount
	strays  int64
	refused int64         // packets that there was no room for
	bound   time.Duration // a packet that is later is over it
	latest  time.Duration // when the latest packet entered or arrived
	failure error         // of a device

	requests   requests
	bell       int // an eventfd that interrupts the wait
	stop       bool
	scheduling string // of its thread
	gentle     bool   // its links are slow: it can afford to look at the clock until it is time
	wake       waking
	done       chan struct{}
}

// A wayCount is what is counted of one direction.
type wayCount struct {
	Counts
	drops [link.NumReasons]int64
	late  histogram
	over  int64 // of these later than the bound
	pace  pace
}

func newRelay(tuns [2]*tun, c Config, p paths, t *tap) (*relay, error) {
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	r := &relay{
		start: time.Now(), tuns: tuns, paths: p, tap: t, bell: bell,
		bound: c.bound(),
		pool:  slots{size: vnetHeader + c.mtu(), most: mostUnderWay},
		out:   [2]*bundle{new(bundle), new(bundle)},
		wake:  newWaking(), gentle: p.gentle(),
		done: make(chan struct{}),
	}
	if t != nil || c.named() {
		r.flows = new(flows)
	}
	onThread(r.run)
	return r, nil
}

func (r *relay) now() time.Duration { return time.Since(r.start) }

// ask has the relay do something, and returns when it is done. It does nothing
// once the relay has ended.
func (r *relay) ask(f func()) {
	done := make(chan struct{})
	if !r.requests.add(func() { f(); close(done) }) {
		return
	}
	// A bell that cannot be rung has been rung already, and was not heard yet.
	_, _ = unix.Write(r.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-done
}

// close ends the relay.
func (r *relay) close() error {
	r.ask(func() { r.stop = true })
	<-r.done
	return errors.Join(r.failure, r.tuns[Up].close(), r.tuns[Down].close(), unix.Close(r.bell))
}

// mostUnderWay bounds the packets that are under way at once, but for copies: a link
// without a rate and with a long delay would hold whatever is sent.
const mostUnderWay = 1 << 18

// readsAtOnce bounds how much is read from one device before what is due gets its
// turn.
const readsAtOnce = 4

func (r *relay) run() {
	defer close(r.done)
	defer r.requests.end()
	r.scheduling = schedule(r.gentle)
	for !r.stop && r.failure == nil {
		busy := r.readAll(Up)
		busy = r.readAll(Down) || busy
		r.advance(r.now())
		r.requests.answer()
		if !busy && !r.stop && r.failure == nil {
			r.wait()
		}
	}
	r.tap.close()
}

// readAll takes in what a device has, up to a bound.
func (r *relay) readAll(d Direction) (some bool) {
	for range readsAtOnce {
		r.advance(r.now())
		now := r.now() // what is read now may answer what has just been handed over
		if !r.read(d, now) {
			return some
		}
		some = true
	}
	return some
}

// read takes in one piece that a device has, as having entered at now. It reports
// whether there was one.
func (r *relay) read(d Direction, now time.Duration) bool {
	some, err := r.tuns[d].read(&r.pool, func(s *slot) { r.enter(d, s, now) })
	if err != nil {
		r.failure = err
	}
	return some
}

// enter sends a packet on its way.
func (r *relay) enter(d Direction, s *slot, now time.Duration) {
	h, err := packet.Decode(s.packet())
	host := r.paths.hosts[h.Dst.Addr()]
	if d == Down {
		host = r.paths.hosts[h.Src.Addr()]
	}
	if err != nil || host == nil {
		r.strays++
		r.pool.put(s)
		return
	}
	if r.pool.inUse() > r.pool.most {
		r.refused++
		r.pool.put(s)
		return
	}
	r.entries++
	r.latest = now
	s.Header, s.host, s.seq, s.entered, s.left, s.queued = h, host, r.entries, now, now, 0
	w := &r.ways[d]
	w.Packets++
	w.Bytes += int64(h.End)
	w.Payload += int64(h.PayloadLen())
	s.conn, s.kind = 0, nthOf{}
	if r.flows != nil {
		s.conn, s.kind = r.flows.number(d, &h)
	}
	r.through(host.first(d), s, now)
}

// through lets a packet enter a link.
func (r *relay) through(h *hop, s *slot, now time.Duration) {
	h.link.Enter(now, link.Packet{ID: uint64(s.id), Size: s.End, Conn: s.conn, Kind: s.kind.kind, Nth: s.kind.nth})
}

// advance carries out what is due by now. Links that others feed come after those:
// what leaves one enters the next at the time of the plan, however late that is
// carried out.
func (r *relay) advance(now time.Duration) {
	for _, group := range r.paths.order {
		for {
			h, at := earliest(group, now)
			if h == nil {
				break
			}
			if f, ok := h.link.Take(at); ok && !f.Copy {
				r.settle(h, f)
			}
		}
	}
	r.deliver(Up)
	r.deliver(Down)
}

// earliest is the link of a group that has something to say first, and when; nil
// if none has by now.
func earliest(group []*hop, now time.Duration) (first *hop, at time.Duration) {
	at = now
	for _, h := range group {
		if t, ok := h.link.Next(); ok && t <= at && (first == nil || t < at) {
			first, at = h, t
		}
	}
	return first, at
}

// settle does to a packet what a link decided. A copy goes its own way from here:
// what the link says of it is not heard.
func (r *relay) settle(h *hop, f link.Fate) {
	s := r.pool.all[f.ID]
	s.left = f.Left
	s.queued += f.Left - f.Entered
	var twin *slot
	if f.Copied {
		twin = r.pool.twin(s)
	}
	r.pass(h, f, s)
	if twin != nil {
		twin.copy = true
		r.pass(h, f, twin)
	}
}

// pass sends a packet on, or ends its way.
func (r *relay) pass(h *hop, f link.Fate, s *slot) {
	if f.Drop != link.None {
		r.deliver(h.dir) // so that the tap hears of both in order
		w := &r.ways[h.dir]
		w.drops[f.Drop]++
		if h.shared && f.Drop != link.Tail && f.Drop != link.CoDel {
			w.pace.dropped(f) // it has taken its time on the link
		}
		r.end(h.dir, s, &f, 0)
		return
	}
	if next := s.host.after(h); next != nil {
		r.through(next, s, f.At)
		return
	}
	p := parcel{slot: s, hop: h, fate: f}
	if b := r.out[h.dir]; b.takes(s, f.At) {
		b.add(p)
		return
	}
	r.deliver(h.dir)
	r.out[h.dir].begin(p)
}

// deliver hands what has come to its end to the receiver's kernel.
func (r *relay) deliver(d Direction) {
	b := r.out[d]
	if len(b.parcels) == 0 {
		return
	}
	if err := b.write(r.tuns[1-d]); err != nil && r.failure == nil {
		r.failure = err
	}
	now, w := r.now(), &r.ways[d]
	for i := range b.parcels {
		p := &b.parcels[i]
		late := now - p.fate.At
		w.late.add(late)
		if late > r.bound {
			w.over++
		}
		if p.hop.shared {
			w.pace.arrived(p.fate, now)
		}
		r.end(d, p.slot, &p.fate, late)
	}
	b.clear()
}

// end takes a packet's slot back and records its fate.
func (r *relay) end(d Direction, s *slot, f *link.Fate, late time.Duration) {
	r.latest = max(r.latest, f.At)
	if r.tap != nil {
		r.tap.add(Record{
			Seq: s.seq, Dir: d, Queued: s.queued, Late: late, Drop: f.Drop, Copy: s.copy,
			Entered: r.start.Add(s.entered), Left: r.start.Add(s.left), At: r.start.Add(f.At),
			Conn: s.conn, Kind: s.kind.kind, Nth: s.kind.nth, Data: s.complete(),
		})
	}
	r.pool.put(s)
}

// requests are what others ask of the relay.
type requests struct {
	waiting atomic.Bool // that there are some, to be seen without the mutex

	mu    sync.Mutex
	all   []func() // guarded by mu
	ended bool     // guarded by mu: nobody answers any more
}

// add takes a request in; false if nobody will answer it.
func (q *requests) add(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.ended {
		q.all = append(q.all, f)
		q.waiting.Store(true)
	}
	return !q.ended
}

// answer does what was asked so far.
func (q *requests) answer() {
	if !q.waiting.Load() {
		return
	}
	q.mu.Lock()
	all := q.all
	q.all = nil
	q.waiting.Store(false)
	q.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// end answers for the last time.
func (q *requests) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.answer()
}

// wait sleeps until a device has something, something is due, or somebody asks.
func (r *relay) wait() {
	fds := [3]unix.PollFd{
		{Fd: int32(r.tuns[Up].fd), Events: unix.POLLIN},
		{Fd: int32(r.tuns[Down].fd), Events: unix.POLLIN},
		{Fd: int32(r.bell), Events: unix.POLLIN},
	}
	var timeout *unix.Timespec
	var left, sleep time.Duration
	began := r.now()
	if at, ok := r.paths.next(); ok {
		left = at - began
		if sleep = r.wake.sleep(left); sleep == 0 && r.gentle {
			return // it is due sooner than a sleep would end
		}
		t := unix.NsecToTimespec(int64(sleep))
		timeout = &t
	}
	n, err := unix.Ppoll(fds[:], timeout, nil)
	slept := r.now() - began
	switch {
	case n == 0 && err == nil:
		r.wake.learn(left, slept-sleep)
	case n > 0:
		// What ended the sleep entered when the thread began to wake, as far as can be
		// told, and not before it fell asleep.
		entered := began + r.wake.sleep(slept)
		r.read(Up, entered)
		r.read(Down, entered)
	}
	if err != nil && err != unix.EINTR {
		r.failure = os.NewSyscallError("ppoll", err)
		return
	}
	if fds[2].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(r.bell, count[:]) // it is a bell: what it counts does not matter
	}
}

// renew puts new links in the place of all.
func (r *relay) renew(seed uint64) error {
	for _, s := range r.pool.all {
		if s.host != nil {
			r.pool.put(s)
		}
	}
	for d := range r.ways {
		r.ways[d].pace.broken()
	}
	if r.flows != nil {
		r.flows = new(flows)
	}
	return r.paths.renew(seed)
}

func (w *wayCount) counts() Counts {
	c := w.Counts
	c.Dropped = make(map[string]int64)
	for why, n := range w.drops {
		if n > 0 {
			c.Dropped[link.Reason(why).String()] = n
		}
	}
	return c
}

// way is what there is to certify of a direction, whose shared link is c.
func (w *wayCount) way(c link.Config) Way {
	way := Way{
		Counts: w.counts(), Arrived: w.late.count, Over: w.over, Rate: meanRate(c),
		Lateness: Lateness{P50: w.late.quantile(0.5), P99: w.late.quantile(0.99), Max: w.late.largest},
	}
	if c.Trace == nil {
		way.Achieved = w.pace.rate()
	}
	return way
}

// certify fills in what the relay knows.
func (r *relay) certify(c *Certificate) {
	c.Duration, c.Scheduling, c.Strays, c.Overrun = r.now(), r.scheduling, r.strays, r.refused
	c.Unrecorded = r.tap.missing()
	up, down := r.paths.shared()
	c.Up, c.Down = r.ways[Up].way(up), r.ways[Down].way(down)
}
