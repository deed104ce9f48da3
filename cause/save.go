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
// all of some, a part of others, and of the time that it stood behind another exchange
// what the remedy would have saved of that one meanwhile.

// An account is what each remedy saves of each of an exchange's spans, in nanoseconds.
type account struct {
	start, end int64
	spans      []span
	saved      [numRemedies][]int64
}

// mostAccounts is how many exchanges of a connection are kept in mind for those that
// stood behind them.
const mostAccounts = 128

// savings says what remedies would have saved of an exchange, the largest first.
func (c *conn) savings(x *exchange.Exchange, w *walk) []Saving {
	if len(w.spans) == 0 {
		return nil
	}
	a := &account{start: w.spans[0].start, end: w.at, spans: w.spans}
	warm := c.warm(x, a)
	var faster, wider [2]float64
	for d, m := range [2]*exchange.Message{&x.Request, &x.Response} {
		faster[d] = c.lanes[d].faster(m)
		wider[d] = c.lanes[d].wider(m, w.spans)
	}
	for r := range numRemedies {
		a.saved[r] = make([]int64, len(w.spans))
		for i := range w.spans {
			s := &w.spans[i]
			switch {
			case s.cause == timeline.HeadOfLine:
				a.saved[r][i] = c.behind(r, s)
			case r == InitialWindow && limitedBy(s, timeline.SlowStart):
				a.saved[r][i] = part(s, faster[s.dir])
			case r == ReceiveBuffer && limitedBy(s, timeline.ReceiveWindow):
				a.saved[r][i] = part(s, wider[s.dir])
			case r == KeepConnection:
				a.saved[r][i] = warm.saves(s)
			case r == Nearer:
				a.saved[r][i] = nearer(s, c.lanes[flow.Down].rtt())
			default:
				a.saved[r][i] = whole(r, s)
			}
		}
	}
	if c.accounts = append(c.accounts, a); len(c.accounts) > mostAccounts {
		c.accounts = c.accounts[1:]
	}
	return a.sum()
}

func (a *account) sum() []Saving {
	var all []Saving
	for r := range numRemedies {
		var sum int64
		for _, s := range a.saved[r] {
			sum += s
		}
		if sum > 0 {
			all = append(all, Saving{Remedy: r, Time: time.Duration(sum)})
		}
	}
	slices.SortStableFunc(all, func(a, b Saving) int { return cmp.Compare(b.Time, a.Time) })
	return all
}

// behind is what a remedy would have saved of the exchanges that a span stood behind:
// of the one before it, where several ended in that time.
func (c *conn) behind(r Remedy, s *span) int64 {
	var sum int64
	for _, a := range c.accounts {
		if a.end <= s.start || a.start >= s.end {
			continue
		}
		var of int64
		for i := range a.spans {
			o := &a.spans[i]
			if from, to := max(o.start, s.start), min(o.end, s.end); from < to {
				of += a.saved[r][i] * (to - from) / (o.end - o.start)
			}
		}
		sum = max(sum, of)
	}
	return min(sum, s.end-s.start)
}

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
	return s.cause == c
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

// restarts is how long a connection must be idle for its congestion window to be set
// back, in nanoseconds: a retransmission timeout, at least (RFC 5681 §4.1).
const restarts = 200e6

// faster is the share of the waits for the congestion window that a larger initial
// window would have saved of a message.
func (l *lane) faster(m *exchange.Message) float64 {
	if len(m.Ranges) == 0 {
		return 0
	}
	g, size := &l.growth, int64(l.conn.SegmentSize(l.dir))
	if g.initial == 0 {
		g.initial = max(l.window0, size)
		if l.window0 == 0 {
			g.initial = usualWindow * size
		}
		g.larger = usualWindow * size
		if g.initial >= g.larger {
			g.larger = largeWindow * size
		}
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
	window := min(l.widest, l.growth.was)
	would, _ := rounds(m.End()-m.Start(), max(window, l.growth.initial), l.rtt(), l.path.rate())
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

// warm says whether another connection between the two hosts had just become free when
// the exchange opened one, and how far its window had grown.
func (c *conn) warm(x *exchange.Exchange, a *account) kept {
	p := c.pair
	var k kept
	if x.Nth == 1 && a.spans[0].cause != timeline.Propagation {
		free := 0
		for _, end := range p.ends {
			if end <= a.start {
				free++
			}
		}
		k.open = free > p.taken
	}
	l := c.lanes[flow.Down]
	if bytes := x.Response.End() - x.Response.Start(); len(x.Response.Ranges) > 0 {
		size := int64(l.conn.SegmentSize(l.dir))
		initial := max(l.window0, size)
		if l.window0 == 0 {
			initial = usualWindow * size
		}
		window := max(p.window, initial)
		if a.start-p.lastEnd > restarts {
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
	p.lastEnd = max(p.lastEnd, a.end)
	if p.ends = append(p.ends, a.end); len(p.ends) > mostAccounts {
		p.ends, p.taken = p.ends[1:], max(0, p.taken-1)
	}
	return k
}
