package cause

import (
	"slices"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// What bounds the memory of a lane that carries a large message, or none, lives here:
// of its older steps only that is kept what they cost.

const (
	mostLumps = 2048 // of a lane, before they are made twice as large
	lumpSteps = 16   // how many pieces become one lump at first
)

// A lump is what the steps cost that one step stands for, as a walk tells it that
// comes over each of them, in the order of the stream. Of one cause there is one span:
// sums are exact, but inside the lump the spans do not stand where they were.
type lump struct {
	spans  []span
	pieces int
	hole   bool // the capture misses what stood before
}

// A lumped is the older part of a lane.
type lumped struct {
	steps []step
	per   int   // pieces in a lump
	at    int64 // how far the walk has come, 0 if there was none
	from  int64 // where the first lump begins
	next  int   // how many steps there must be before more lumps are made, if they are more than most
}

// compact makes lumps of the older steps, if there are so many. The newest quarter stays
// as it is: what comes later may change it. Those that were lost leave no trace but the
// time that it took to repair them.
func (l *lane) compact(most int) {
	if len(l.steps) < max(most, l.older.next) {
		return
	}
	n := l.settled(len(l.steps) - most/4)
	if n < most/4 && len(l.steps) < 4*most {
		l.older.next = len(l.steps) + most/4
		return
	}
	if l.older.next = 0; n < most/4 { // nobody acknowledges anything
		n = len(l.steps) - most/4
	}
	l.rebase()
	l.lump(n)
	l.steps = l.steps[:copy(l.steps, l.steps[n:])]
	l.dropped += n
}

// lump makes lumps of the first n steps.
func (l *lane) lump(n int) {
	o := &l.older
	o.per = max(o.per, lumpSteps)
	w := &walk{at: o.at}
	if l.dir == flow.Up {
		w.lead = l.oneWay()
	}
	if w.at == 0 {
		w.at = l.steps[0].image - w.lead
		o.from = l.steps[0].from
	}
	pieces := l.piecesOf(n)
	for all := pieces; len(all) > 0; {
		size, hole := o.size(all)
		o.steps = append(o.steps, w.lump(l, all[:size], hole))
		all = all[size:]
	}
	o.at = w.at
	clear(pieces)
	if len(o.steps) > mostLumps {
		o.merge()
	}
}

// settled is how many of the first n steps were acknowledged with all before them, so that
// no hole among them is to be filled; less a few, whose ACK lets others go.
func (l *lane) settled(n int) int {
	acked := l.conn.Sides[l.dir].Acked
	for i := range l.steps[:n] {
		if l.steps[i].to > acked {
			return max(0, i-leastForgotten)
		}
	}
	return n
}

// piecesOf are the pieces that the first n steps brought, each of which may be repaired
// by a later one. They are good until the next call for the path.
func (l *lane) piecesOf(n int) []piece {
	end := int64(0)
	for i := range l.steps[:n] {
		end = max(end, l.steps[i].to)
	}
	begin, last := l.older.end(), int64(0)
	all := l.path.scratch[:0]
	for i := range l.steps {
		s := &l.steps[i]
		if from := max(s.from, begin); from < min(s.to, end) {
			all = l.brought(all, piece{from: from, to: min(s.to, end), step: s, number: i, own: true})
			last = s.image
		}
	}
	if l.path.scratch = all; !l.seen() {
		l.path.model(last)
	}
	l.repairs(all)
	return all
}

// end is the offset behind the last lump.
func (o *lumped) end() int64 {
	if n := len(o.steps); n > 0 {
		return o.steps[n-1].to
	}
	return o.from
}

// size is how many pieces become one lump. It ends before a hole of the capture, and
// before what a sender began with when nothing was under way, for a message may begin
// there.
func (o *lumped) size(all []piece) (n int, hole bool) {
	if all[0].from > o.end() {
		return 1, true // of the time before it nothing is known
	}
	most := min(o.per, len(all))
	for i := 1; i < most; i++ {
		if all[i].step.begins() || all[i].from > all[i-1].to {
			return i, false
		}
	}
	return most, false
}

// begins says whether a message may begin with a step: its sender had nothing under
// way, and was not waiting.
func (s *step) begins() bool { return s.gap.idle && s.gap.cause == timeline.Stall }

// lump walks over pieces, and returns a step that stands for them.
func (w *walk) lump(l *lane, all []piece, hole bool) step {
	first, last := all[0].step, all[len(all)-1]
	w.spans = w.spans[:0]
	wire := int32(0)
	for _, p := range all {
		w.next(l, p)
		wire += p.step.wire
	}
	s := *first
	s.from, s.to, s.at, s.ackLeft = all[0].from, last.to, w.at+w.lead, last.step.ackLeft
	s.kind, s.segment, s.wire, s.again, s.torn, s.modelled = flow.Data, -1, wire, 0, nil, true
	s.lump = &lump{spans: folded(w.spans), pieces: len(all), hole: hole}
	return s
}

// lumpsOf are the lumps that hold bytes of a range.
func (l *lane) lumpsOf(from, to int64) []step {
	all := l.older.steps
	i, _ := slices.BinarySearchFunc(all, from, func(s step, from int64) int {
		if s.to <= from {
			return -1
		}
		return 1
	})
	j := i
	for j < len(all) && all[j].from < to {
		j++
	}
	return all[i:j]
}

// over walks over a lump.
func (w *walk) over(s *step) {
	for _, p := range s.lump.spans {
		p.packets = slices.Clone(p.packets) // of each walk its own
		w.to(p.end, p)
	}
}

// folded makes one of all spans with the same cause, in the order of the first of each.
func folded(all []span) []span {
	var sums []span
	for _, s := range all {
		i := slices.IndexFunc(sums, func(t span) bool {
			return t.cause == s.cause && t.detail == s.detail && t.dir == s.dir
		})
		if i < 0 {
			s.packets = slices.Clone(s.packets)
			sums = append(sums, s)
			continue
		}
		t := &sums[i]
		t.end += s.end - s.start
		t.certainty = min(t.certainty, s.certainty)
		for _, p := range s.packets {
			t.show(p)
		}
	}
	for i := 1; i < len(sums); i++ {
		s := &sums[i]
		s.start, s.end = sums[i-1].end, sums[i-1].end+s.end-s.start
	}
	return sums
}

// merge makes one lump of each two.
func (o *lumped) merge() {
	o.per *= 2
	all := o.steps[:0]
	for i := range o.steps {
		s := &o.steps[i]
		if n := len(all); n > 0 && all[n-1].lump.takes(&all[n-1], s, o.per) {
			all[n-1].join(s)
			continue
		}
		all = append(all, *s)
	}
	clear(o.steps[len(all):])
	o.steps = all
}

// takes says whether a step's lump may become one with the next.
func (p *lump) takes(s, next *step, most int) bool {
	return !p.hole && next.from == s.to && !next.begins() && p.pieces+next.lump.pieces <= most
}

// join makes one step of two.
func (s *step) join(next *step) {
	s.to, s.at, s.ackLeft, s.wire = next.to, next.at, next.ackLeft, s.wire+next.wire
	s.lump = &lump{spans: folded(append(s.lump.spans, next.lump.spans...)), pieces: s.lump.pieces + next.lump.pieces}
}
