package grade

import (
	"context"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

// TestRun plays a scenario with each strategy, in clear and over TLS. What is true must
// cover each exchange, and end when the client had it.
func TestRun(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	for i, strategy := range linger.Strategies() {
		s := Scenario{
			Number: i + 1, Seed: 1, RTT: 20 * ms, Rate: 20_000_000, Strategy: strategy.Name, AtOnce: 3,
			TLS: i%2 == 1, DNS: i == 0, Apart: true,
			Plans: []Plan{{Size: 30_000}, {Size: 2000, Upload: 5000, Think: 10 * ms}, {Size: 500, Pieces: 2, Stall: 10 * ms}},
		}
		f, err := Run(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		checkTruth(t, f)
	}
}

func checkTruth(t *testing.T, f *Facts) {
	t.Helper()
	name := f.Scenario.Strategy
	all := Truth(f)
	if len(all) != len(f.Scenario.Plans) {
		t.Errorf("%s: the truth of %d exchanges", name, len(all))
	}
	ends := make(map[int]int64)
	for _, told := range f.Told {
		ends[told.Exchange] = told.Timeline.Start.UnixNano() + int64(told.Timeline.Duration)
	}
	const slow = 100 * time.Millisecond // programs wait for a CPU
	for _, j := range all {
		at := j.Start
		for _, s := range j.Spans {
			if s.From != at || s.To <= s.From {
				t.Errorf("%s, exchange %d: %v from %d to %d, after %d", name, j.Exchange, s.Cause, s.From, s.To, at)
			}
			if s.Cause == timeline.Unknown {
				t.Errorf("%s, exchange %d: unknown for %d ns", name, j.Exchange, s.To-s.From)
			}
			at = s.To
		}
		late := time.Duration(ends[j.Exchange] - j.End())
		if j.Problem != "" || late < -time.Millisecond || late > slow {
			t.Errorf("%s, exchange %d: %q, the client has it %v after the truth's end", name, j.Exchange, j.Problem, late)
		}
	}
}

// TestSave writes facts and reads them, and sees them from both ends.
func TestSave(t *testing.T) {
	p := newScript(persistent)
	scenes["a segment is lost"].scene(p)
	dir := t.TempDir()
	if err := p.facts.Save(filepath.Join(dir, "0003.facts")); err != nil {
		t.Fatal(err)
	}
	stage := Stage{From: dir}
	stage.Each(context.Background(), []Scenario{{Number: 3}}, func(_ Scenario, f *Facts, err error) {
		if err != nil || !reflect.DeepEqual(f.Packets, p.facts.Packets) || !reflect.DeepEqual(f.Pieces, p.facts.Pieces) {
			t.Errorf("%v: read %+v", err, f)
		}
	})
	if kept, err := Kept(dir); err != nil || !reflect.DeepEqual(kept, []int{3}) {
		t.Errorf("kept %v, %v", kept, err)
	}
	for end, want := range map[End]int{Sender: 8, Receiver: 7} { // one is lost on its way
		n, last := 0, int64(0)
		err := p.facts.Captured(end, func(p *packet.Packet) {
			if p.At < last {
				t.Errorf("packet %d of the %v's end is earlier than the one before", p.Number, end)
			}
			n, last = n+1, p.At
		})
		if err != nil || n != want {
			t.Errorf("the %v sees %d packets, want %d; %v", end, n, want, err)
		}
	}
}
