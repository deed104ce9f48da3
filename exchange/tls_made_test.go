package exchange

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/lingerhttp/linger/flow"
)

// A maker makes both sides of a connection of TLS 1.3 by hand, for what crypto/tls
// does not do: every suite, 0-RTT data, KeyUpdate.
type maker struct {
	suite uint16
	all   []taped
	keys  [2]*tlsKey
	log   bytes.Buffer
}

func newMaker(suite uint16) *maker { return &maker{suite: suite} }

func (m *maker) secret(label string) []byte {
	s, _ := tlsSuiteOf(m.suite)
	secret := bytes.Repeat([]byte(label[:1]+label[len(label)-3:]), 16)[:s.hash().Size()]
	fmt.Fprintf(&m.log, "%s %s %s\n", label, hex.EncodeToString(bytes.Repeat([]byte{7}, 32)), hex.EncodeToString(secret))
	return secret
}

// use seals what a side sends from here with a secret.
func (m *maker) use(d flow.Dir, label string) {
	s, _ := tlsSuiteOf(m.suite)
	m.keys[d] = newKey13(s, m.secret(label))
}

func (m *maker) clear(d flow.Dir, kind byte, payload []byte) {
	b := append([]byte{kind, 3, 3, byte(len(payload) >> 8), byte(len(payload))}, payload...)
	m.all = append(m.all, taped{d, b})
}

// seal sends a record with the key in use, and so many octets of padding.
func (m *maker) seal(d flow.Dir, kind byte, payload []byte, padding int) {
	k := m.keys[d]
	inner := append(append(bytes.Clone(payload), kind), make([]byte, padding)...)
	n := len(inner) + k.aead.Overhead()
	header := []byte{recordData, 3, 3, byte(n >> 8), byte(n)}
	nonce := bytes.Clone(k.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(k.seq >> (56 - 8*i))
	}
	k.seq++
	m.all = append(m.all, taped{d, k.aead.Seal(header, nonce, inner, header)})
}

func (m *maker) message(kind byte, body []byte) []byte {
	return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
}

// extensions is a list of them: number, octets, number, octets …
func extensions(b *cryptobyte.Builder, list ...any) {
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) {
		for i := 0; i < len(list); i += 2 {
			b.AddUint16(uint16(list[i].(int)))
			b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(list[i+1].([]byte)) })
		}
	})
}

func (m *maker) clientHello(list ...any) {
	var b cryptobyte.Builder
	b.AddUint16(tls.VersionTLS12)
	b.AddBytes(bytes.Repeat([]byte{7}, 32))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {})
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint16(m.suite) })
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddUint8(0) })
	extensions(&b, list...)
	m.clear(flow.Up, recordHandshake, m.message(messageClientHello, b.BytesOrPanic()))
}

func (m *maker) serverHello(list ...any) {
	var b cryptobyte.Builder
	b.AddUint16(tls.VersionTLS12)
	b.AddBytes(bytes.Repeat([]byte{9}, 32))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) {})
	b.AddUint16(m.suite)
	b.AddUint8(0)
	extensions(&b, append(list, extensionSupportedVersions, []byte{3, 4})...)
	m.clear(flow.Down, recordHandshake, m.message(messageServerHello, b.BytesOrPanic()))
	m.clear(flow.Down, recordCCS, []byte{1})
}

// finish sends a side's Finished and goes on to its data.
func (m *maker) finish(d flow.Dir) {
	s, _ := tlsSuiteOf(m.suite)
	m.seal(d, recordHandshake, m.message(messageFinished, make([]byte, s.hash().Size())), 0)
	m.use(d, []string{"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}[d])
}

// update sends a KeyUpdate.
func (m *maker) update(d flow.Dir) {
	m.seal(d, recordHandshake, m.message(messageKeyUpdate, []byte{0}), 0)
	m.keys[d] = m.keys[d].next()
}

func (m *maker) encryptedExtensions(list ...any) {
	var b cryptobyte.Builder
	extensions(&b, list...)
	m.seal(flow.Down, recordHandshake, m.message(messageEncryptedExtensions, b.BytesOrPanic()), 0)
}

// handshake is a full one, without certificates.
func (m *maker) handshake() {
	m.clientHello()
	m.serverHello()
	m.use(flow.Down, "SERVER_HANDSHAKE_TRAFFIC_SECRET")
	m.encryptedExtensions(extensionALPN, []byte("\x00\x03\x02h2"))
	m.finish(flow.Down)
	m.use(flow.Up, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
	m.finish(flow.Up)
}

func (m *maker) logged() *KeyLog {
	k := new(KeyLog)
	k.Add(m.log.Bytes())
	return k
}

var suites13 = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256}

func TestTLS13KeyUpdate(t *testing.T) {
	for _, suite := range suites13 {
		m := newMaker(suite)
		m.handshake()
		m.seal(flow.Up, recordData, []byte("one "), 0)
		m.seal(flow.Down, recordHandshake, m.message(messageNewSessionTicket, make([]byte, 200)), 0)
		m.seal(flow.Down, recordData, []byte("eins "), 0)
		m.update(flow.Up)
		m.seal(flow.Up, recordData, []byte("two "), 100)
		m.update(flow.Down)
		m.update(flow.Down)
		m.seal(flow.Down, recordData, []byte("zwei"), 0)
		m.update(flow.Up)
		m.seal(flow.Up, recordData, nil, 9)
		m.seal(flow.Up, recordData, []byte("three"), 0)
		m.seal(flow.Up, recordAlert, []byte{1, 0}, 0)
		got, r, _ := opens(t, m.all, m.logged(), bytewise, nil)
		if string(got.said[0]) != "one two three" || string(got.said[1]) != "eins zwei" || got.void != 0 {
			t.Errorf("%s: %q, %d holes", tls.CipherSuiteName(suite), got.said, got.void)
		}
		if r.info.ALPN != "h2" || r.info.Suite != tls.CipherSuiteName(suite) || r.info.End == 0 {
			t.Errorf("%+v", r.info)
		}
	}
}

// TestTLS13EarlyData has 0-RTT data taken, and passed over.
func TestTLS13EarlyData(t *testing.T) {
	for _, taken := range []bool{true, false} {
		m := newMaker(tls.TLS_AES_128_GCM_SHA256)
		m.clientHello(extensionEarlyData, []byte{})
		m.clear(flow.Up, recordCCS, []byte{1})
		m.use(flow.Up, "CLIENT_EARLY_TRAFFIC_SECRET")
		m.seal(flow.Up, recordData, []byte("early "), 0)
		m.seal(flow.Up, recordData, []byte("bird "), 0)
		m.serverHello(extensionPreSharedKey, []byte{0, 0})
		m.use(flow.Down, "SERVER_HANDSHAKE_TRAFFIC_SECRET")
		if taken {
			m.encryptedExtensions(extensionEarlyData, []byte{})
		} else {
			m.encryptedExtensions()
		}
		m.finish(flow.Down)
		m.seal(flow.Up, recordData, []byte("late "), 0)
		if taken {
			m.seal(flow.Up, recordHandshake, m.message(messageEndOfEarlyData, nil), 0)
		}
		m.use(flow.Up, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")
		m.finish(flow.Up)
		m.seal(flow.Up, recordData, []byte("then"), 0)
		want := "then"
		if taken {
			want = "early bird late then"
		}
		got, r, _ := opens(t, m.all, m.logged(), bytewise, nil)
		if string(got.said[0]) != want || got.void != 0 || !r.info.EarlyData || r.info.EarlyTaken != taken || !r.info.Resumed {
			t.Errorf("taken %v: %q, %d holes, %+v", taken, got.said[0], got.void, r.info)
		}
	}
}

// TestTLS13PartialLog has secrets missing from the key log.
func TestTLS13PartialLog(t *testing.T) {
	m := newMaker(tls.TLS_CHACHA20_POLY1305_SHA256)
	m.handshake()
	m.seal(flow.Up, recordData, []byte("question"), 0)
	m.seal(flow.Down, recordData, []byte("answer"), 0)
	traffic := new(KeyLog)
	for line := range bytes.Lines(m.log.Bytes()) {
		if bytes.Contains(line, []byte("TRAFFIC_SECRET_0")) {
			traffic.Add(line)
		}
	}
	got, _, _ := opens(t, m.all, traffic, segments, nil)
	if string(got.said[0]) != "question" || string(got.said[1]) != "answer" {
		t.Errorf("%q", got.said)
	}
}

// TestTLS13LostKeyUpdate loses the packet that holds a KeyUpdate, and a record in
// each of many packets.
func TestTLS13LostKeyUpdate(t *testing.T) {
	m := newMaker(tls.TLS_AES_256_GCM_SHA384)
	m.handshake()
	m.seal(flow.Up, recordData, bytes.Repeat([]byte("a"), 1000), 0)
	first := int32(len(m.all))
	m.update(flow.Up)
	m.seal(flow.Up, recordData, bytes.Repeat([]byte("b"), 1000), 0)
	for range 30 {
		m.seal(flow.Up, recordData, bytes.Repeat([]byte("c"), 1000), 0)
	}
	second := int32(len(m.all))
	m.seal(flow.Up, recordData, []byte("d"), 0)
	got, _, _ := opens(t, m.all, m.logged(), func(left int) int { return left }, func(d flow.Dir, packet int32) bool {
		return packet == first+1 || packet > first+4 && packet <= second
	})
	if got.void != 1 || got.lost[0] != int64(second-first-4)*1000 || len(got.said[0]) != 1000*(1+1+30)+1 {
		t.Errorf("%d octets, %d of them in holes, %d holes of unknown size", len(got.said[0]), got.lost[0], got.void)
	}
}

// TestTLS13AtRandom makes connections of tickets, KeyUpdates, padding, empty records
// and data, cut and holed at random: without holes all is there, with holes nothing is
// there twice.
func TestTLS13AtRandom(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 17))
		m := newMaker(suites13[seed%3])
		m.handshake()
		begin := int32(len(m.all))
		var said saying
		for range 1 + r.IntN(60) {
			d := flow.Dir(r.IntN(2))
			switch r.IntN(8) {
			case 0:
				m.update(d)
			case 1:
				m.seal(flow.Down, recordHandshake, m.message(messageNewSessionTicket, make([]byte, r.IntN(400))), 0)
			default:
				b := make([]byte, r.IntN(3)*r.IntN(5000))
				for i := range b {
					b[i] = byte(r.Uint32())
				}
				m.seal(d, recordData, b, r.IntN(2)*r.IntN(50))
				said[d] = append(said[d], b...)
			}
		}
		got, _, _ := opens(t, m.all, m.logged(), randomly(r), nil)
		for d := range said {
			if !bytes.Equal(got.said[d], said[d]) || got.void > 0 {
				t.Fatalf("seed %d, %v: %d bytes of %d", seed, flow.Dir(d), len(got.said[d]), len(said[d]))
			}
		}
		got, _, _ = opens(t, m.all, m.logged(), func(left int) int { return min(left, 1448) }, func(_ flow.Dir, packet int32) bool {
			return packet > begin && r.IntN(10) == 0
		})
		if n := len(got.said[0]) - int(got.lost[0]); n > len(said[0]) {
			t.Errorf("seed %d: %d bytes of %d", seed, n, len(said[0]))
		}
	}
}
