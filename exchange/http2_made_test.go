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

// A frameMaker makes both sides of a connection of HTTP/2 by hand.
type frameMaker struct {
	all    []taped
	dir    flow.Dir
	out    bytes.Buffer
	framer *http2.Framer
	coded  [2]bytes.Buffer
	coder  [2]*hpack.Encoder
}

func newFrameMaker() *frameMaker {
	m := new(frameMaker)
	m.framer = http2.NewFramer(&m.out, nil)
	for d := range m.coder {
		m.coder[d] = hpack.NewEncoder(&m.coded[d])
	}
	m.all = append(m.all, taped{flow.Up, []byte(http2.ClientPreface)})
	m.by(flow.Up).WriteSettings()
	m.by(flow.Down).WriteSettings()
	return m
}

// by returns a framer for a side; what it writes is of that side until the next call.
func (m *frameMaker) by(d flow.Dir) *http2.Framer {
	m.flush()
	m.dir = d
	return m.framer
}

func (m *frameMaker) flush() {
	if m.out.Len() > 0 {
		m.all = append(m.all, taped{m.dir, bytes.Clone(m.out.Bytes())})
		m.out.Reset()
	}
}

// block codes header fields: name, value, name, value …
func (m *frameMaker) block(d flow.Dir, fields ...string) []byte {
	m.coded[d].Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = m.coder[d].WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(m.coded[d].Bytes())
}

func (m *frameMaker) ask(id uint32, path string) {
	b := m.block(flow.Up, ":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", path)
	_ = m.by(flow.Up).WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b, EndHeaders: true, EndStream: true})
}

func (m *frameMaker) answer(id uint32, ends bool) {
	b := m.block(flow.Down, ":status", "200", "server", "made")
	_ = m.by(flow.Down).WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b, EndHeaders: true, EndStream: ends})
}

func (m *frameMaker) body(id uint32, n int, ends bool) {
	_ = m.by(flow.Down).WriteData(id, ends, make([]byte, n))
}

func (m *frameMaker) read() []*Exchange {
	m.flush()
	return h2Exchanges(m.all, func(left int) int { return left }, nil)
}

// briefs are exchanges in a line each.
func briefs(all []*Exchange) string {
	var lines []string
	for _, e := range all {
		lines = append(lines, fmt.Sprintf("%d %d %s %s %d | %s", e.Nth, e.Stream, e.Method, e.URL, e.Status, e.Problem))
	}
	return strings.Join(lines, "\n")
}

func TestHTTP2Made(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(m *frameMaker)
		want string
	}{
		{"reset by the client", func(m *frameMaker) {
			m.ask(1, "/a")
			m.answer(1, false)
			_ = m.by(flow.Up).WriteRSTStream(1, http2.ErrCodeCancel)
			m.body(1, 100, true)
			m.ask(3, "/b")
			m.answer(3, true)
		}, "1 1 GET https://a.example/a 200 | the client reset the stream: CANCEL\n2 3 GET https://a.example/b 200 | "},
		{"refused by the server", func(m *frameMaker) {
			m.ask(1, "/a")
			_ = m.by(flow.Down).WriteRSTStream(1, http2.ErrCodeRefusedStream)
		}, "1 1 GET https://a.example/a 0 | the server reset the stream: REFUSED_STREAM"},
		{"GOAWAY", func(m *frameMaker) {
			m.ask(1, "/a")
			m.ask(3, "/b")
			_ = m.by(flow.Down).WriteGoAway(1, http2.ErrCodeNo, []byte("bye"))
			m.answer(1, true)
		}, "1 1 GET https://a.example/a 200 | \n2 3 GET https://a.example/b 0 | the server did not process it: GOAWAY NO_ERROR, last stream 1"},
		{"pushed", func(m *frameMaker) {
			m.ask(1, "/a")
			b := m.block(flow.Down, ":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "/style")
			_ = m.by(flow.Down).WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: b, EndHeaders: true})
			m.answer(1, true)
			m.answer(2, true)
		}, "1 1 GET https://a.example/a 200 | \n2 2 GET https://a.example/style 200 | pushed by the server: the client did not ask for it"},
		{"CONTINUATION, padding, CONNECT, PRIORITY, PING, an extension", func(m *frameMaker) {
			b := m.block(flow.Up, ":method", "CONNECT", ":authority", "b.example:443")
			f := m.by(flow.Up)
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:2], PadLength: 7})
			_ = f.WriteContinuation(1, false, b[2:5])
			_ = f.WriteContinuation(1, true, b[5:])
			_ = f.WritePriority(1, http2.PriorityParam{Weight: 3})
			_ = f.WritePing(false, [8]byte{})
			_ = f.WriteRawFrame(0xfa, 0xff, 1, []byte("grease"))
			_ = f.WriteDataPadded(1, true, []byte("x"), make([]byte, 9))
			m.answer(1, false)
			m.body(1, 0, true)
		}, "1 1 CONNECT b.example:443 200 | "},
		{"a block that does not go on", func(m *frameMaker) {
			b := m.block(flow.Up, ":method", "GET", ":path", "/lost")
			_ = m.by(flow.Up).WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: b[:2]})
			m.ask(3, "/b")
			m.answer(3, true)
		}, "1 3 GET https://a.example/b 200 | "},
	} {
		m := newFrameMaker()
		c.make(m)
		if got := briefs(m.read()); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// TestHTTP2Upgraded begins with a request of HTTP/1.1.
func TestHTTP2Upgraded(t *testing.T) {
	m := newFrameMaker()
	m.answer(1, true)
	m.ask(3, "/b")
	m.answer(3, true)
	m.flush()
	var told []*Exchange
	h := newHTTP2(func(e *Exchange) { told = append(told, e) })
	h.upgraded(&Exchange{Nth: 4, Method: "GET", URL: "http://a.example/a", Request: Message{Ranges: []flow.Block{{From: 0, To: 50}}, Complete: true}})
	playTape(inClear{h}, m.all, segments, nil)
	if got, want := briefs(told), "4 1 GET http://a.example/a 200 | \n5 3 GET https://a.example/b 200 | "; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestHTTP2Shut uses up windows, and opens them after a while.
func TestHTTP2Shut(t *testing.T) {
	m := newFrameMaker()
	m.ask(1, "/a")
	m.ask(3, "/b")
	m.answer(1, false)
	m.answer(3, false)
	for left := 65_535; left > 0; left -= 16_384 {
		m.body(1, min(left, 16_384), false)
	}
	_ = m.by(flow.Up).WriteWindowUpdate(0, 1<<20)
	m.body(3, 1000, true)
	_ = m.by(flow.Up).WriteWindowUpdate(1, 1000)
	m.body(1, 1000, true)
	told := m.read()
	if len(told) != 2 {
		t.Fatal(briefs(told))
	}
	three, one := told[0], told[1]
	// The stream's window is shut longer than the connection's, which held up both.
	ok := len(one.Response.Shut) == 2 && len(three.Response.Shut) == 1 && three.Response.Shut[0].Connection
	for _, s := range append(one.Response.Shut, three.Response.Shut...) {
		ok = ok && s.From > 0 && s.To > s.From && s.ToPacket > s.FromPacket
	}
	if !ok {
		t.Errorf("%+v\n%+v", one.Response.Shut, three.Response.Shut)
	}
}

// TestHTTP2Bounds opens streams without end, and fields that grow.
func TestHTTP2Bounds(t *testing.T) {
	var told int
	h := newHTTP2(func(e *Exchange) { told++ })
	m := newFrameMaker()
	const n = maxHTTP2Streams + 500
	big := m.block(flow.Down, ":status", "200", "x-big", strings.Repeat("x", 4000))
	for i := range n {
		m.ask(uint32(2*i+1), "/a")
		b := big
		if i > 0 {
			b = []byte{0x88, 0xbe} // 200, and the entry that was added first
		}
		_ = m.by(flow.Down).WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: b, EndHeaders: true})
		m.body(uint32(2*i+1), 1, false)
	}
	m.flush()
	playTape(inClear{h}, m.all, segments, nil)
	if told != n || len(h.streams) != 0 || h.fields != 0 || h.ranges != 0 {
		t.Errorf("%d exchanges of %d; %d streams, %d octets of fields, %d ranges are left", told, n, len(h.streams), h.fields, h.ranges)
	}
}

func FuzzHTTP2Sink(f *testing.F) {
	m := newFrameMaker()
	m.ask(1, "/a")
	m.answer(1, false)
	m.body(1, 30, true)
	m.flush()
	s := streams(m.all)
	f.Add(s[0], s[1], uint16(3), uint16(0))
	f.Add(s[0], s[1], uint16(40), uint16(2))
	f.Add(s[0][30:], s[1][5:], uint16(9), uint16(4))
	f.Fuzz(func(t *testing.T, up, down []byte, size, hole uint16) {
		h := newHTTP2(nil)
		h.tell = func(e *Exchange) { checkTold(t, e) }
		fuzzSink(inClear{h}, up, down, size, hole)
		if len(h.streams) != 0 || h.fields != 0 || h.ranges != 0 {
			t.Errorf("%d streams, %d octets of fields, %d ranges are left", len(h.streams), h.fields, h.ranges)
		}
	})
}

// fuzzSink plays two streams in turn, cut to a size; each so many packets one is
// missing.
func fuzzSink(sink flow.Sink, up, down []byte, size, hole uint16) {
	n := int(size%2000) + 1
	var all []taped
	for len(up) > 0 || len(down) > 0 {
		for d, s := range []*[]byte{&up, &down} {
			if k := min(n, len(*s)); k > 0 {
				all = append(all, taped{flow.Dir(d), (*s)[:k]})
				*s = (*s)[k:]
			}
		}
	}
	playTape(sink, all, func(left int) int { return left }, func(d flow.Dir, packet int32) bool {
		return hole > 0 && packet%int32(hole) == 0
	})
}

// checkTold holds an exchange against what is true of each.
func checkTold(t *testing.T, e *Exchange) {
	t.Helper()
	for _, m := range append([]Message{e.Request, e.Response}, e.Interim...) {
		if len(m.Ranges) > 0 && (m.First == 0 || m.Last < m.First) {
			t.Errorf("%+v", m)
		}
		at := int64(0)
		for _, r := range m.Ranges {
			if r.From < at || r.To <= r.From {
				t.Errorf("%v", m.Ranges)
			}
			at = r.To
		}
	}
}
