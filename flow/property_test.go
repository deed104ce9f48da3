package flow

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// A model is a server that sends a stream over a bad network to a client at which the
// packets are captured, though not all of them.
type model struct {
	*rand.Rand
	stream  []byte
	hidden  []Block // the capture misses these bytes, however often they come
	events  []event
	arrived []Block // at the client, in order, without overlap
}

// An event is a segment of the server's that arrives.
type event struct {
	at       time.Duration
	from, to int64
	hidden   bool
}

func newModel(seed uint64) *model {
	m := &model{Rand: rand.New(rand.NewPCG(seed, 1))}
	m.stream = make([]byte, 1+m.IntN(200_000))
	for i := range m.stream {
		m.stream[i] = "abcdefghijklmnopqrstuvwxyz012345"[(i^i>>5^i>>10^i>>15)&31]
	}
	if m.IntN(3) > 0 {
		for at := int64(0); at < m.size(); {
			from := at + int64(m.IntN(40_000))
			to := min(m.size(), from+1+int64(m.IntN(5000)))
			if from < to {
				m.hidden = append(m.hidden, Block{from, to})
			}
			at = to + 1
		}
	}
	m.send()
	return m
}

func (m *model) size() int64 { return int64(len(m.stream)) }

// send cuts the stream to segments and decides what becomes of each. None reaches over
// the border of what is hidden.
func (m *model) send() {
	now := time.Duration(0)
	most := 1 + m.IntN(3000)
	loss, late := m.Float64()*0.3, m.Float64()*0.3
	for from := int64(0); from < m.size(); {
		room := m.room(from)
		to := min(from+1+int64(m.IntN(most)), room.To)
		e := event{at: now, from: from, to: to, hidden: m.isHidden(from)}
		switch p := m.Float64(); {
		case p < loss:
			m.again(e, room)
		case p < loss+late:
			e.at += time.Duration(m.IntN(20)) * ms
			fallthrough
		default:
			m.events = append(m.events, e)
			if m.IntN(20) == 0 {
				m.again(e, room)
			}
		}
		from = to
		now += time.Duration(m.IntN(500)) * time.Microsecond
	}
	slices.SortStableFunc(m.events, func(a, b event) int { return int(a.at - b.at) })
}

// again sends bytes again, cut otherwise.
func (m *model) again(e event, room Block) {
	e.at += time.Duration(20+m.IntN(300)) * ms
	first, second := e, e
	first.from = max(room.From, e.from-int64(m.IntN(2)*m.IntN(2000)))
	first.to = e.from + 1 + int64(m.IntN(int(e.to-e.from)))
	second.from = max(room.From, first.to-int64(m.IntN(2)*m.IntN(500)))
	second.to = min(room.To, e.to+int64(m.IntN(2)*m.IntN(2000)))
	second.at += time.Duration(m.IntN(10)) * ms
	m.events = append(m.events, first)
	if second.from < second.to {
		m.events = append(m.events, second)
	}
}

// room is the range around an offset that is hidden, or not, as a whole.
func (m *model) room(at int64) Block {
	r := Block{0, m.size()}
	for _, h := range m.hidden {
		switch {
		case at >= h.From && at < h.To:
			return h
		case h.To <= at:
			r.From = h.To
		case h.From > at:
			r.To = min(r.To, h.From)
		}
	}
	return r
}

func (m *model) isHidden(at int64) bool {
	return slices.ContainsFunc(m.hidden, func(h Block) bool { return at >= h.From && at < h.To })
}

// arrive returns what the client acknowledges after a segment.
func (m *model) arrive(e event) (ack int64, sacks [][2]int64) {
	m.arrived = append(m.arrived, Block{e.from, e.to})
	slices.SortFunc(m.arrived, func(a, b Block) int { return int(a.From - b.From) })
	joined := m.arrived[:1]
	for _, b := range m.arrived[1:] {
		if last := &joined[len(joined)-1]; b.From <= last.To {
			last.To = max(last.To, b.To)
		} else {
			joined = append(joined, b)
		}
	}
	m.arrived = joined
	if joined[0].From == 0 {
		ack = joined[0].To
	}
	for _, b := range joined {
		if b.From > ack && len(sacks) < 3 {
			sacks = append(sacks, [2]int64{b.From, b.To})
		}
	}
	return ack, sacks
}

// capture is what was captured of it all.
func (m *model) capture() *packets.Capture {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.ISN[server] = m.Uint32()
	conn.Open(0, 20*ms)
	stamps := m.IntN(2) == 0
	early := m.IntN(3) == 0 // some ACKs are captured before what they acknowledge
	for _, e := range m.events {
		when := e.at + 40*ms
		ack, sacks := m.arrive(e)
		reply := packets.Segment{Ack: ack, Window: 502, SACK: sacks}
		first := early && m.IntN(4) == 0
		if first {
			conn.Client(when, reply)
		}
		if !e.hidden {
			segment := packets.Segment{Seq: e.from, Data: m.stream[e.from:e.to], Window: 502}
			if stamps {
				segment = stamped(segment, 1000+uint32((when-10*ms).Milliseconds()), 1)
			}
			n := conn.Server(when, segment)
			if m.IntN(10) == 0 {
				capture.Again(when+100*time.Microsecond, n)
			}
		}
		if !first && m.IntN(2) == 0 {
			conn.Client(when+20*time.Microsecond, reply)
		}
	}
	if m.IntN(2) == 0 {
		conn.Server(time.Second*1000, packets.Segment{Flags: packet.FIN | packet.ACK, Seq: m.size(), Window: 502})
	}
	conn.Client(1001*time.Second, packets.Segment{Ack: m.size(), Window: 502})
	return capture
}

// want is what a reader gets, with '?' for what is hidden.
func (m *model) want() []byte {
	want := bytes.Clone(m.stream)
	for _, h := range m.hidden {
		copy(want[h.From:h.To], bytes.Repeat([]byte("?"), int(h.To-h.From)))
	}
	return want
}

// TestEveryByteOnce: whatever the network does and the capture misses, the Sink gets
// what was shown, in order, and is told exactly what was not.
func TestEveryByteOnce(t *testing.T) {
	runs := 400
	if testing.Short() {
		runs = 50
	}
	for seed := range uint64(runs) {
		m := newModel(seed)
		h := one(t, m.capture())
		if want := m.want(); !bytes.Equal(h.got[Down], want) {
			i := 0
			for i < min(len(want), len(h.got[Down])) && want[i] == h.got[Down][i] {
				i++
			}
			t.Fatalf("seed %d: %d bytes, want %d; they differ at %d; hidden %v", seed, len(h.got[Down]), len(want), i, m.hidden)
		}
		var hidden int64
		for _, b := range m.hidden {
			hidden += b.To - b.From
		}
		if s := h.Sides[Down]; s.Unseen != hidden || s.Next != m.room(m.size()-1).end(m) || s.Ambiguous != 0 {
			t.Fatalf("seed %d: unseen %d of %d, %+v", seed, s.Unseen, hidden, s)
		}
		checkKinds(t, h)
	}
}

// end is where the last bytes end that were shown, if these are the last of all.
func (b Block) end(m *model) int64 {
	if m.isHidden(b.From) {
		return b.From
	}
	return b.To
}

// TestForgetting: to forget changes nothing of what is told, and what remains is what
// stood there before.
func TestForgetting(t *testing.T) {
	for seed := range uint64(20) {
		capture := newModel(seed).capture()
		want := one(t, capture)
		rnd := rand.New(rand.NewPCG(seed, 2))
		got := &heard{}
		table := NewTable(Config{
			Open: func(c *Conn) Sink { got.Conn = c; return got },
			Segment: func(c *Conn) {
				checkKept(t, c, want.Conn)
				if rnd.IntN(4) == 0 {
					c.Forget(rnd.IntN(len(c.Segments) + 1))
				}
				checkKept(t, c, want.Conn)
			},
		})
		for p := range capture.Packets() {
			table.Add(p)
		}
		table.Close()
		if fmt.Sprint(got.log) != fmt.Sprint(want.log) || got.Sides != want.Sides || got.MinRTT != want.MinRTT {
			t.Fatalf("seed %d: forgetting changed what is told", seed)
		}
		if n := len(got.all); cap(got.all) > 8*n+1024 || len(got.SACKs) > 4*n {
			t.Errorf("seed %d: %d segments, room for %d, %d SACKs", seed, n, cap(got.all), len(got.SACKs))
		}
	}
}

// checkKept: segments and their SACKs are those of a connection that forgot nothing.
func checkKept(t *testing.T, c, all *Conn) {
	t.Helper()
	for i := range c.Segments {
		got, want := c.Segments[i], all.Segments[c.Forgotten+i]
		if !slices.Equal(c.SACKs[got.SACKs:int(got.SACKs)+int(got.NumSACK)], all.SACKs[want.SACKs:int(want.SACKs)+int(want.NumSACK)]) {
			t.Fatalf("segment %d names other blocks", c.Forgotten+i)
		}
		if got.SACKs = want.SACKs; want.Kind == Spurious {
			got.Kind = Spurious // it may be told later
		}
		if got != want {
			t.Fatalf("segment %d is %+v, want %+v", c.Forgotten+i, got, want)
		}
	}
}
