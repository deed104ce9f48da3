package cause

import (
	"github.com/lingerhttp/linger/exchange"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// HTTP/2 has windows of its own, for each stream and for the connection. While one is
// used up TCP has nothing to send, which alone looks like a server that has nothing to
// say.

// shut gives a response's stalls the cause that a window of HTTP/2 was used up, where
// one was: from when the last bytes that it allowed arrived until what the update that
// opened it let go could arrive.
func (c *conn) shut(w *walk, x *exchange.Exchange) {
	l := c.lanes[flow.Down]
	for _, s := range x.Response.Shut {
		from, to := s.From+l.toReceiver(), w.at
		if s.To != 0 {
			to = s.To - l.toReceiver() + l.rtt() + slack
		}
		w.spans = over(w.spans, from, to, evidence(s.FromPacket, s.ToPacket))
	}
}

// over cuts the spans at two times, and lays a shut window over the stalls between.
func over(spans []span, from, to int64, packets []int32) []span {
	var cut []span
	for _, s := range spans {
		if s.cause != timeline.Stall || s.dir != flow.Down || s.end <= from || s.start >= to {
			cut = append(cut, s)
			continue
		}
		before, after := s, s
		if before.end = max(s.start, from); before.end > before.start {
			cut = append(cut, before)
		}
		within := s
		within.start, within.end = max(s.start, from), min(s.end, to)
		within.cause, within.detail, within.packets = timeline.ReceiveWindow, streamWindow, packets
		cut = append(cut, within)
		if after.start = within.end; after.start < after.end {
			cut = append(cut, after)
		}
	}
	return cut
}
