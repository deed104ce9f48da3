package cause_test

import (
	"fmt"
	"testing"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/timeline"
)

// TestLargeMessage: of a message of more packets than a lane keeps, what they cost is
// told all the same: what was lost, and when its sender had nothing to send. The link
// takes 1,989 ms for them; the hole is filled behind what stands in the queue.
func TestLargeMessage(t *testing.T) {
	const half = 12_000_000 // 8,300 packets
	for place, side := range places {
		for _, up := range []bool{false, true} {
			s := newScene(side)
			for d := range s.rate {
				s.rate[d] = 12.5e6
			}
			s.client.room, s.server.room = 8<<20, 8<<20
			from, c := packets.Server, call{think: 5 * ms, response: []string{head(2*half) + bytesOf(half), bytesOf(half)}, stall: 1500 * ms}
			if up {
				from = packets.Client
				c = call{request: []string{fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 2*half) + bytesOf(half), bytesOf(half)}, apart: 1500 * ms, think: 5 * ms, response: ok(500)}
			}
			s.lost = func(side packets.Side, nth int, _ packets.Segment) bool { return side == from && nth == 3000 }
			e := explained(t, s.play(c))[0].Timeline
			busy := costs(e, timeline.Transfer, timeline.Loss, timeline.ReceiveWindow, timeline.SlowStart)
			lost, pause := costs(e, timeline.Loss), costs(e, timeline.Stall, timeline.Client)
			if !near(busy, 1900*ms, 200*ms) || !near(lost, 270*ms, 100*ms) || !near(pause, 500*ms, 100*ms) || len(e.Spans) > 50 {
				t.Errorf("%s, up %t: %d spans, %v busy, %v of loss, %v pause: %.400s", place, up, len(e.Spans), busy, lost, pause, brief(e))
			}
		}
	}
}
