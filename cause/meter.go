package cause

import "math"

// A meter measures the bottleneck's rate: what runs of packets that stand close took.
// It keeps a histogram on a logarithmic scale and takes what is at its upper end: a
// run is never faster than the link, but for what kernels and captures bundle.
type meter struct {
	at    [32]int64 // of the run under way, in a ring
	bytes [32]int64
	next  int   // in the ring
	n     int   // how many arrivals the run has
	sum   int64 // of the bytes of all but its first
	bins  [600]int32
	total int32
}

// Bins of 3 % from 1 kB/s.
const (
	binWidth = 1.03
	binFirst = 1e3
)

// widthLog is the width of a bin on the scale of math.Log.
var widthLog = math.Log(binWidth)

// interrupt ends the run under way.
func (m *meter) interrupt() { m.n, m.sum = 0, 0 }

func (m *meter) add(at, bytes int64, run int) {
	if m.n == run { // the first leaves the run, and the second is it
		m.n--
		m.sum -= m.bytes[(m.next+1)%run]
	}
	if m.n > 0 {
		m.sum += bytes
	}
	m.at[m.next], m.bytes[m.next] = at, bytes
	m.next = (m.next + 1) % run
	m.n++
	if m.n < run {
		return
	}
	took := at - m.at[m.next]
	if took <= 0 {
		return
	}
	bin := int(math.Log(float64(m.sum)/float64(took)*1e9/binFirst) / widthLog)
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
