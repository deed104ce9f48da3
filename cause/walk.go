package cause

import (
	"slices"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// A span is a stretch of an exchange with its cause, in nanoseconds since 1970.
type span struct {
	cause      timeline.Cause
	detail     detail
	phase      timeline.Phase
	start, end int64
	packets    []int32
	certainty  float32
	dir        flow.Dir
}

// A detail tells spans of one cause apart, for their sentence and their remedy.
type detail uint8

const (
	plain detail = iota
	fastRetransmit
	tailProbe
	timeout
	repair
	behindPipeline
	behindStream
	behindHole
	closedWindow
	smallWindow
	streamWindow // of HTTP/2
	ofNagle      // an ACK held while Nagle's algorithm waited for it
	ofWindow     // … while a window did
	ofCongestion // … while the congestion window did
)

// A walk goes over the bytes of an exchange in the order in which they can be read,
// and gives each instant its cause. at is how far it has come.
type walk struct {
	at    int64
	phase timeline.Phase
	spans []span
	begun bool  // the message's first bytes are under way
	end   int64 // of the message's bytes, the last that were seen

	// lead is by how much what is walked is ahead of the walk. A request is walked as its
	// sender's time goes, and is on its way at the end; a response as its receiver's
	// does, and was on its way at the beginning.
	lead int64
}

// to ends a span at a time, if that is later than where the walk is.
func (w *walk) to(end int64, s span) {
	if end <= w.at {
		return
	}
	s.start, s.end, s.phase = w.at, end, w.phase
	w.at = end
	if n := len(w.spans); n > 0 {
		last := &w.spans[n-1]
		if last.cause == s.cause && last.detail == s.detail && last.phase == s.phase && last.dir == s.dir {
			last.end = end
			last.certainty = min(last.certainty, s.certainty)
			for _, p := range s.packets {
				last.show(p)
			}
			return
		}
	}
	w.spans = append(w.spans, s)
}

// mostEvidence is how many packets a span names.
const mostEvidence = 12

func (s *span) show(packet int32) {
	if packet == 0 || slices.Contains(s.packets, packet) {
		return
	}
	if len(s.packets) == mostEvidence {
		s.packets[mostEvidence-1] = packet
		return
	}
	s.packets = append(s.packets, packet)
}

// A piece is a run of bytes with the step that brought them.
type piece struct {
	from, to int64
	step     *step
	number   int   // of the step among the lane's
	first    *step // that brought them before, if they were lost on their way from here
	would    int64 // when they would have arrived, had they not been lost; 0 if they were not
	own      bool
	unseen   bool // own bytes in front of it are not in the capture
}

// sent is the step that first took the piece on its way.
func (p *piece) sent() *step {
	if p.first != nil {
		return p.first
	}
	return p.step
}

// message walks over a message from the time at which its sender could have begun.
// Own bytes first take the way itself; then each piece is as late as it is for a
// reason.
func (w *walk) message(l *lane, ranges []flow.Block, o order) {
	if len(ranges) == 0 {
		return
	}
	pieces := l.pieces(ranges, w.at)
	if o == streams {
		pieces = w.among(l, pieces)
	}
	under := w.begun // own bytes are under way, or there
	w.begun = false
	if w.lead = 0; l.dir == flow.Up {
		w.lead = l.oneWay()
	}
	for _, p := range pieces {
		if p.own {
			w.end = p.to
		}
		switch {
		case !p.own && (o == alone || o == streams && p.to-p.from <= control):
		case !p.own:
			w.to(p.step.at-w.lead, span{cause: timeline.HeadOfLine, detail: o.behind(), packets: []int32{p.step.packet}, certainty: 0.9, dir: l.dir})
		case p.unseen:
			w.to(p.step.at-w.lead, span{cause: timeline.Unknown, packets: []int32{p.step.packet}, certainty: 1, dir: l.dir})
			under = true
		case !under:
			w.first(l, p)
			under = true
		default:
			w.next(l, p)
		}
	}
	if n := len(pieces); n > 0 && w.lead > 0 {
		w.to(w.at+w.lead, span{cause: timeline.Propagation, packets: []int32{pieces[n-1].step.packet}, certainty: 0.95, dir: l.dir})
	}
}

// queuedFrom is since when, until its own turn, the bottleneck had other lanes' bytes
// before a step's.
func (l *lane) queuedFrom(s *step, from, begun int64) int64 {
	switch {
	case l.seen():
		return l.path.others(l, from, begun)
	case l.path.shared(s):
		return from
	}
	return begun
}

// among walks over the time in which a message of HTTP/2 was not begun, if bytes of
// other streams came before its first, and returns the pieces from there on. As long
// as its sender now and then had nothing to send at all, it was not ready; after that
// it stood behind the others.
func (w *walk) among(l *lane, pieces []piece) []piece {
	for len(pieces) > 0 && !pieces[0].own && pieces[0].to-pieces[0].from <= control {
		pieces = pieces[1:]
	}
	last := -1
	own := slices.IndexFunc(pieces, func(p piece) bool { return p.own })
	before := w.at + l.oneWay() // until when the bottleneck had other bytes
	for i, p := range pieces[:own+1] {
		if g := p.step.gap; g.cause == timeline.Stall && g.idle && p.step.image > before+slack {
			last = i
		}
		before = max(before, p.step.at)
	}
	if own < 1 || last == own {
		return pieces[max(own, 0):]
	}
	if last >= 0 {
		w.to(pieces[last].step.image-l.oneWay(), span{cause: timeline.Server, packets: []int32{pieces[last].step.packet}, certainty: 0.7, dir: l.dir})
		pieces = pieces[last:]
	}
	if l.dir == flow.Down { // a request is on its way at its end
		w.to(w.at+l.oneWay(), span{cause: timeline.Propagation, packets: []int32{pieces[0].step.packet}, certainty: 0.8, dir: l.dir})
	}
	w.begun = true
	return pieces
}

// control is how long frames of HTTP/2 are at most that belong to no exchange, such as
// SETTINGS: nobody waits for them.
const control = 120

// An order says what the bytes are that stand before a message's own.
type order uint8

const (
	alone    order = iota // no other exchange's: a handshake's
	pipeline              // those of the exchanges before, all of them
	streams               // those of other streams, and frames that belong to no exchange
)

func (o order) behind() detail {
	if o == streams {
		return behindStream
	}
	return behindPipeline
}

// first walks to the message's first bytes: until they were sent, then one way.
func (w *walk) first(l *lane, p piece) {
	image, begun := l.timesOf(p, w.at+w.lead)
	sent := p.sent().gap
	if sent.cause == timeline.Stall && l.dir == flow.Down {
		sent.cause = timeline.Server
	}
	w.held(l, p.sent(), sent, image-l.oneWay(), l.oneWay())
	if w.lead == 0 {
		w.to(image, span{cause: timeline.Propagation, packets: []int32{p.sent().packet}, certainty: 0.95, dir: l.dir})
	}
	w.arrive(l, p, begun)
}

// next walks to bytes in the middle of a message.
func (w *walk) next(l *lane, p piece) {
	if p.step.lump != nil {
		w.over(p.step)
		return
	}
	image, begun := l.timesOf(p, w.at+w.lead)
	w.held(l, p.sent(), p.sent().gap, image-w.lead, w.lead)
	w.arrive(l, p, begun)
}

// timesOf are a piece's image and the time at which the bottleneck began with it,
// against a time up to which the walk has come. Had other lanes' bytes not been in
// its way, nor its own, it was not in a queue.
func (l *lane) timesOf(p piece, at int64) (image, begun int64) {
	if p.step.lump != nil {
		return p.step.image, p.step.image
	}
	arrived := p.step.at
	if p.would != 0 {
		arrived = p.would
	}
	serial := l.path.serial(p.step.wire)
	begun = arrived - serial
	image = min(p.sent().image, begun)
	if !l.seen() || begun <= at || image <= at {
		return image, begun
	}
	if begun-at < max(serial/2, 300_000) {
		return at, begun
	}
	if busy := l.path.others(l, at, begun); busy < begun-slack {
		return max(image, busy), begun
	}
	return begun, begun
}

// held walks over a time in which the sender held bytes back, up to a time; way is
// how much earlier the sender's times are than the images.
func (w *walk) held(l *lane, s *step, g gap, until, way int64) {
	if until <= w.at {
		return
	}
	sp := span{cause: g.cause, packets: evidence(g.packet, s.packet), certainty: g.certainty, dir: l.dir}
	switch g.cause {
	case timeline.Loss:
		sp.detail = lossOf(s.kind)
	case timeline.ReceiveWindow:
		sp.detail = smallWindow
	}
	if g.release != 0 && (g.fresh || g.update) {
		if hold := l.hold(g); hold > 0 {
			heard := g.left + l.oneWay() - way // as the sender's time goes
			w.to(min(until, heard-hold), sp)
			held := span{cause: timeline.DelayedACK, detail: delayOf(g.cause), packets: evidence(g.packet, s.packet), certainty: g.certainty, dir: l.dir}
			if g.cause == timeline.ReceiveWindow && (g.update || !byTimer(hold)) {
				held.cause, held.detail = timeline.Client, closedWindow // its reading opened the window
			}
			w.to(min(until, heard), held)
		}
	}
	w.to(until, sp)
}

func evidence(packets ...int32) []int32 {
	return slices.DeleteFunc(packets, func(p int32) bool { return p == 0 })
}

func delayOf(c timeline.Cause) detail {
	switch c {
	case timeline.Nagle:
		return ofNagle
	case timeline.ReceiveWindow, timeline.Client:
		return ofWindow
	}
	return ofCongestion
}

func lossOf(k flow.Kind) detail {
	switch k {
	case flow.Fast:
		return fastRetransmit
	case flow.Tail:
		return tailProbe
	case flow.Timeout:
		return timeout
	}
	return repair
}

// Less than this is no holding of an ACK, in nanoseconds: it is what a kernel takes, or
// what a model of a queue is wrong by. Linux holds for 40 ms at least (TCP_DELACK_MIN).
const (
	leastHold      = 1e6
	leastHoldGuess = 8e6
)

// byTimer says whether an ACK was held for as long as a timer may have run that delays
// ACKs: 40 ms of Linux and more (TCP_DELACK_MIN), up to 200, from a segment on that came
// before the last.
func byTimer(hold int64) bool { return hold > 38e6 && hold < 46e6 }

// heldBack is how many steps back the last one may stand that an ACK tells of.
const heldBack = 16

// hold is how long the ACK that released a step was held by the lane's receiver: since
// the last byte arrived that it acknowledges.
func (l *lane) hold(g gap) int64 {
	newest := l.step(g.newest)
	if newest == nil || !newest.modelled {
		return 0
	}
	var arrived int64
	for i := g.newest; i > g.newest-heldBack; i-- { // what was sent again too late is not what the ACK tells of
		s := l.step(i)
		if s == nil {
			return 0
		}
		if s.image <= g.left+slack {
			arrived = s.at
			break
		}
	}
	if arrived == 0 {
		return 0
	}
	for i := g.newest + 1; i-l.dropped < len(l.steps); i++ {
		s := l.step(i)
		if s.image > g.left {
			break
		}
		if s.to <= newest.to && s.at <= g.left {
			arrived = max(arrived, s.at)
		}
	}
	hold, least := g.left-arrived, int64(leastHold)
	if !l.seen() {
		least = leastHoldGuess
	}
	if hold < least {
		return 0
	}
	return hold
}

// arrive walks over a piece's way over the bottleneck: first what stood before it,
// then its own bytes, and then, if it was lost, until it was repaired.
func (w *walk) arrive(l *lane, p piece, begun int64) {
	if p.step.lump != nil {
		w.over(p.step)
		return
	}
	ours := span{cause: timeline.Transfer, packets: []int32{p.step.packet}, certainty: 0.9, dir: l.dir}
	if at := w.at + w.lead; at < begun {
		w.to(l.queuedFrom(p.step, at, begun)-w.lead, ours)
		w.to(begun-w.lead, span{cause: timeline.Queueing, packets: []int32{p.step.packet}, certainty: 0.8, dir: l.dir})
	}
	if p.would == 0 {
		w.to(p.step.at-w.lead, ours)
		return
	}
	w.to(p.would-w.lead, ours)
	w.to(p.step.at-w.lead, span{cause: timeline.Loss, detail: lossOf(p.step.kind), packets: []int32{p.step.packet}, certainty: 0.95, dir: l.dir})
}
