package exchange

import (
	"fmt"
	"net/http"

	"github.com/lingerhttp/linger/flow"
)

// A part is one message of HTTP/1, under way or over.
type part struct {
	Message
	proto string

	whole bool // its head was read
	over  bool // no more of it will come

	// broken says that a hole in the capture, or what is no HTTP, hides where it ends.
	// Of a message that is broken and has no First, nothing is in the capture.
	broken  bool
	placed  bool   // its owner knows of it
	acked   int64  // what its sender had of the other direction, as its first packet says; -1: not known
	missing int64  // bytes of its body that are not in the capture
	trouble string // what is wrong with it

	// before says what may be lost between this message and the one before.
	before gap

	asked  asked
	answer answer
}

// An asked is what a request's head says.
type asked struct {
	method, target, host string

	upgrades bool // it offers to go on in another protocol
	wants    wants
}

// An answer is what a response's head says.
type answer struct {
	status  int
	header  http.Header
	interim []Message
	headed  bool  // a body was announced, and the next response followed at once
	behind  *part // the broken response before it
	closes  bool  // the server sends nothing behind it
}

// A gap is a stretch in front of a message in which others may be hidden.
type gap struct {
	open bool
	from int64 // where it begins; -1 if that is not known
}

// begin starts a message with the first byte of c.
func begin(c chunk) *part {
	return &part{Message: Message{
		Ranges: []flow.Block{{From: c.from, To: c.from}},
		First:  c.at, FirstPacket: c.packet, FirstRead: c.whole,
	}, acked: -1}
}

// took says that the bytes of c belong to the message.
func (p *part) took(c chunk) {
	p.grow(int64(len(c.b)), c.to, c.at, c.packet)
	p.LastRead = max(p.LastRead, c.whole)
}

// reach says up to where the message goes, and what showed it.
func (p *part) reach(to, at int64, packet int32) { p.grow(to-p.End(), to, at, packet) }

// grow is reach where it is known how many bytes in clear there are up to there.
func (p *part) grow(n, to, at int64, packet int32) {
	r := &p.Ranges[0]
	if to <= r.To {
		return
	}
	r.To = to
	p.Last, p.LastRead, p.LastPacket = at, at, packet
	if p.whole {
		p.Body += n
	} else {
		p.Head += n
	}
}

// seen says whether any of it is in the capture.
func (p *part) seen() bool { return p != nil && p.First != 0 }

// problem says what is wrong with the message, as half a sentence; its name is
// "request" or "response".
func (p *part) problem(name string) string {
	switch {
	case p.trouble != "":
		return p.trouble
	case !p.seen() && p.Last != 0:
		return "the beginning of its " + name + " is not in the capture"
	case !p.seen():
		return "its " + name + " is not in the capture"
	case p.broken && !p.whole:
		return "a part of its " + name + "'s head is not in the capture"
	case p.broken:
		return "where its " + name + " ends is not in the capture"
	case p.missing > 0:
		return fmt.Sprintf("%d bytes of its %s's body are not in the capture", p.missing, name)
	}
	return ""
}
