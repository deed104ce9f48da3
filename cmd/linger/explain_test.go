package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/flow"
	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
	"github.com/lingerhttp/linger/timeline"
)

const beat = time.Millisecond

// captures are those that scripts ask for by their names.
var captures = map[string]func() []byte{
	// Two exchanges on one connection, the second of which the server thinks about.
	"two": func() []byte { return twoExchanges().Pcapng() },
	// The same, as pcap, in gzip.
	"two.gz": func() []byte { return zipped(twoExchanges().Pcap()) },
	// The same, at two interfaces.
	"ends": func() []byte { return atBothEnds(twoExchanges()) },
	// The same, which ends within a packet.
	"cut": func() []byte { b := twoExchanges().Pcap(); return b[:len(b)-300] },
	// Each packet captured in part.
	"snapped": func() []byte { c := twoExchanges(); c.Snap = 60; return c.Pcap() },
	// Fifty short exchanges, of which each takes longer than the one before.
	"many": func() []byte { return manyExchanges(50).Pcap() },
	// A datagram.
	"udp": func() []byte {
		c := packets.NewCapture()
		c.UDP(0, "10.0.0.1:5000", "10.0.0.2:53", []byte("nothing"))
		return c.Pcap()
	},
	// TCP that is not HTTP.
	"ssh": func() []byte {
		c := packets.NewCapture()
		conn := c.Conn("10.0.0.1:40000", "10.0.0.2:22")
		conn.Open(0, 20*beat)
		conn.Send(packets.Server, 40*beat, "SSH-2.0-OpenSSH_9.9\r\n")
		return c.Pcap()
	},
	"empty":   func() []byte { return packets.NewCapture().Pcap() },
	"oneside": func() []byte { return onlyAnswers().Pcap() },
}

// makeCapture is the script command `capture NAME FILE`.
func makeCapture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || captures[args[0]] == nil {
		ts.Fatalf("usage: capture NAME FILE, NAME of %q", slices.Sorted(maps.Keys(captures)))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), captures[args[0]](), 0o666))
}

func zipped(b []byte) []byte {
	var file bytes.Buffer
	w := gzip.NewWriter(&file)
	_, _ = w.Write(b) // a buffer takes everything
	_ = w.Close()
	return file.Bytes()
}

const okHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"

// twoExchanges is seen at the client, 20 ms from the server.
func twoExchanges() *packets.Capture {
	c := packets.NewCapture()
	conn := c.Conn("198.18.0.1:4711", "198.19.1.1:80")
	conn.Timestamps = true
	conn.Open(0, 20*beat)
	conn.Send(packets.Client, 20*beat, "GET /first HTTP/1.1\r\nHost: origin\r\n\r\n")
	conn.ACK(packets.Server, 40*beat)
	conn.Send(packets.Server, 45*beat, fmt.Sprintf(okHead, 1000)+strings.Repeat("x", 1000))
	conn.ACK(packets.Client, 45*beat)
	conn.Send(packets.Client, 100*beat, "GET /second HTTP/1.1\r\nHost: origin\r\n\r\n")
	conn.ACK(packets.Server, 120*beat)
	conn.Send(packets.Server, 420*beat, fmt.Sprintf(okHead, 500)+strings.Repeat("y", 500))
	conn.ACK(packets.Client, 420*beat)
	conn.FIN(packets.Client, 430*beat)
	conn.FIN(packets.Server, 450*beat)
	conn.ACK(packets.Client, 450*beat)
	return c
}

// onlyAnswers is a capture without the client's packets.
func onlyAnswers() *packets.Capture {
	c := packets.NewCapture()
	conn := c.Conn("198.18.0.1:4711", "198.19.1.1:80")
	for i, part := range []string{fmt.Sprintf(okHead, 10), "hello", "world"} {
		conn.Send(packets.Server, time.Duration(i+1)*60*beat, part)
	}
	return c
}

func manyExchanges(n int) *packets.Capture {
	c := packets.NewCapture()
	conn := c.Conn("198.18.0.1:4711", "198.19.1.1:80")
	conn.Open(0, 20*beat)
	at := 20 * beat
	for i := range n {
		conn.Send(packets.Client, at, fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: origin\r\n\r\n", i+1))
		conn.ACK(packets.Server, at+20*beat)
		at += time.Duration(21+i) * beat
		conn.Send(packets.Server, at, fmt.Sprintf(okHead, 5)+"hello")
		conn.ACK(packets.Client, at)
		at += 3 * beat
	}
	return c
}

// atBothEnds makes of a capture one of two interfaces, "client" and "server": as the
// lab's are.
func atBothEnds(c *packets.Capture) []byte {
	var file bytes.Buffer
	about := pcapgo.NgWriterOptions{}
	w, err := pcapgo.NewNgWriterInterface(&file, pcapgo.NgInterface{Name: "client", LinkType: layers.LinkTypeRaw}, about)
	if err == nil {
		_, err = w.AddInterface(pcapgo.NgInterface{Name: "server", LinkType: layers.LinkTypeRaw})
	}
	for p := range c.Packets() {
		for i := range 2 {
			info := gopacket.CaptureInfo{Timestamp: time.Unix(0, p.At), CaptureLength: len(p.Data), Length: len(p.Data), InterfaceIndex: i}
			if err == nil {
				err = w.WritePacket(info, p.Data)
			}
		}
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		panic(err)
	}
	return file.Bytes()
}

// capturePath writes a capture of those above to a file.
func capturePath(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run.cap")
	if err := os.WriteFile(path, captures[name](), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConnectionPattern(t *testing.T) {
	c := timeline.Conn{Local: netip.MustParseAddrPort("198.18.0.1:4711"), Remote: netip.MustParseAddrPort("198.19.1.1:80")}
	c6 := timeline.Conn{Local: netip.MustParseAddrPort("[2001:db8::1]:4711"), Remote: netip.MustParseAddrPort("[2001:db8::2]:80")}
	for text, want := range map[string][2]bool{
		"":                                    {true, true},
		"198.18.0.1:4711-198.19.1.1:80":       {true, false},
		"198.19.1.1:80-198.18.0.1:4711":       {true, false},
		"198.18.0.1:4711":                     {true, false},
		"198.19.1.1":                          {true, false},
		"4711":                                {true, true},
		":80":                                 {true, true},
		"471":                                 {false, false},
		"-198.19.1.1:80":                      {true, false},
		"198.18.0.1-198.18.0.1":               {false, false},
		"[2001:db8::1]:4711-[2001:db8::2]:80": {false, true},
		"2001:db8::2":                         {false, true},
		"[2001:db8::2]":                       {false, true},
	} {
		p, err := parseConnectionPattern(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := [2]bool{p.fits(c), p.fits(c6)}; got != want {
			t.Errorf("%q fits %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"origin", "198.18.0.1:99999", "0", "1-2-3", "198.18.0.1:0x"} {
		if _, err := parseConnectionPattern(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// Of two interfaces, each connection has the one that it was seen on first.
func TestInterfaceChoice(t *testing.T) {
	known := []packet.Interface{{Name: "client"}, {Name: "server"}}
	a, b := netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:80")
	other := netip.MustParseAddrPort("10.0.0.3:1")
	at := func(i int, src, dst netip.AddrPort) *packet.Packet {
		return &packet.Packet{Interface: i, Header: packet.Header{Src: src, Dst: dst, Protocol: packet.ProtocolTCP}}
	}
	c := interfaceChoice{}
	for i, step := range []struct {
		p    *packet.Packet
		want bool
	}{
		{at(0, a, b), true}, {at(1, a, b), false}, {at(1, b, a), false}, {at(0, b, a), true},
		{at(1, other, b), true}, {at(0, other, b), false},
	} {
		if got := c.takes(step.p, known); got != step.want {
			t.Errorf("packet %d: taken %v, want %v", i, got, step.want)
		}
	}
	c.known = known
	if notes := c.notes(); len(notes) != 2 || !strings.HasPrefix(notes[1], `2 packets were left out: they were captured on "server"`) {
		t.Errorf("notes %q", notes)
	}
	server := interfaceChoice{want: "server"}
	if server.takes(at(0, a, b), known) || !server.takes(at(1, a, b), known) || !server.met {
		t.Error("--interface server does not take what is the server's")
	}
}

// exchangeOf is an exchange with one cause.
func exchangeOf(n int, d time.Duration, c timeline.Cause) *cause.Explained {
	start := packets.Start.Add(time.Duration(n) * time.Second)
	e := &timeline.Exchange{Number: n, Method: "GET", URL: "http://origin/", Start: start, Conn: timeline.Conn{Number: n}}
	e.Enter(timeline.Wait, c, start)
	e.Finish(start.Add(d), nil)
	e.Spans[0].Evidence = []int{n}
	return &cause.Explained{Timeline: e, Savings: []cause.Saving{{Remedy: cause.Nearer, Time: d / 2, Own: d / 2}}}
}

// Sums are over all exchanges; shown are those that took longest.
func TestGatheringKeepsTheLongest(t *testing.T) {
	const n = 1000
	g := newGathering(&explainFlags{}, new(source))
	var all time.Duration
	for i := range n {
		d := time.Duration((i*7919)%n+1) * time.Millisecond // in no order
		all += d
		g.add(exchangeOf(i+1, d, timeline.Server))
	}
	x := g.explanation("x")
	if x.Exchanges != n || x.Spent != all || len(x.Entries) != mostShown || x.LeftOut != n-mostShown {
		t.Fatalf("%d exchanges of %v, %d shown, %d left out", x.Exchanges, x.Spent, len(x.Entries), x.LeftOut)
	}
	for i, e := range x.Entries {
		if e.Duration <= (n-mostShown)*time.Millisecond {
			t.Errorf("one of %v is shown", e.Duration)
		}
		if i > 0 && e.Start.Before(x.Entries[i-1].Start) {
			t.Error("they are not in the order of their start")
		}
	}
	if len(x.Causes) != 2 || x.Causes[0].Cause != timeline.Server || x.Causes[0].Time != all || x.Causes[1].Cause != timeline.Unknown {
		t.Errorf("causes %+v", x.Causes)
	}
	if len(x.Remedies) != 1 || x.Remedies[0].Exchanges != n || x.Remedies[0].Time > all/2 {
		t.Errorf("remedies %+v", x.Remedies)
	}
}

// Every cause and every remedy has its words.
func TestExplainWords(t *testing.T) {
	for c, text := range meanings {
		if text == "" || strings.HasSuffix(text, ".") {
			t.Errorf("%v: %q", timeline.Cause(c), text)
		}
	}
	for r, text := range advice {
		if text == "" || strings.HasSuffix(text, ".") {
			t.Errorf("%v: %q", cause.Remedy(r), text)
		}
	}
}

// The capture that is written again holds every packet as it was, and the comments.
func TestAnnotate(t *testing.T) {
	comments := map[int][]string{1: {"first"}, 3: {"one", "two, of five letters…"}}
	for _, name := range []string{"two", "two.gz", "ends"} {
		path := capturePath(t, name)
		var out bytes.Buffer
		if err := annotate(&out, path, comments); err != nil {
			t.Fatal(err)
		}
		if got, want := dataOf(t, &out, comments), rawOf(t, captures[name]()); !slices.EqualFunc(got, want, bytes.Equal) {
			t.Errorf("%s: %d packets came out, %d went in, or they differ", name, len(got), len(want))
		}
	}
}

// Whatever the file is, writing it again ends, and what was a pcapng still has all
// its blocks.
func FuzzAnnotate(f *testing.F) {
	for _, name := range []string{"two", "ends", "cut"} {
		f.Add(captures[name]())
	}
	file := filepath.Join(f.TempDir(), "in")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(file, b, 0o666); err != nil {
			t.Fatal(err)
		}
		var once, twice bytes.Buffer
		if annotate(&once, file, map[int][]string{1: {"a"}, 2: {"bb", ""}}) != nil || once.Len() == 0 {
			return
		}
		if err := os.WriteFile(file, once.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := annotate(&twice, file, nil); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("written again without comments, %d bytes become %d, %v", once.Len(), twice.Len(), err)
		}
	})
}

// dataOf reads a pcapng file with comments.
func dataOf(t *testing.T, file io.Reader, comments map[int][]string) (all [][]byte) {
	t.Helper()
	r, err := pcapgo.NewNgReader(file, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, _, options, err := r.ReadPacketDataWithOptions()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
		if !slices.Equal(options.Comments, comments[len(all)]) {
			t.Errorf("packet %d has the comments %q, want %q", len(all), options.Comments, comments[len(all)])
		}
	}
}

// rawOf are the packets of a capture, of whatever format.
func rawOf(t *testing.T, file []byte) (all [][]byte) {
	t.Helper()
	if r, err := pcapgo.NewReader(bytes.NewReader(file)); err == nil {
		for {
			data, _, err := r.ReadPacketData()
			if err != nil {
				return all
			}
			all = append(all, data)
		}
	}
	return dataOf(t, bytes.NewReader(file), nil)
}

// Wireshark shows the comments in place.
func TestAnnotateInTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("no tshark in PATH")
	}
	for _, name := range []string{"two", "two.gz", "ends"} {
		out := filepath.Join(t.TempDir(), "out.pcapng")
		f, err := os.Create(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := annotate(f, capturePath(t, name), map[int][]string{4: {"here"}}); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command(tshark, "-r", out, "-Y", "frame.comment", "-T", "fields", "-e", "frame.number", "-e", "frame.comment").Output()
		if err != nil || string(text) != "4\there\n" {
			t.Errorf("%s: tshark says %q, %v", name, text, err)
		}
	}
}

// connections are those of a capture.
func connections(c *packets.Capture) (all []*flow.Conn) {
	table := flow.NewTable(flow.Config{Close: func(c *flow.Conn) { all = append(all, c) }})
	for p := range c.Packets() {
		table.Add(p)
	}
	table.Close()
	return all
}

func TestPictureOf(t *testing.T) {
	c := packets.NewCapture()
	conn := c.Conn("198.18.0.1:4711", "198.19.1.1:80")
	conn.Open(0, 20*beat)
	conn.Send(packets.Client, 20*beat, "GET / HTTP/1.1\r\n\r\n")
	conn.Server(40*beat, packets.Segment{Seq: 0, Ack: 18, Window: 500, Len: 1460})
	conn.Server(41*beat, packets.Segment{Seq: 2920, Ack: 18, Window: 500, Len: 1460})
	conn.ACK(packets.Client, 41*beat)
	conn.Server(90*beat, packets.Segment{Seq: 1460, Ack: 18, Window: 500, Len: 1460})
	conn.Client(90*beat, packets.Segment{Seq: 18, Ack: 4380, Window: 502})
	e := exchangeOf(1, 70*beat, timeline.Loss).Timeline
	e.Start = packets.Start.Add(20 * beat)
	p := pictures{}
	e.Conn.Number = 1
	p.add(e)
	for _, c := range connections(c) {
		p.closed(c)
	}
	all, undrawn := p.drawn(packets.Start.UnixNano(), func(told int) int { return told })
	if len(all) != 1 || undrawn != 0 {
		t.Fatalf("%d pictures, %d undrawn", len(all), undrawn)
	}
	got := all[0]
	if got.Sender != "server" || got.Top != 4380 || got.From != 0 || got.To < 90*beat || got.To > 95*beat {
		t.Errorf("%s sent %d from %v to %v", got.Sender, got.Top, got.From, got.To)
	}
	if len(got.Data) != 2 || len(got.Again) != 1 || got.Again[0].From != 1460 || got.Again[0].Label == "" {
		t.Errorf("data %+v, again %+v", got.Data, got.Again)
	}
	if n := len(got.ACKs); n == 0 || got.ACKs[n-1].Offset != 4380 || len(got.Other) != 1 {
		t.Errorf("ACKs %+v, other %+v", got.ACKs, got.Other)
	}
	if len(got.Bands) != 1 || got.Bands[0].Cause != timeline.Loss || got.Bands[0].From != 20*beat {
		t.Errorf("bands %+v", got.Bands)
	}
}

// Where exchanges overlap, the earlier has the time.
func TestBandsDoNotOverlap(t *testing.T) {
	a, b := exchangeOf(1, 1500*beat, timeline.Server).Timeline, exchangeOf(2, 900*beat, timeline.HeadOfLine).Timeline
	all := bandsOf([]*timeline.Exchange{b, a})
	if len(all) != 2 || all[0].Exchange != 1 || all[1].From != all[0].To || all[1].To-all[1].From != 400*beat {
		t.Errorf("%+v", all)
	}
}
