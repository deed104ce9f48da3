package cause

import "github.com/lingerhttp/linger/flow"

// A tsClock reads a sender's clock from its timestamps (RFC 7323 §3), where the
// capture is at the receiver: they say when a segment left, to a millisecond.
type tsClock struct {
	known  bool
	first  int64 // when the first was seen
	firstV uint32
	offset int64 // the smallest difference seen: arrival less the clock, in nanoseconds
	at     int64 // when offset was set
}

const (
	grain = 1_000_000 // of Linux' timestamps: TCP_TS_HZ is 1,000
	drift = 10_000    // offset grows by one part in so many, for clocks that run apart
)

// bounds says between when and when a segment would have arrived without a queue. It
// is (arrived, arrived) where its clock does not tell.
func (c *tsClock) bounds(s *flow.Segment, arrived int64) (early, late int64) {
	if s.NoTS {
		return arrived, arrived
	}
	if !c.known {
		c.known, c.first, c.firstV = true, arrived, s.TSval
		c.offset, c.at = arrived, arrived
	}
	ticks := int64(int32(s.TSval-c.firstV)) * grain
	if otherUnit(arrived-c.first, ticks) {
		return arrived, arrived
	}
	c.offset = min(c.offset+(arrived-c.at)/drift, arrived-ticks)
	c.at = arrived
	early = c.offset + ticks
	return min(early, arrived), min(early+grain, arrived)
}

// otherUnit says whether a clock seems to count something else than milliseconds, as
// kernels did that counted 100 or 250 ticks a second: in the time since its first stamp,
// which is ticks by the clock, both in nanoseconds. What is too slow may as well be a
// queue that fills: then the clock catches up later, and is one of milliseconds again.
func otherUnit(since, ticks int64) bool {
	return since > 2e9 && ticks < since/3 || since > 500e6 && ticks > since+since/2
}

// calibrate tells the clock of a lane's sender when a segment would have arrived
// without a queue, which is known of what a handshake answers at once: a queue that
// stands since before the connection was opened would not be seen otherwise.
func (l *lane) calibrate(s *flow.Segment, asked int64) {
	arrived := s.At + l.toReceiver()
	if s.NoTS || asked == 0 || !l.seen() {
		return
	}
	l.bounds(s, arrived)
	ticks := int64(int32(s.TSval-l.clock.firstV)) * grain
	l.clock.offset = min(l.clock.offset, asked-l.toReceiver()+l.rtt()-ticks)
}

// together is how far two connections' clocks may differ to be one, in nanoseconds:
// Linux chooses them at random for each pair of addresses (secure_tcp_ts_off).
const together = 1e9

// bounds asks the clock of the lane's sender, and finds it first: that of the host's
// other connections, which may have seen emptier queues, or its own. A capture at the
// sender knows better.
func (l *lane) bounds(s *flow.Segment, arrived int64) (early, late int64) {
	if l.clock == nil && !s.NoTS {
		shared := l.pair.clocks[l.dir]
		if shared == nil || !shared.like(s, arrived) {
			shared = new(tsClock)
			l.pair.clocks[l.dir] = shared
		}
		l.clock = shared
	}
	if l.clock != nil {
		early, late = l.clock.bounds(s, arrived)
	} else {
		early, late = arrived, arrived
	}
	if left, known := l.departures.Left(s.Packet); known {
		early = min(left+l.oneWay(), arrived)
		late = early
	}
	return early, late
}

// like says whether a segment has the time of this clock.
func (c *tsClock) like(s *flow.Segment, arrived int64) bool {
	apart := arrived - c.offset - int64(int32(s.TSval-c.firstV))*grain
	return c.known && apart > -together && apart < together
}
