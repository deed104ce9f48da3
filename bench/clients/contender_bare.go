package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// The floor: a caller with a connection of its own writes the octets of one and
// the same request and reads as many as the answer has. It parses nothing but the
// first answer's head and can do nothing else: what a client costs above it, its
// work on HTTP costs.

// bareTakes: of a scenario in clear whose answers come in one piece.
func bareTakes(sc scenario) bool {
	return sc.wire == http1Plain && sc.kind == load && sc.size <= 1000
}

type bareClient struct {
	sc   scenario
	addr string

	mu    sync.Mutex
	conns []net.Conn // guarded by mu
}

func openBare(sc scenario, s *server) client { return &bareClient{sc: sc, addr: s.Addrs[sc.wire]} }

func (b *bareClient) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		c.Close()
	}
}

// caller implements client.
func (b *bareClient) caller() (func() error, error) {
	c, err := net.DialTimeout("tcp", b.addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.conns = append(b.conns, c)
	b.mu.Unlock()
	request := b.request()
	buf := make([]byte, readBuffer)
	answer := 0 // octets of one, once known
	return func() error {
		if _, err := c.Write(request); err != nil {
			return err
		}
		for n := 0; n == 0 || n < answer; {
			m, err := c.Read(buf[n:])
			if err != nil {
				return err
			}
			n += m
			if answer == 0 {
				answer, err = answerSize(buf[:n], b.sc.size)
				if err != nil {
					return err
				}
			}
		}
		return nil
	}, nil
}

func (b *bareClient) request() []byte {
	method, length := "GET", ""
	if b.sc.upload > 0 {
		method, length = "POST", "Content-Length: "+strconv.Itoa(b.sc.upload)+"\r\n"
	}
	head := fmt.Sprintf("%s /%d HTTP/1.1\r\nHost: %s\r\nUser-Agent: bare\r\n%s\r\n", method, b.sc.size, b.addr, length)
	return append([]byte(head), make([]byte, b.sc.upload)...)
}

// answerSize is how many octets an answer has whose beginning is read: with its
// head whole, and size octets of body.
func answerSize(read []byte, size int64) (int, error) {
	end := bytes.Index(read, []byte("\r\n\r\n"))
	if end < 0 || !bytes.HasPrefix(read, []byte("HTTP/1.1 200 ")) {
		return 0, errors.New("the answer is not a whole head of 200 (OK)")
	}
	return end + 4 + int(size), nil
}
