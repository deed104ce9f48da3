package cause

import (
	"cmp"
	"slices"

	"github.com/lingerhttp/linger/flow"
)

// pieces are the bytes that a message's reader waits for from a time on, in their
// order in the stream: those of the message, and those before and between them that
// had not arrived by then. Of bytes that came more than once, the first that arrived.
func (l *lane) pieces(ranges []flow.Block, from int64) []piece {
	end := ranges[len(ranges)-1].To
	var all []piece
	for older := l.lumpsOf(ranges[0].From, end); len(older) > 0; older = older[1:] {
		all = append(all, piece{from: older[0].from, to: min(older[0].to, end), step: &older[0]})
	}
	first := l.firstStep(ranges[0].From, from)
	for i := first; i < len(l.steps); i++ {
		s := &l.steps[i]
		if s.from >= end && s.kind == flow.Data {
			if i > first && s.from > end+1<<22 {
				break
			}
			continue
		}
		if s.from < end && s.from < s.to {
			all = l.brought(all, piece{from: s.from, to: min(s.to, end), step: s, number: i})
		}
	}
	l.repairs(all)
	return split(all, ranges)
}

// A resend is bytes of a step that went again in another: an absolute number, and 1 more.
type resend struct {
	from, to int64
	again    int
}

// mostTorn is how many such parts of a step are told apart.
const mostTorn = 64

// tear notes that a part of the step went again.
func (s *step) tear(p resend) {
	if len(s.torn) == mostTorn {
		return
	}
	i, _ := slices.BinarySearchFunc(s.torn, p.from, func(have resend, from int64) int { return cmp.Compare(have.from, from) })
	s.torn = slices.Insert(s.torn, i, p)
}

// brought puts a piece in its place, if its step brought it, or what of it that did.
func (l *lane) brought(all []piece, p piece) []piece {
	if l.lostOf(p.step) {
		return all
	}
	for _, t := range p.step.torn {
		if t.to <= p.from || !l.neededBy(t.again) {
			continue
		}
		if t.from > p.from {
			head := p
			head.to = min(t.from, p.to)
			all = put(all, head)
		}
		p.from = t.to
		if p.from >= p.to {
			return all
		}
	}
	return put(all, p)
}

// firstStep is the first step that may matter: it brings bytes from an offset on, or
// arrived after a time, or fills a hole before them.
func (l *lane) firstStep(offset, from int64) int {
	i, _ := slices.BinarySearchFunc(l.steps, from, func(s step, at int64) int {
		if s.image < at-l.rtt() {
			return -1
		}
		return 1
	})
	for i > 0 && l.steps[i-1].to > offset {
		i--
	}
	for i > 0 && (l.steps[i-1].at > from || l.steps[i-1].again != 0 || l.steps[i-1].torn != nil) {
		i--
	}
	return i
}

// put adds a piece in its place, less what is there already.
func put(all []piece, p piece) []piece {
	if n := len(all); n == 0 || all[n-1].to <= p.from {
		return append(all, p)
	}
	i, _ := slices.BinarySearchFunc(all, p.from, func(have piece, from int64) int {
		switch {
		case have.to <= from:
			return -1
		case have.from > from:
			return 1
		}
		return 0
	})
	for p.from < p.to {
		if i == len(all) || all[i].from >= p.to {
			return slices.Insert(all, i, p)
		}
		if p.from < all[i].from {
			head := p
			head.to = all[i].from
			all = slices.Insert(all, i, head)
			i++
		}
		p.from = max(p.from, all[i].to)
		i++
	}
	return all
}

// repairs notes of the pieces that were lost when they would have arrived: at the
// receiver when the next one that was behind them did, at the sender when the first
// copy would have.
func (l *lane) repairs(all []piece) {
	for i := range all {
		p := &all[i]
		s := p.step
		switch {
		case s.kind == flow.Repair:
			for j := i + 1; j < len(all); j++ {
				if next := all[j].step; next.at < s.at && next.kind != flow.Repair {
					p.would = next.at - l.path.serial(next.wire)
					break
				}
			}
		case l.kindOf(s).Again() && !l.seen():
			if p.first = l.firstCopy(p.number); p.first != nil {
				p.would = p.first.at
			}
		}
	}
}

// firstCopy is the step that brought bytes first, which step number i brought again; nil
// if the capture does not have it.
func (l *lane) firstCopy(i int) *step {
	again := &l.steps[i]
	for i--; i >= 0; i-- {
		if s := &l.steps[i]; s.kind == flow.Data && s.from < again.to && s.to > again.from {
			return s
		}
	}
	return nil
}

// split cuts pieces at the bounds of a message's ranges, and says which are its own, and
// which of these stand behind some that the capture does not have.
func split(all []piece, ranges []flow.Block) []piece {
	var cut []piece
	before, have := int64(0), int64(0) // bytes of the message: in the ranges before, and in pieces
	for _, p := range all {
		for p.from < p.to {
			for len(ranges) > 0 && ranges[0].To <= p.from {
				before += ranges[0].To - ranges[0].From
				ranges = ranges[1:]
			}
			part := p
			switch {
			case len(ranges) == 0 || ranges[0].From >= p.to:
			case ranges[0].From > p.from:
				part.to = ranges[0].From
			default:
				part.own, part.to = true, min(p.to, ranges[0].To)
				at := before + part.from - ranges[0].From
				part.unseen = at > have
				have = at + part.to - part.from
			}
			cut = append(cut, part)
			p.from = part.to
		}
	}
	return cut
}
