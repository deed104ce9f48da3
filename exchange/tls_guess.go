package exchange

import (
	"crypto/tls"
	"slices"

	"github.com/lingerhttp/linger/flow"
)

// A tlsGuess tells exchanges from the directions and sizes of sealed records: one
// begins with what the client sends after the server was silent, and lasts to the
// last that the server sends before the client's next.
//
// What is small where HTTP/2 may be spoken is a control frame, or a request whose
// fields are in the table already: by its size, and by whether the server answers
// no sooner than it could.
type tlsGuess struct {
	t   *tlsReader
	nth int
	cur *Exchange // nil between exchanges, and before the first

	// next is a request behind cur's response. What the server sends behind it belongs to
	// cur still if it comes too soon.
	next      Message
	nextSmall bool // it may be a control frame

	few     stretch // small records of the server before cur's response
	ticket  stretch // the server's last record, which may be a ticket
	tickets int     // the size of those, 0 for none
	records int     // of the server, since the handshake
}

// unknownSize is for bytes of which it is not known what record they are in.
const unknownSize = -1

// Sizes and times that the guess goes by.
const (
	tlsSmall      = 64        // octets: control frames of HTTP/2 are not larger, as a rule
	tlsAlertSize  = 2         // octets: close_notify, sealed
	maxTicket     = 600       // octets
	tlsSameBurst  = 5_000_000 // nanoseconds: what is sent together
	maxTLSFlight  = 16        // records of a client's handshake
	finishedExtra = messageHeader
)

func newTLSGuess(t *tlsReader) *tlsGuess { return &tlsGuess{t: t} }

// mayBeHTTP2 says whether control frames are to be reckoned with.
func (g *tlsGuess) mayBeHTTP2() bool {
	if g.t.info.ALPN != "" {
		return g.t.info.ALPN == "h2"
	}
	return !g.t.hello.client || g.t.hello.version >= tls.VersionTLS13 && slices.Contains(g.t.info.Offered, "h2")
}

// A tlsSeen is a sealed record that was passed by.
type tlsSeen struct {
	where stretch
	plain int
}

// guessedRecord handles a sealed record that nothing opens.
func (t *tlsReader) guessedRecord(h *tlsHalf) {
	plain := t.plain(h.length())
	old := t.hello.version != 0 && t.hello.version < tls.VersionTLS13
	switch {
	case h.kind() == recordHandshake && old:
		t.handshakeIsOver(h)
	case h.kind() != recordData:
	case old || t.hello.version == 0:
		h.sent = true
		t.guess.record(h.dir, h.where, plain)
	default:
		t.guessed13(h, plain)
	}
}

// guessed13 handles a record of TLS 1.3, in which a handshake looks like data. The
// client's Finished is told by its size, or else is its first record that the
// server answered.
func (t *tlsReader) guessed13(h *tlsHalf, plain int) {
	up, down := t.halfs[flow.Up], t.halfs[flow.Down]
	switch {
	case up.finished:
		t.guess.record(h.dir, h.where, plain)
	case h.dir == flow.Down && len(up.flight) > 0:
		t.flightIsOver(0)
		t.guess.record(h.dir, h.where, plain)
	case h.dir == flow.Down:
		down.handEnd = h.where.to
	default:
		up.flight = append(up.flight, tlsSeen{h.where, plain})
		suite, _ := tlsSuiteOf(t.hello.suite)
		if suite.hash != nil && plain == finishedExtra+suite.hash().Size() {
			t.flightIsOver(len(up.flight) - 1)
		} else if len(up.flight) == maxTLSFlight {
			t.flightIsOver(0)
		}
	}
}

// flightIsOver says which record of the client's flight was its Finished. What is
// behind it was data.
func (t *tlsReader) flightIsOver(finished int) {
	up, down := t.halfs[flow.Up], t.halfs[flow.Down]
	flight := up.flight
	up.flight = nil
	up.finished, down.finished = true, true
	i := t.info
	last := flight[finished].where
	i.End, i.EndPacket, i.UpEnd, i.DownEnd = last.last, last.lastPacket, last.to, down.handEnd
	for _, seen := range flight[finished+1:] {
		t.guess.record(flow.Up, seen.where, seen.plain)
	}
}

// record takes a record of data, or one that may be data; plain is how many bytes
// are in it.
func (g *tlsGuess) record(d flow.Dir, where stretch, plain int) {
	if plain == tlsAlertSize && g.t.hello.version >= tls.VersionTLS13 {
		return
	}
	small := plain != unknownSize && plain <= tlsSmall && g.mayBeHTTP2()
	if d == flow.Up {
		g.up(where, small, small && isControl(plain))
		return
	}
	if g.isTicket(where, plain) {
		return
	}
	g.down(where, small)
}

// isControl says whether so many bytes are likely one or two control frames: an
// acknowledgement of SETTINGS, a WINDOW_UPDATE, two of these, a PING.
func isControl(plain int) bool {
	switch plain {
	case 9, 9 + 4, 2 * (9 + 4), 9 + 8:
		return true
	}
	return false
}

// up takes a record of the client.
func (g *tlsGuess) up(where stretch, small, control bool) {
	g.flushTicket()
	if g.cur != nil && len(g.cur.Response.Ranges) == 0 {
		if !small {
			g.took(&g.cur.Request, where)
		}
		return
	}
	if control {
		return
	}
	apart := g.next.First == 0 || where.first-g.next.Last > tlsSameBurst
	switch {
	case g.next.First == 0 || g.nextSmall && apart:
		g.next, g.nextSmall = Message{}, small
	case !small:
		g.nextSmall = false
	}
	g.took(&g.next, where)
	if g.cur == nil && !g.nextSmall {
		g.begin()
	}
}

// took says that a record belongs to a message.
func (g *tlsGuess) took(m *Message, where stretch) {
	m.cover(where, len(m.Ranges) < maxGuessRanges)
	m.Body += where.to - where.from
}

// maxGuessRanges is how many ranges a message has at most. They are apart only where
// control frames are between.
const maxGuessRanges = 10_000

// down takes a record of the server.
func (g *tlsGuess) down(where stretch, small bool) {
	if g.next.First != 0 && !(small && g.nextSmall) {
		g.sort(where)
	}
	switch {
	case g.cur == nil:
	case small && len(g.cur.Response.Ranges) == 0:
		g.few.join(where)
	case !small:
		g.took(&g.cur.Response, where)
	}
}

// sort says whether next is a request that the server has begun to answer, or came
// amid a response.
func (g *tlsGuess) sort(where stretch) {
	soon := g.cur != nil && where.first-g.next.First < g.soonest()
	switch {
	case !soon:
		g.finish(true)
		g.begin()
	case g.nextSmall:
		g.next = Message{}
	default:
		for _, r := range g.next.Ranges {
			g.took(&g.cur.Request, stretch{from: r.From, to: r.To, last: g.next.Last, lastPacket: g.next.LastPacket})
		}
		g.next = Message{}
		g.cur.Problem = "the client sent more while the server answered: exchanges at the same time are told as one"
	}
}

// soonest is how long after a request the server's answer comes at the least, in
// nanoseconds, if that is known: half the time from ClientHello to ServerHello, which
// is a round trip and what the server took to compute. At the server's end, where it
// is that alone, it is too short to tell anything; and in HTTP/1 a response is not
// begun again behind the next request.
func (g *tlsGuess) soonest() int64 {
	rtt := g.t.helloAt - g.t.askedAt
	if g.t.helloAt == 0 || g.t.askedAt == 0 || rtt < 5_000_000 || !g.mayBeHTTP2() {
		return 0
	}
	return rtt / 2
}

// begin makes next an exchange.
func (g *tlsGuess) begin() {
	g.nth++
	e := &Exchange{Nth: g.nth, Inferred: true, Request: g.next, Secure: g.t.info}
	g.next, g.nextSmall, g.few = Message{}, false, stretch{}
	switch g.t.info.ALPN {
	case "h2":
		e.Protocol = "HTTP/2.0"
	case "http/1.1":
		e.Protocol = "HTTP/1.1"
	case "http/1.0":
		e.Protocol = "HTTP/1.0"
	}
	if name := g.t.info.ServerName; name != "" {
		e.URL = "https://" + name
	}
	g.cur = e
}

// finish tells the exchange; over says that its end was seen.
func (g *tlsGuess) finish(over bool) {
	e := g.cur
	if e == nil {
		return
	}
	g.cur = nil
	if len(e.Response.Ranges) == 0 && g.few != (stretch{}) {
		g.took(&e.Response, g.few)
	}
	answered := len(e.Response.Ranges) > 0
	e.Request.Complete = answered || over
	e.Response.Complete = answered && over
	hidden := ""
	if g.mayBeHTTP2() && e.Problem == "" {
		hidden = "TLS hides the messages: exchanges of HTTP/2 at the same time, if there were any, are told as one"
	}
	e.Problem = sentences(g.t.sealed, e.Problem, hidden)
	g.t.tell(e)
}

// end tells what is left.
func (g *tlsGuess) end() {
	g.flushTicket()
	down := g.t.halfs[flow.Down]
	if g.cur == nil || g.next.First == 0 {
		g.finish(down.how != flow.Open)
		return
	}
	g.finish(true)
	if !g.nextSmall {
		g.begin()
		g.finish(false)
	}
}

// isTicket says whether a record of the server is a NewSessionTicket of TLS 1.3 (RFC
// 8446 §4.6.1) that comes behind a request, as nearly all servers send one or two. One
// that is small, the first behind the handshake, is taken for it if the server sends
// more before the client does; so is a second one of the same size. What comes before
// any request is no response anyway.
func (g *tlsGuess) isTicket(where stretch, plain int) bool {
	if g.t.hello.version < tls.VersionTLS13 {
		return false
	}
	g.records++
	switch {
	case g.records == 1 && plain > tlsSmall && plain <= maxTicket:
		g.tickets, g.ticket = plain, where
		return true
	case g.records == 2 && g.tickets == plain:
		g.ticket = where
		return true
	}
	g.ticket = stretch{}
	return false
}

// flushTicket takes what was held to be a ticket for data: nothing follows it.
func (g *tlsGuess) flushTicket() {
	if where := g.ticket; where != (stretch{}) {
		g.ticket = stretch{}
		g.down(where, false)
	}
	if g.records > 0 {
		g.tickets = 0
	}
}
