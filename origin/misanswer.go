package origin

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// wordless reports whether a break leaves no HTTP answer at all.
func (b Break) wordless() bool { return b == NeverAnswer || b == Garbage || b == EndlessHead }

// misanswer takes the connection from net/http, which would write nothing of the
// kind, and does what the break says. HTTP/2 connections are shared and cannot
// be taken: the stream waits, or is reset.
func misanswer(w http.ResponseWriter, r *http.Request, b Break) {
	if r.ProtoMajor != 1 {
		if b == NeverAnswer {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	}
	nc, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer nc.Close()
	switch b {
	case NeverAnswer:
		_, _ = io.Copy(io.Discard, nc) // until the client gives up
	case Garbage:
		_, _ = buf.WriteString("220 ready, but this is not HTTP\r\n")
		_, _ = buf.Write(noise()[:500])
		_ = buf.Flush()
	case EndlessHead:
		writeEndlessHead(buf.Writer)
	}
}

// writeEndlessHead writes header fields until the client hangs up.
func writeEndlessHead(w *bufio.Writer) {
	_, err := w.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")
	for i := 0; err == nil; i++ {
		_, err = fmt.Fprintf(w, "X-More-%d: %s\r\n", i, strings.Repeat("and so on ", 10))
	}
}

// An oldAnswer writes an answer of HTTP/1.0 (RFC 1945) on a connection that it
// took from net/http.
type oldAnswer struct {
	conn   net.Conn
	out    *bufio.Writer
	header http.Header
	headed bool
	mute   bool // HEAD was asked
}

func newOldAnswer(w http.ResponseWriter, r *http.Request) (*oldAnswer, error) {
	nc, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	return &oldAnswer{conn: nc, out: buf.Writer, header: make(http.Header), mute: r.Method == http.MethodHead}, nil
}

func (o *oldAnswer) Header() http.Header { return o.header }

func (o *oldAnswer) WriteHeader(status int) {
	if o.headed {
		return
	}
	o.headed = true
	o.header.Del("Transfer-Encoding")
	o.header.Del("Connection")
	o.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	fmt.Fprintf(o.out, "HTTP/1.0 %d %s\r\n", status, http.StatusText(status))
	// The writer keeps its first error and gives it again to Flush.
	_ = o.header.Write(o.out)
	_, _ = o.out.WriteString("\r\n")
}

func (o *oldAnswer) Write(p []byte) (int, error) {
	if !o.headed {
		o.WriteHeader(http.StatusOK)
	}
	if o.mute {
		return len(p), nil
	}
	return o.out.Write(p)
}

// FlushError is what http.ResponseController calls.
func (o *oldAnswer) FlushError() error { return o.out.Flush() }

func (o *oldAnswer) close() {
	_ = o.out.Flush()
	_ = o.conn.Close()
}
