package cause_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// A random conversation, and what must be true of whatever is said of it.

// randomScene is a network with a conversation on it that the seed decides.
func randomScene(seed uint64, client, server string) *scene {
	r := rand.New(rand.NewPCG(seed, 7))
	s := &scene{network: newNetwork(packets.Side(r.IntN(2))), capture: packets.NewCapture()}
	way := time.Duration(100+r.IntN(100_000)) * time.Microsecond
	s.way = [2]time.Duration{way, way}
	if r.IntN(2) == 0 {
		s.rate[packets.Server] = 1e5 * float64(1+r.IntN(100))
	}
	s.client, s.server = s.connect(s.capture, client, server)
	for _, h := range []*host{s.client, s.server} {
		h.noDelay, h.noStamps, h.noSACK = r.IntN(2) == 0, r.IntN(4) == 0, r.IntN(4) == 0
		h.quick = r.IntN(8)
		h.room = int64(4096 + r.IntN(200_000))
		h.other.edge = min(h.room, 65_535)
		h.cwnd = int64(1+r.IntN(16)) * int64(h.mss)
		if h.noStamps {
			h.mss = 1460
		}
	}
	if r.IntN(2) == 0 {
		lossy := r.Float64() * 0.1
		s.lost = func(_ packets.Side, nth int, _ packets.Segment) bool { return nth > 2 && r.Float64() < lossy }
	}
	if r.IntN(4) == 0 {
		holes := r.Float64() * 0.2
		s.missed = func(packets.Side, int, packets.Segment) bool { return r.Float64() < holes }
	}
	var calls []call
	for range 1 + r.IntN(8) {
		calls = append(calls, randomCall(r))
	}
	if r.IntN(4) == 0 {
		pipelined(s.client, s.server, calls...)
	} else {
		talk(s.client, s.server, calls...)
	}
	return s
}

func randomCall(r *rand.Rand) call {
	upto := func(most int) time.Duration { return time.Duration(r.IntN(most)) * ms }
	body := r.IntN(1 << (4 + r.IntN(14)))
	c := call{wait: upto(300), think: upto(100), response: []string{head(body) + bytesOf(body)}}
	if r.IntN(3) == 0 {
		c.response, c.stall = []string{head(body), bytesOf(body / 2), bytesOf(body - body/2)}, upto(100)
	}
	if up := r.IntN(20_000); r.IntN(3) == 0 {
		c.request = []string{fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", up), bytesOf(up)}
		c.apart = upto(50)
	}
	return c
}

const seeds = 300

// TestAlways: whatever the conversation is, spans cover each exchange to the nanosecond
// and each has its sentence, its certainty and its evidence; it begins not after its
// first packet was sent, and ends when its last byte could be read.
func TestAlways(t *testing.T) {
	for seed := range uint64(seeds) {
		s := randomScene(seed, browser, origin)
		place := s.place
		all, limits := explain(cause.Config{}, s.run(s.capture).Packets())
		faults := limits.faults(all)
		for _, x := range all {
			if fault := bounds(x, limits, place, s.way[0]); fault != "" {
				faults = append(faults, fault+"\n"+brief(x.Timeline))
			}
		}
		if len(all) == 0 && s.missed == nil {
			faults = append(faults, "nothing was explained")
		}
		if len(faults) > 0 {
			t.Errorf("seed %d: %d faults, the first: %s", seed, len(faults), faults[0])
		}
	}
}

// bounds says what is wrong with the beginning and the end of an exchange, "" if nothing
// is. Times at one place are by one way apart from those at the other.
func bounds(x *cause.Explained, l limits, place packets.Side, way time.Duration) string {
	begin, end := x.Timeline.Start.UnixNano(), x.Timeline.Start.Add(x.Timeline.Duration).UnixNano()
	const model = int64(ms) // what a clock, or half a round trip, may be wrong by
	slack := model + int64(way)/10
	if rtt := x.Source.Conn.MinRTT; rtt > 2*int64(way) || rtt == 0 || !l.whole(x) {
		return "" // the capture does not show how long the way is, or not all packets
	}
	if first := x.Source.Request.First; first != 0 {
		if place == packets.Server {
			first -= int64(way)
		}
		if begin > first+slack {
			return fmt.Sprintf("it begins %v after its first byte left", time.Duration(begin-first))
		}
	}
	if last := x.Source.Response.Last; last != 0 && x.Source.Response.Complete && place == packets.Client {
		if end < last-slack || end > last+slack {
			return fmt.Sprintf("it ends %v after its last byte could be read", time.Duration(end-last))
		}
	}
	for _, s := range x.Timeline.Spans {
		for _, n := range s.Evidence {
			if at := l.at[n]; at < begin-3*int64(way)-slack || at > end+3*int64(way)+slack {
				return fmt.Sprintf("%v is shown by packet %d, %v from the beginning", s.Cause, n, time.Duration(at-begin))
			}
		}
	}
	return ""
}

// whole reports whether all bytes of the exchange's connection are in the capture.
func (l limits) whole(x *cause.Explained) bool {
	c := x.Source.Conn
	return c.Sides[0].Unseen == 0 && c.Sides[1].Unseen == 0
}

// lines are exchanges with all that is said of them but where packets stand, those of one
// connection.
func lines(all []*cause.Explained, client string, numbers bool) string {
	var out []string
	for _, x := range all {
		e := x.Timeline
		if e.Conn.Local.String() != client {
			continue
		}
		line := fmt.Sprintf("%s %v", e.URL, e.Duration)
		for _, s := range e.Spans {
			line += fmt.Sprintf(" %v %v %v %v %v", s.Phase, s.Cause, s.Duration(), s.Certainty, s.Note)
			if numbers {
				line += fmt.Sprint(s.Evidence)
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// TestOthersDoNotMatter: what is said of a connection is the same whatever unrelated ones
// the capture has.
func TestOthersDoNotMatter(t *testing.T) {
	for seed := range uint64(100) {
		s := randomScene(seed, browser, origin)
		alone, _ := explain(cause.Config{}, s.run(s.capture).Packets())

		s = randomScene(seed, browser, origin)
		s.run(s.capture)
		other := randomScene(seed+1000, "10.0.1.1:41000", "10.0.1.2:80")
		other.run(other.capture)
		both, _ := explain(cause.Config{}, merged(s, other).Packets())
		if got, want := lines(both, browser, false), lines(alone, browser, false); got != want {
			t.Errorf("seed %d: beside others it is said\n%s\nalone\n%s", seed, got, want)
		}
	}
}

// merged is a capture of what two networks' places of capture have seen.
func merged(a, b *scene) *packets.Capture {
	var frames []packet.Packet
	for _, s := range []*scene{a, b} {
		for p := range s.capture.Packets() {
			frames = append(frames, *p)
		}
	}
	return inOrder(frames, 0)
}

// TestShifted: the same capture at another time is told the same.
func TestShifted(t *testing.T) {
	for seed := range uint64(100) {
		s := randomScene(seed, browser, origin)
		var frames []packet.Packet
		for p := range s.run(s.capture).Packets() {
			frames = append(frames, *p)
		}
		want, _ := explain(cause.Config{}, s.capture.Packets())
		for _, shift := range []time.Duration{1, 12345 * time.Microsecond, 400 * 24 * time.Hour, -20 * 365 * 24 * time.Hour} {
			got, _ := explain(cause.Config{}, inOrder(frames, shift).Packets())
			if g, w := lines(got, browser, true), lines(want, browser, true); g != w {
				t.Errorf("seed %d, %v later: said\n%s\nwant\n%s", seed, shift, g, w)
			}
		}
	}
}

// TestFiles: pcap and pcapng are told the same.
func TestFiles(t *testing.T) {
	for seed := range uint64(50) {
		s := randomScene(seed, browser, origin)
		s.run(s.capture)
		want, _ := explain(cause.Config{}, s.capture.Packets())
		for name, file := range map[string][]byte{"pcap": s.capture.Pcap(), "pcapng": s.capture.Pcapng()} {
			if g, w := lines(read(t, file), browser, true), lines(want, browser, true); g != w {
				t.Errorf("seed %d, %s: said\n%s\nwant\n%s", seed, name, g, w)
			}
		}
	}
}

// TestRepeated: the same packets are told the same again.
func TestRepeated(t *testing.T) {
	for seed := range uint64(50) {
		s := randomScene(seed, browser, origin)
		s.run(s.capture)
		first, _ := explain(cause.Config{}, s.capture.Packets())
		second, _ := explain(cause.Config{}, s.capture.Packets())
		for i := range first {
			if !reflect.DeepEqual(first[i].Timeline, second[i].Timeline) || !reflect.DeepEqual(first[i].Savings, second[i].Savings) {
				t.Errorf("seed %d: first\n%s\nthen\n%s", seed, brief(first[i].Timeline), brief(second[i].Timeline))
			}
		}
	}
}
