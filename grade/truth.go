package grade

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/lingerhttp/linger/timeline"
)

// A Judged is an exchange with what is true of its time, or what is said of it. Times
// are nanoseconds since 1970.
type Judged struct {
	Exchange int            // its number in the scenario, 0 where that is not known
	Conn     netip.AddrPort // the client's end
	Nth      int            // of its connection, from 1, in the order of the requests
	Start    int64
	Spans    []Stretch // from Start on, without gap

	Problem string // why there is no truth: then there are no spans
}

// End is when it ended.
func (j *Judged) End() int64 {
	if len(j.Spans) == 0 {
		return j.Start
	}
	return j.Spans[len(j.Spans)-1].To
}

// A Stretch is a time that has one cause.
type Stretch struct {
	From, To  int64
	Cause     timeline.Cause
	Certainty float64 // of what is said; 0 of what is true
	Note      string
	Evidence  []int
}

// until adds what has a cause until a time, unless that is past.
func (j *Judged) until(to int64, c timeline.Cause) {
	from := j.End()
	if to <= from {
		return
	}
	if n := len(j.Spans); n > 0 && j.Spans[n-1].Cause == c {
		j.Spans[n-1].To = to
		return
	}
	j.Spans = append(j.Spans, Stretch{From: from, To: to, Cause: c})
}

// Truth says what the time of each exchange was for, by package grade's definition. It
// is in the order of the connections and of their requests. An exchange that failed,
// or was sent twice, has a Problem.
func Truth(f *Facts) []*Judged {
	t := &truth{facts: f, wire: newWire(f), delay: int64(f.Scenario.delay())}
	t.sort()
	var all []*Judged
	for i := range f.Told {
		all = append(all, t.judge(&f.Told[i]))
	}
	slices.SortFunc(all, func(a, b *Judged) int {
		return cmp.Or(a.Conn.Compare(b.Conn), cmp.Compare(a.Nth, b.Nth), cmp.Compare(a.Exchange, b.Exchange))
	})
	return all
}

// truth is what the judgement of all exchanges needs.
type truth struct {
	facts *Facts
	wire  *wire
	delay int64 // of each way

	conns map[netip.AddrPort]*spoken
	of    map[int]netip.AddrPort // the connection of each exchange
	dials map[netip.AddrPort]Dial
}

// A spoken is what was written on one connection.
type spoken struct {
	pieces [2][]Piece // of each direction, by their offsets
	order  []int      // the exchanges in the order of their requests
}

// sort sorts the pieces by connection and direction.
func (t *truth) sort() {
	t.conns, t.of, t.dials = make(map[netip.AddrPort]*spoken), make(map[int]netip.AddrPort), make(map[netip.AddrPort]Dial)
	for _, d := range t.facts.Dials {
		t.dials[d.Conn] = d
	}
	for _, p := range t.facts.Pieces {
		s := t.conns[p.Conn]
		if s == nil {
			s = new(spoken)
			t.conns[p.Conn] = s
		}
		d := direction(p.Down)
		s.pieces[d] = append(s.pieces[d], p)
	}
	for conn, s := range t.conns {
		for d := range s.pieces {
			slices.SortStableFunc(s.pieces[d], func(a, b Piece) int { return cmp.Compare(a.From, b.From) })
		}
		for _, p := range s.pieces[up] {
			if p.Exchange > 0 && !slices.Contains(s.order, p.Exchange) {
				s.order = append(s.order, p.Exchange)
				t.of[p.Exchange] = conn
			}
		}
	}
}

// judge tells the truth of one exchange.
func (t *truth) judge(told *Told) *Judged {
	e := &told.Timeline
	conn := t.of[told.Exchange]
	j := &Judged{Exchange: told.Exchange, Conn: conn, Start: e.Start.UnixNano()}
	c, s := t.wire.conns[conn], t.conns[conn]
	switch {
	case e.Error != "":
		j.Problem = "it failed: " + e.Error
	case e.Tries > 1:
		j.Problem = "it was sent again"
	case c == nil || s == nil:
		j.Problem = "its connection is not known"
	}
	if j.Problem != "" {
		return j
	}
	j.Nth = 1 + slices.Index(s.order, told.Exchange)
	request, response := t.message(c, s, up, told.Exchange), t.message(c, s, down, told.Exchange)
	if !request.complete || !response.complete {
		j.Problem = "not all of it arrived"
		return j
	}
	if j.Nth == 1 {
		t.open(j, c)
	}
	j.until(request.begin, timeline.Queued)
	t.transmit(j, request, request.begin, 0)
	j.until(request.last.arrived, timeline.Propagation)
	if t.facts.Scenario.Strategy != multiplexed && j.Nth > 1 {
		if before := t.message(c, s, down, s.order[j.Nth-2]); before.complete {
			j.until(before.last.arrived, timeline.HeadOfLine)
		}
	}
	j.until(response.begin, timeline.Server)
	j.until(response.begin+t.delay, timeline.Propagation)
	t.transmit(j, response, max(response.begin, j.End()-t.delay), t.delay)
	j.until(response.last.arrived, timeline.Propagation)
	return j
}

// open tells how the connection was opened that an exchange waited for.
func (t *truth) open(j *Judged, c *conn) {
	d := t.dials[j.Conn]
	j.until(d.Begin, timeline.Queued)
	j.until(d.Looked, timeline.NameLookup)
	if first, answered, done := c.handshake(t.delay); done > 0 {
		j.until(first, timeline.Handshake)
		j.until(answered, timeline.SYNRetry)
		j.until(done, timeline.Handshake)
	}
	j.until(d.Connected, timeline.Queued)
	j.until(d.Secured, timeline.TLSHandshake)
}

// handshake is when the first SYN departed, when the one that was answered did, and
// when the answer arrived.
func (c *conn) handshake(delay int64) (first, answered, done int64) {
	var answer *segment
	for i := range c.ways[down].segments {
		if s := &c.ways[down].segments[i]; s.syn && !s.dropped {
			answer = s
			break
		}
	}
	if answer == nil {
		return 0, 0, 0
	}
	const kept = 100e6 // ns; who answers at once takes less, who answers again takes 1 s
	for i := range c.ways[up].segments {
		s := &c.ways[up].segments[i]
		if !s.syn {
			continue
		}
		if first == 0 {
			first = s.entered
		}
		if !s.dropped && s.arrived <= answer.entered {
			answered = s.entered
			if answer.entered-s.arrived > kept { // it was the server that sent again
				answered = answer.entered - delay
			}
		}
	}
	return first, answered, answer.arrived
}

// A message is a request or a response, as it was written and sent.
type message struct {
	conn     *conn
	dir      int
	nagle    bool
	exchange int
	pieces   []Piece // its own
	all      []Piece // those of the direction
	begin    int64   // when it began to be written
	last     step    // with its last byte
	complete bool    // all of it arrived
}

func (t *truth) message(c *conn, s *spoken, dir, exchange int) *message {
	m := &message{conn: c, dir: dir, exchange: exchange, all: s.pieces[dir]}
	m.nagle = t.facts.Scenario.ClientNagle
	if dir == down {
		m.nagle = t.facts.Scenario.Nagle
	}
	for _, p := range m.all {
		if p.Exchange == exchange {
			m.pieces = append(m.pieces, p)
		}
	}
	if len(m.pieces) == 0 {
		return m
	}
	m.begin = m.pieces[0].Ready
	m.last, m.complete = c.ways[dir].done(m.pieces[len(m.pieces)-1].To)
	return m
}
