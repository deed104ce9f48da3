package cause

import (
	"math"
	"sort"

	"github.com/lingerhttp/linger/flow"
)

// A path is what the connections of one client share in one direction: a bottleneck,
// as if there were one, and it is likely the client's own link. It knows who had it
// when, and how fast it is.
type path struct {
	log      []passage
	trimmed  int   // passages that stood before
	modelled int   // of log: all before have their arrival
	busy     int64 // until when the bottleneck is, by the model

	last   int64    // when bytes last came over it, as measured
	meters [3]meter // of runs of so many: the longest that there are tell best
}

// meterRuns are how many arrivals in a row each meter looks at.
var meterRuns = [3]int{32, 8, 4}

// A passage is one step's way over the bottleneck. It outlives the step.
type passage struct {
	lane  *lane
	step  int // absolute
	image int64
	at    int64
	wire  int32
	lost  bool
	seen  bool // at is no guess
}

// most passages are kept in mind; beyond them the older half is forgotten.
const mostPassages = 1 << 18

// step is the step of an absolute number, nil if it was dropped.
func (l *lane) step(n int) *step {
	if n < l.dropped || n-l.dropped >= len(l.steps) {
		return nil
	}
	return &l.steps[n-l.dropped]
}

// arrived takes in the next step of a lane; late is the latest that its image can be.
func (p *path) arrived(l *lane, st *step, late int64) {
	if len(p.log) >= mostPassages {
		p.trim(len(p.log) / 2)
	}
	st.passage = p.trimmed + len(p.log)
	p.log = append(p.log, passage{lane: l, step: l.dropped + len(l.steps), image: st.image, at: st.at, wire: st.wire, seen: st.modelled})
	if l.seen() {
		p.measure(st.at, late, int64(st.wire))
	}
}

// measure takes in bytes that came over the bottleneck. image is when they would have
// arrived had it been free: if that was before the last ones came, it was busy in
// between.
func (p *path) measure(at, image, bytes int64) {
	if image > p.last {
		p.interrupt()
	}
	p.last = at
	for i := range p.meters {
		p.meters[i].add(at, bytes, meterRuns[i])
	}
}

// interrupt says that what comes next tells nothing about the time before.
func (p *path) interrupt() {
	for i := range p.meters {
		p.meters[i].n = 0
	}
}

func (p *path) trim(n int) {
	p.log = append(p.log[:0:0], p.log[n:]...)
	p.trimmed += n
	p.modelled = max(0, p.modelled-n)
}

// serial is how long the bottleneck takes for so many bytes, in nanoseconds.
func (p *path) serial(bytes int32) int64 {
	rate := p.rate()
	if rate == 0 {
		return 0
	}
	return int64(float64(bytes) / rate * 1e9)
}

// rate is in bytes a second, 0 if it is not known.
func (p *path) rate() float64 {
	for i := range p.meters {
		if m := &p.meters[i]; m.total >= 4 || i == len(p.meters)-1 {
			return m.rate()
		}
	}
	return 0
}

// model works out when the steps arrived that were sent by a time, where that is not
// seen: each waits for the one before it at the bottleneck. What was lost did not pass.
func (p *path) model(until int64) {
	for ; p.modelled < len(p.log) && p.log[p.modelled].image <= until; p.modelled++ {
		e := &p.log[p.modelled]
		s := e.lane.step(e.step)
		if s == nil && !e.seen {
			e.at = max(e.image, p.busy) + p.serial(e.wire)
		}
		if s == nil || s.modelled {
			p.busy = e.at
			continue
		}
		s.modelled = true
		s.at = max(s.image, p.busy) + p.serial(s.wire)
		known := p.rate() > 0 || s.ackLeft-s.image > leastDelay
		queued := p.busy > s.image && s.ackLeft-s.at < mostUnseen*p.serial(s.wire)
		if s.ackLeft != 0 && e.lane.kindOf(s) != flow.Spurious && (!known && s.heeded || s.prompt && queued || s.at > s.ackLeft) {
			s.at = max(s.image, s.ackLeft)
		}
		e.at, e.lost = s.at, e.lane.lostOf(s)
		if !e.lost {
			p.busy = s.at
		}
	}
}

// leastDelay is from where on an ACK may have been held on purpose, in nanoseconds.
const leastDelay = 15e6

// mostUnseen is how many packets may stand in the queue that the capture has not seen.
const mostUnseen = 16

// others says since when the bottleneck was busy with other lanes' bytes without a
// break until a time, not before another.
func (p *path) others(l *lane, from, until int64) int64 {
	at := until
	for i := p.behind(until + slack); i >= 0 && p.log[i].at > from; i-- {
		e := &p.log[i]
		if e.lane == l || e.lost {
			continue
		}
		serial := p.serial(e.wire)
		if e.at < at-max(serial/2, 500_000) {
			break
		}
		at = min(at, e.at-serial)
	}
	return max(at, from)
}

// shared says whether other lanes' packets were sent between a step and the one of its
// lane before it.
func (p *path) shared(s *step) bool {
	i := s.passage - p.trimmed
	return i > 0 && p.log[i-1].lane != p.log[i].lane
}

// behind is the last passage that had arrived by a time; they are nearly in order.
func (p *path) behind(at int64) int {
	return sort.Search(len(p.log), func(i int) bool { return p.log[i].at > at }) - 1
}

// A meter measures the bottleneck's rate: what runs of packets that stand close took.
// It keeps a histogram on a logarithmic scale and takes what is at its upper end: a
// run is never faster than the link, but for what kernels and captures bundle.
type meter struct {
	at    [32]int64
	bytes [32]int64
	n     int
	bins  [600]int32
	total int32
}

// Bins of 3 % from 1 kB/s.
const (
	binWidth = 1.03
	binFirst = 1e3
)

func (m *meter) add(at, bytes int64, run int) {
	if m.n == run {
		copy(m.at[:run-1], m.at[1:run])
		copy(m.bytes[:run-1], m.bytes[1:run])
		m.n--
	}
	m.at[m.n], m.bytes[m.n] = at, bytes
	m.n++
	if m.n < run {
		return
	}
	took := m.at[run-1] - m.at[0]
	sum := int64(0)
	for i := 1; i < run; i++ {
		sum += m.bytes[i]
	}
	if took <= 0 {
		return
	}
	bin := int(math.Log(float64(sum)/float64(took)*1e9/binFirst) / math.Log(binWidth))
	if bin >= 0 && bin < len(m.bins) {
		m.bins[bin]++
		m.total++
	}
}

// rate is the centre of the upper end, in bytes a second, 0 if nothing was measured.
func (m *meter) rate() float64 {
	if m.total == 0 {
		return 0
	}
	top, seen := len(m.bins)-1, int32(0)
	for ; top > 0; top-- {
		if seen += m.bins[top]; seen*5 >= m.total {
			break
		}
	}
	sum, weight := 0.0, 0.0
	for i := max(0, top-4); i <= min(top+2, len(m.bins)-1); i++ {
		sum += float64(m.bins[i]) * (float64(i) + 0.5)
		weight += float64(m.bins[i])
	}
	return binFirst * math.Pow(binWidth, sum/weight)
}
