package cause_test

import (
	"container/heap"
	"slices"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
)

// A small network for tests lives here: links that are slow, long and lossy, and one
// place at which their packets are captured. Its hosts are in host_test.go.

const ms = time.Millisecond

// headers is what an IP packet has beside its data, in bytes, with timestamps.
const headers = 52

// A network carries packets between clients and servers. Its time is virtual.
type network struct {
	way   [2]time.Duration // one way, by the side that sends; 10 ms if nobody sets others
	rate  [2]float64       // bytes a second of the bottleneck, by the side that sends; 0: no bottleneck
	place packets.Side     // where packets are captured

	// lost says of each packet whether the network loses it, and missed whether the
	// capture does; nil is none. Packets count from 1, by sides.
	lost, missed func(from packets.Side, nth int, s packets.Segment) bool

	now    time.Duration
	jobs   jobs
	made   int
	count  [2]int
	busy   [2]time.Duration // until when the bottleneck is
	seen   []passed
	behind func(passed) time.Duration // how much later a packet is captured than it passed; nil is at once
}

// A passed is a packet that passed the place of capture.
type passed struct {
	at   time.Duration
	conn *packets.Conn
	from packets.Side
	seg  packets.Segment
}

func newNetwork(place packets.Side) *network {
	return &network{way: [2]time.Duration{10 * ms, 10 * ms}, place: place}
}

// A job is something that happens at a time; those of one time in the order in which
// they were planned.
type job struct {
	at time.Duration
	n  int
	do func()
}

type jobs []job

func (j jobs) Len() int           { return len(j) }
func (j jobs) Less(a, b int) bool { return j[a].at < j[b].at || j[a].at == j[b].at && j[a].n < j[b].n }
func (j jobs) Swap(a, b int)      { j[a], j[b] = j[b], j[a] }
func (j *jobs) Push(x any)        { *j = append(*j, x.(job)) }
func (j *jobs) Pop() any {
	last := (*j)[len(*j)-1]
	*j = (*j)[:len(*j)-1]
	return last
}

func (n *network) after(wait time.Duration, do func()) {
	n.made++
	heap.Push(&n.jobs, job{n.now + wait, n.made, do})
}

// run lets time pass until nothing is left to happen, and returns the capture.
func (n *network) run(c *packets.Capture) *packets.Capture {
	for len(n.jobs) > 0 && n.made < 1_000_000 {
		j := heap.Pop(&n.jobs).(job)
		n.now = j.at
		j.do()
	}
	slices.SortStableFunc(n.seen, func(a, b passed) int { return int(a.at - b.at) })
	for _, p := range n.seen {
		p.conn.Segment(p.from, p.at, p.seg)
	}
	return c
}

// send brings a packet to the other side, if it is not lost.
func (n *network) send(from packets.Side, conn *packets.Conn, s packets.Segment, arrive func()) {
	n.count[from]++
	nth := n.count[from]
	if from == n.place {
		n.capture(from, nth, conn, s)
	}
	if n.lost != nil && n.lost(from, nth, s) {
		return
	}
	wait := n.way[from]
	if n.rate[from] > 0 {
		size := float64(headers + len(s.Data) + s.Len)
		n.busy[from] = max(n.now, n.busy[from]) + time.Duration(size/n.rate[from]*1e9)
		wait += n.busy[from] - n.now
	}
	n.after(wait, func() {
		if from != n.place {
			n.capture(from, nth, conn, s)
		}
		arrive()
	})
}

func (n *network) capture(from packets.Side, nth int, conn *packets.Conn, s packets.Segment) {
	if n.missed != nil && n.missed(from, nth, s) {
		return
	}
	p := passed{n.now, conn, from, s}
	if n.behind != nil {
		p.at += n.behind(p)
	}
	n.seen = append(n.seen, p)
}
