package cause_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

// The traps of what lies around TCP: links, messages, and what a capture may begin with.

// read explains the packets of a file.
func read(t *testing.T, file []byte) []*cause.Explained {
	t.Helper()
	r, err := packet.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	all, limits := explain(cause.Config{}, func(yield func(*packet.Packet) bool) {
		for p, err := range r.Packets() {
			if err != nil {
				t.Error(err)
			} else if !yield(p) {
				return
			}
		}
	})
	for _, fault := range limits.faults(all) {
		t.Error(fault)
	}
	return all
}

// framed is a pcap file of a link that puts so many bytes, in hexadecimal, before the
// packets of a capture.
func framed(c *packets.Capture, link layers.LinkType, head string) []byte {
	before, err := hex.DecodeString(head)
	if err != nil {
		panic(err)
	}
	var file bytes.Buffer
	w := pcapgo.NewWriterNanos(&file)
	if err := w.WriteFileHeader(1<<18, link); err != nil {
		panic(err)
	}
	for p := range c.Packets() {
		data := append(bytes.Clone(before), p.Data...)
		info := gopacket.CaptureInfo{Timestamp: time.Unix(0, p.At), CaptureLength: len(data), Length: len(data)}
		if err := w.WritePacket(info, data); err != nil {
			panic(err)
		}
	}
	return file.Bytes()
}

// TestTrapLinks: what carries the packets changes nothing.
func TestTrapLinks(t *testing.T) {
	const macs = "020000000002020000000001"
	six := func(s *scene) *packets.Capture {
		s.client, s.server = s.connect(s.capture, "[2001:db8::1]:40000", "[2001:db8::2]:80")
		return s.play(small(), large())
	}
	four := func(s *scene) *packets.Capture { return s.play(small(), large()) }
	for name, tt := range map[string]struct {
		capture func(*scene) *packets.Capture
		link    layers.LinkType
		head    string
	}{
		"Ethernet":           {four, layers.LinkTypeEthernet, macs + "0800"},
		"VLAN":               {four, layers.LinkTypeEthernet, macs + "81000007" + "0800"},
		"QinQ":               {four, layers.LinkTypeEthernet, macs + "88a8000c" + "810007d1" + "0800"},
		"raw IP":             {four, layers.LinkTypeRaw, ""},
		"Linux cooked":       {four, layers.LinkTypeLinuxSLL, "0000000100060200000000010000" + "0800"},
		"Linux cooked, v2":   {four, 276, "0800" + "0000" + "00000002" + "0001" + "00" + "06" + "0200000000010000"},
		"IPv6":               {six, layers.LinkTypeEthernet, macs + "86dd"},
		"IPv6 in a VLAN":     {six, layers.LinkTypeEthernet, macs + "81000007" + "86dd"},
		"IPv6, raw":          {six, layers.LinkTypeRaw, ""},
		"IPv6, Linux cooked": {six, layers.LinkTypeLinuxSLL, "0000000100060200000000010000" + "86dd"},
	} {
		for place, side := range places {
			s := newScene(side)
			says(t, name+" "+place, read(t, framed(tt.capture(s), tt.link, tt.head)), whole, "propagation 10 server 5 propagation 10 slow-start 40")
		}
	}
}

// TestTrapOneDirection: where one direction was not captured, what the other shows is
// still explained, and no more.
func TestTrapOneDirection(t *testing.T) {
	for place, side := range places {
		for _, only := range []packets.Side{packets.Client, packets.Server} {
			s := newScene(side)
			s.missed = func(from packets.Side, _ int, _ packets.Segment) bool { return from != only }
			all := explained(t, s.play(small(), large(), call{wait: 300 * ms, think: 5 * ms, response: ok(500)}))
			if len(all) == 0 {
				t.Errorf("%s, side %d only: nothing", place, only)
			}
			for _, x := range all {
				if e := x.Timeline; e.Duration > 150*ms || costs(e, timeline.Loss, timeline.ReceiveWindow, timeline.Nagle, timeline.DelayedACK, timeline.Stall, timeline.SlowStart) > 0 {
					t.Errorf("%s, side %d only: %s", place, only, brief(e))
				}
			}
		}
	}
}

// TestTrapPush: PSH marks the end of a write, and neither its lack nor its presence
// moves the end of a message.
func TestTrapPush(t *testing.T) {
	for _, flags := range []packet.Flags{packet.ACK, packet.ACK | packet.PSH} {
		c := packets.NewCapture()
		conn := c.Conn(browser, origin)
		conn.Open(0, 20*ms)
		send := func(from packets.Side, at time.Duration, data string) {
			conn.Segment(from, at, packets.Segment{Flags: flags, Seq: conn.Next(from), Ack: conn.Next(1 - from), Window: 502, Data: []byte(data)})
			conn.ACK(1-from, at+time.Duration(1-from)*20*ms)
		}
		send(packets.Client, 20*ms, get("/a")[:10])
		send(packets.Client, 50*ms, get("/a")[10:])
		send(packets.Server, 75*ms, head(2000))
		send(packets.Server, 105*ms, bytesOf(1000))
		send(packets.Server, 135*ms, bytesOf(1000))
		all := explained(t, c)
		if len(all) != 1 || !near(all[0].Timeline.Duration, 135*ms, ms) || !near(costs(all[0].Timeline, timeline.Server), 5*ms, ms) || !near(costs(all[0].Timeline, timeline.Stall, timeline.Client), 90*ms, ms) {
			t.Errorf("flags %v: said %s", flags, briefs(all))
		}
	}
}

// TestTrapKeepAlives: who asks whether the other is there has lost nothing.
func TestTrapKeepAlives(t *testing.T) {
	for _, length := range []int{0, 1} {
		c := packets.NewCapture()
		conn := c.Conn(browser, origin)
		conn.Open(0, 20*ms)
		conn.Send(packets.Client, 20*ms, get("/"))
		conn.ACK(packets.Server, 40*ms)
		up := conn.Next(packets.Client)
		for i := range 5 { // the client, while the server thinks
			at := time.Duration(10+10*i) * time.Second
			conn.Client(at, packets.Segment{Seq: up - 1, Ack: 0, Window: 502, Len: length})
			conn.ACK(packets.Server, at+20*ms)
		}
		conn.Send(packets.Server, 60*time.Second, head(100)+bytesOf(100))
		conn.ACK(packets.Client, 60*time.Second)
		all := explained(t, c)
		if len(all) != 1 || costs(all[0].Timeline, timeline.Loss) > 0 || !near(costs(all[0].Timeline, timeline.Server), 60*time.Second-40*ms, 2*ms) {
			t.Errorf("%d bytes: said %s", length, briefs(all))
		}
	}
}

// TestTrapWindowProbes: what asks whether a window has opened is no retransmission: its
// time is the reader's.
func TestTrapWindowProbes(t *testing.T) {
	for _, length := range []int{0, 1} { // as Linux asks, and as RFC 9293 has it
		c := packets.NewCapture()
		conn := c.Conn(browser, origin)
		conn.Client(0, packets.Segment{Flags: packet.SYN, Window: 1024, MSS: 1460, Scale: 7})
		conn.Server(20*ms, packets.Segment{Flags: packet.SYN | packet.ACK, Window: 64_000, MSS: 1460, Scale: 7})
		conn.Client(20*ms, packets.Segment{Window: 8})
		request := get("/")
		up := int64(len(request))
		conn.Client(20*ms, packets.Segment{Flags: packet.ACK | packet.PSH, Window: 8, Data: []byte(request)})
		conn.Server(40*ms, packets.Segment{Ack: up, Window: 502})
		conn.Server(45*ms, packets.Segment{Ack: up, Window: 502, Data: []byte(head(2000) + bytesOf(1024-len(head(2000))))})
		conn.Client(45*ms, packets.Segment{Seq: up, Ack: 1024})
		for i := range 3 {
			at := time.Duration(265+200<<i) * ms
			conn.Server(at, packets.Segment{Seq: 1023 + int64(length), Ack: up, Window: 502, Len: length})
			conn.Client(at, packets.Segment{Seq: up, Ack: 1024})
		}
		conn.Client(2000*ms, packets.Segment{Seq: up, Ack: 1024, Window: 502})
		rest := 2000 + len(head(2000)) - 1024
		conn.Server(2020*ms, packets.Segment{Flags: packet.ACK | packet.PSH, Seq: 1024, Ack: up, Window: 502, Len: rest})
		conn.Client(2020*ms, packets.Segment{Seq: up, Ack: 1024 + int64(rest), Window: 502})
		all := explained(t, c)
		if len(all) != 1 || costs(all[0].Timeline, timeline.Loss, timeline.Stall) > 0 || !near(costs(all[0].Timeline, timeline.Client, timeline.ReceiveWindow), 1975*ms, 2*ms) {
			t.Errorf("%d bytes: said %s", length, briefs(all))
		}
	}
}

// TestTrapFastOpen: data in the SYN do not wait for the handshake.
func TestTrapFastOpen(t *testing.T) {
	c := packets.NewCapture()
	conn := c.Conn(browser, origin)
	request := get("/")
	conn.Client(0, packets.Segment{Flags: packet.SYN, Window: 64_000, MSS: 1460, Scale: 7, SACKPermitted: true, FastOpen: []byte("cookie!!"), Data: []byte(request)})
	conn.Server(20*ms, packets.Segment{Flags: packet.SYN | packet.ACK, Ack: int64(len(request)), Window: 64_000, MSS: 1460, Scale: 7, SACKPermitted: true})
	conn.ACK(packets.Client, 20*ms)
	conn.Send(packets.Server, 35*ms, head(500)+bytesOf(500))
	conn.ACK(packets.Client, 35*ms)
	all := explained(t, c)
	if len(all) != 1 || !near(all[0].Timeline.Duration, 35*ms, ms) {
		t.Fatalf("said %s", briefs(all))
	}
	if e := all[0].Timeline; costs(e, timeline.Server) > 16*ms || costs(e, timeline.Unknown) > 0 {
		t.Errorf("said %s", brief(e))
	}
}

// TestTrapContinue: one request has two responses, and is one exchange.
func TestTrapContinue(t *testing.T) {
	c := packets.NewCapture()
	conn := c.Conn(browser, origin)
	conn.Open(0, 20*ms)
	conn.Send(packets.Client, 20*ms, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	conn.Send(packets.Server, 45*ms, "HTTP/1.1 100 Continue\r\n\r\n")
	conn.Send(packets.Client, 45*ms, "hello")
	conn.Send(packets.Server, 75*ms, head(500)+bytesOf(500))
	conn.ACK(packets.Client, 75*ms)
	all := explained(t, c)
	if len(all) != 1 || !near(all[0].Timeline.Duration, 75*ms, ms) || all[0].Timeline.Status != 200 || len(all[0].Source.Interim) != 1 {
		t.Fatalf("said %s", briefs(all))
	}
	if e := all[0].Timeline; !near(costs(e, timeline.Server), 15*ms, ms) || costs(e, timeline.Nagle, timeline.DelayedACK) > 0 {
		t.Errorf("said %s", brief(e))
	}
}

// TestTrapNoBody: where a response has none, or has one that the connection's end ends,
// the next exchange begins where it does.
func TestTrapNoBody(t *testing.T) {
	none := func(request, response string) call {
		return call{think: 5 * ms, request: []string{request}, response: []string{response}}
	}
	plain := "propagation 10 server 5 propagation 10"
	wants(t, asIs, []call{
		none("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", head(100_000)),
		none(get("/"), "HTTP/1.1 204 No Content\r\n\r\n"),
		none(get("/"), "HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n"),
		none(get("/"), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		small(),
	}, whole, plain, plain, plain, plain)
	for place, side := range places {
		s := newScene(side)
		talk(s.client, s.server, call{think: 5 * ms, response: []string{"HTTP/1.1 200 OK\r\n\r\n", bytesOf(1000)}, stall: 40 * ms})
		s.after(500*ms, s.server.close)
		says(t, place+", until it ends", explained(t, s.run(s.capture)), whole+" stall 40")
	}
}

// TestTrapPipeline: a response behind others stands there because of them.
func TestTrapPipeline(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.server.noDelay = true
		pipelined(s.client, s.server, call{think: 50 * ms, response: ok(500)}, call{think: 30 * ms, response: ok(500)}, call{response: ok(500)})
		all := explained(t, s.run(s.capture))
		if len(all) != 3 {
			t.Fatalf("%s: said\n%s", place, briefs(all))
		}
		second, third := all[1].Timeline, all[2].Timeline
		if !near(costs(second, timeline.HeadOfLine), 50*ms, 11*ms) || !near(costs(second, timeline.Server, timeline.Stall), 25*ms, 11*ms) || !near(costs(third, timeline.HeadOfLine), 80*ms, 11*ms) {
			t.Errorf("%s: said\n%s", place, briefs(all))
		}
	}
}

// TestTrapLostResponse: one response of a pipeline that was not captured must not shift
// the pairs behind it, nor its time.
func TestTrapLostResponse(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.server.noDelay = true
		s.missed = func(from packets.Side, _ int, seg packets.Segment) bool {
			return from == packets.Server && bytes.Contains(seg.Data, []byte("X-Third"))
		}
		var calls []call
		for i := range 6 {
			mark := []string{"X-First", "X-Second", "X-Third", "X-Fourth", "X-Fifth", "X-Sixth"}[i]
			calls = append(calls, call{think: 20 * ms, response: []string{"HTTP/1.1 200 OK\r\n" + mark + ": y\r\nContent-Length: 300\r\n\r\n" + bytesOf(300)}})
		}
		pipelined(s.client, s.server, calls...)
		for _, x := range explained(t, s.run(s.capture)) {
			path := x.Source.URL[strings.LastIndexByte(x.Source.URL, '/'):]
			nth := slices.Index([]string{"/1", "/2", "/3", "/4", "/5", "/6"}, path) + 1
			if got, want := x.Timeline.Duration, time.Duration(20+20*nth)*ms; nth > 3 && !near(got, want, ms) {
				t.Errorf("%s: %s took %v, want %v: %s", place, path, got, want, brief(x.Timeline))
			}
		}
	}
}

// TestTrapRetriedHandshake: a handshake of which a part was lost is no measure of the way.
func TestTrapRetriedHandshake(t *testing.T) {
	retried := "syn-retry 1000 handshake 20 propagation 10 server 5 propagation 10"
	for name, tt := range map[string]struct {
		at   packets.Side
		lost packets.Side
		want string
	}{
		"SYN, at the client":     {packets.Client, packets.Client, retried},
		"SYN, at the server":     {packets.Server, packets.Client, whole}, // which has not seen the first
		"SYN-ACK, at the client": {packets.Client, packets.Server, retried},
		"SYN-ACK, at the server": {packets.Server, packets.Server, retried},
	} {
		s := newScene(tt.at)
		loses(tt.lost, 1)(s)
		says(t, name, explained(t, s.play(small())), tt.want)
	}
}

// TestTrapWayGetsShorter: the first round trip took longer than those after it.
func TestTrapWayGetsShorter(t *testing.T) {
	for place, side := range places {
		s := newScene(side)
		s.way = [2]time.Duration{60 * ms, 60 * ms}
		s.after(130*ms, func() { s.way = [2]time.Duration{10 * ms, 10 * ms} })
		all := explained(t, s.play(small(), small(), small()))
		if len(all) != 3 || brief(all[2].Timeline) != "propagation 10 server 5 propagation 10" {
			t.Errorf("%s: said\n%s", place, briefs(all))
		}
		if e := all[0].Timeline; !near(e.Duration, 195*ms, 61*ms) {
			t.Errorf("%s: the first took %v: %s", place, e.Duration, brief(e))
		}
	}
}

// TestTrapBelowAMillisecond: so short a round trip is near what a capture can tell, and
// that is said.
func TestTrapBelowAMillisecond(t *testing.T) {
	said := func(way time.Duration) (n int) {
		s := newScene(packets.Client)
		s.way = [2]time.Duration{way, way}
		for _, span := range explained(t, s.play(small()))[0].Timeline.Spans {
			if strings.Contains(span.Note, "below 1 ms") {
				n++
			}
		}
		return n
	}
	if below, above := said(200*time.Microsecond), said(ms); below == 0 || above > 0 {
		t.Errorf("said %d times below 1 ms, %d times above", below, above)
	}
}

// TestTrapLookup: the lookup of a name is the first exchange's, and no other's.
func TestTrapLookup(t *testing.T) {
	c := packets.NewCapture()
	message := func(answered bool) []byte {
		name := dnsmessage.MustNewName("a.")
		m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: answered}}
		m.Questions = []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}
		if answered {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
				Body:   &dnsmessage.AResource{A: [4]byte{10, 0, 0, 2}},
			}}
		}
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c.UDP(0, "10.0.0.1:5353", "10.0.0.53:53", message(false))
	c.UDP(30*ms, "10.0.0.53:53", "10.0.0.1:5353", message(true))
	conn := c.Conn(browser, origin)
	conn.Open(31*ms, 20*ms)
	for at := 51 * ms; at < 151*ms; at += 50 * ms {
		conn.Send(packets.Client, at, get("/"))
		conn.Send(packets.Server, at+25*ms, head(100)+bytesOf(100))
		conn.ACK(packets.Client, at+25*ms)
	}
	all := explained(t, c)
	if len(all) != 2 || !near(costs(all[0].Timeline, timeline.NameLookup), 30*ms, ms) || !near(all[0].Timeline.Duration, 76*ms, ms) || costs(all[1].Timeline, timeline.NameLookup) > 0 {
		t.Errorf("said\n%s", briefs(all))
	}
}

// TestTrapReordered: what the network put behind later packets was not lost.
func TestTrapReordered(t *testing.T) {
	s := newScene(packets.Client)
	s.behind = func(p passed) time.Duration { // two packets of the response overtake another
		if p.from == packets.Server && p.seg.Seq == 540+2*1448 {
			return ms / 2
		}
		return 0
	}
	e := explained(t, s.play(small(), call{think: 5 * ms, response: ok(9000)}))[1].Timeline
	if costs(e, timeline.Loss) > 0 || !near(e.Duration, 25*ms, ms) {
		t.Errorf("said %s", brief(e))
	}
}
