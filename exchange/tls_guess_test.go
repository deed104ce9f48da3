package exchange

import (
	"bytes"
	"crypto/tls"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// TestTLSGuess has what looks like an exchange and is none, and the other way round.
func TestTLSGuess(t *testing.T) {
	h2 := []any{extensionALPN, []byte("\x00\x0c\x02h2\x08http/1.1")}
	h1 := []any{extensionALPN, []byte("\x00\x09\x08http/1.1")}
	up := func(n int) func(*maker) { return func(m *maker) { m.seal(flow.Up, recordData, make([]byte, n), 0) } }
	down := func(n int) func(*maker) { return func(m *maker) { m.seal(flow.Down, recordData, make([]byte, n), 0) } }
	closes := func(m *maker) {
		m.seal(flow.Up, recordAlert, []byte{1, 0}, 0)
		m.seal(flow.Down, recordAlert, []byte{1, 0}, 0)
	}
	for _, c := range []struct {
		name   string
		offers []any
		say    []func(*maker)
		want   [][2]int // records up, records down of each exchange, as sizes in clear
	}{
		{"HTTP/1: small requests, small responses", h1, []func(*maker){up(60), down(20), up(60), down(30), closes}, [][2]int{{60, 20}, {60, 30}}},
		{"tickets before the request", h1, []func(*maker){down(200), down(200), up(80), down(500), closes}, [][2]int{{80, 500}}},
		{"tickets behind the request", h1, []func(*maker){up(80), down(200), down(200), down(500), closes}, [][2]int{{80, 500}}},
		{"no ticket: it is a response", h1, []func(*maker){up(80), down(200), up(80), down(200), closes}, [][2]int{{80, 200}, {80, 200}}},
		{"one ticket behind the request", h1, []func(*maker){up(80), down(200), down(300), down(200), closes}, [][2]int{{80, 500 + tlsOverhead13 + recordHeader}}},
		{"no ticket: it is too large", h1, []func(*maker){up(80), down(700), down(300), closes}, [][2]int{{80, 1000 + tlsOverhead13 + recordHeader}}},
		{"an upload", h1, []func(*maker){up(300), up(2000), down(200), closes}, [][2]int{{2300 + tlsOverhead13 + recordHeader, 200}}},
		{"HTTP/2: control frames", h2, []func(*maker){up(150), down(45), down(9), up(9), down(4000), up(13), up(13), down(700), closes}, [][2]int{{150, 4700 + tlsOverhead13 + recordHeader}}},
		{"HTTP/2: a small request", h2, []func(*maker){up(150), down(45), down(9), down(4000), up(13), up(33), down(700), closes}, [][2]int{{150, 4000}, {33, 700}}},
		{"HTTP/2: a small response", h2, []func(*maker){up(150), down(45), up(100), down(500), closes}, [][2]int{{250 + tlsOverhead13 + recordHeader, 500}}},
		{"no answer", h1, []func(*maker){up(80)}, [][2]int{{80, 0}}},
	} {
		m := newMaker(tls.TLS_AES_128_GCM_SHA256)
		m.clientHello(append(c.offers, extensionServerName, []byte("\x00\x0c\x00\x00\x09a.example"))...)
		m.serverHello()
		m.use(flow.Down, "SERVER_HANDSHAKE_TRAFFIC_SECRET")
		m.seal(flow.Down, recordHandshake, make([]byte, 1500), 0)
		m.finish(flow.Down)
		m.use(flow.Up, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
		m.finish(flow.Up)
		for _, say := range c.say {
			say(m)
		}
		_, r, told := opens(t, m.all, nil, segments, nil)
		if len(told) != len(c.want) {
			t.Errorf("%s: %d exchanges, want %d", c.name, len(told), len(c.want))
			continue
		}
		for i, e := range told {
			got := [2]int{size13(e.Request), size13(e.Response)}
			if got != c.want[i] || e.URL != "https://a.example" {
				t.Errorf("%s: exchange %d has %d bytes, want %d: %+v", c.name, i+1, got, c.want[i], e)
			}
		}
		if r.info.End == 0 || r.info.UpEnd == 0 {
			t.Errorf("%s: %+v", c.name, r.info)
		}
	}
}

// TestTLSGuessEarlyData has 0-RTT data: where the server resumed nothing it was sent
// again.
func TestTLSGuessEarlyData(t *testing.T) {
	for _, resumed := range []bool{true, false} {
		m := newMaker(tls.TLS_AES_128_GCM_SHA256)
		m.clientHello(extensionEarlyData, []byte{})
		m.use(flow.Up, "CLIENT_EARLY_TRAFFIC_SECRET")
		m.seal(flow.Up, recordData, make([]byte, 100), 0)
		var psk []any
		if resumed {
			psk = []any{extensionPreSharedKey, []byte{0, 0}}
		}
		m.serverHello(psk...)
		m.use(flow.Down, "SERVER_HANDSHAKE_TRAFFIC_SECRET")
		m.finish(flow.Down)
		m.use(flow.Up, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
		m.finish(flow.Up)
		if !resumed {
			m.seal(flow.Up, recordData, make([]byte, 100), 0)
		}
		m.seal(flow.Down, recordData, make([]byte, 1000), 0)
		_, _, told := opens(t, m.all, nil, segments, nil)
		if len(told) != 1 || size13(told[0].Request) != 100 || size13(told[0].Response) != 1000 || told[0].Request.First < told[0].Secure.End != resumed {
			t.Errorf("resumed %v: %+v", resumed, told)
		}
	}
}

// size13 is how many bytes are in a message, if it is in one record.
func size13(m Message) int { return max(0, int(m.Body)-tlsOverhead13-recordHeader) }

// TestTLSRecordInPackets has a record in several packets: what is in it has their
// times.
func TestTLSRecordInPackets(t *testing.T) {
	m := newMaker(tls.TLS_AES_128_GCM_SHA256)
	m.handshake()
	before := len(streamsOf(m)[0])
	plain := bytes.Repeat([]byte("0123456789"), 300)
	m.seal(flow.Up, recordData, plain, 0)
	var got []chunk
	r := newTLS(m.logged(), func(*Exchange) {}, func(string, func(*Exchange)) reader { return &chunkKeeper{&got} })
	playTape(inClear{r}, m.all, func(left int) int { return min(left, 1000) }, nil)
	if len(got) != 4 {
		t.Fatalf("%d chunks", len(got))
	}
	at, sum := int64(before), []byte{}
	for i, c := range got {
		wire := int64(len(c.b))
		if i == 0 {
			wire += recordHeader
		}
		if i == 3 {
			wire += tlsOverhead13
		}
		if c.from != at || c.to != at+wire || i > 0 && c.packet != got[i-1].packet+1 {
			t.Errorf("chunk %d of %d bytes stands at %d to %d in packet %d", i, len(c.b), c.from, c.to, c.packet)
		}
		at = c.to
		sum = append(sum, c.b...)
	}
	if !bytes.Equal(sum, plain) {
		t.Errorf("%d bytes", len(sum))
	}
}

func streamsOf(m *maker) [2][]byte { return streams(m.all) }

// A chunkKeeper keeps the chunks that it is given.
type chunkKeeper struct{ all *[]chunk }

func (k *chunkKeeper) data(_ flow.Dir, c chunk) {
	c.b = bytes.Clone(c.b)
	*k.all = append(*k.all, c)
}
func (k *chunkKeeper) missing(flow.Dir, hole)        {}
func (k *chunkKeeper) end(flow.Dir, int64, flow.How) {}

func FuzzTLSSink(f *testing.F) {
	m := newMaker(tls.TLS_AES_128_GCM_SHA256)
	m.handshake()
	m.seal(flow.Up, recordData, []byte("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), 0)
	m.seal(flow.Down, recordData, []byte("HTTP/1.1 204 No Content\r\n\r\n"), 0)
	s := streams(m.all)
	log := m.log.Bytes()
	f.Add(s[0], s[1], log, uint16(3), uint16(0))
	f.Add(s[0], s[1], log, uint16(50), uint16(3))
	f.Add(s[0], s[1], []byte(nil), uint16(100), uint16(0))
	f.Add(s[0][100:], s[1][7:], []byte(nil), uint16(100), uint16(0))
	f.Fuzz(func(t *testing.T, up, down, log []byte, size, hole uint16) {
		keys := new(KeyLog)
		keys.Add(log)
		got := &collector{t: t}
		r := newTLS(keys, func(e *Exchange) { checkTold(t, e) }, func(string, func(*Exchange)) reader { return got })
		fuzzSink(inClear{r}, up, down, size, hole)
		for _, h := range r.halfs {
			if len(h.buf) > recordHeader+maxRecord || len(h.flight) > maxTLSFlight || h.search != nil {
				t.Errorf("%+v is left", h)
			}
		}
		if got.ends != 0 && got.ends != 2 {
			t.Errorf("%d ends", got.ends)
		}
	})
}
