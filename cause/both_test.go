package cause

import (
	"errors"
	"iter"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/lingerhttp/linger/packet"
)

// A wired is a packet as both ends of a path have it: when it left its sender, and when
// it arrived, by one true clock.
type wired struct {
	packet.Packet
	left, arrived int64
}

const wiredStart = 1_790_000_000_000_000_000

var (
	wiredClient = netip.MustParseAddrPort("198.18.0.1:4711")
	wiredServer = netip.MustParseAddrPort("198.19.1.1:80")
)

// talk is a connection for so long: a request each 50 ms and 20 full segments in answer,
// which queue, with a trip up and one down.
func talk(length time.Duration, up, down int64) []wired {
	dice := rand.New(rand.NewPCG(1, 2))
	var all []wired
	var id uint16
	seq := [2]uint32{1<<32 - 5000, 7000} // one of them wraps
	send := func(at int64, dir int, n int, flags packet.Flags, wait int64) {
		id++
		p := wired{left: at}
		p.Protocol, p.Flags, p.ID = packet.ProtocolTCP, flags, id
		p.Src, p.Dst, p.arrived = wiredClient, wiredServer, at+up+wait
		if dir == 1 {
			p.Src, p.Dst, p.arrived = wiredServer, wiredClient, at+down+wait
		}
		p.Seq, p.Ack = seq[dir], seq[1-dir]
		p.Options.TSval = uint32(at / 1_000_000)
		p.Payload, p.End = 52, 52+n
		seq[dir] += uint32(n)
		all = append(all, p)
	}
	send(wiredStart, 0, 0, packet.SYN, 0)
	send(wiredStart+up, 1, 0, packet.SYN|packet.ACK, 0)
	for at := int64(wiredStart + 50e6); at < wiredStart+int64(length); at += 50e6 {
		send(at, 0, 100, packet.ACK, dice.Int64N(200_000))
		for i := range int64(20) {
			send(at+up+1e6+i*10_000, 1, 1448, packet.ACK, i*250_000+dice.Int64N(30_000))
			send(at+up+10e6+i*10_000, 0, 0, packet.ACK, dice.Int64N(50_000))
		}
	}
	return all
}

// clock is an end's: what it shows at a true time.
type clock func(at int64) int64

func truth(at int64) int64 { return at }

// skewed is a clock that is ahead, and runs faster by parts in a million.
func skewed(ahead time.Duration, ppm float64) clock {
	return func(at int64) int64 {
		return at + int64(ahead) + int64(float64(at-wiredStart)*ppm/1e6)
	}
}

// seenAt is the capture of an end, in the order of its clock.
func seenAt(all []wired, end netip.AddrPort, c clock) []packet.Packet {
	var list []packet.Packet
	for _, w := range all {
		p := w.Packet
		if p.At = c(w.arrived); p.Src == end {
			p.At = c(w.left)
		}
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b packet.Packet) int { return int(a.At - b.At) })
	for i := range list {
		list[i].Number = i + 1
	}
	return list
}

// reused hands packets out as a reader does: in one place.
func reused(list []packet.Packet) iter.Seq[*packet.Packet] {
	return func(yield func(*packet.Packet) bool) {
		var p packet.Packet
		for i := range list {
			if p = list[i]; !yield(&p) {
				return
			}
		}
	}
}

func TestAlign(t *testing.T) {
	for what, tt := range map[string]struct {
		length time.Duration
		ahead  time.Duration
		ppm    float64
	}{
		"the same clock":    {2 * time.Second, 0, 0},
		"ahead":             {2 * time.Second, 1234 * time.Millisecond, 0},
		"behind for years":  {2 * time.Second, -9000 * time.Hour, 0},
		"fast, briefly":     {time.Second, 1234 * time.Millisecond, 50},
		"fast":              {20 * time.Second, 1234 * time.Millisecond, 50},
		"slow, for minutes": {5 * time.Minute, 0, -120},
	} {
		all := talk(tt.length, 10e6, 10e6)
		fast := skewed(tt.ahead, tt.ppm)
		client := seenAt(all, wiredClient, truth)
		a, err := Align(reused(client), reused(seenAt(all, wiredServer, fast)))
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		type name struct {
			arrived int64
			id      uint16
		}
		left := make(map[name]int64)
		for _, w := range all {
			left[name{w.arrived, w.ID}] = w.left
		}
		data := 0
		var worst int64
		for _, p := range client {
			if at, known := a.Departures.Left(int32(p.Number)); known {
				data++
				is := left[name{p.At, p.ID}]
				worst = max(worst, at-is, is-at)
			}
		}
		if worst > 100_000 {
			t.Errorf("%s: departures are wrong by up to %v", what, time.Duration(worst))
		}
		if want := len(all) / 41 * 20; data != want || a.Lost != 0 {
			t.Errorf("%s: %d departures, want %d; %d lost", what, data, want, a.Lost)
		}
		if a.Trip < 19500*time.Microsecond || a.Trip > 20100*time.Microsecond || a.Residue > 200*time.Microsecond {
			t.Errorf("%s: trip %v, residue %v", what, a.Trip, a.Residue)
		}
		if drift := a.Drift * 1e6; tt.length > 10*time.Second && (drift < tt.ppm-5 || drift > tt.ppm+5) {
			t.Errorf("%s: drift %v ppm", what, drift)
		}
	}
}

// What a card cut at one end is found by its last byte.
func TestAlignSegmentsThatWereCut(t *testing.T) {
	all := talk(time.Second, 10e6, 10e6)
	server := seenAt(all, wiredServer, truth)
	var joined []packet.Packet
	for _, p := range server {
		if n := len(joined); n > 0 && p.Src == wiredServer && p.PayloadLen() > 0 && joined[n-1].Seq+uint32(joined[n-1].PayloadLen()) == p.Seq && joined[n-1].Options.TSval == p.Options.TSval {
			joined[n-1].End += p.PayloadLen()
			continue
		}
		joined = append(joined, p)
	}
	a, err := Align(reused(seenAt(all, wiredClient, truth)), reused(joined))
	if err != nil {
		t.Fatal(err)
	}
	if want := len(all) / 41 * 20; len(a.Departures.left) != want || len(joined) > len(server)*2/3 {
		t.Errorf("%d departures from %d segments, want %d", len(a.Departures.left), len(joined), want)
	}
}

// A segment that was lost is not taken for its retransmission.
func TestAlignLost(t *testing.T) {
	all := talk(time.Second, 10e6, 10e6)
	client := seenAt(all, wiredClient, truth)
	i := slices.IndexFunc(client, func(p packet.Packet) bool { return p.PayloadLen() == 1448 })
	again := client[i]
	again.At, again.ID, again.Options.TSval, again.Number = again.At+200e6, 60_000, again.Options.TSval+200, 9999
	server := seenAt(all, wiredServer, truth)
	copied := again
	copied.At -= 15e6
	a, err := Align(reused(append(slices.Delete(client, i, i+1), again)), reused(append(server, copied)))
	if err != nil {
		t.Fatal(err)
	}
	if at, known := a.Departures.Left(9999); !known || at < again.At-15e6-200e3 || at > again.At-15e6+200e3 || a.Lost != 1 {
		t.Errorf("left %v before it arrived, known %v; %d lost", again.At-at, known, a.Lost)
	}
}

func TestAlignFails(t *testing.T) {
	all := talk(time.Second, 10e6, 10e6)
	client, server := seenAt(all, wiredClient, truth), seenAt(all, wiredServer, skewed(time.Second, 50))
	elsewhere := slices.Clone(server)
	for i := range elsewhere {
		elsewhere[i].Dst = netip.AddrPortFrom(elsewhere[i].Dst.Addr(), elsewhere[i].Dst.Port()+1)
	}
	oneWay := slices.DeleteFunc(slices.Clone(server), func(p packet.Packet) bool { return p.Src == wiredClient })
	for name, tt := range map[string]struct {
		first, second []packet.Packet
		want          error
	}{
		"swapped":   {server, client, ErrSwapped},
		"one place": {client, client, ErrOnePlace},
		"others":    {client, elsewhere, ErrNothingCommon},
		"one way":   {client, oneWay, ErrNothingCommon},
		"nothing":   {client, nil, ErrNothingCommon},
		"no client": {nil, server, ErrNothingCommon},
	} {
		if _, err := Align(reused(tt.first), reused(tt.second)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// However many differences there are, the extremes stay.
func TestFloor(t *testing.T) {
	var f floor
	for i := range int64(1_000_000) {
		apart := 1000 + i%7
		switch i {
		case 777_777:
			apart = -5
		case 123_456:
			apart = 9999
		}
		f.add(i, apart)
	}
	if len(f.low) > mostPoints || f.all != 1_000_000 {
		t.Errorf("%d points of %d", len(f.low), f.all)
	}
	l := line{}
	if l.lowest(f.low) != -5 || l.highest(f.high) != 9999 {
		t.Errorf("from %v to %v", l.lowest(f.low), l.highest(f.high))
	}
	if !slices.Contains(f.low, point{777_777, -5}) || !slices.Contains(f.high, point{123_456, 9999}) {
		t.Error("the extremes have lost their times")
	}
}

func FuzzAlign(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"), uint8(9))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		var list []packet.Packet
		for i := 0; i+8 <= len(b); i += 8 {
			p := packet.Packet{Number: i + 1, At: int64(b[i])<<55 | int64(b[i+1])<<20}
			p.Protocol, p.Src, p.Dst = packet.ProtocolTCP, wiredClient, wiredServer
			if b[i+2]&1 == 1 {
				p.Src, p.Dst = p.Dst, p.Src
			}
			p.Seq, p.Ack, p.Flags = uint32(b[i+3])<<24, uint32(b[i+4]), packet.Flags(b[i+5])
			p.End, p.ID = int(b[i+6])*int(b[i+7]), uint16(b[i+7]&3)
			list = append(list, p)
		}
		at := min(int(cut), len(list))
		_, _ = Align(reused(list[:at]), reused(list[at:])) // whatever it says, it ends
	})
}
