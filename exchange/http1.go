package exchange

import (
	"net/http"
	"strings"

	"github.com/lingerhttp/linger/flow"
)

// An http1Reader reads HTTP/1 from both directions. Each half finds the messages of
// its direction, and pairs them here: pairing.go in order, while nothing is lost,
// settle.go by likeness, when something was.
type http1Reader struct {
	place
	tell   func(*Exchange)
	halves [2]half
	pairing

	waits backlog // what the client sent before the answer to what may change the protocol
	next  reader  // what the connection changed over to
	how   [2]flow.How
	nth   int
}

func newHTTP1(p place, tell func(*Exchange)) *http1Reader {
	r := &http1Reader{place: p, tell: tell}
	for d := range r.halves {
		r.halves[d] = half{d: flow.Dir(d), owner: r}
		if p.midway {
			r.halves[d].state, r.halves[d].lost = searching, gap{open: true, from: -1}
			r.unsure = true
		}
	}
	return r
}

func (r *http1Reader) data(d flow.Dir, c chunk) {
	r.halves[d].data(c)
	r.tellAll()
}

func (r *http1Reader) missing(d flow.Dir, h hole) {
	r.halves[d].missing(h)
	r.tellAll()
}

func (r *http1Reader) end(d flow.Dir, at int64, how flow.How) {
	if d == flow.Down && r.halves[flow.Up].state == waiting {
		r.resume()
	}
	switch {
	case r.next != nil:
		r.next.end(d, at, how)
		r.halves[d].done = true
		r.tellAll()
		return
	case r.halves[d].state == waiting:
		r.waits.end(d, at, how)
		return
	}
	r.how[d] = how
	r.halves[d].end(how)
	if r.next == nil && (d == flow.Down || r.halves[flow.Down].done) {
		r.settle(len(r.loose), true)
	}
	r.tellAll()
}

// backlog keeps what the client sent behind a request that may change the protocol.
func (r *http1Reader) backlog(d flow.Dir, c chunk) {
	r.waits.data(d, c)
	if r.waits.full(maxHeld) {
		r.resume()
	}
}

// resume goes on with HTTP/1: the protocol does not change, or not that anybody could
// tell.
func (r *http1Reader) resume() {
	held := r.waits
	r.waits, r.halves[flow.Up].state = backlog{}, between
	held.replay(r)
}

// lost says that a direction has lost its messages.
func (r *http1Reader) lost(d flow.Dir) {
	r.unsure = true
	if d == flow.Down && r.halves[flow.Up].state == waiting {
		r.resume()
	}
}

// broke says that it is not known where a message ends.
func (r *http1Reader) broke(d flow.Dir, p *part) {
	if d == flow.Up {
		p.over = true
	} else if !p.placed {
		r.assign(p)
	}
}

// finished says that a message is complete.
func (r *http1Reader) finished(d flow.Dir, p *part) {
	if d == flow.Up {
		if q := r.newest(); !r.unsure && q != nil && q.q == p && q.r == nil && p.changes() {
			r.halves[d].state = waiting
		}
		return
	}
	q := r.pairOf(p)
	if q != nil && r.changeOver(q) {
		return
	}
	if r.halves[flow.Up].state == waiting && (q == nil || q.q == nil || q.q.changes()) {
		r.resume()
	}
}

// changes says whether another protocol may follow the request.
func (p *part) changes() bool { return p.asked.method == http.MethodConnect || p.asked.upgrades }

// tunnels says whether a response opens a tunnel: "any 2xx (Successful) response
// indicates that the sender (and all inbound proxies) will switch to tunnel mode
// immediately after the response header section",
// https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6
func (q *pair) tunnels() bool {
	return q.q != nil && q.q.asked.method == http.MethodConnect && q.r.answer.status/100 == 2
}

// changeOver goes on with another protocol, if that is what the response says.
func (r *http1Reader) changeOver(q *pair) bool {
	protocol := q.r.answer.header.Get("Upgrade")
	switch {
	case q.tunnels():
		q.note = "it opened a tunnel to " + q.q.asked.target
		r.next = newOpening(place{conn: r.conn, cfg: r.cfg, scheme: "http"}, r.within("in a tunnel to "+q.q.asked.target))
	case q.r.answer.status != http.StatusSwitchingProtocols:
		return false
	case strings.EqualFold(protocol, "h2c") && q.q != nil && q == r.newest():
		r.goOver(q)
		return true
	case strings.HasPrefix(strings.ToUpper(protocol), "TLS/"):
		q.note = "behind it, the connection carries TLS"
		r.next = newOpening(place{conn: r.conn, cfg: r.cfg, scheme: "https"}, r.within(""))
	default:
		if protocol == "" {
			protocol = "another protocol"
		}
		q.note = "behind it, the connection carries " + protocol + ", which is not looked into"
		r.next = ignored{}
	}
	r.tellAll()
	r.handOver()
	return true
}

// goOver goes on with HTTP/2: the request that asked for it is answered there.
func (r *http1Reader) goOver(q *pair) {
	h := newHTTP2(r.tell)
	r.next = h
	r.cfg.Counts.add(carriesHTTP2)
	r.open = r.open[:len(r.open)-1]
	r.tellAll()
	e := r.exchange(q)
	e.Interim = append(e.Interim, e.Response)
	e.Response, e.Status, e.Header = Message{}, 0, nil
	h.upgraded(e)
	r.handOver()
}

// handOver hands what is waiting to the next reader.
func (r *http1Reader) handOver() {
	held := r.waits
	r.waits = backlog{}
	held.replay(r.next)
	if r.halves[flow.Up].done {
		r.next.end(flow.Up, r.halves[flow.Up].last.at, r.how[flow.Up])
	}
}

// within tells exchanges of what the connection changed over to.
func (r *http1Reader) within(note string) func(*Exchange) {
	return func(e *Exchange) {
		e.Nth += r.nth
		if e.Note == "" {
			e.Note = note
		}
		r.tell(e)
	}
}

// acked is up to where the sender of a message had the other direction's bytes when it
// first sent the message's first byte, -1 if it is not known.
func (r *http1Reader) acked(d flow.Dir, p *part) int64 {
	if r.conn == nil {
		return -1
	}
	return ackedAt(r.conn.Segments, d, p.Start(), p.FirstPacket)
}

// ackedAt looks for the first segment that carried an offset, not far before a packet.
func ackedAt(segments []flow.Segment, d flow.Dir, offset int64, packet int32) int64 {
	const far = 512 // segments
	n := len(segments)
	for n > 0 && segments[n-1].Packet > packet {
		n--
	}
	acked := int64(-1)
	for i := n - 1; i >= max(n-far, 0); i-- {
		if s := &segments[i]; s.Dir == d && s.Seq <= offset && offset < s.End() {
			acked = s.Ack
		}
	}
	return acked
}
