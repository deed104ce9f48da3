package exchange

import (
	"fmt"

	"github.com/lingerhttp/linger/flow"
)

// missing passes over what is not in the capture. Within a body whose length is known
// nothing is lost by that; else the message is broken.
func (h *half) missing(m hole) {
	switch {
	case h.owner.next != nil:
		h.owner.next.missing(h.d, m)
		return
	case h.state == waiting:
		h.owner.waits.missing(h.d, m)
		return
	case h.state == peeking:
		h.beginBody()
		h.again(0)
		h.missing(m)
		return
	}
	h.pass(m)
}

// pass is missing for what is in no other hands.
func (h *half) pass(m hole) {
	n := m.n
	switch h.state {
	case inLength:
		if n >= 0 && n <= h.left {
			h.skip(m, n)
			if h.left -= n; h.left == 0 {
				h.finish()
			}
			return
		}
		h.passEnd(m)
		return
	case inChunks:
		if left := h.chunks.Remaining(); n >= 0 && n <= left {
			h.skip(m, n)
			h.chunks.Skip(n)
			return
		}
	case toTheEnd:
		h.skip(m, max(n, 0))
		return
	case between, searching:
		h.passBetween(m)
		return
	}
	h.breakOff("")
	h.passBetween(m)
}

// skip takes a hole for the body of the message under way.
func (h *half) skip(m hole, n int64) {
	h.part.missing += n
	if m.n >= 0 {
		h.part.grow(n, m.to, m.at, m.packet)
	} else {
		h.part.reach(m.to, m.at, m.packet)
	}
	h.last = seen{m.to, m.at, m.packet}
}

// passEnd passes a hole that covers the end of the message under way, and more.
func (h *half) passEnd(m hole) {
	if m.n < 0 {
		h.breakOff("")
		h.passBetween(m)
		return
	}
	n := h.left
	first, rest := m, m
	first.n, rest.n = n, m.n-n
	first.to = m.from + (m.to-m.from)*n/m.n
	rest.from = first.to
	h.skip(first, n)
	h.finish()
	if h.owner.next == nil && h.state == between {
		h.passBetween(rest)
		return
	}
	h.missing(rest)
}

// passBetween passes a hole in which messages may be hidden. Where a message was to
// begin, one is: it is told of, though nothing is seen of it.
func (h *half) passBetween(m hole) {
	if h.state == between {
		held := len(h.held.b)
		p := &part{broken: true, acked: -1}
		if held > 0 {
			p = begin(h.held.take(0)[0])
			p.broken = true
		} else {
			p.Ranges = []flow.Block{{From: m.from, To: m.from}}
		}
		if h.d == flow.Up {
			h.owner.requestBegins(p)
		}
		h.owner.broke(h.d, p)
		h.lose(p.Start(), p)
	}
	h.held.drop()
	h.last = seen{m.to, m.at, m.packet}
	h.blame()
	if m.n < 0 {
		h.lost.from = -1
	}
}

// blame takes what was last seen for a part of the request before, where that is broken
// and the client sends one at a time.
func (h *half) blame() {
	if h.d == flow.Up && h.broken.seen() && h.owner.serial() {
		h.broken.reach(h.last.to, h.last.at, h.last.packet)
	}
}

// end says that no more will come.
func (h *half) end(how flow.How) {
	h.done = true
	p := h.part
	if h.state == peeking {
		h.beginBody()
		h.again(0)
		p = h.part
	}
	if p == nil {
		return
	}
	if h.state == toTheEnd && how == flow.ByFIN {
		h.finish()
		return
	}
	p.trouble = h.cutShort(how)
	p.broken = !p.whole
	if !p.whole {
		h.readPartOfHead()
		h.owner.broke(h.d, p)
	}
	p.over = true
	h.part, h.state = nil, between
}

// cutShort says why a message has no end.
func (h *half) cutShort(how flow.How) string {
	name := [...]string{"request", "response"}[h.d]
	switch how {
	case flow.ByFIN:
		return fmt.Sprintf("the %s ended its side of the connection before the end of the %s", [...]string{"client", "server"}[h.d], name)
	case flow.ByRST:
		return fmt.Sprintf("the connection was reset before the end of the %s", name)
	}
	if h.state == toTheEnd {
		return "the capture ends before the connection, and so before the response"
	}
	return fmt.Sprintf("the capture ends before the %s", name)
}
