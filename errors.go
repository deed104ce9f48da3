package linger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// Errors that callers may ask for with errors.Is.
var (
	// ErrClosed means that the Transport was closed.
	ErrClosed = errors.New("transport is closed")

	// ErrQueueTimeout means that QueueTimeout passed before there was a slot: the
	// pool's limit, not the request's.
	ErrQueueTimeout error = &limitError{"no connection was free in time", true}

	// ErrQueueFull means that MaxWaiting exchanges wait for that origin already.
	ErrQueueFull = errors.New("too many exchanges wait for a connection already")

	// ErrHeaderTooLarge means that a response's head passed MaxResponseHeaderBytes.
	ErrHeaderTooLarge = errors.New("response header is too large")

	// ErrHeaderTimeout means that ResponseHeaderTimeout passed before a response began.
	// It is a context.DeadlineExceeded as well, as net/http's is.
	ErrHeaderTimeout error = headerTimeout{}

	// ErrNotHTTP means that the server's first bytes are not those of an HTTP response.
	ErrNotHTTP = errors.New("the answer is not HTTP")

	// ErrNoHTTP2 means that the strategy asks for HTTP/2 and the server does not speak it.
	ErrNoHTTP2 = errors.New("the server does not speak HTTP/2")

	// ErrServerClosed means that the connection ended before the response began.
	ErrServerClosed = errors.New("the server closed the connection before it answered")

	// ErrServerClosedIdle is an ErrServerClosed on a connection that had been kept:
	// the server may have closed it before the request came, and may have applied
	// the request all the same. Linger sends again what may be sent again.
	ErrServerClosedIdle = fmt.Errorf("%w: a kept one, perhaps closed while it was idle", ErrServerClosed)

	// ErrBodyClosed means that a response's body was read after it was closed.
	ErrBodyClosed = errors.New("read of a closed response body")
)

// An Error says which step of an exchange failed, for which origin, and what a
// caller may conclude. Every error that RoundTrip or a response body returns is
// one, except io.EOF.
type Error struct {
	// Step is what the client was doing: Queue, DNS, Connect (to a proxy and
	// through it, too), TLS, Send (writing the request), Wait (for the header of
	// the response, until it is whole) or Receive (reading its body).
	Step timeline.Phase

	// Origin is scheme and host with port: "http://example.com:80".
	Origin string

	// Conn is the connection it failed on, with its 4-tuple; its Number is 0 if
	// there was none.
	Conn timeline.Conn

	// Sent says that some of the request was put on a connection.
	Sent bool

	// MayBeApplied says that the server may have applied the request. If false it
	// has certainly not, even if the request was sent: whatever its method, it may
	// be sent again.
	MayBeApplied bool

	// Err is the cause.
	Err error

	exchange *timeline.Exchange
}

var stepWords = [timeline.NumPhases]string{
	timeline.Queue:   "waiting for a connection to",
	timeline.DNS:     "looking up the name of",
	timeline.Connect: "connecting to",
	timeline.TLS:     "TLS handshake with",
	timeline.Send:    "sending the request to",
	timeline.Wait:    "waiting for the answer of",
	timeline.Receive: "reading the answer of",
}

// Error returns one line: the step, the origin and the cause.
func (e *Error) Error() string {
	if errors.As(e.Err, new(*requestError)) {
		return e.Err.Error()
	}
	return stepWords[e.Step] + " " + e.Origin + ": " + plain(e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Timeline returns the record of the exchange that failed.
func (e *Error) Timeline() *timeline.Exchange { return e.exchange }

// Timeout reports whether a limit in time was the cause, as net.Error has it.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.Err, &t) && t.Timeout()
}

// Temporary is what net.Error asks for; it says no more than Timeout.
func (e *Error) Temporary() bool { return e.Timeout() }

// plain words an error for a person: without the repetitions that net's errors
// stack up ("dial tcp 1.2.3.4:80: connect: connection refused").
func plain(err error) string {
	var dns *net.DNSError
	var sys syscall.Errno
	var syntax *http1.SyntaxError
	switch {
	case errors.As(err, new(*bodyError)): // whatever it wraps
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case errors.As(err, &syntax), errors.As(err, new(*dialError)), errors.Is(err, ErrPortExhausted), errors.Is(err, ErrHeaderTimeout):
		return err.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended in the middle: " + err.Error()
	case errors.Is(err, io.EOF):
		return "the server closed the connection"
	case errors.As(err, &sys):
		return sys.Error()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded.Error() // the words that programs look for, as are those below
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded.Error()
	}
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	return strings.TrimPrefix(line, "tls: ")
}

// A limitError is a limit of linger's that was reached.
type limitError struct {
	text    string
	timeout bool
}

func (e *limitError) Error() string   { return e.text }
func (e *limitError) Timeout() bool   { return e.timeout }
func (e *limitError) Temporary() bool { return e.timeout }

// A headerTimeout is ErrHeaderTimeout.
type headerTimeout struct{}

func (headerTimeout) Error() string        { return "no response header in time" }
func (headerTimeout) Timeout() bool        { return true }
func (headerTimeout) Temporary() bool      { return true }
func (headerTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

// A bodyError is what reading a request's body returned: the caller's side, and
// not the connection's, whatever it wraps.
type bodyError struct{ err error }

func (e *bodyError) Error() string { return "reading the request body: " + e.err.Error() }
func (e *bodyError) Unwrap() error { return e.err }

// shortBody is the error of a body that is shorter than it was said to be.
func shortBody(got, want int64) error {
	return &bodyError{fmt.Errorf("%w: it ended after %d of %d bytes", io.ErrUnexpectedEOF, got, want)}
}

// A requestError is what is wrong with a request that was not sent for it.
type requestError struct{ err error }

func (e *requestError) Error() string { return "invalid request: " + e.err.Error() }
func (e *requestError) Unwrap() error { return e.err }

// A ProxyError is a proxy's refusal to open a tunnel: its answer to CONNECT.
type ProxyError struct {
	Status int    // 407
	Text   string // "Proxy Authentication Required"
}

// Error returns one line with status and text.
func (e *ProxyError) Error() string {
	return fmt.Sprintf("the answer to CONNECT is %d %s", e.Status, e.Text)
}

// A dialError is what became of all addresses of a name.
type dialError struct {
	step  timeline.Phase
	proxy string   // through which it was, empty if through none
	tried []string // one "address: why" each
	err   error    // the first attempt's
}

func (e *dialError) Error() string {
	text := strings.Join(e.tried, ", ")
	if text == "" {
		text = plain(e.err)
	}
	if e.proxy != "" {
		return "proxy " + e.proxy + ": " + text
	}
	return text
}

func (e *dialError) Unwrap() error { return e.err }

// refused says whether err is how a server turns connections away: a refusal, a
// reset, or an end without a word.
func refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || cut(err)
}

// closedIdle is how a kept connection ended before an answer.
func closedIdle(err error) error {
	if err == ErrServerClosed {
		return ErrServerClosedIdle
	}
	return fmt.Errorf("%w (%w)", ErrServerClosedIdle, err)
}

// cut says whether err is how a connection ends that the peer cut.
func cut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, ErrServerClosed)
}
