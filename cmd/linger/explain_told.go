package main

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/sockets"
	"github.com/lingerhttp/linger/timeline"
)

// What can be told of a page without packets: by the client's own timeline, and by what
// the kernel counts of each connection.

// A kernelView asks the kernel about a Transport's connections while they are open.
type kernelView struct {
	transport *linger.Transport
	quit      chan struct{}
	done      chan struct{}

	mu  sync.Mutex
	all map[ends]sockets.TCPInfo // guarded by mu: as it was last
}

// glance is how often the kernel is asked: a connection that lives for less may be
// missed.
const glance = 20 * time.Millisecond

func watchKernel(t *linger.Transport) *kernelView {
	v := &kernelView{transport: t, quit: make(chan struct{}), done: make(chan struct{}), all: make(map[ends]sockets.TCPInfo)}
	go v.watch()
	return v
}

func (v *kernelView) watch() {
	defer close(v.done)
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		v.look()
		select {
		case <-v.quit:
			return
		case <-tick.C:
		}
	}
}

func (v *kernelView) look() {
	for _, c := range v.transport.Connections() {
		if c.TCP != nil && c.TCP.State == sockets.Established {
			v.mu.Lock()
			v.all[endsOf(c.Conn)] = *c.TCP
			v.mu.Unlock()
		}
	}
}

// finish asks a last time. It is to be called before the Transport is closed.
func (v *kernelView) finish() {
	if v == nil {
		return
	}
	v.look()
	close(v.quit)
	<-v.done
}

// untold makes of a source one without packets, for a reason.
func (s *source) untold(why error, v *kernelView) {
	s.defects = append(s.defects, fmt.Sprintf("Packets were not captured: %v (%s).", why, needOf(why)),
		"So this is what the client's own timeline and the kernel's TCP_INFO tell: waiting for a connection, looking names up, handshakes, and of each wait the round trip that it cannot do without.",
		"The rest is unknown: without packets nobody can tell the server's thinking, stalls, transfer, queueing, slow start, losses, windows, held segments and held ACKs apart.")
	s.notes = append(s.notes, v.notes()...)
	for i, r := range s.client.all {
		s.client.all[i] = withTrip(r, v.all)
	}
}

// withTrip is a client's record with the round trip that the kernel knows.
func withTrip(r *timeline.Exchange, infos map[ends]sockets.TCPInfo) *timeline.Exchange {
	t := *r
	t.Spans = nil
	info, known := infos[endsOf(r.Conn)]
	for _, s := range r.Spans {
		trip := min(info.MinRTT, s.Duration())
		if known && trip > 0 && s.Phase == timeline.Wait && s.Cause == timeline.Unknown {
			first := s
			first.Cause, first.End, first.Certainty = timeline.Propagation, s.Start+trip, 0.9
			first.Note = "the kernel's smallest round trip of this connection (TCP_INFO)"
			t.Spans = append(t.Spans, first)
			s.Start, s.Attempts = first.End, nil
		}
		if s.Duration() > 0 {
			t.Spans = append(t.Spans, clientSpan(s))
		}
	}
	return &t
}

// notes say what the kernel counted.
func (v *kernelView) notes() []string {
	if len(v.all) == 0 {
		return []string{"The kernel says nothing of the connections: this system has no TCP_INFO, or they were closed too soon."}
	}
	var trips []time.Duration
	var again, disordered uint32
	var busy, held time.Duration
	var fastest uint64
	for _, i := range v.all {
		if i.MinRTT > 0 {
			trips = append(trips, i.MinRTT)
		}
		again, disordered = again+i.TotalRetrans, disordered+i.RcvOOOPack
		busy, held = busy+i.BusyTime, held+i.RwndLimited
		fastest = max(fastest, i.DeliveryRate)
	}
	text := "TCP_INFO of " + count(len(v.all), "connection")
	if len(trips) > 0 {
		text += fmt.Sprintf(": smallest round trips %s to %s", spent(milliseconds(slices.Min(trips))), spent(milliseconds(slices.Max(trips))))
	}
	text += fmt.Sprintf("; %d segments that came out of order, which hints at losses; of the requests, %d segments sent again, %s to send them of which the server's window held up %s",
		disordered, again, spent(milliseconds(busy)), spent(milliseconds(held)))
	if fastest > 0 {
		text += fmt.Sprintf(", delivered at up to %s/s", byteRate(fastest))
	}
	return []string{text}
}

// byteRate writes octets a second.
func byteRate(n uint64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d MB", n/1_000_000)
}

// clientAlone takes in the records of which packets show nothing.
func (g *gathering) clientAlone() {
	if g.client == nil {
		return
	}
	left := g.client.left()
	slices.SortStableFunc(left, func(a, b *timeline.Exchange) int { return cmp.Compare(a.Number, b.Number) })
	for _, r := range left {
		t := *r
		g.add(&cause.Explained{Timeline: &t})
	}
}

// clientTime says when and on how many connections exchanges were, where no packets
// do.
func (g *gathering) clientTime(x *report.Explanation) {
	sum := timeline.Sum(g.client.all)
	x.Time, x.Connections = sum.Time, sum.Connections
	for i, r := range g.client.all {
		if start := r.Start.UTC(); i == 0 || start.Before(x.Begin) {
			x.Begin = start
		}
	}
}
