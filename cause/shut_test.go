package cause

import (
	"testing"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// TestOver lays a shut window of HTTP/2 over spans: only stalls of the response are
// its, and nothing is lost or told twice.
func TestOver(t *testing.T) {
	spans := []span{
		{cause: timeline.Server, start: 0, end: 10, dir: flow.Down},
		{cause: timeline.Stall, start: 10, end: 50, dir: flow.Down},
		{cause: timeline.Transfer, start: 50, end: 60, dir: flow.Down},
		{cause: timeline.Stall, start: 60, end: 70, dir: flow.Down},
	}
	type stretch struct {
		cause      timeline.Cause
		start, end int64
	}
	for name, tt := range map[string]struct {
		from, to int64
		want     []stretch
	}{
		"within a stall": {20, 40, []stretch{
			{timeline.Server, 0, 10}, {timeline.Stall, 10, 20}, {timeline.ReceiveWindow, 20, 40}, {timeline.Stall, 40, 50},
			{timeline.Transfer, 50, 60}, {timeline.Stall, 60, 70},
		}},
		"over all": {0, 100, []stretch{
			{timeline.Server, 0, 10}, {timeline.ReceiveWindow, 10, 50}, {timeline.Transfer, 50, 60}, {timeline.ReceiveWindow, 60, 70},
		}},
		"elsewhere": {70, 90, []stretch{
			{timeline.Server, 0, 10}, {timeline.Stall, 10, 50}, {timeline.Transfer, 50, 60}, {timeline.Stall, 60, 70},
		}},
	} {
		got := over(spans, tt.from, tt.to, []int32{1, 2})
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d spans, want %d", name, len(got), len(tt.want))
			continue
		}
		for i, s := range got {
			if (stretch{s.cause, s.start, s.end}) != tt.want[i] {
				t.Errorf("%s: span %d is %v %d to %d, want %v", name, i, s.cause, s.start, s.end, tt.want[i])
			}
		}
	}
}
