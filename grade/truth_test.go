package grade

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

// A script makes facts by hand: of a round trip of 40 ms and a link that sends a full
// packet a millisecond. Times are in milliseconds since some start.
type script struct {
	facts  Facts
	client netip.AddrPort
	seq    uint64
}

var (
	began      = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano()
	theClient  = netip.MustParseAddrPort("198.18.0.1:40000")
	another    = netip.MustParseAddrPort("198.18.0.1:40001")
	theServer  = netip.MustParseAddrPort("198.19.1.1:80")
	full       = int64(1460)
	wide       = 60000
	clientSYN  = segmentOf{flags: packet.SYN, window: wide}
	serverSYN  = segmentOf{down: true, flags: packet.SYN | packet.ACK, window: wide}
	persistent = "persistent"
)

func newScript(strategy string) *script {
	p := &script{client: theClient}
	p.facts.Scenario = Scenario{RTT: 40 * ms, Rate: 12_000_000, Strategy: strategy}
	return p
}

func instant(at float64) int64 { return began + int64(math.Round(at*1e6)) }

// A segmentOf is a packet of TCP in stream offsets.
type segmentOf struct {
	down     bool
	flags    packet.Flags
	from, to int64
	ack      int64
	window   int
}

// send lets a segment enter at a time. It leaves the queue when it is told, or at once
// where left is 0, and arrives 20 ms later.
func (p *script) send(at, left float64, s segmentOf) *Packet {
	src, dst, isn, other := p.client, theServer, int64(1000), int64(5000)
	if s.down {
		src, dst, isn, other = dst, src, other, isn
	}
	var options []byte
	if s.flags&packet.SYN != 0 {
		options = []byte{2, 4, 1460 >> 8, 1460 & 0xff}
		isn--
	}
	if s.flags != packet.SYN {
		s.flags |= packet.ACK
	}
	b := binary.BigEndian.AppendUint16(nil, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	b = binary.BigEndian.AppendUint32(b, uint32(isn+1+s.from))
	b = binary.BigEndian.AppendUint32(b, uint32(other+1+s.ack))
	b = append(b, byte(20+len(options))<<2, byte(s.flags))
	b = binary.BigEndian.AppendUint16(b, uint16(s.window))
	b = append(append(b, 0, 0, 0, 0), options...)
	b = append(b, make([]byte, s.to-s.from)...)
	data := packets.IP(src.Addr(), dst.Addr(), 6, 0, b)
	if left == 0 {
		left = at
	}
	p.seq++
	p.facts.Packets = append(p.facts.Packets, Packet{
		Seq: p.seq, Down: s.down, Entered: instant(at), Left: instant(left), At: instant(left + 20), Data: data,
	})
	return &p.facts.Packets[len(p.facts.Packets)-1]
}

func (p *script) open(at float64) {
	p.send(at, 0, clientSYN)
	p.send(at+20, 0, serverSYN)
	p.up(at+40, 0, 0, 0)
}

// up sends the client's bytes, down the server's. They acknowledge.
func (p *script) up(at float64, from, to, ack int64) *Packet {
	return p.send(at, 0, segmentOf{from: from, to: to, ack: ack, window: wide})
}

func (p *script) down(at, left float64, from, to, ack int64) *Packet {
	return p.send(at, left, segmentOf{down: true, from: from, to: to, ack: ack, window: wide})
}

func (p *script) wrote(down bool, exchange int, from, to int64, at float64) {
	p.facts.Pieces = append(p.facts.Pieces, Piece{Conn: p.client, Down: down, Exchange: exchange, From: from, To: to, Ready: instant(at), Body: -1})
}

func (p *script) told(exchange int, start float64, connects bool) {
	e := timeline.Exchange{Start: time.Unix(0, instant(start)), Tries: 1}
	e.Enter(timeline.Queue, timeline.Queued, e.Start)
	if connects {
		e.Enter(timeline.Connect, timeline.Handshake, e.Start)
		e.Enter(timeline.Send, timeline.Unknown, e.Start.Add(40*ms))
		p.facts.Dials = append(p.facts.Dials, Dial{p.client, instant(start), instant(start), instant(start + 40), instant(start + 40)})
	}
	p.facts.Told = append(p.facts.Told, Told{exchange, e})
}

// request does what comes before an answer on a new connection: the request is written
// at 40 and arrives at 60.
func (p *script) request() {
	p.told(1, 0, true)
	p.open(0)
	p.wrote(false, 1, 0, 100, 40)
	p.up(40, 0, 100, 0)
}

// before is all until an answer that is written at 60.
const before = "handshake 40, propagation 40, "

// scenes are told by scripts, each with the truth of its last exchange.
var scenes = map[string]struct {
	scene func(p *script)
	want  string
}{
	"one segment": {func(p *script) {
		p.request()
		p.wrote(true, 1, 0, full, 70)
		p.down(70, 71, 0, full, 100)
	}, "handshake 40, propagation 20, server 10, propagation 20, transfer 1"},

	"a SYN is lost": {func(p *script) {
		p.told(1, 0, true)
		p.facts.Dials[0].Connected, p.facts.Dials[0].Secured = instant(1040), instant(1040)
		p.send(0, 0, clientSYN).Drop = link.Lost
		p.open(1000)
		p.wrote(false, 1, 0, 100, 1040)
		p.up(1040, 0, 100, 0)
		p.wrote(true, 1, 0, full, 1060)
		p.down(1060, 1061, 0, full, 100)
	}, "syn-retry 1000, handshake 40, propagation 40, transfer 1"},

	"slow start": {func(p *script) {
		p.request()
		p.wrote(true, 1, 0, 3*full, 60)
		p.down(60, 61, 0, full, 100)
		p.down(60, 62, full, 2*full, 100)
		p.up(82, 100, 100, 2*full)
		p.down(102, 103, 2*full, 3*full, 100)
	}, before + "transfer 2, slow-start 40, transfer 1"},

	"slow start, and an ACK that is held": {func(p *script) {
		p.request()
		p.wrote(true, 1, 0, 2*full, 60)
		p.down(60, 61, 0, full, 100)
		p.up(121, 100, 100, full)
		p.down(141, 142, full, 2*full, 100)
	}, before + "transfer 1, slow-start 20, delayed-ack 40, slow-start 20, transfer 1"},

	"nagle": {func(p *script) {
		p.facts.Scenario.Nagle = true
		p.request()
		p.wrote(true, 1, 0, 100, 60)
		p.down(60, 60, 0, 100, 100)
		p.wrote(true, 1, 100, 1100, 60)
		p.up(120, 100, 100, 100)
		p.down(140, 141, 100, 1100, 100)
	}, before + "nagle 20, delayed-ack 40, nagle 20, transfer 1"},

	"nagle, but the program is what ends it": {func(p *script) {
		p.facts.Scenario.Nagle = true
		p.request()
		p.wrote(true, 1, 0, 100, 60)
		p.down(60, 60, 0, 100, 100)
		p.wrote(true, 1, 100, 600, 60)
		p.wrote(true, 1, 600, 100+full, 75)
		p.down(75, 76, 100, 100+full, 100)
	}, before + "stall 15, transfer 1"},

	"a segment is lost": {func(p *script) {
		p.request()
		p.wrote(true, 1, 0, 3*full, 60)
		p.down(60, 61, 0, full, 100)
		p.down(60, 62, full, 2*full, 100).Drop = link.Lost
		p.down(60, 63, 2*full, 3*full, 100)
		p.down(110, 111, full, 2*full, 100)
	}, before + "transfer 2, loss 49"},

	"the queue drops a segment": {func(p *script) {
		p.request()
		p.wrote(true, 1, 0, 2*full, 60)
		p.down(60, 61, 0, full, 100)
		tail := p.down(60, 60, full, 2*full, 100)
		tail.Drop, tail.At = link.Tail, tail.Entered
		p.down(110, 111, full, 2*full, 100)
	}, before + "transfer 2, loss 49"},

	"congestion": {func(p *script) {
		p.request()
		p.wrote(true, 1, 0, 3*full, 60)
		p.down(60, 61, 0, full, 100).Drop = link.Lost
		p.down(60, 62, full, 2*full, 100)
		p.down(110, 111, 0, full, 100)
		p.up(131, 100, 100, 2*full)
		p.down(151, 152, 2*full, 3*full, 100)
	}, before + "transfer 1, loss 50, congestion 40, transfer 1"},

	"a small window": {func(p *script) {
		p.request()
		p.facts.Packets[3].Data = nil // the request with another window
		p.facts.Packets = p.facts.Packets[:2]
		p.send(40, 0, segmentOf{window: 2000})
		p.send(40, 0, segmentOf{to: 100, window: 2000})
		p.wrote(true, 1, 0, 2*full, 60)
		p.down(60, 61, 0, full, 100)
		p.send(81, 0, segmentOf{from: 100, to: 100, ack: full, window: 2000})
		p.down(101, 102, full, 2*full, 100)
	}, before + "transfer 1, receive-window 40, transfer 1"},

	"a client that does not read": {func(p *script) {
		p.request()
		p.facts.Packets = p.facts.Packets[:2]
		p.send(40, 0, segmentOf{window: 2000})
		p.send(40, 0, segmentOf{to: 100, window: 2000})
		p.facts.Pauses = append(p.facts.Pauses, Pause{1, instant(80), instant(130)})
		p.wrote(true, 1, 0, 2*full, 60)
		p.down(60, 61, 0, full, 100)
		p.send(81, 0, segmentOf{from: 100, to: 100, ack: full, window: 540})
		p.send(130, 0, segmentOf{from: 100, to: 100, ack: full, window: 2000})
		p.down(150, 151, full, 2*full, 100)
	}, before + "transfer 1, receive-window 20, client 49, receive-window 20, transfer 1"},

	"queueing": {func(p *script) {
		p.request()
		p.client = another
		p.down(60, 61, 0, full, 0)
		p.down(60, 62, full, 2*full, 0)
		p.client = theClient
		p.wrote(true, 1, 0, full, 60)
		p.down(60, 63, 0, full, 100)
	}, before + "queueing 2, transfer 1"},

	"stall": {func(p *script) {
		p.request()
		p.wrote(true, 1, 0, full, 60)
		p.down(60, 61, 0, full, 100)
		p.wrote(true, 1, full, 2*full, 95)
		p.down(95, 96, full, 2*full, 100)
	}, before + "transfer 1, stall 34, transfer 1"},

	"behind an answer": {func(p *script) {
		p.facts.Scenario.Strategy = "pipelined"
		p.request()
		p.told(2, 0, false)
		p.wrote(false, 2, 100, 200, 41)
		p.up(41, 100, 200, 0)
		p.wrote(true, 1, 0, full, 90)
		p.down(90, 91, 0, full, 100)
		p.wrote(true, 2, full, 2*full, 90)
		p.down(90, 92, full, 2*full, 100)
	}, "queue 41, propagation 20, head-of-line 50, transfer 1"},

	"behind a stream": {func(p *script) {
		p.facts.Scenario.Strategy = multiplexed
		p.request()
		p.told(2, 40, false)
		p.wrote(false, 2, 100, 200, 41)
		p.up(41, 100, 200, 0)
		p.wrote(true, 1, 0, full, 61)
		p.down(61, 62, 0, full, 100).Drop = link.Lost
		p.wrote(true, 2, full, 2*full, 61)
		p.down(61, 63, full, 2*full, 100)
		p.down(100, 101, 0, full, 100)
	}, "queue 1, propagation 40, head-of-line 40"},

	"a connection is opened for it while it queues": {func(p *script) {
		p.request()
		p.facts.Told[0].Timeline.Start = time.Unix(0, instant(-15))
		p.wrote(true, 1, 0, full, 60)
		p.down(60, 61, 0, full, 100)
	}, "queue 15, handshake 40, propagation 40, transfer 1"},
}

func TestTruth(t *testing.T) {
	for name, tt := range scenes {
		p := newScript(persistent)
		tt.scene(p)
		all := Truth(&p.facts)
		last := all[len(all)-1]
		if last.Problem != "" {
			t.Errorf("%s: %s", name, last.Problem)
			continue
		}
		if got := last.words(); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
}

// words are the causes with their times in ms.
func (j *Judged) words() string {
	var all []string
	for _, s := range j.Spans {
		all = append(all, fmt.Sprintf("%v %v", s.Cause, float64((s.To-s.From)/1000)/1000))
	}
	return strings.Join(all, ", ")
}
