package main

import (
	"bytes"
	"errors"
	"net"
	"strconv"
)

// The HTTP/1.1 of a benchmark: it understands the requests of the clients that
// are compared here and no others, and answers all it has read with one write.

// A head is what the server needs to know of a request.
type head struct {
	size   int64 // of the answer's body
	length int   // of the whole request, its body included
}

const (
	// requestBuffer holds one request with its body, or a part of a pipeline.
	requestBuffer = 4 << 10

	// smallAnswer is the largest body that is gathered with others to be written
	// at once.
	smallAnswer = 64 << 10
)

var (
	errIncomplete = errors.New("there is more to come")
	errBadRequest = errors.New("not a request that this server understands")
)

// An http1Conn is the server's end of one connection.
type http1Conn struct {
	net.Conn
	b   *backend
	out []byte // answers that are not written yet
}

// serveConn answers requests until the client closes or says what the server
// does not understand.
func (b *backend) serveConn(nc net.Conn) {
	defer nc.Close()
	c := &http1Conn{Conn: nc, b: b}
	in := make([]byte, requestBuffer)
	for unread := 0; unread < len(in); {
		n, err := c.Read(in[unread:])
		if err != nil {
			return
		}
		unread += n
		used, err := c.answerAll(in[:unread])
		if err != nil {
			return
		}
		unread = copy(in, in[used:unread])
	}
}

// answerAll answers the requests that stand whole in p, and returns how much of
// p they were.
func (c *http1Conn) answerAll(p []byte) (used int, err error) {
	for {
		h, err := parseHead(p[used:])
		if err == errIncomplete {
			return used, c.flush()
		}
		if err != nil {
			return used, err
		}
		used += h.length
		c.b.served.Add(1)
		c.out = appendAnswerHead(c.out, h.size)
		if err := c.body(h.size); err != nil {
			return used, err
		}
	}
}

// body answers with size bytes: gathered with others if they are few.
func (c *http1Conn) body(size int64) error {
	if size <= smallAnswer {
		c.out = append(c.out, filler[:size]...)
		return nil
	}
	if err := c.flush(); err != nil {
		return err
	}
	return fill(c, size)
}

func (c *http1Conn) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// parseHead reads one request "METHOD /N HTTP/1.1" off the front of p.
func parseHead(p []byte) (head, error) {
	end := bytes.Index(p, []byte("\r\n\r\n"))
	if end < 0 {
		return head{}, errIncomplete
	}
	fields := p[:end+2]
	line, _, _ := bytes.Cut(fields, []byte("\r\n"))
	_, target, _ := bytes.Cut(line, []byte(" /"))
	path, version, _ := bytes.Cut(target, []byte(" "))
	size, err := strconv.ParseInt(string(path), 10, 64)
	if err != nil || size < 0 || string(version) != "HTTP/1.1" {
		return head{}, errBadRequest
	}
	h := head{size: size, length: end + 4}
	if p[0] == 'P' {
		_, after, ok := bytes.Cut(fields, []byte("\r\nContent-Length: "))
		digits, _, _ := bytes.Cut(after, []byte("\r\n"))
		body, err := strconv.Atoi(string(digits))
		if !ok || err != nil || body < 0 || body > requestBuffer {
			return head{}, errBadRequest
		}
		h.length += body
	}
	if h.length > len(p) {
		return head{}, errIncomplete
	}
	return h, nil
}

// appendAnswerHead writes the fields that net/http's server writes; the date
// stands still.
func appendAnswerHead(b []byte, size int64) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: "+contentType+"\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\nContent-Length: "...)
	b = strconv.AppendInt(b, size, 10)
	return append(b, "\r\n\r\n"...)
}
