package grade

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/lingerhttp/linger/lab"
)

// A server plays the server's part of a scenario, and notes what it writes and when.
type server struct {
	scenario *Scenario
	book     *notebook
	tls      *tls.Config // nil in clear
	http2    http.Server // of HTTP/2 only

	all sync.WaitGroup // serve, and talk for each connection

	mu      sync.Mutex
	open    map[net.Conn]bool // guarded by mu
	stopped bool              // guarded by mu
}

// startServer plays on a listener until stop.
func startServer(s *Scenario, book *notebook, l net.Listener, config *tls.Config) *server {
	srv := &server{scenario: s, book: book, tls: config, open: make(map[net.Conn]bool)}
	srv.all.Add(1)
	if s.Strategy == multiplexed {
		srv.http2.Handler = http.HandlerFunc(srv.answerStream)
		srv.http2.Protocols = new(http.Protocols)
		srv.http2.Protocols.SetUnencryptedHTTP2(true) // TLS, if any, is below: see scribe
		go srv.serveHTTP2(l)
		return srv
	}
	go srv.serve(l)
	return srv
}

// multiplexed is the strategy that speaks HTTP/2.
const multiplexed = "multiplexed"

func (s *server) serveHTTP2(l net.Listener) {
	defer s.all.Done()
	_ = s.http2.Serve(&scribing{l, s})
}

// scribing is a listener whose connections note what is written.
type scribing struct {
	net.Listener
	server *server
}

// Accept never fails because of one connection.
func (l *scribing) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		noted, err := l.server.take(c, newFrames())
		if err == nil {
			return noted, nil
		}
		_ = c.Close()
	}
}

// take makes a connection that notes what is written of an accepted one.
func (s *server) take(c net.Conn, f finder) (*scribe, error) {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil, errors.New("not TCP")
	}
	if err := tcp.SetNoDelay(!s.scenario.Nagle); err != nil {
		return nil, err
	}
	below := &counter{Conn: c}
	noted := &scribe{Conn: below, below: below, book: s.book, down: true, finder: f}
	noted.conn = c.RemoteAddr().(*net.TCPAddr).AddrPort()
	noted.conn = netip.AddrPortFrom(noted.conn.Addr().Unmap(), noted.conn.Port())
	if s.tls != nil {
		noted.Conn = tls.Server(below, s.tls)
	}
	return noted, nil
}

func (s *server) serve(l net.Listener) {
	defer s.all.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if s.enter(c) {
			go s.talk(c)
		}
	}
}

// enter counts a connection in, unless the server has been stopped.
func (s *server) enter(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		_ = c.Close()
		return false
	}
	s.open[c] = true
	s.all.Add(1)
	return true
}

// stop ends the connections. The listener is the caller's to close before.
func (s *server) stop() {
	_ = s.http2.Close()
	s.mu.Lock()
	s.stopped = true
	for c := range s.open {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

// plan is that of a request's path.
func (s *server) plan(path string) (int, *Plan) {
	n := exchangeOf(path)
	if n < 1 || n > len(s.scenario.Plans) {
		return 0, nil
	}
	return n, &s.scenario.Plans[n-1]
}

// cut divides a body of the plan's size into its pieces.
func (p *Plan) cut() []int {
	n := max(1, p.Pieces)
	sizes := make([]int, 0, n)
	for i := range n {
		sizes = append(sizes, p.Size*(i+1)/n-p.Size*i/n)
	}
	return sizes
}

// filler is what bodies are made of: it compresses well, so that facts are small.
var filler = bytes.Repeat([]byte("every millisecond of an exchange has a cause. "), 1+largest/46)

// largest is how large a body may be.
const largest = 4 << 20

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// certificates makes a certificate for the lab's server, and what a client must trust.
func certificates() (server, client *tls.Config, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{lab.DefaultName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(own)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2", "http/1.1"}}
	return server, &tls.Config{RootCAs: pool, ServerName: lab.DefaultName}, nil
}
