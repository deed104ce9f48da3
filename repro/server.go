package repro

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// A plainServer speaks HTTP/1 and does with its socket what it is told, which
// net/http's does not: the experiments are about how answers are written.
type plainServer struct {
	answer func(*http.Request) answer

	// nagle has the kernel hold back what is less than a segment while something is
	// unacknowledged (RFC 9293 §3.7.4). Go turns that off, unless told not to.
	nagle bool

	// apart writes head and body by themselves.
	apart bool

	// together keeps answers back while further requests are there to be answered.
	together bool
}

// An answer is what the server says.
type answer struct {
	status int
	fields string // whole lines
	body   []byte
}

// socketBuffer is more than an answer or a pipeline of them has in an experiment, so
// that no answer is held up by the server but by TCP alone.
const socketBuffer = 1 << 20

func (s plainServer) start(l net.Listener) (stop func() error) {
	t := &talks{server: s, open: make(map[net.Conn]bool)}
	t.all.Add(1)
	go t.accept(l)
	return func() error {
		err := l.Close()
		t.hangUp()
		t.all.Wait()
		return err
	}
}

// talks are the connections of a server.
type talks struct {
	server plainServer
	all    sync.WaitGroup // accept, and a talk for each connection

	mu      sync.Mutex
	open    map[net.Conn]bool // guarded by mu
	stopped bool              // guarded by mu
}

func (t *talks) accept(l net.Listener) {
	defer t.all.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if t.enter(c) {
			go t.talk(c)
		}
	}
}

// enter counts a connection in, unless the server has been stopped.
func (t *talks) enter(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped {
		_ = c.Close()
		return false
	}
	t.open[c] = true
	t.all.Add(1)
	return true
}

func (t *talks) hangUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	for c := range t.open {
		_ = c.Close()
	}
}

// talk answers one connection to its end, which the client sees if it was not the
// client's own.
func (t *talks) talk(c net.Conn) {
	defer t.all.Done()
	_ = t.server.converse(c)
	_ = c.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

func (s plainServer) converse(c net.Conn) error {
	if tcp, ok := c.(*net.TCPConn); ok {
		if err := tcp.SetNoDelay(!s.nagle); err != nil {
			return err
		}
		if err := tcp.SetWriteBuffer(socketBuffer); err != nil {
			return err
		}
	}
	in, out := bufio.NewReaderSize(c, 16<<10), bufio.NewWriterSize(c, socketBuffer)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return err
		}
		last := req.Close || !req.ProtoAtLeast(1, 1)
		if err := s.write(out, s.answer(req), last); err != nil {
			return err
		}
		if !s.together || last || in.Buffered() == 0 {
			if err := out.Flush(); err != nil || last {
				return err
			}
		}
	}
}

// write writes one answer to where it waits to be sent.
func (s plainServer) write(out *bufio.Writer, a answer, last bool) error {
	length := ""
	if a.status != http.StatusNotModified {
		length = fmt.Sprintf("Content-Length: %d\r\n", len(a.body))
	}
	closing := ""
	if last {
		closing = "Connection: close\r\n"
	}
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\n%s%s%s\r\n", a.status, http.StatusText(a.status), a.fields, length, closing)
	if s.apart {
		if err := out.Flush(); err != nil {
			return err
		}
	}
	_, err := out.Write(a.body)
	return err
}
