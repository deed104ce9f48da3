package exchange

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/lingerhttp/linger/flow"
)

// answersInHTTP2 is a server's side of HTTP/2 with one response.
func answersInHTTP2(stream uint32, body string) string {
	var b, head bytes.Buffer
	f := http2.NewFramer(&b, nil)
	enc := hpack.NewEncoder(&head)
	_ = enc.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
	_ = f.WriteSettings()
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: head.Bytes(), EndHeaders: true})
	_ = f.WriteData(stream, true, []byte(body))
	return b.String()
}

// TestUpgradeToHTTP2: the request that asked for it is stream 1.
func TestUpgradeToHTTP2(t *testing.T) {
	var settings bytes.Buffer
	_ = http2.NewFramer(&settings, nil).WriteSettings()
	told := play(nil, script{
		"> " + getA, "< " + okay + "hello",
		"> GET /b HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n",
		"< HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + answersInHTTP2(1, "hello"),
		"> " + http2.ClientPreface + settings.String(), ">.", "<.",
	})
	if len(told) != 2 {
		t.Fatalf("%d exchanges", len(told))
	}
	e := told[1]
	if e.Nth != 2 || e.Stream != 1 || e.Protocol != "HTTP/2.0" || e.Method != "GET" || e.URL != "http://h/b" ||
		e.Status != 200 || len(e.Interim) != 1 || !e.Response.Complete || e.Conn == nil {
		t.Errorf("%s, %+v", brief(e), e)
	}
}

// TestContents: what connections carry is counted.
func TestContents(t *testing.T) {
	for name, test := range map[string]struct {
		lines  script
		midway bool
		want   Counts
	}{
		"HTTP/1":                {script{"> " + getA}, false, Counts{HTTP1: 1}},
		"HTTP/1, the server":    {script{"< " + okay}, false, Counts{HTTP1: 1}},
		"HTTP/2":                {script{"> " + http2.ClientPreface}, false, Counts{HTTP2: 1}},
		"HTTP/2, the server":    {script{"< \x00\x00\x00\x04\x00\x00\x00\x00\x00"}, false, Counts{HTTP2: 1}},
		"TLS":                   {script{"> \x16\x03\x01\x00\xff\x01"}, false, Counts{TLS: 1}},
		"TLS behind CONNECT":    {script{"> CONNECT x:443 HTTP/1.1\r\n\r\n", "< HTTP/1.1 200 OK\r\n\r\n", "> \x16\x03\x01\x00\xff\x01"}, false, Counts{HTTP1: 1, TLS: 1}},
		"SSH":                   {script{"< SSH-2.0-x\r\n", "> SSH-2.0-y\r\n"}, false, Counts{Other: 1}},
		"silence":               {script{">.", "<."}, false, Counts{Silent: 1}},
		"one byte":              {script{"> G"}, false, Counts{Silent: 1}},
		"a hole, and then HTTP": {script{">? 100", "< xyz", "> " + getA}, false, Counts{HTTP1: 1}},
		"in mid-stream":         {script{"< xyz"}, true, Counts{HTTP1: 1}},
	} {
		c := begun()
		if test.midway {
			c = &flow.Conn{}
		}
		var got Counts
		playWith(c, &Config{Counts: &got}, test.lines)
		if got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestAcknowledgements: ACKs tell what came before what, where the capture learns of a
// hole only when it sees what is behind it.
func TestAcknowledgements(t *testing.T) {
	c := begun()
	segment := func(packet int32, d flow.Dir, seq int64, n int32, ack int64) {
		c.Segments = append(c.Segments, flow.Segment{Packet: packet, Dir: d, Seq: seq, Len: n, Ack: ack})
	}
	segment(1, flow.Up, 0, 28, 0)
	segment(2, flow.Down, 0, 43, 28)
	segment(3, flow.Up, 28, 28, 43)
	segment(4, flow.Up, 56, 28, 86) // the second response is not in the capture
	segment(6, flow.Down, 86, 43, 84)
	check(t, "a response lost", play(c, script{
		"> " + getA, "< " + okay + "hello", "> " + getB, "> " + getC, "<? 43", "< " + okay + "hello", ">.",
	}), []string{
		"1 GET http://h/a 200 up 0+28+0@1-1 down 0+38+5@2-2",
		"2 GET http://h/b 0 up 28+28+0@3-3 down 43+43+0@0-6… | the beginning of its response is not in the capture",
		"3 GET http://h/c 200 up 56+28+0@4-4 down 86+38+5@6-6",
	})
}

// TestSnapped: of each packet, the capture has only the first bytes.
func TestSnapped(t *testing.T) {
	var lines script
	for i := range 3 {
		lines = append(lines,
			fmt.Sprintf("> GET /%d HTTP/1.1\r\nHost: h\r\nCoo", i), ">? 300",
			"< HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSer", "<? 1200", "< "+strings.Repeat("x", 60), "<? 1200")
	}
	var want []string
	for i := range 3 {
		up, down, at := i*329, i*2505, i*6
		want = append(want, fmt.Sprintf(
			"%d GET http://h/%d 200 up %d+329+0@%d-%d… down %d+2505+0@%d-%d… | a part of its request's head is not in the capture; a part of its response's head is not in the capture",
			i+1, i, up, at+1, at+2, down, at+3, at+6))
	}
	check(t, "snapped", play(nil, lines), want)
}

// TestHTTP1IsBounded: neither requests without responses, nor heads without end, nor
// responses that nobody can place take memory without end, and what cannot be kept is
// told.
func TestHTTP1IsBounded(t *testing.T) {
	told := 0
	r := newHTTP1(place{cfg: &Config{}, scheme: "http"}, func(*Exchange) { told++ })
	feed := func(d flow.Dir, from int64, text string) int64 {
		r.data(d, chunk{b: []byte(text), from: from, to: from + int64(len(text)), at: from + 1, packet: 1})
		return from + int64(len(text))
	}
	up, down := int64(0), int64(0)
	for range maxPending + 500 {
		up = feed(flow.Up, up, getA)
	}
	if len(r.open) > maxPending || told != 500 {
		t.Errorf("%d requests wait, %d were told", len(r.open), told)
	}
	for range 3 * maxLoose {
		down = feed(flow.Down, down, okay+"hello")
	}
	if len(r.loose) > maxLoose {
		t.Errorf("%d responses are loose", len(r.loose))
	}
	up = feed(flow.Up, up, "GET /")
	for range 100 {
		up = feed(flow.Up, up, strings.Repeat("x", 10_000))
	}
	if len(r.halves[0].head) > maxHead || len(r.halves[0].held.b) > 3*maxLine {
		t.Errorf("%d bytes of a head, %d of a line", len(r.halves[0].head), len(r.halves[0].held.b))
	}
}
