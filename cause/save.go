package cause

import (
	"cmp"
	"slices"
	"time"

	"github.com/lingerhttp/linger/exchange"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// What remedies would have saved. What one saves of an exchange is told span by span:
// all of some, a part of others, and of the time that it stood behind other bytes what
// the remedy would have saved of these.

// A cure is what is known of an exchange to tell what remedies save of its spans.
type cure struct {
	conn   *conn
	faster [2]float64 // shares of the waits for the congestion window, by direction,
	wider  [2]float64 // and for the receiver's, that larger windows would have saved
	warm   kept
	rtt    int64
	beside int   // how many other connections of the two hosts were there meanwhile
	bytes  int64 // of the response

	opening int64 // how long it takes to open a connection
}

// savings says what remedies would have saved of an exchange, or cost, the largest
// saving first.
func (c *conn) savings(x *exchange.Exchange, w *walk) []Saving {
	if len(w.spans) == 0 {
		return nil
	}
	start := w.spans[0].start
	k := &cure{conn: c, rtt: c.lanes[flow.Down].rtt(), warm: c.warm(x, w.spans, w.at)}
	k.beside = c.pair.beside(c, start, w.at)
	if len(x.Response.Ranges) > 0 {
		k.bytes = x.Response.End() - x.Response.Start()
	}
	k.opening = k.rtt
	if t := x.Secure; t != nil {
		k.opening += max(0, t.End-t.Begin)
	}
	for d, m := range [2]*exchange.Message{&x.Request, &x.Response} {
		k.wider[d] = c.lanes[d].wider(m, w.spans)
		k.faster[d] = c.lanes[d].faster(m)
	}
	var all []Saving
	for r := range numRemedies {
		sum, own := k.all(r, w.spans)
		if r == MoreConnections && sum < k.opening {
			sum = 0 // whom it costs more, others on the connection gain, and these cannot be seen from here
		}
		if sum != 0 && !(r == Multiplex && x.Stream != 0) {
			all = append(all, Saving{Remedy: r, Time: time.Duration(sum), Own: time.Duration(own)})
		}
	}
	slices.SortStableFunc(all, func(a, b Saving) int { return cmp.Compare(b.Time, a.Time) })
	return all
}

// many is how many other connections there must be for fewer to be worth a thought.
const many = 2

// leastStall is from how long on a stall takes in what was saved before it.
const leastStall = 2e6

// all is what a remedy saves of spans, one after the other, and how much of that is not
// of the time behind other bytes. What it saves of a response
// before its sender had to wait for more is lost again: that comes when it comes.
func (k *cure) all(r Remedy, spans []span) (sum, own int64) {
	var response, behind int64
	for i := range spans {
		s := &spans[i]
		if s.cause == timeline.Stall && s.dir == flow.Down && s.end-s.start > max(leastStall, response/4) {
			sum, response = sum-response, 0
		}
		saves := k.of(r, s)
		if s.cause == timeline.HeadOfLine {
			saves = k.behind(r, s)
			behind += saves
		}
		sum += saves
		if s.dir == flow.Down && s.cause != timeline.Server && s.phase >= timeline.Wait {
			response += saves
		}
	}
	sum += k.moves(r, spans)
	return sum, sum - min(behind, max(sum, 0))
}

// of is what a remedy saves of one span.
func (k *cure) of(r Remedy, s *span) int64 {
	switch {
	case r == InitialWindow && limitedBy(s, timeline.SlowStart):
		return part(s, k.faster[s.dir])
	case r == ReceiveBuffer && limitedBy(s, timeline.ReceiveWindow):
		return part(s, k.wider[s.dir])
	case r == KeepConnection:
		return k.warm.saves(s)
	case r == Nearer:
		return nearer(s, k.rtt)
	case r == FewerConnections && k.beside >= many && (s.cause == timeline.Queueing || s.cause == timeline.Loss && s.detail != timeout):
		return s.end - s.start
	case r == FewerConnections && k.conn.pair.kept && k.beside >= many && opens(s):
		return k.warm.saves(s)
	case r == Multiplex && k.beside > 0 && opens(s) && k.conn.pair.ready(s.start):
		return s.end - s.start
	case r == Multiplex && limitedBy(s, timeline.ReceiveWindow):
		return -int64(k.beside) * (s.end - s.start) // which all then share
	}
	return whole(r, s)
}

// behind is what a remedy saves of a time that was spent behind other bytes: of what
// these waited for.
func (k *cure) behind(r Remedy, s *span) int64 {
	var sum, idle, alone int64
	spans := k.conn.unravel(s)
	for i := range spans {
		o := &spans[i]
		sum += k.of(r, o)
		switch o.cause {
		case timeline.Transfer, timeline.Queueing:
			continue // the link goes on with these bytes, whatever they stand behind
		case timeline.Stall:
			alone += o.end - o.start // the server was at work on another's answer
		}
		idle += o.end - o.start
	}
	switch {
	case r == MoreConnections && s.detail == behindPipeline:
		sum = idle
	case r == Multiplex && s.detail == behindPipeline:
		sum = alone
	case r == MoreConnections || r == Multiplex:
		sum = 0
	}
	return min(sum, s.end-s.start)
}

// unravel says why the bytes were late behind which a span was spent.
func (c *conn) unravel(s *span) []span {
	l := c.lanes[s.dir]
	var bytes flow.Block
	for i := range l.steps {
		if st := &l.steps[i]; st.at > s.start && st.at <= s.end && st.from < st.to {
			if bytes.To == 0 {
				bytes.From = st.from
			}
			bytes.From, bytes.To = min(bytes.From, st.from), max(bytes.To, st.to)
		}
	}
	if bytes.From == bytes.To {
		return nil
	}
	w := &walk{at: s.start, begun: true, phase: s.phase}
	w.message(l, []flow.Block{bytes}, alone)
	return w.spans
}

// moves is what it costs, or saves, that the exchange shares its connection with others
// than it did.
func (k *cure) moves(r Remedy, spans []span) int64 {
	switch r {
	case MoreConnections:
		if i := slices.IndexFunc(spans, func(s span) bool { return s.cause == timeline.HeadOfLine }); i >= 0 {
			return -k.opening
		}
	case Multiplex:
		if k.beside == 0 {
			return 0
		}
		l := k.conn.lanes[flow.Down]
		var waited int64
		for i := range spans {
			if s := &spans[i]; s.dir == flow.Down && limitedBy(s, timeline.SlowStart) {
				waited += s.end - s.start
			}
		}
		window := max(k.conn.pair.window, l.growth.initial, int64(l.conn.SegmentSize(flow.Down)))
		shared, _ := rounds(k.bytes*int64(k.beside+1), window, k.rtt, l.path.rate())
		return waited - shared
	}
	return 0
}

// opens says whether a span was spent on opening a connection.
func opens(s *span) bool { return s.phase >= timeline.DNS && s.phase <= timeline.TLS }

// whole is what a remedy saves that does away with a cause.
func whole(r Remedy, s *span) int64 {
	gone := r == NoDelay && (s.cause == timeline.Nagle || s.cause == timeline.DelayedACK && s.detail == ofNagle) ||
		r == QuickACK && s.cause == timeline.DelayedACK
	if gone {
		return s.end - s.start
	}
	return 0
}

// limitedBy says whether a span waited for a window, or for an ACK that was held
// meanwhile.
func limitedBy(s *span, c timeline.Cause) bool {
	if s.cause == timeline.DelayedACK {
		return s.detail == delayOf(c)
	}
	return s.cause == c && s.detail != streamWindow
}

func part(s *span, share float64) int64 { return int64(float64(s.end-s.start) * share) }

// nearer is what half the distance saves: of each wait for a round trip, half of that,
// or all of the wait if it is shorter: the rest is transmission. A span may hold
// several such waits.
func nearer(s *span, rtt int64) int64 {
	took := s.end - s.start
	half := rtt / 2
	switch s.cause {
	case timeline.Propagation:
		return took / 2
	case timeline.Handshake, timeline.NameLookup:
		return min(took, half)
	case timeline.TLSHandshake, timeline.SlowStart, timeline.Congestion, timeline.ReceiveWindow, timeline.Nagle:
		waits := max(1, (took+half)/max(rtt, 1))
		return min(took, waits*half)
	case timeline.Loss:
		if s.detail == timeout {
			return 0
		}
		return min(took, half)
	}
	return 0
}

// rounds is how long a sender waits in all for ACKs to make room in its congestion
// window, while it sends so many bytes through a bottleneck: a round trip for each
// window, less the time that the window's bytes take. The window doubles with each.
// It also returns the window after that, as Linux lets it grow: only if at least half
// of it was used (tcp_is_cwnd_limited).
func rounds(bytes, window int64, rtt int64, rate float64) (wait, after int64) {
	for bytes > 0 && window > 0 {
		burst := min(bytes, window)
		bytes -= burst
		var busy int64
		if rate > 0 {
			busy = int64(float64(burst) / rate * 1e9)
		}
		if bytes > 0 {
			wait += max(0, rtt-busy)
		}
		if 2*burst >= window {
			window += burst
		}
	}
	return wait, window
}

// Windows that a connection begins with, in segments.
const (
	usualWindow = 10 // RFC 6928
	largeWindow = 32 // what large sites choose
)

// A growth is how the congestion window of a lane grows, in bytes: as it did, and as it
// would have with a larger initial window.
type growth struct {
	initial, larger int64 // to begin with; 0: not begun
	was, would      int64
	last            int64 // when something was last sent
}

// initialWindow is the congestion window that a lane's sender began with, in bytes, the
// usual one where it never held anything back.
func (l *lane) initialWindow() int64 {
	size := int64(l.conn.SegmentSize(l.dir))
	if l.window0 == 0 {
		return usualWindow * size
	}
	return max(l.window0, size)
}

// restarts is how long a connection must be idle for its congestion window to be set
// back, in nanoseconds: a retransmission timeout, at least (RFC 5681 §4.1).
const restarts = 200e6

// largerWindow is what a sender may begin with instead of a window, both in bytes. The
// kernel counts segments, and not all are full: a little less than the usual window is
// that.
func largerWindow(initial, size int64) int64 {
	if usual := usualWindow * size; initial <= usual*3/4 {
		return usual
	}
	return largeWindow * size
}

// faster is the share of the waits for the congestion window that a larger initial
// window would have saved of a message.
func (l *lane) faster(m *exchange.Message) float64 {
	if len(m.Ranges) == 0 {
		return 0
	}
	g, size := &l.growth, int64(l.conn.SegmentSize(l.dir))
	if g.initial == 0 {
		g.initial = l.initialWindow()
		g.larger = largerWindow(g.initial, size)
		g.was, g.would = g.initial, g.larger
	}
	if begin, ok := l.begins(m); ok && begin-g.last > restarts && g.last != 0 {
		g.was, g.would = min(g.was, g.initial), min(g.would, g.larger)
	}
	g.last = m.Last
	var was, would int64
	bytes, rtt, rate := m.End()-m.Start(), l.rtt(), l.path.rate()
	was, g.was = rounds(bytes, g.was, rtt, rate)
	would, g.would = rounds(bytes, g.would, rtt, rate)
	if was <= 0 || would >= was {
		return 0
	}
	return 1 - float64(would)/float64(was)
}

// wider is the share of the waits for the receiver's window that a larger one would
// have saved of a message: then the congestion window would have grown on from it.
func (l *lane) wider(m *exchange.Message, spans []span) float64 {
	var waited int64
	for i := range spans {
		if s := &spans[i]; s.dir == l.dir && limitedBy(s, timeline.ReceiveWindow) {
			waited += s.end - s.start
		}
	}
	if waited == 0 || len(m.Ranges) == 0 {
		return 0
	}
	window := max(2*l.widest, l.growth.was) // Linux lets it grow to twice of what is used; before, it would have grown, too
	would, _ := rounds(m.End()-m.Start(), window, l.rtt(), l.path.rate())
	return max(0, 1-float64(would)/float64(waited))
}

// A kept says what an exchange would have saved on a connection that was there
// already: opening one, and the growth of its window.
type kept struct {
	open  bool
	share float64 // of the waits for the congestion window
}

func (k kept) saves(s *span) int64 {
	if !k.open {
		return 0
	}
	switch s.cause {
	case timeline.Handshake, timeline.SYNRetry, timeline.TLSHandshake, timeline.NameLookup:
		return s.end - s.start
	}
	if s.dir == flow.Down && limitedBy(s, timeline.SlowStart) {
		return part(s, k.share)
	}
	return 0
}

// ready says whether a connection between the two hosts was open by a time, which an
// exchange could have shared.
func (p *pair) ready(at int64) bool {
	for _, c := range p.conns {
		if c.Opening.ACK != 0 && c.Opening.ACK <= at {
			return true
		}
	}
	return false
}

// mostEnds is how many connections of two hosts are kept in mind, and how many ends of
// their exchanges.
const mostEnds = 128

// beside is how many other connections of the two hosts there were in a time.
func (p *pair) beside(c *conn, from, to int64) int {
	n := 0
	for _, o := range p.conns {
		if o != c.Conn && o.First < to && o.Last > from {
			n++
		}
	}
	return n
}

// warm says whether another connection between the two hosts had just become free when
// the exchange opened one, and how far its window had grown.
func (c *conn) warm(x *exchange.Exchange, spans []span, end int64) kept {
	p, start := c.pair, spans[0].start
	var k kept
	if x.Nth == 1 && opens(&spans[0]) {
		free := 0
		for _, ended := range p.ends {
			if ended <= start {
				free++
			}
		}
		k.open = free > p.taken
	}
	l := c.lanes[flow.Down]
	if bytes := x.Response.End() - x.Response.Start(); len(x.Response.Ranges) > 0 {
		initial := l.initialWindow()
		window := max(p.window, initial)
		if start-p.lastEnd > restarts {
			window = initial
		}
		was, _ := rounds(bytes, initial, l.rtt(), l.path.rate())
		would, after := rounds(bytes, window, l.rtt(), l.path.rate())
		p.window = after
		if was > would {
			k.share = 1 - float64(would)/float64(was)
		}
	}
	if k.open {
		p.taken++
	}
	p.lastEnd = max(p.lastEnd, end)
	if p.ends = append(p.ends, end); len(p.ends) > mostEnds {
		p.ends, p.taken = p.ends[1:], max(0, p.taken-1)
	}
	return k
}
