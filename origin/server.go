package origin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// A Config says what to serve, where and how. The zero value serves [Modern] in
// clear on two free ports of 127.0.0.1, over HTTP/1.1 and HTTP/2, in good
// health.
type Config struct {
	// Site is what is served; nil means [Modern].
	Site *Site

	// Addr is where to listen, as in [net.Listen]; empty means "127.0.0.1:0". The
	// second origin takes the next port, or a free one if the port is 0.
	Addr string

	// Listeners, if there are any, are used instead of Addr: the first is
	// origin 0, the second origin 1. The server closes them.
	Listeners []net.Listener

	// OneOrigin puts every object on origin 0. It is implied if Listeners holds
	// one listener only, or the site has one origin.
	OneOrigin bool

	// Host is the name that URLs carry; empty means the listener's address, or
	// 127.0.0.1 if that is unspecified.
	Host string

	// TLS makes both origins https, with a certificate that the server signs
	// itself; a client trusts it by [Server.CertPool]. The certificate is for
	// localhost, 127.0.0.1, ::1, the listeners' addresses, Host and Names.
	TLS   bool
	Names []string

	// Protocols are those offered: HTTP/1.1, HTTP/2 chosen by ALPN if there is
	// TLS, HTTP/2 with prior knowledge (RFC 9113 §3.3) if not. The zero value
	// offers all of them.
	Protocols http.Protocols

	// Faults to order; the zero value has none.
	Faults Faults
}

func (c Config) site() *Site {
	if c.Site == nil {
		return Modern()
	}
	return c.Site
}

func (c Config) addr() string {
	if c.Addr == "" {
		return "127.0.0.1:0"
	}
	return c.Addr
}

func (c Config) origins() int {
	if c.OneOrigin || len(c.Listeners) == 1 {
		return 1
	}
	return c.site().Origins
}

// protocols are those offered. A server of HTTP/1.0 offers nothing newer than
// HTTP/1.1's syntax.
func (c Config) protocols() *http.Protocols {
	p := c.Protocols
	if p == (http.Protocols{}) {
		p.SetHTTP1(true)
		p.SetHTTP2(true)
		p.SetUnencryptedHTTP2(true)
	}
	if c.Faults.HTTP10 {
		p.SetHTTP1(true)
		p.SetHTTP2(false)
		p.SetUnencryptedHTTP2(false)
	}
	return &p
}

// A Server serves a site until it is closed. Its methods may be called by any
// goroutine.
type Server struct {
	site    *Site
	faults  Faults
	gates   []*gate
	bases   []string // base URL of each origin, without a slash at its end
	objects []Object // what a page load fetches
	byPath  map[string]Object
	cert    *x509.Certificate // nil in clear

	http    *http.Server
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	serving sync.WaitGroup // the goroutines of Start, one for each origin

	counts  counts
	matched atomic.Int64 // requests that Faults.Every counts

	mu       sync.Mutex
	closing  bool           // guarded by mu; once set, handling grows no more
	failure  error          // guarded by mu; of listeners, before closing
	handling sync.WaitGroup // requests being answered
}

// Start listens and serves. It returns an [Error] if it cannot listen, if the
// site cannot be read, or if the faults ask for what this system cannot do. The
// caller must Close the server.
func Start(cfg Config) (*Server, error) {
	s := &Server{site: cfg.site(), faults: cfg.Faults}
	listeners, err := cfg.listen()
	if err != nil {
		return nil, err
	}
	for i, l := range listeners {
		g, err := newGate(l, i, s.faults, &s.counts)
		if err != nil {
			return nil, errors.Join(failed("listen", l.Addr().String(), err), closeAll(listeners))
		}
		s.gates = append(s.gates, g)
		s.bases = append(s.bases, cfg.base(l.Addr()))
	}
	if err := s.stock(); err != nil {
		return nil, errors.Join(err, closeAll(listeners))
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler:     s,
		Protocols:   cfg.protocols(),
		ErrorLog:    log.New(io.Discard, "", 0), // clients that misbehave are not news
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ConnContext: withConn,
	}
	if cfg.TLS {
		cert, err := selfSigned(cfg.names(listeners))
		if err != nil {
			s.cancel()
			return nil, errors.Join(failed("listen", "make a certificate", err), closeAll(listeners))
		}
		s.cert = cert.Leaf
		s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	for _, g := range s.gates {
		s.serving.Add(1)
		go s.serve(g)
	}
	return s, nil
}

// serve accepts connections until the gate is closed, or its listener fails.
func (s *Server) serve(g *gate) {
	defer s.serving.Done()
	var err error
	if s.cert != nil {
		err = s.http.ServeTLS(g, "", "")
	} else {
		err = s.http.Serve(g)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.failure = errors.Join(s.failure, failed("listen", g.Addr().String(), err))
	}
}

// Close ends every connection at once and returns when nothing of the server
// runs any more. Its error tells of a listener that failed while the server ran,
// which clients saw as a port that answers no more.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.cancel()
	for _, g := range s.gates {
		g.shut()
	}
	err := s.http.Close()
	s.serving.Wait()
	for _, g := range s.gates {
		g.conns.Wait()
	}
	s.handling.Wait()
	return errors.Join(s.failure, err)
}

// URL returns the address of the site's document, or of its only object.
func (s *Server) URL() string {
	if len(s.objects) == 1 {
		return s.bases[0] + s.objects[0].Path
	}
	return s.bases[0] + "/"
}

// Bases returns the base URL of each origin, such as "http://127.0.0.1:8080".
func (s *Server) Bases() []string { return append([]string(nil), s.bases...) }

// URLs returns the absolute URL of each of [Server.Objects].
func (s *Server) URLs() []string {
	urls := make([]string, len(s.objects))
	for i, o := range s.objects {
		urls[i] = s.URLOf(o)
	}
	return urls
}

// URLOf returns the absolute URL of an object.
func (s *Server) URLOf(o Object) string { return s.bases[o.Origin] + o.Path }

// Objects returns what a page load fetches from this server, byte for byte, the
// document first. For a directory they are the files that were there at Start.
func (s *Server) Objects() []Object { return append([]Object(nil), s.objects...) }

// CertPool returns what a client must trust to speak TLS with the server; nil if
// the server speaks in clear.
func (s *Server) CertPool() *x509.CertPool {
	if s.cert == nil {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.cert)
	return pool
}

// CertPEM returns the server's certificate for programs that read it from a
// file; nil if the server speaks in clear.
func (s *Server) CertPEM() []byte {
	if s.cert == nil {
		return nil
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.cert.Raw})
}
