package exchange

import (
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/packet"
)

// Lookups joins DNS lookups to the connections that they led to. It knows those of the
// last minute, at most 4,096 questions and as many addresses. It is not safe for
// concurrent use.
type Lookups struct {
	asked    ring[question, *asking]
	answered ring[leads, *led]
}

// A question is what a client asks for, whomever and however often.
type question struct {
	client netip.Addr
	name   string // in lower case
	kind   dnsmessage.Type
}

// An asking is a question that has no answer yet.
type asking struct {
	first   int64
	packet  int32
	tries   int
	pending []query
}

// A query is one packet that asks.
type query struct {
	client, server netip.AddrPort
	id             uint16
}

// A leads is from which client an answer leads where.
type leads struct{ client, to netip.Addr }

// A led is the newest lookup of an address.
type led struct {
	lookup Lookup
	taken  int64 // when the first connection opened that it led to; 0: none did
}

const (
	maxLookups = 4096
	maxTries   = 16   // that are remembered of one question
	lookupLife = 60e9 // nanoseconds

	// A client connects at once when it has the address, or, of several that race, a
	// little later; what opens later had the address in its cache.
	leadsFor    = 2e9
	togetherFor = 100e6
)

// NewLookups returns one that knows no lookups.
func NewLookups() *Lookups { return &Lookups{} }

// Add takes in a packet of the capture; it passes over all but UDP from or to port 53.
func (l *Lookups) Add(p *packet.Packet) {
	if p.Protocol != packet.ProtocolUDP || p.Src.Port() != 53 && p.Dst.Port() != 53 {
		return
	}
	var m dnsmessage.Parser
	h, err := m.Start(p.Bytes())
	if err != nil || h.OpCode != 0 {
		return
	}
	q, err := m.Question()
	if err != nil || q.Class != dnsmessage.ClassINET || q.Type != dnsmessage.TypeA && q.Type != dnsmessage.TypeAAAA {
		return
	}
	l.asked.expire(p.At - lookupLife)
	l.answered.expire(p.At - lookupLife)
	what := question{name: fold(q.Name), kind: q.Type}
	if !h.Response {
		what.client = p.Src.Addr()
		l.ask(p, what, query{p.Src, p.Dst, h.ID})
		return
	}
	what.client = p.Dst.Addr()
	if h.RCode == dnsmessage.RCodeSuccess && m.SkipAllQuestions() == nil {
		l.answer(p, what, query{p.Dst, p.Src, h.ID}, addresses(&m, what.name))
	}
}

// ask notes a query. Who asks again does so with the same ID or another, and may ask
// another server.
func (l *Lookups) ask(p *packet.Packet, what question, q query) {
	a, ok := l.asked.get(what)
	if !ok {
		a = &asking{first: p.At, packet: int32(p.Number)}
		l.asked.put(what, a, p.At)
	}
	a.tries++
	if len(a.pending) < maxTries {
		a.pending = append(a.pending, q)
	}
}

// answer notes where an answer leads, if somebody asked for it.
func (l *Lookups) answer(p *packet.Packet, what question, q query, to []netip.Addr) {
	a, ok := l.asked.get(what)
	if !ok || len(to) == 0 {
		return
	}
	for _, sent := range a.pending {
		if sent != q {
			continue
		}
		lookup := Lookup{
			Name: what.name, Query: a.first, QueryPacket: a.packet, Tries: a.tries,
			Answer: p.At, AnswerPacket: int32(p.Number),
		}
		for _, addr := range to {
			l.answered.put(leads{what.client, addr}, &led{lookup: lookup}, p.At)
		}
		l.asked.drop(what)
		return
	}
}

// addresses are those that a message's answers give for a name, by way of its aliases.
// Of a message that was cut off, they are those that are there.
func addresses(m *dnsmessage.Parser, name string) []netip.Addr {
	const most = 64
	names := map[string]bool{name: true}
	var to []netip.Addr
	for len(to) < most {
		h, err := m.AnswerHeader()
		if err != nil {
			break
		}
		if !names[fold(h.Name)] {
			err = m.SkipAnswer()
		} else {
			switch h.Type {
			case dnsmessage.TypeCNAME:
				var r dnsmessage.CNAMEResource
				if r, err = m.CNAMEResource(); err == nil {
					names[fold(r.CNAME)] = true
				}
			case dnsmessage.TypeA:
				var r dnsmessage.AResource
				if r, err = m.AResource(); err == nil {
					to = append(to, netip.AddrFrom4(r.A))
				}
			case dnsmessage.TypeAAAA:
				var r dnsmessage.AAAAResource
				if r, err = m.AAAAResource(); err == nil {
					to = append(to, netip.AddrFrom16(r.AAAA))
				}
			default:
				err = m.SkipAnswer()
			}
		}
		if err != nil {
			break
		}
	}
	return to
}

// fold is a name in lower case, without the dot at its end.
func fold(n dnsmessage.Name) string {
	return strings.ToLower(strings.TrimSuffix(n.String(), "."))
}

// For returns the lookup that led to a connection, nil if none did: the newest of its
// client that gave its server's address, not more than 2 s before the connection
// opened, unless another connection opened upon it more than 100 ms before. It is to be
// asked for when the connection opens.
func (l *Lookups) For(c *flow.Conn) *Lookup {
	opened := c.Opening.FirstSYN
	if opened == 0 {
		return nil
	}
	found, ok := l.answered.get(leads{c.Client.Addr().Unmap(), c.Server.Addr().Unmap()})
	if !ok {
		return nil
	}
	if since := opened - found.lookup.Answer; since < 0 || since > leadsFor {
		return nil
	}
	if found.taken != 0 && opened-found.taken > togetherFor {
		return nil
	}
	if found.taken == 0 || opened < found.taken {
		found.taken = opened
	}
	lookup := found.lookup
	return &lookup
}
