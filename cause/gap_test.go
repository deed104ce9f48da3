package cause

import (
	"testing"

	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/timeline"
)

// on is a situation with an ACK that has moved what was acknowledged from 0 to 1000 and
// the window from 60,000 to 61,000: a full segment is sent 50 ms behind the one before,
// with nothing in its way.
func on(changes ...func(*situation)) situation {
	s := situation{
		kind: flow.Data, rtt: 100e6, length: 1460, size: 1460, waited: 50e6, pushed: true, small: true,
		released: true, epsilon: 2e6, ack: ack{release: 700, left: 600, packet: 7, newest: 3, ack: 1000},
		before: sender{una: 0, edge: 60_000}, after: sender{una: 1000, edge: 61_000}, next: 1000, outstanding: -1,
		flight: 14_600, grown: true, widest: 60_000,
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

// unheard is that no ACK came right before.
func unheard(s *situation) {
	s.released, s.ack, s.before = false, ack{newest: -1}, s.after
}

// sized is a segment of so many bytes.
func sized(n int64) func(*situation) { return func(s *situation) { s.length = n } }

// again is a segment of a kind.
func again(k flow.Kind) func(*situation) { return func(s *situation) { s.kind = k } }

// edge is where the window ended before the ACK and behind it.
func edge(before, after int64) func(*situation) {
	return func(s *situation) { s.before.edge, s.after.edge = before, after }
}

// held is that the last small segment ended at an offset, where the ACK moved what was
// acknowledged from one to another.
func held(small, before, after int64) func(*situation) {
	return func(s *situation) { s.outstanding, s.before.una, s.after.una, s.ack.ack = small, before, after, after }
}

// full is that so much was under way, of so much at most.
func full(n, most int64) func(*situation) {
	return func(s *situation) { s.next, s.flight = s.before.una+n, most }
}

func lost(s *situation)    { s.lost = true }
func missing(s *situation) { s.missing = true }
func first(s *situation)   { s.first = true }
func stale(s *situation)   { s.grown = false }
func midway(s *situation)  { s.pushed, s.small = false, false } // the write before was not at its end

// spread is that a gap is one of many that are the same.
func spread(s *situation) { s.regular = 1 }

func waited(n int64) func(*situation) { return func(s *situation) { s.waited = n } }

func all(changes ...func(*situation)) []func(*situation) { return changes }

// decisions are each cause, and both sides of each of its bounds.
var decisions = map[string]struct {
	on   []func(*situation)
	want timeline.Cause
}{
	"nothing in its way":                         {nil, timeline.Stall},
	"nothing in its way, and no ACK":             {all(unheard), timeline.Stall},
	"reordered":                                  {all(again(flow.Reordered)), timeline.Stall},
	"perhaps captured twice":                     {all(again(flow.Ambiguous)), timeline.Stall},
	"a hole filled":                              {all(again(flow.Repair)), timeline.Loss},
	"fast retransmit":                            {all(again(flow.Fast)), timeline.Loss},
	"tail-loss probe":                            {all(again(flow.Tail)), timeline.Loss},
	"timeout":                                    {all(again(flow.Timeout)), timeline.Loss},
	"timeout while the window is full":           {all(again(flow.Timeout), edge(1000, 2000)), timeline.Loss},
	"one before it is missing, RTT past":         {all(missing, unheard, waited(100e6+1)), timeline.Loss},
	"one before it is missing, RTT not past":     {all(missing, unheard, waited(100e6)), timeline.Stall},
	"one before it is missing, an ACK let it go": {all(missing, waited(200e6)), timeline.SlowStart},

	"window exactly full":              {all(edge(1000, 2000)), timeline.ReceiveWindow},
	"window short of one byte":         {all(edge(1000+1459, 5000)), timeline.ReceiveWindow},
	"window with room for it":          {all(edge(1000+1460, 5000)), timeline.Stall},
	"small, window short of one byte":  {all(sized(100), edge(1000+99, 5000)), timeline.ReceiveWindow},
	"small, window with room for it":   {all(sized(100), edge(1000+100, 5000)), timeline.Stall},
	"window full, and not moved":       {all(edge(1000, 1000)), timeline.Stall},
	"window full, its scale not known": {all(edge(-1, -1)), timeline.Stall},
	"window full, no ACK":              {all(edge(1000, 2000), unheard), timeline.Stall},
	"window probe":                     {all(again(flow.Probe), unheard), timeline.ReceiveWindow},
	"window full, and the flight too":  {all(edge(15_000, 16_000), full(14_600, 14_600)), timeline.ReceiveWindow},
	"super-segment, window for a part": {all(sized(14_600), edge(1000+1459, 20_000)), timeline.ReceiveWindow},
	"super-segment, window for one":    {all(sized(14_600), edge(1000+1460, 20_000)), timeline.Stall},

	"small after a small one was acknowledged":     {all(sized(100), held(1000, 0, 1000)), timeline.Nagle},
	"small after more was acknowledged":            {all(sized(100), held(1000, 0, 2000)), timeline.Nagle},
	"small, the small one had been before":         {all(sized(100), held(1000, 1000, 2000)), timeline.Stall},
	"small, the small one is not yet":              {all(sized(100), held(1001, 0, 1000)), timeline.Stall},
	"small, none was before":                       {all(sized(100)), timeline.Stall},
	"one byte less than full":                      {all(sized(1459), held(1000, 0, 1000)), timeline.Nagle},
	"full, after a small one was acknowledged":     {all(held(1000, 0, 1000)), timeline.Stall},
	"small, after a small one, no ACK: corked":     {all(sized(100), held(1000, 0, 1000), unheard, waited(200e6)), timeline.Stall},
	"small, window and Nagle":                      {all(sized(100), held(1000, 0, 1000), edge(1000, 3000)), timeline.ReceiveWindow},
	"small, Nagle and a full flight, in mid-write": {all(sized(100), held(1000, 0, 1000), full(14_600, 14_600), midway), timeline.Nagle},

	"flight as large as ever":                 {all(full(14_600, 14_600)), timeline.SlowStart},
	"flight as large as ever, after a loss":   {all(full(14_600, 14_600), lost), timeline.Congestion},
	"flight short of a segment":               {all(full(14_600-1460, 14_600)), timeline.SlowStart},
	"flight short of more":                    {all(full(14_600-1461, 14_600)), timeline.Stall},
	"flight of less than a segment":           {all(full(1459, 1459)), timeline.Stall},
	"flight that has not grown":               {all(full(14_600, 14_600), stale), timeline.Stall},
	"flight that has not grown, after a loss": {all(full(14_600, 14_600), stale, lost), timeline.Congestion},
	"full flight, no ACK":                     {all(full(14_600, 14_600), unheard), timeline.Stall},
	"full flight, the ACK moved nothing":      {all(full(14_600, 14_600), held(-1, 1000, 1000)), timeline.Stall},
	"in mid-write":                            {all(midway), timeline.SlowStart},
	"in mid-write, after a loss":              {all(midway, lost), timeline.Congestion},
	"at the end of a small write":             {all(midway, func(s *situation) { s.small = true }), timeline.Stall},

	"paced, soon":                      {all(midway, unheard, full(5000, 14_600), waited(25e6-1)), timeline.SlowStart},
	"paced, soon, after a loss":        {all(midway, unheard, full(5000, 14_600), waited(25e6-1), lost), timeline.Congestion},
	"a quarter of an RTT, once":        {all(midway, unheard, full(5000, 14_600), waited(25e6)), timeline.Stall},
	"paced evenly":                     {all(midway, unheard, full(5000, 14_600), waited(50e6-1), spread), timeline.SlowStart},
	"half an RTT, evenly":              {all(midway, unheard, full(5000, 14_600), waited(50e6), spread), timeline.Stall},
	"soon, but all was acknowledged":   {all(midway, unheard, full(0, 14_600), waited(10e6)), timeline.Stall},
	"soon, but the first":              {all(midway, unheard, full(5000, 14_600), waited(10e6), first), timeline.Stall},
	"soon, behind a write that ended":  {all(midway, unheard, full(5000, 14_600), waited(10e6), func(s *situation) { s.pushed = true }), timeline.Stall},
	"soon, behind a small segment":     {all(unheard, full(5000, 14_600), waited(10e6)), timeline.Stall},
	"evenly, behind writes that ended": {all(midway, unheard, full(5000, 14_600), waited(40e6), spread, func(s *situation) { s.pushed = true }), timeline.SlowStart},
}

func TestDecide(t *testing.T) {
	for name, tt := range decisions {
		if got := decide(on(tt.on...)); got.cause != tt.want {
			t.Errorf("%s: %v, want %v", name, got.cause, tt.want)
		}
	}
}

// TestDecideRelease: an ACK is named where it let the segment go, and nowhere else.
func TestDecideRelease(t *testing.T) {
	for name, tt := range map[string]struct {
		on            []func(*situation)
		release       bool
		fresh, update bool
	}{
		"stall":           {nil, false, true, false},
		"loss":            {all(again(flow.Fast)), false, true, false},
		"window":          {all(edge(1000, 2000)), true, true, false},
		"window, updated": {all(edge(1000, 2000), held(-1, 1000, 1000)), true, false, true},
		"nagle":           {all(sized(100), held(1000, 0, 1000)), true, true, false},
		"slow start":      {all(full(14_600, 14_600)), true, true, false},
		"paced":           {all(midway, full(5000, 14_600), held(-1, 1000, 1000), waited(20e6)), false, false, false},
		"no ACK":          {all(unheard), false, false, false},
	} {
		got := decide(on(tt.on...))
		if (got.release != 0) != tt.release || got.fresh != tt.fresh || got.update != tt.update {
			t.Errorf("%s: release %d, fresh %v, update %v", name, got.release, got.fresh, got.update)
		}
		if tt.release && (got.left != 600 || got.packet != 7 || got.newest != 3) {
			t.Errorf("%s: released by %+v", name, got)
		}
	}
}

// TestDecideChance: how sure it is falls with the part of the gap into which an
// unrelated write could have fallen.
func TestDecideChance(t *testing.T) {
	for _, tt := range []struct {
		waited int64
		want   float32
	}{
		{0, 0.9}, {-5, 0.9}, // times that are none
		{1e6, 0.5}, {2e6, 0.5}, {4e6, 0.5},
		{8e6, 0.75}, {20e6, 0.9}, {200e6, 0.99}, {1 << 60, 0.99},
	} {
		for _, how := range [][]func(*situation){all(sized(100), held(1000, 0, 1000), waited(tt.waited)), all(full(14_600, 14_600), waited(tt.waited))} {
			if got := decide(on(how...)); got.certainty != tt.want {
				t.Errorf("%v after %d ns: %v, want %v", got.cause, tt.waited, got.certainty, tt.want)
			}
		}
	}
	for name, tt := range map[string]struct {
		on   []func(*situation)
		want float32
	}{
		"loss":   {all(again(flow.Timeout)), 0.95},
		"window": {all(edge(1000, 2000)), 0.95},
		"stall":  {nil, 0.9},
		"paced":  {all(midway, unheard, full(5000, 14_600), waited(20e6)), 0.6}, // it may be BBR, and it may be its application
	} {
		if got := decide(on(tt.on...)); got.certainty != tt.want {
			t.Errorf("%s: certainty %v, want %v", name, got.certainty, tt.want)
		}
	}
}

// TestDecideIdle: the lane is idle when all that was sent was acknowledged.
func TestDecideIdle(t *testing.T) {
	for next, want := range map[int64]bool{999: true, 1000: true, 1001: false} {
		if got := decide(on(func(s *situation) { s.next = next })); got.idle != want {
			t.Errorf("%d sent, 1000 acknowledged: idle is %v", next, got.idle)
		}
	}
}
