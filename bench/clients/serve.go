package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// The server's side of the benchmark, in a process of its own. It must cost
// little, so that it does not take the CPU from the clients that are measured:
// HTTP/1.1 is a loop of its own (serve_http1.go), HTTP/2 is net/http's.
//
// A GET or POST of /N is answered with N bytes.

// A greeting is the first line the server writes: where it listens, and whom to
// trust.
type greeting struct {
	Addrs       map[wire]string `json:"addrs"`
	Certificate []byte          `json:"certificate"` // DER
}

// A backend counts what it has answered.
type backend struct{ served atomic.Int64 }

// serve listens on loopback for each wire, greets, then answers every line on in
// with the count of requests served so far, until in ends or a
// listener fails. What it started ends with the process.
func serve(in io.Reader, out io.Writer) error {
	cert, err := selfSigned(time.Now())
	if err != nil {
		return fmt.Errorf("making a certificate: %w", err)
	}
	b := &backend{}
	hello := greeting{Addrs: make(map[wire]string), Certificate: cert.Certificate[0]}
	failed := make(chan error)
	for _, w := range wires() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("listening for %s: %w", w, err)
		}
		hello.Addrs[w] = l.Addr().String()
		go b.serveWire(w, l, cert, failed)
	}
	if err := json.NewEncoder(out).Encode(hello); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	go b.report(in, out, failed)
	return <-failed
}

// report answers every line with a count, until there are no more, and tells
// failed how that ended.
func (b *backend) report(in io.Reader, out io.Writer, failed chan<- error) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if _, err := fmt.Fprintln(out, b.served.Load()); err != nil {
			failed <- fmt.Errorf("counting: %w", err)
			return
		}
	}
	failed <- nil
}

// serveWire serves one wire until its listener fails, and tells failed why.
func (b *backend) serveWire(w wire, l net.Listener, cert tls.Certificate, failed chan<- error) {
	serve := b.serveHTTP1
	if w.multiplexed() {
		serve = b.serveHTTP2
	}
	failed <- fmt.Errorf("serving %s: %w", w, serve(w, l, cert))
}

func (b *backend) serveHTTP1(w wire, l net.Listener, cert tls.Certificate) error {
	if w.encrypted() {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}})
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go b.serveConn(c)
	}
}

func (b *backend) serveHTTP2(w wire, l net.Listener, cert tls.Certificate) error {
	s := &http.Server{
		Handler:   http.HandlerFunc(b.answer),
		Protocols: new(http.Protocols),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}},
	}
	s.Protocols.SetHTTP2(w.encrypted())
	s.Protocols.SetUnencryptedHTTP2(!w.encrypted())
	if w.encrypted() {
		return s.ServeTLS(l, "", "")
	}
	return s.Serve(l)
}

// answer is the handler of HTTP/2.
func (b *backend) answer(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.ParseInt(r.URL.Path[1:], 10, 64)
	if err != nil || size < 0 {
		http.Error(w, "want a number of bytes as the path", http.StatusNotFound)
		return
	}
	if r.ContentLength != 0 {
		io.Copy(io.Discard, r.Body)
	}
	b.served.Add(1)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	fill(w, size) // a failure is the client's to tell
}

// fill writes a body of so many bytes.
func fill(w io.Writer, size int64) error {
	for size > 0 {
		n, err := w.Write(filler[:min(size, int64(len(filler)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

const contentType = "application/octet-stream"

// filler is what bodies are made of.
var filler [256 << 10]byte
