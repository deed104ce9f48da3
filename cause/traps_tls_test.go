package cause_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/timeline"
)

// A said is what one side of a conversation wrote at once.
type said struct {
	by   packets.Side
	data string
}

// A tape notes what is written to a connection.
type tape struct {
	net.Conn
	by   packets.Side
	said *[]said
	lock *sync.Mutex // of said
}

func (t tape) Write(b []byte) (int, error) {
	t.lock.Lock()
	*t.said = append(*t.said, said{t.by, string(b)})
	t.lock.Unlock()
	return t.Conn.Write(b)
}

// secretly is a conversation in TLS: so many requests, one after the other, with bodies
// of n bytes in the responses.
func secretly(t *testing.T, version uint16, requests, n int) []said {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"a.example"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	var all []said
	lock := new(sync.Mutex)
	a, b := net.Pipe()
	done := make(chan error)
	go serveSecretly(tls.Server(tape{b, packets.Server, &all, lock}, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}, MinVersion: version, MaxVersion: version,
	}), requests, n, done)
	client := tls.Client(tape{a, packets.Client, &all, lock}, &tls.Config{ServerName: "a.example", InsecureSkipVerify: true})
	r := bufio.NewReader(client)
	for range requests {
		if _, err := io.WriteString(client, get("/secret")); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return all
}

func serveSecretly(c *tls.Conn, requests, n int, done chan<- error) {
	r := bufio.NewReader(c)
	for range requests {
		if _, err := http.ReadRequest(r); err != nil {
			done <- err
			return
		}
		if _, err := io.WriteString(c, head(n)+bytesOf(n)); err != nil {
			done <- err
			return
		}
	}
	done <- nil
}

// replay lets both hosts say all again, each when it has heard what was said before, and
// the server after it has thought.
func replay(client, server *host, all []said, think time.Duration) {
	hosts := [2]*host{client, server}
	var heard [2]int64 // what each has to have received
	next := 0
	var speak func()
	speak = func() {
		for next < len(all) {
			s := all[next]
			h := hosts[s.by]
			if h.got < heard[s.by] {
				return
			}
			next++
			heard[1-s.by] += int64(len(s.data))
			if s.by == packets.Server && next > 1 && all[next-2].by == packets.Client {
				h.net.after(think, func() { h.write(s.data); speak() })
				return
			}
			h.write(s.data)
		}
	}
	client.readable, server.readable = speak, speak
	client.open(speak)
}

// TestTrapTLS: messages are hidden, their times are not: handshakes are told, and what
// was inferred is marked.
func TestTrapTLS(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		all := secretly(t, version, 3, 5000)
		for place, side := range places {
			s := newScene(side)
			s.client.noDelay, s.server.noDelay = true, true
			replay(s.client, s.server, all, 30*ms)
			got := explained(t, s.run(s.capture))
			if len(got) != 3 {
				t.Errorf("%s %s: said\n%s", name, place, briefs(got))
				continue
			}
			for i, x := range got {
				e := x.Timeline
				if !x.Source.Inferred || e.Conn.TLS == "" || !near(costs(e, timeline.Server), 30*ms, ms) || !near(costs(e, timeline.Propagation), 20*ms, ms) {
					t.Errorf("%s %s: inferred %v, %q: %s", name, place, x.Source.Inferred, e.Conn.TLS, brief(e))
				}
				if got := costs(e, timeline.TLSHandshake); (i == 0) != (got >= 50*ms-ms) || i > 0 && got > 0 {
					t.Errorf("%s %s: exchange %d took %v for TLS", name, place, i+1, got)
				}
			}
		}
	}
}
