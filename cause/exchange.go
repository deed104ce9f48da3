package cause

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/lingerhttp/linger/exchange"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// explain gives each instant of an exchange its cause:
//
//	set up    the lookup, the handshakes, if the exchange is the connection's first
//	request   from its first byte's departure to its last one's arrival
//	server    until the response's first byte leaves
//	response  until its last byte can be read
func (c *conn) explain(x *exchange.Exchange) *Explained {
	up, down := c.lanes[flow.Up], c.lanes[flow.Down]
	up.rebase()
	down.rebase()
	up.path.model(up.lastImage(&x.Request))
	down.path.model(down.lastImage(&x.Response))
	w := &walk{}
	c.setUp(w, x)
	w.phase = timeline.Send
	c.request(w, up, x)
	w.phase = timeline.Wait
	c.response(w, down, x)
	c.shut(w, x)
	c.phases(w, x)
	return &Explained{Timeline: c.timeline(x, w), Source: x, Savings: c.savings(x, w)}
}

// phases cuts what follows the opening where its client enters another phase: when all of
// the request had left, and when the first byte of the response could be read.
func (c *conn) phases(w *walk, x *exchange.Exchange) {
	sent, _ := c.lanes[flow.Up].behind(x.Request.End() - 1)
	edges := [...]struct {
		until int64
		phase timeline.Phase
	}{{sent, timeline.Send}, {x.Response.FirstRead + c.lanes[flow.Down].toReceiver(), timeline.Wait}, {math.MaxInt64, timeline.Receive}}
	if x.Response.FirstRead == 0 {
		edges[1].until = math.MaxInt64
	}
	var cut []span
	for _, s := range w.spans {
		if s.phase < timeline.Send {
			cut = append(cut, s)
			continue
		}
		for _, e := range edges {
			if part := s; s.start < min(e.until, s.end) {
				part.end, part.phase = min(e.until, s.end), e.phase
				s.start = part.end
				cut = append(cut, part)
			}
		}
	}
	w.spans = cut
}

// begins is when a message's first byte left its sender.
func (l *lane) begins(m *exchange.Message) (int64, bool) {
	start := m.Start()
	if older := l.lumpsOf(start, start+1); len(older) > 0 {
		return older[0].image - l.oneWay(), true
	}
	for i := range l.steps {
		if s := &l.steps[i]; s.from <= start && s.to > start {
			return s.image - l.oneWay(), true
		}
	}
	return 0, false
}

// lastImage is the image of the last step that brought bytes of a message.
func (l *lane) lastImage(m *exchange.Message) int64 {
	end := m.End()
	for i := len(l.steps) - 1; i >= 0; i-- {
		if l.steps[i].from < end {
			return l.steps[i].image
		}
	}
	return 0
}

func (c *conn) request(w *walk, l *lane, x *exchange.Exchange) {
	begin, ok := l.begins(&x.Request)
	if !ok {
		if begin = x.Request.First; begin == 0 {
			return
		}
	}
	if w.at == 0 {
		w.at = begin
	}
	if x.Secure != nil && begin-w.at < handling && w.phase == timeline.TLS {
		w.to(begin, span{cause: timeline.TLSHandshake, packets: []int32{x.Request.FirstPacket}, certainty: 0.8})
	}
	w.phase = timeline.Send
	w.to(begin, span{cause: timeline.Queued, packets: []int32{x.Request.FirstPacket}, certainty: 0.6, dir: flow.Up})
	ranges := x.Request.Ranges
	if asked, rest := c.expecting(x); rest != nil {
		w.message(l, asked, orderOf(x))
		w.phase = timeline.Wait
		w.message(c.lanes[flow.Down], x.Interim[0].Ranges, orderOf(x))
		w.phase, ranges = timeline.Send, rest
	}
	w.message(l, ranges, orderOf(x))
}

// expecting cuts a request in two where its client waited for an interim response before
// it sent the rest, "100-continue" of RFC 9110 §10.1.1. There is no rest if it did not.
func (c *conn) expecting(x *exchange.Exchange) (asked, rest []flow.Block) {
	if len(x.Interim) == 0 || x.Stream != 0 || len(x.Request.Ranges) != 1 {
		return nil, nil
	}
	l := c.lanes[flow.Up]
	told := x.Interim[0].Last + c.lanes[flow.Down].toReceiver()
	all := x.Request.Ranges[0]
	for i := range l.steps {
		if s := &l.steps[i]; s.from > all.From && s.from < all.To && s.kind == flow.Data && s.image-l.oneWay() > told-slack {
			return []flow.Block{{From: all.From, To: s.from}}, []flow.Block{{From: s.from, To: all.To}}
		}
	}
	return nil, nil
}

func (c *conn) response(w *walk, l *lane, x *exchange.Exchange) {
	if len(x.Response.Ranges) == 0 {
		return
	}
	if w.at == 0 {
		begin, ok := l.begins(&x.Response)
		if !ok {
			begin = x.Response.First
		}
		if w.at = begin; begin == 0 {
			return
		}
	}
	var ranges []flow.Block
	for _, m := range x.Interim {
		if m.Last+l.toReceiver() > w.at { // or it had come before the request's end
			ranges = append(ranges, m.Ranges...)
		}
	}
	w.message(l, append(ranges, x.Response.Ranges...), orderOf(x))
	if x.Response.LastRead > x.Response.Last { // the rest of its TLS record, which other bytes share
		w.to(x.Response.LastRead+l.toReceiver(), span{cause: timeline.HeadOfLine, detail: orderOf(x).behind(), packets: []int32{x.Response.LastPacket}, certainty: 0.9, dir: flow.Down})
	}
	if w.end < x.Response.End() { // it was acknowledged, and not captured
		w.to(x.Response.Last-l.toReceiver(), span{cause: timeline.Unknown, packets: []int32{x.Response.LastPacket}, certainty: 1, dir: flow.Down})
	}
}

// orderOf says what the bytes are that stand before an exchange's own.
func orderOf(x *exchange.Exchange) order {
	switch {
	case x.Stream != 0:
		return streams
	case x.Nth == 1:
		return alone
	}
	return pipeline
}

// handling is how long a client may take between the parts of a TLS handshake, in
// nanoseconds, for that to count as the handshake's.
const handling = 5e6

// quickly is how soon after its connection was opened an exchange must begin for the
// opening to count as its own, in nanoseconds, or two round trips if these are more:
// what was opened ahead cost nobody anything.
const quickly = 20e6

// setUp walks over what had to be done before the connection could carry anything, if
// the exchange was the first that did.
func (c *conn) setUp(w *walk, x *exchange.Exchange) {
	o := &c.Opening
	begin, ok := c.lanes[flow.Up].begins(&x.Request)
	if x.Nth != 1 || o.SYN == 0 || !ok {
		return
	}
	toServer := c.lanes[flow.Up].toReceiver()
	toClient := c.lanes[flow.Down].toReceiver()
	ready := c.opened()
	if ready == 0 {
		ready = o.SYN + toServer
	}
	if t := x.Secure; t != nil && t.End != 0 {
		ready = max(ready, t.End-toClient)
	}
	if begin-ready > max(quickly, 2*c.lanes[flow.Up].rtt()) {
		return
	}
	w.phase = timeline.DNS
	syn := o.FirstSYN - toClient
	if look := x.Lookup; look != nil {
		w.at = look.Query - toClient
		w.to(look.Answer+toClient, span{cause: timeline.NameLookup, packets: []int32{look.QueryPacket, look.AnswerPacket}, certainty: 0.9})
		w.to(syn, span{cause: timeline.Queued, packets: []int32{o.SYNs[0]}, certainty: 0.6})
	}
	w.phase = timeline.Connect
	if w.at == 0 {
		w.at = syn
	}
	c.handshake(w)
	if t := x.Secure; t != nil && t.Begin != 0 && t.End != 0 {
		w.phase = timeline.TLS
		w.to(t.Begin-toClient, span{cause: timeline.TLSHandshake, packets: []int32{t.BeginPacket}, certainty: 0.8})
		w.to(t.End-toClient, span{cause: timeline.TLSHandshake, packets: evidence(t.BeginPacket, t.EndPacket), certainty: 0.95})
	}
}

// opened is when the SYN-ACK was at the client: when that acknowledged it, which it
// does at once, or a trip after it was captured. 0 if neither was seen.
func (c *conn) opened() int64 {
	o, toClient := &c.Opening, c.lanes[flow.Down].toReceiver()
	switch {
	case o.ACK != 0 && len(o.SYNACKs) <= 1:
		return o.ACK - toClient
	case o.SYNACK != 0:
		return o.SYNACK + toClient
	}
	return 0
}

// handshake walks from the first SYN to the SYN-ACK's arrival at the client: what is
// more than a round trip with several SYNs is the timeout of the lost ones.
func (c *conn) handshake(w *walk) {
	o := &c.Opening
	toClient := c.lanes[flow.Down].toReceiver()
	first, done := o.FirstSYN-toClient, c.opened()
	packets := append(append([]int32(nil), o.SYNs...), o.SYNACKs...)
	if len(packets) > mostEvidence {
		packets = packets[:mostEvidence]
	}
	if len(o.SYNs) > 1 || len(o.SYNACKs) > 1 {
		w.to(max(first, done-c.lanes[flow.Up].rtt()), span{cause: timeline.SYNRetry, packets: packets, certainty: 0.95})
	}
	w.to(done, span{cause: timeline.Handshake, packets: packets, certainty: 0.99})
}

// resolution is what the times of a capture can be told apart by, in nanoseconds: kernels
// take as long between packet and stamp, and half of a small round trip is no exact way.
const resolution = 1e6

// note is a span's sentence, and what makes it doubtful.
func (c *conn) note(s *span) string {
	if s.cause == timeline.Propagation && c.lanes[s.dir].rtt() < resolution {
		return s.sentence() + "; the round trip is below 1 ms, near what a capture can tell"
	}
	return s.sentence()
}

// nothing stands for an exchange in which no times can be told apart: what is known of
// it has no cause, and may have no length either.
func (w *walk) nothing(x *exchange.Exchange) {
	begin := cmp.Or(x.Request.First, x.Response.First)
	w.at = max(begin, x.Request.Last, x.Response.Last)
	packets := []int32{x.Request.FirstPacket, x.Request.LastPacket, x.Response.FirstPacket, x.Response.LastPacket}
	slices.Sort(packets)
	w.spans = []span{{
		cause: timeline.Unknown, phase: w.phase, start: begin, end: w.at,
		packets: slices.Compact(packets), certainty: 1,
	}}
}

// about is a packet of the exchange, or else of its connection.
func (c *conn) about(x *exchange.Exchange) int32 {
	n := cmp.Or(x.Response.LastPacket, x.Response.FirstPacket, x.Request.LastPacket, x.Request.FirstPacket)
	if n == 0 && len(c.Segments) > 0 {
		n = c.Segments[0].Packet
	}
	return n
}

// timeline makes the record of a walk.
func (c *conn) timeline(x *exchange.Exchange, w *walk) *timeline.Exchange {
	e := &timeline.Exchange{
		Method: x.Method, URL: x.URL, Protocol: x.Protocol, Status: x.Status, Nth: x.Nth, Tries: 1, Error: x.Problem,
		Sent:     timeline.Bytes{Header: x.Request.Head, Body: x.Request.Body},
		Received: timeline.Bytes{Header: x.Response.Head, Body: x.Response.Body},
		Conn:     timeline.Conn{Number: c.ID, Local: c.Client, Remote: c.Server},
	}
	if x.Secure != nil {
		e.Conn.TLS = x.Secure.Version + " " + x.Secure.Suite
	}
	for _, m := range x.Interim {
		e.Received.Header += m.Head
	}
	if len(w.spans) == 0 {
		w.nothing(x)
	}
	start := w.spans[0].start
	e.Start = time.Unix(0, start)
	for _, s := range w.spans {
		t := timeline.Span{
			Phase: s.phase, Cause: s.cause, Start: time.Duration(s.start - start), End: time.Duration(s.end - start),
			Note: c.note(&s), Certainty: math.Round(float64(s.certainty)*1000) / 1000,
		}
		shown := evidence(s.packets...)
		if len(shown) == 0 {
			shown = []int32{c.about(x)}
		}
		for _, p := range shown {
			t.Evidence = append(t.Evidence, int(p))
		}
		slices.Sort(t.Evidence)
		e.Spans = append(e.Spans, t)
	}
	e.Duration = time.Duration(w.at - start)
	return e
}
