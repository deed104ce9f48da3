package cause

import (
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// A lane is one direction of one connection: what its sender sent, and what let it
// go. Its times are those at the receiver. A segment's image is when it would have
// arrived had no queue been in its way; an ACK's release is the earliest image of
// what it let go: one round trip after it left the receiver.
type lane struct {
	conn   *flow.Conn
	dir    flow.Dir
	path   *path
	number int32 // in the path
	pair   *pair

	place  place
	places []place // that were taken for it before

	steps   []step
	dropped int // steps that stood before
	older   lumped

	acks    []ack // in order
	applied int   // of acks: the release of the others is still to come

	// What the sender knew, when it sent the last step.
	una    int64 // acknowledged
	edge   int64 // the window's end; -1 if it is not known
	unread bool  // the last ACK told of new bytes and did not move the window
	next   int64 // sent
	heard  []ack // since the step before, with what was before each

	window0    int64 // what was under way when the congestion window first held something back; 0: never
	growth     growth
	small      int64 // the end of the last small segment (snd_sml of Linux); -1 if none
	flight     int64 // the most that was under way at once, since the last loss or pause
	recover    int64 // until this is acknowledged, losses are repaired; 0: there are none
	noGrowth   int64 // bytes acknowledged since that grew
	lost       bool  // something was sent again
	prevGap    int64 // between the last two bursts
	prevAt     int64
	prevFirst  int   // the first step of the burst under way, absolute
	prevBurst  int64 // bytes of the burst before
	burst      int64 // bytes of the one under way
	regular    int   // how many bursts in a row were as long, and came as late, as the one before
	prevImage  int64
	prevPushed bool
	prevSmall  bool
	prevID     uint16
	skipped    int      // packets that its sender counted between the last two that were captured
	ackedTo    int64    // what its receiver acknowledged, as captured
	holed      bool     // the receiver told of a hole
	ackedStep  int      // absolute: all before have their ackLeft
	widest     int64    // the largest window that was offered
	clock      *tsClock // shared where the sender has one for all connections
	departures *Departures
}

// A sender is what of a lane an ACK changes.
type sender struct {
	una, edge int64
	unread    bool // the last ACK told of new bytes and did not move the window
}

// mostHeard is how many ACKs without a step in between are kept in mind.
const mostHeard = 64

// A step is one segment with bytes.
type step struct {
	from, to int64
	image    int64
	at       int64 // when it arrived: seen, or modelled from image
	ackLeft  int64 // when the first ACK that covers it left the receiver; 0 if none was seen
	wire     int32 // bytes of the IP packet, of all pieces
	packet   int32
	passage  int // its number in the path's log
	place    int // of the lane's places, by which its times were worked out
	segment  int // its index in the connection, forgotten ones counted
	kind     flow.Kind
	again    int // the step that carried its bytes again, absolute, and 1 more; 0 if none did
	torn     []resend
	modelled bool
	heeded   bool // nothing held that ACK back: it came alone, and its window is about as wide as ever
	prompt   bool // that ACK left at once when it arrived
	missing  bool // the IP-ID says that a packet between the one before and this was lost
	gap      gap
	lump     *lump // what it stands for, if it is many
}

// An ack is an acknowledgment that the lane's receiver sent.
type ack struct {
	left    int64 // the receiver
	release int64
	ack     int64
	edge    int64 // -1 if the window's scale is unknown
	window  int64
	newest  int  // the last step that it covers and none before did, absolute; -1 if none
	data    bool // it came with bytes
	before  sender
	packet  int32
}

// seen says whether arrivals are seen, and not modelled: the capture is at the receiver.
func (l *lane) seen() bool {
	return l.toReceiver()*2 <= l.rtt()/8
}

// rtt is the smallest round trip between the two ends, and toReceiver the part of it
// from the place of capture to the lane's receiver, one way.
func (l *lane) rtt() int64        { return 2 * (l.place[flow.Up] + l.place[flow.Down]) }
func (l *lane) toReceiver() int64 { return l.place[l.dir] }

// oneWay is how long a bit is on its way from sender to receiver.
func (l *lane) oneWay() int64 { return l.rtt() / 2 }

func newLane(c *flow.Conn, d flow.Dir, p *path, ends *pair) *lane {
	l := &lane{conn: c, dir: d, path: p, pair: ends, place: ends.way, edge: -1, small: -1}
	p.join(l)
	return l
}

// A pair is how far two hosts are from the place of capture, by the receivers of each
// direction: the least that any of their connections has seen, one way.
type pair struct {
	way    place
	open   int         // connections
	clocks [2]*tsClock // of the senders of each direction

	// What would have become of connections that were kept, see conn.warm.
	conns   []*flow.Conn // the last ones
	kept    bool         // one of them carried several exchanges
	ends    []int64      // when exchanges ended, the last ones
	taken   int          // of the connections that these left, how many would have been used again
	window  int64        // how far the congestion window would have grown
	lastEnd int64
}

func (p *pair) learn(c *flow.Conn) {
	for d := range p.way {
		n := c.ToReceiver(flow.Dir(d))
		if c.MinRTT > 0 {
			n = max(n, 1) // it is known: no time passed, as the capture counts it
		}
		if n > 0 && (p.way[d] == 0 || n < p.way[d]) {
			p.way[d] = n
		}
	}
}

// headers is what an IP packet has beside its data, in bytes, with TCP's timestamps.
const headers = 52

// sent takes in a segment with bytes.
func (l *lane) sent(s *flow.Segment, index int) {
	st := step{
		from: s.Seq, to: s.End(), packet: s.Packet, segment: index, kind: s.Kind, place: len(l.places),
		wire: s.Len + headers*int32(s.Pieces),
	}
	arrived := s.At + l.toReceiver()
	st.at = arrived
	early, late := arrived, arrived
	if l.seen() {
		st.modelled = true
		early, late = l.bounds(s, arrived)
	}
	l.hear(late + slack)
	st.image = l.between(early, late)
	st.missing = l.skipped > 0 && l.seen()
	sit := l.situation(&st, s)
	st.gap = decide(sit)
	if st.gap.paced {
		l.pacedBefore(st.gap)
	}
	switch st.gap.cause {
	case timeline.Loss:
		l.resent(&st)
	case timeline.SlowStart:
		if l.window0 == 0 && st.gap.release != 0 {
			l.window0 = sit.next - sit.before.una
		}
	}
	if l.clock == nil && l.seen() && l.departures == nil {
		late -= l.rtt() / 2 // no clock tells how long it queued: what comes soon is taken to have
	}
	l.path.arrived(l, &st, late)
	l.steps = append(l.steps, st)
	l.remember(&st, s)
}

// slack is by how much an image may be early against the release that let it go, in
// nanoseconds: half the RTT is not exactly one way.
const slack = 200_000

// count follows the sender's count of its packets, where it has one: Linux counts a
// connection's in IPv4's identification (ip_select_ident_segs).
func (l *lane) count(s *flow.Segment) {
	l.skipped = 0
	if n := int(s.ID - l.prevID); l.prevID != 0 && s.ID != 0 && n > 1 && n < 64 {
		l.skipped = n - 1
	}
	if s.ID != 0 {
		l.prevID = s.ID + uint16(s.Pieces) - 1
	}
}

// between chooses the image within its bounds: an ACK that came then let it go.
func (l *lane) between(early, late int64) int64 {
	for _, a := range l.recent() {
		if a.release >= early && a.release <= late {
			return a.release
		}
	}
	return early + (late-early)/2
}

// releaser is the first of the ACKs that the sender heard right before a time.
func (l *lane) releaser(image, epsilon int64) (ack, bool) {
	for _, a := range l.recent() {
		if a.release > image-epsilon {
			return a, true
		}
	}
	return ack{newest: -1}, false
}

// recent are the last of the ACKs heard since the step before.
func (l *lane) recent() []ack { return l.heard[max(0, len(l.heard)-mostHeard):] }

// hear applies the ACKs that the sender has by a time, as images go.
func (l *lane) hear(until int64) {
	for ; l.applied < len(l.acks) && l.acks[l.applied].release <= until; l.applied++ {
		a := l.acks[l.applied]
		a.before = sender{l.una, l.edge, l.unread}
		l.unread = a.edge >= 0 && (a.ack > l.una && a.edge <= l.edge || a.edge == l.edge && l.unread)
		if a.ack > l.una {
			l.noGrowth += a.ack - l.una
			l.una = a.ack
			if l.recover > 0 && l.una >= l.recover { // what was under way meanwhile was more than the window
				l.flight, l.noGrowth, l.recover = 0, 0, 0
			}
		}
		l.edge = max(l.edge, a.edge)
		if len(l.heard) == 2*mostHeard {
			l.heard = append(l.heard[:0], l.recent()[1:]...)
		}
		l.heard = append(l.heard, a)
	}
	if l.applied > len(l.acks)/2 {
		l.acks, l.applied = shift(l.acks, l.applied), 0
	}
}

// resent notes that bytes went again: those who carried them last were lost, unless it
// turns out later that they were not.
func (l *lane) resent(st *step) {
	l.lost = true
	l.flight, l.noGrowth, l.recover = 0, 0, max(l.next, l.una+1)
	if l.seen() {
		return // what was captured at its receiver was not lost
	}
	number := l.dropped + len(l.steps)
	for i := len(l.steps) - 1; i >= 0 && i >= len(l.steps)-4096; i-- {
		s := &l.steps[i]
		switch {
		case s.from >= st.to || s.to <= st.from:
		case s.from >= st.from && s.to <= st.to:
			s.again = number + 1
		default: // of what a card cut, one packet was lost
			s.tear(resend{max(s.from, st.from), min(s.to, st.to), number + 1})
		}
		if s.from <= st.from && s.kind == flow.Data {
			break
		}
	}
}

// kindOf is what a step was there for, as is known by now: that a retransmission was
// spurious is told after it.
func (l *lane) kindOf(s *step) flow.Kind {
	if i := s.segment - l.conn.Forgotten; i >= 0 && i < len(l.conn.Segments) {
		return l.conn.Segments[i].Kind
	}
	return s.kind
}

// lostOf says whether a step was lost: its bytes were sent again, and had to be.
func (l *lane) lostOf(s *step) bool {
	return l.neededBy(s.again)
}

// neededBy says whether bytes were lost that a step carried again; the step is absolute,
// and 1 more, 0 for none.
func (l *lane) neededBy(again int) bool {
	if again == 0 {
		return false
	}
	by := l.step(again - 1)
	return by == nil || l.kindOf(by) != flow.Spurious
}

// remember takes in what the next step must know.
func (l *lane) remember(st *step, s *flow.Segment) {
	if idle := st.image - l.prevImage; l.next == l.una && idle > restarts {
		l.flight, l.noGrowth = 0, 0 // "restart window": RFC 5681 §4.1
	}
	if waited := st.at - l.prevAt; waited > burstGap {
		l.regular = l.evenly(waited)
		l.prevGap, l.prevBurst, l.burst = waited, l.burst, 0
		l.prevFirst = l.dropped + len(l.steps) - 1
	}
	l.burst += st.to - st.from
	l.prevAt = st.at
	l.prevImage = st.image
	l.heard = l.heard[:0]
	l.prevPushed = s.Flags&pushed != 0
	l.prevSmall = int(s.Len)%l.conn.SegmentSize(l.dir) != 0
	if l.prevSmall {
		l.small = st.to
	}
	l.next = max(l.next, st.to)
	if f := l.next - l.una; f > l.flight {
		l.flight, l.noGrowth = f, 0
	}
}

// pacedBefore says of the burst before that it was paced, too, where that was not seen
// from one burst alone.
func (l *lane) pacedBefore(g gap) {
	if s := l.step(l.prevFirst); s != nil && s.gap.cause == timeline.Stall && !s.gap.idle {
		s.gap.cause, s.gap.certainty = g.cause, g.certainty
	}
}

// burstGap is from where on a gap parts two bursts, in nanoseconds.
const burstGap = 300_000

// evenly counts bursts that are spread evenly: as long as the one before it, and about
// as late after it.
func (l *lane) evenly(waited int64) int {
	if l.burst == l.prevBurst && waited < l.prevGap*8/5 && waited > l.prevGap*5/8 {
		return l.regular + 1
	}
	return 0
}

// acked takes in an ACK of the lane's receiver.
func (l *lane) acked(s *flow.Segment) {
	left := s.At - l.toReceiver()
	a := ack{left: left, release: left + l.rtt(), ack: s.Ack, edge: -1, packet: s.Packet, data: s.Len > 0}
	if s.Window >= 0 {
		a.window = int64(s.Window)
		a.edge = s.Ack + a.window
		l.widest = max(l.widest, a.window)
	}
	l.arrivals(s, left)
	a.newest = l.cover(&a)
	l.progress(s, left)
	if len(l.acks) > 1<<16 {
		l.hear(l.acks[len(l.acks)/2].release)
	}
	if n := len(l.acks); n-l.applied > fewAcks && a.repeats(&l.acks[n-1]) && a.repeats(&l.acks[n-2]) {
		l.acks[n-1] = a
		return
	}
	l.acks = append(l.acks, a)
}

// fewAcks is how many are kept although they say what others say: of more, the first
// and the last of those that say the same.
const fewAcks = 256

// repeats says whether an ACK lets nothing go that one before it did not.
func (a *ack) repeats(before *ack) bool { return a.ack == before.ack && a.edge == before.edge }

// progress measures the bottleneck by what ACKs say to have come over it, where
// arrivals are not seen. While there is a hole they do not say that, nor when it is
// filled.
func (l *lane) progress(s *flow.Segment, left int64) {
	fresh := s.Ack - l.ackedTo
	if fresh > 0 {
		l.ackedTo = s.Ack
	}
	if fresh <= 0 || l.seen() {
		l.holed = l.holed || s.NumSACK > 0
		return
	}
	size := int64(l.conn.SegmentSize(l.dir))
	if l.holed || s.NumSACK > 0 || s.Len > 0 || fresh < size || s.Window >= 0 && int64(s.Window) < l.widest*3/4 {
		l.holed = s.NumSACK > 0 // or it is the program's time that ACKs tell
		l.path.interrupt()
		return
	}
	if newest := l.step(l.ackedStep - 1); newest != nil {
		l.path.measure(left, newest.image, fresh+(fresh+size-1)/size*headers)
	}
}

// cover notes which steps an ACK covers, and returns the newest.
func (l *lane) cover(a *ack) int {
	l.ackedStep = max(l.ackedStep, l.dropped)
	newest, first := l.ackedStep-1, l.ackedStep
	for ; l.ackedStep-l.dropped < len(l.steps); l.ackedStep++ {
		s := &l.steps[l.ackedStep-l.dropped]
		if s.to > a.ack {
			break
		}
		if s.ackLeft == 0 {
			s.ackLeft = a.left
		}
		newest = l.ackedStep
	}
	if s := l.step(newest); s != nil && newest >= first && s.ackLeft == a.left {
		// RFC 5681 §4.2: "at least every second full-sized segment"
		s.heeded = !a.data && (a.edge < 0 || a.window >= l.widest*3/4)
		s.prompt = s.heeded && a.ack-l.ackedTo > int64(l.conn.SegmentSize(l.dir))
	}
	return newest
}

// arrivals notes of steps behind a hole that their ACK left at once: "a TCP receiver
// SHOULD send an immediate duplicate ACK when an out-of-order segment arrives" (RFC
// 5681 §3.2). The first block is of the newest segment: RFC 2018 §4.
func (l *lane) arrivals(s *flow.Segment, left int64) {
	if s.NumSACK == 0 || s.DSACK || l.seen() {
		return
	}
	b := l.conn.SACKs[s.SACKs]
	for i := len(l.steps) - 1; i >= 0 && i >= len(l.steps)-512; i-- {
		st := &l.steps[i]
		if st.from >= b.From && st.to <= b.To && st.ackLeft == 0 {
			st.ackLeft = left
			st.prompt = st.to == b.To
		}
	}
}

// forget drops the steps that lie before an offset of the stream and arrived before a
// time: no exchange waits for them any more.
func (l *lane) forget(before, at int64) {
	n := 0
	for n < len(l.steps) && l.steps[n].to <= before && l.steps[n].ackLeft != 0 && l.steps[n].at < at {
		n++
	}
	if n >= leastForgotten || n == len(l.steps) {
		l.drop(n)
	}
	older := l.older.steps
	n = 0
	for n < len(older) && older[n].to <= before && older[n].at < at {
		n++
	}
	if l.older.steps = shift(older, n); len(l.older.steps) == 0 {
		l.older = lumped{}
	}
}

// leastForgotten is how many steps are forgotten at once: the next exchange's first may
// have waited for the last ones.
const leastForgotten = 128

// drop lets go of the first n steps.
func (l *lane) drop(n int) {
	l.steps = shift(l.steps, n)
	l.dropped += n
}

// shift drops the first n, in place unless that would hold much for little.
func shift[T any](all []T, n int) []T {
	left := len(all) - n
	if cap(all) > 4*left+256 {
		return append(make([]T, 0, left), all[n:]...)
	}
	copy(all, all[n:])
	clear(all[left:])
	return all[:left]
}

// behind is when the first step left the sender that brings bytes from an offset on.
func (l *lane) behind(offset int64) (int64, bool) {
	if n := len(l.older.steps); n > 0 && l.older.steps[n-1].to > offset {
		return l.lumpsOf(offset, offset+1)[0].image - l.oneWay(), true
	}
	for i := range l.steps {
		if s := &l.steps[i]; s.to > offset {
			return s.image - l.oneWay(), true
		}
	}
	return 0, false
}
