package exchange

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lingerhttp/linger/flow"
)

// A safeBuffer is a key log that two sides write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) keys() *KeyLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := new(KeyLog)
	k.Add(s.b.Bytes())
	return k
}

// selfSigned makes a certificate.
var selfSigned = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"site.example"}}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// A tlsCase is a way of speaking TLS.
type tlsCase struct {
	name    string
	client  *tls.Config // nil for the zero value, as server
	server  *tls.Config
	version string
	suite   string // as a part of the name
	check   func(*TLS) bool
	again   bool // look at the second connection, which resumes the first
}

var tlsCases = []tlsCase{
	{name: "1.2 AES-128-GCM", client: with12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), version: "TLS 1.2", suite: "AES_128_GCM"},
	{name: "1.2 AES-256-GCM", client: with12(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384), version: "TLS 1.2", suite: "AES_256_GCM"},
	{name: "1.2 ChaCha20", client: with12(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256), version: "TLS 1.2", suite: "CHACHA20"},
	{name: "1.2 resumed", client: with12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), version: "TLS 1.2", again: true,
		check: func(i *TLS) bool { return i.Resumed }},
	{name: "1.2 client certificate", client: with12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256), version: "TLS 1.2",
		server: &tls.Config{ClientAuth: tls.RequireAnyClientCert}},
	{name: "1.3", version: "TLS 1.3", suite: "TLS_"},
	{name: "1.3 resumed", version: "TLS 1.3", again: true, check: func(i *TLS) bool { return i.Resumed }},
	{name: "1.3 client certificate", version: "TLS 1.3", server: &tls.Config{ClientAuth: tls.RequireAnyClientCert}},
	{name: "1.3 HelloRetryRequest", version: "TLS 1.3", server: &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}},
		check: func(i *TLS) bool { return i.Retried }},
}

func with12(suite uint16) *tls.Config {
	return &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}}
}

// configs are the case's, complete.
func (c *tlsCase) configs(log io.Writer, protocols ...string) (client, server *tls.Config) {
	client, server = c.client.Clone(), c.server.Clone()
	if client == nil {
		client = new(tls.Config)
	}
	if server == nil {
		server = new(tls.Config)
	}
	client.InsecureSkipVerify, client.ServerName, client.KeyLogWriter = true, "site.example", log
	client.Certificates, server.Certificates = []tls.Certificate{selfSigned()}, []tls.Certificate{selfSigned()}
	client.NextProtos, server.NextProtos = protocols, protocols
	if c.again {
		client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return client, server
}

// A saying is what a client and a server said to one another in clear.
type saying [2][]byte

// converse lets two sides send one another a number of messages over one connection,
// and returns what went over it.
func converse(t *testing.T, tape *tape, client, server *tls.Config, seed uint64) saying {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	raw, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	up, down := tls.Client(tape.record(raw), client), tls.Server(accepted, server)
	defer down.Close()
	r := rand.New(rand.NewPCG(seed, 1))
	var said saying
	for i := range 8 {
		for d, pair := range [][2]*tls.Conn{{up, down}, {down, up}} {
			b := make([]byte, 1+r.IntN(100<<(i*2%11)))
			for k := range b {
				b[k] = byte(r.Uint32())
			}
			said[d] = append(said[d], b...)
			send(t, pair[0], pair[1], b)
		}
	}
	up.Close()
	return said
}

// send writes b on one side while the other reads it.
func send(t *testing.T, from, to io.ReadWriter, b []byte) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := from.Write(b)
		done <- err
	}()
	got := make([]byte, len(b))
	if _, err := io.ReadFull(to, got); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || !bytes.Equal(got, b) {
		t.Fatal(err)
	}
}

// A collector is a reader that keeps what it is told.
type collector struct {
	t    *testing.T
	said saying
	to   [2]int64 // where the last chunk or hole ended
	lost [2]int64 // bytes in holes of a known size
	void int      // holes without
	ends int
}

func (c *collector) data(d flow.Dir, k chunk) {
	c.said[d] = append(c.said[d], k.b...)
	if k.from < c.to[d] || k.to-k.from < int64(len(k.b)) {
		c.t.Errorf("%v: a chunk of %d bytes stands at %d to %d, behind %d", d, len(k.b), k.from, k.to, c.to[d])
	}
	c.to[d] = k.to
}

func (c *collector) missing(d flow.Dir, h hole) {
	if h.n < 0 {
		c.void++
	} else {
		c.lost[d] += h.n
		c.said[d] = append(c.said[d], make([]byte, h.n)...)
	}
	if h.from < c.to[d] {
		c.t.Errorf("%v: a hole at %d to %d, behind %d", d, h.from, h.to, c.to[d])
	}
	c.to[d] = h.to
}

func (c *collector) end(flow.Dir, int64, flow.How) { c.ends++ }

// opens reads a tape of TLS.
func opens(t *testing.T, all []taped, keys *KeyLog, c cut, lose func(flow.Dir, int32) bool) (*collector, *tlsReader, []*Exchange) {
	t.Helper()
	got := &collector{t: t}
	var told []*Exchange
	r := newTLS(keys, func(e *Exchange) { told = append(told, e) }, func(string, func(*Exchange)) reader { return got })
	playTape(inClear{r}, all, c, lose)
	return got, r, told
}

func TestTLSDecrypted(t *testing.T) {
	for _, c := range tlsCases {
		t.Run(c.name, func(t *testing.T) {
			log, tape := new(safeBuffer), new(tape)
			client, server := c.configs(log, "one", "two")
			said := converse(t, tape, client, server, 1)
			all := tape.of(0)
			if c.again {
				said = converse(t, tape, client, server, 2)
				all = tape.of(1)
			}
			keys := log.keys()
			opens(t, tape.of(0), keys, segments, nil) // TLS 1.2 resumes with the secret of the first
			cuts := []cut{segments, bytewise}
			for seed := range uint64(8) {
				cuts = append(cuts, randomly(rand.New(rand.NewPCG(seed, 3))))
			}
			for i, k := range cuts {
				got, r, told := opens(t, all, keys, k, nil)
				for d := range said {
					if !bytes.Equal(got.said[d], said[d]) {
						t.Fatalf("cut %d, %v: %d bytes of %d", i, flow.Dir(d), len(got.said[d]), len(said[d]))
					}
				}
				if got.ends != 2 || got.void != 0 || len(told) != 0 {
					t.Errorf("cut %d: %d ends, %d holes, %d exchanges", i, got.ends, got.void, len(told))
				}
				c.checkInfo(t, r.info, all, true)
			}
		})
	}
}

// checkInfo holds what was found of the handshake against the case.
func (c *tlsCase) checkInfo(t *testing.T, i *TLS, all []taped, decrypted bool) {
	t.Helper()
	s := streams(all)
	if i.Version != c.version || !strings.Contains(i.Suite, c.suite) || i.ServerName != "site.example" ||
		(decrypted || c.version == "TLS 1.2") && i.ALPN != "one" || !slices.Equal(i.Offered, []string{"one", "two"}) || i.Decrypted != decrypted {
		t.Errorf("%+v", i)
	}
	if c.check != nil && !c.check(i) || c.check == nil && (i.Resumed || i.Retried || i.EarlyData) {
		t.Errorf("%+v", i)
	}
	if i.Begin < 1e9 || i.End <= i.Begin || i.BeginPacket != 1 || i.UpEnd <= 0 || i.UpEnd >= int64(len(s[0])) || i.DownEnd <= 0 || i.DownEnd >= int64(len(s[1])) {
		t.Errorf("%+v", i)
	}
}

// TestTLSGuessed has no keys: what is told of the handshake is the same, and there is
// an exchange for each message and its answer.
func TestTLSGuessed(t *testing.T) {
	for _, c := range tlsCases {
		t.Run(c.name, func(t *testing.T) {
			log, tape := new(safeBuffer), new(tape)
			client, server := c.configs(log, "one", "two")
			said := converse(t, tape, client, server, 1)
			all := tape.of(0)
			if c.again {
				said = converse(t, tape, client, server, 2)
				all = tape.of(1)
			}
			keys := log.keys()
			opens(t, tape.of(0), keys, segments, nil)
			_, opened, _ := opens(t, all, keys, segments, nil)
			for seed := range uint64(6) {
				got, r, told := opens(t, all, nil, randomly(rand.New(rand.NewPCG(seed, 5))), nil)
				if len(got.said[0]) != 0 || len(told) != 8 {
					t.Fatalf("%d exchanges", len(told))
				}
				c.checkInfo(t, r.info, all, false)
				if r.info.UpEnd != opened.info.UpEnd {
					t.Errorf("the client's handshake ends at %d, want %d", r.info.UpEnd, opened.info.UpEnd)
				}
				for i, e := range told {
					if e.Nth != i+1 || !e.Inferred || e.Secure != r.info || !e.Request.Complete || !e.Response.Complete || e.URL != "https://site.example" || e.Problem != "" {
						t.Errorf("%+v", e)
					}
				}
				if up := told[7].Request.End() - told[0].Request.Start(); up < int64(len(said[0])) {
					t.Errorf("requests of %d bytes stand in %d", len(said[0]), up)
				}
			}
		})
	}
}

// TestTLSHoles loses packets: what is lost is told, and the rest is where it belongs.
func TestTLSHoles(t *testing.T) {
	for _, c := range tlsCases {
		t.Run(c.name, func(t *testing.T) {
			log, tape := new(safeBuffer), new(tape)
			client, server := c.configs(log, "one")
			said := converse(t, tape, client, server, 3)
			all := tape.of(0)
			right, known := 0, 0
			for seed := range uint64(40) {
				r := rand.New(rand.NewPCG(seed, 9))
				got, _, _ := opens(t, all, log.keys(), segments, func(d flow.Dir, packet int32) bool { return packet > 12 && r.IntN(40) == 0 })
				if got.void > 0 {
					continue
				}
				known++
				for d := range said {
					if len(got.said[d]) == len(said[d]) {
						right++
					} else if len(got.said[d]) > len(said[d]) {
						t.Errorf("seed %d, %v: %d bytes of %d, %d of them in holes", seed, flow.Dir(d), len(got.said[d]), len(said[d]), got.lost[d])
					}
				}
			}
			t.Logf("%d of 40 with all holes of a known size; %d of %d streams of the right length", known, right, 2*known)
			if known < 10 {
				t.Errorf("%d of 40 have but holes of a known size", known)
			}
		})
	}
}

// TestTLSReasons is for what is not opened though there are keys.
func TestTLSReasons(t *testing.T) {
	other := new(KeyLog)
	other.Add([]byte("CLIENT_RANDOM " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 48)))
	cbc := tlsCase{name: "CBC", client: with12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA)}
	for _, c := range []struct {
		tlsCase
		keys *KeyLog
		want string
	}{
		{cbc, nil, "not decrypted: CBC"},
		{tlsCases[0], other, "not decrypted: the key log has no secrets of this connection"},
		{tlsCases[5], other, "not decrypted: the key log has no secrets of this connection"},
	} {
		log, tape := new(safeBuffer), new(tape)
		client, server := c.configs(log)
		server.CipherSuites = client.CipherSuites
		converse(t, tape, client, server, 4)
		keys := c.keys
		if keys == nil {
			keys = log.keys()
		}
		_, _, told := opens(t, tape.of(0), keys, segments, nil)
		if len(told) != 8 {
			t.Errorf("%s: %d exchanges", c.name, len(told))
		}
		for _, e := range told {
			if e.Problem != c.want {
				t.Errorf("%s: %q", c.name, e.Problem)
			}
		}
	}
}

// httpsTape records a client that speaks HTTP over TLS to the site.
func httpsTape(t *testing.T, c *tlsCase, h2 bool, n, atOnce int) ([]taped, *KeyLog) {
	t.Helper()
	log, tape := new(safeBuffer), new(tape)
	protocol := "http/1.1"
	if h2 {
		protocol = "h2"
	}
	client, server := c.configs(log, protocol)
	var protocols http.Protocols
	protocols.SetHTTP1(!h2)
	protocols.SetHTTP2(h2)
	site := &http.Server{Handler: http.HandlerFunc(site), TLSConfig: server, Protocols: &protocols}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go site.ServeTLS(ln, "", "")
	defer site.Close()
	transport := &http.Transport{Protocols: &protocols, MaxConnsPerHost: 1, DisableCompression: true, TLSClientConfig: client}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			return nil, err
		}
		return tape.record(raw), nil
	}
	defer transport.CloseIdleConnections()
	ask(t, transport, "https://site.example", n, atOnce)
	return tape.of(0), log.keys()
}

// TestTLSExchanges goes all the way, from packets to exchanges.
func TestTLSExchanges(t *testing.T) {
	for _, i := range []int{0, 5} {
		for _, h2 := range []bool{false, true} {
			c := &tlsCases[i]
			t.Run(fmt.Sprint(c.name, " HTTP/2 ", h2), func(t *testing.T) {
				const n = 12
				atOnce := 1
				if h2 {
					atOnce = 4
				}
				all, keys := httpsTape(t, c, h2, n, atOnce)
				told := playAll(all, keys, segments)
				checkHTTPS(t, told, n, h2)
				for seed := range uint64(5) {
					checkHTTPS(t, playAll(all, keys, randomly(rand.New(rand.NewPCG(seed, 11)))), n, h2)
				}
				checkGuessedHTTPS(t, playAll(all, nil, segments), n, h2, told)
			})
		}
	}
}

// playAll reads a tape from the door.
func playAll(all []taped, keys *KeyLog, c cut) []*Exchange {
	var told []*Exchange
	conn := &flow.Conn{Opening: flow.Opening{SYN: 1, SYNACK: 1, ACK: 1}}
	playTape(New(conn, &Config{Keys: keys}, func(e *Exchange) { told = append(told, e) }), all, c, nil)
	return told
}

func checkHTTPS(t *testing.T, told []*Exchange, n int, h2 bool) {
	t.Helper()
	if len(told) != n {
		t.Fatalf("%d exchanges of %d", len(told), n)
	}
	for i, e := range told {
		path := e.URL[strings.LastIndexByte(e.URL, '/')+1:]
		if e.Problem != "" || e.Status != 200 || !e.Request.Complete || !e.Response.Complete || e.Inferred || e.Secure == nil || !e.Secure.Decrypted ||
			!strings.HasPrefix(e.URL, "https://site.example/") || e.Header.Get("X-Size") != path || h2 != (e.Stream != 0) {
			t.Errorf("%+v", e)
		}
		if e.Request.Start() < e.Secure.UpEnd || e.Response.Start() < e.Secure.DownEnd {
			t.Errorf("%+v begins before the handshake ends: %+v", e, e.Secure)
		}
		if i > 0 && !h2 && (e.Request.Start() != told[i-1].Request.End() || e.Request.First < told[i-1].Response.First) {
			t.Errorf("%+v does not follow %+v", e, told[i-1])
		}
		checkInClear(t, e)
	}
}

// checkInClear holds what is counted and when it could be read against the records. What
// shares its record with others has its part of the record's bytes, rounded.
func checkInClear(t *testing.T, e *Exchange) {
	t.Helper()
	for _, m := range []Message{e.Request, e.Response} {
		var sealed int64
		for _, r := range m.Ranges {
			sealed += r.To - r.From
		}
		if m.Head <= 0 || m.Head+m.Body > sealed || m.FirstRead < m.First || m.LastRead < m.Last {
			t.Errorf("%s: %d bytes of head and %d of body in records of %d; came %d to %d, read %d to %d",
				e.URL, m.Head, m.Body, sealed, m.First, m.Last, m.FirstRead, m.LastRead)
		}
	}
	if length := e.Header.Get("Content-Length"); e.Stream == 0 && length != "" && length != fmt.Sprint(e.Response.Body) {
		t.Errorf("%s: a body of %d bytes, announced as %s", e.URL, e.Response.Body, length)
	}
}

// checkGuessedHTTPS holds what was guessed against what was opened.
func checkGuessedHTTPS(t *testing.T, told []*Exchange, n int, h2 bool, opened []*Exchange) {
	t.Helper()
	if !h2 && len(told) != n {
		t.Errorf("%d exchanges of %d are guessed", len(told), n)
	}
	for i, e := range told {
		if !e.Inferred || e.Secure == nil || e.Secure.Decrypted || h2 != (e.Problem != "") {
			t.Errorf("%+v", e)
		}
		if h2 || len(told) != n {
			continue
		}
		if o := opened[i]; e.Request.Start() != o.Request.Start() || e.Response.End() != o.Response.End() || e.Response.Last != o.Response.Last && e.Response.Last != o.Response.LastRead {
			t.Errorf("%+v\nis not\n%+v", e, o)
		}
	}
	t.Logf("%d exchanges, %d guessed", n, len(told))
}

// TestTLSExchangesHoles loses packets of HTTP over TLS: what is told without a
// problem is right, in HTTP/2; in HTTP/1 two holes together can hide a message so well
// that a few are not.
func TestTLSExchangesHoles(t *testing.T) {
	for _, h2 := range []bool{false, true} {
		all, keys := httpsTape(t, &tlsCases[5], h2, 20, 1)
		whole := make(map[string]*Exchange)
		for _, e := range playAll(all, keys, segments) {
			whole[e.URL] = e
		}
		told, good, wrong := 0, 0, 0
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 13))
			var got []*Exchange
			conn := &flow.Conn{Opening: flow.Opening{SYN: 1, SYNACK: 1, ACK: 1}}
			playTape(New(conn, &Config{Keys: keys}, func(e *Exchange) { got = append(got, e) }), all, segments,
				func(d flow.Dir, packet int32) bool { return packet > 12 && r.IntN(100) == 0 })
			for _, e := range got {
				told++
				if e.Problem != "" {
					continue
				}
				good++
				if w := whole[e.URL]; w == nil || e.Status != w.Status || shape(e.Request) != shape(w.Request) || shape(e.Response) != shape(w.Response) {
					wrong++
				}
			}
		}
		t.Logf("HTTP/2 %v: of 400 exchanges %d are told, %d without a problem, %d of them wrong", h2, told, good, wrong)
		if h2 && wrong > 0 || wrong > 400/20 || told < 380 {
			t.Errorf("HTTP/2 %v: of 400 exchanges %d are told, %d of them wrong", h2, told, wrong)
		}
	}
}
