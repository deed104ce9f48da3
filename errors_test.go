package linger

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/lingerhttp/linger/timeline"
)

// opError is how net wraps what the kernel says.
func opError(op string, code syscall.Errno) error {
	addr := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}
	return &net.OpError{Op: op, Net: "tcp", Addr: addr, Err: os.NewSyscallError(op, code)}
}

func TestErrors(t *testing.T) {
	const at = " http://a.test:80: "
	for _, tt := range []struct {
		name    string
		step    timeline.Phase
		err     error
		text    string
		hint    string // a part of it; "-" for none
		timeout bool
	}{
		{"no such host", timeline.DNS, &net.DNSError{Err: "no such host", Name: "a.test", IsNotFound: true},
			"looking up the name of" + at + "no such host", "spelling", false},
		{"resolver broken", timeline.DNS, &net.DNSError{Err: "server misbehaving", Name: "a.test", Server: "192.0.2.53:53", IsTemporary: true},
			"looking up the name of" + at + "lookup a.test on 192.0.2.53:53: server misbehaving", "resolver", false},
		{"resolver silent", timeline.DNS, &net.DNSError{Err: "i/o timeout", Name: "a.test", IsTimeout: true},
			"looking up the name of" + at + "lookup a.test: i/o timeout", "resolver", true},
		{"refused", timeline.Connect, &dialError{err: opError("connect", syscall.ECONNREFUSED)},
			"connecting to" + at + "connection refused", "nothing listens", false},
		{"all refused", timeline.Connect, (&race{ended: []*attempt{
			{addr: netip.MustParseAddrPort("192.0.2.1:80"), err: opError("connect", syscall.ECONNREFUSED)},
			{addr: netip.MustParseAddrPort("[2001:db8::1]:80"), err: opError("connect", syscall.ENETUNREACH)}}}).failure(),
			"connecting to" + at + "192.0.2.1:80: connection refused, [2001:db8::1]:80: network is unreachable", "nothing listens", false},
		{"no address left", timeline.Connect, &dialError{err: opError("connect", syscall.EADDRNOTAVAIL)},
			"connecting to" + at + "cannot assign requested address", "no address", false},
		{"no port left", timeline.Connect, &dialError{err: &PortExhaustedError{Destination: netip.MustParseAddrPort("192.0.2.1:80"), TimeWait: 5, Err: opError("connect", syscall.EADDRNOTAVAIL)}},
			"connecting to" + at + "no local port is left toward 192.0.2.1:80: 5 are in TIME_WAIT", "Connection: close", false},
		{"no route", timeline.Connect, &dialError{err: opError("connect", syscall.EHOSTUNREACH)},
			"connecting to" + at + "no route to host", "no route", false},
		{"dial took too long", timeline.Connect, &dialError{err: &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}},
			"connecting to" + at + "i/o timeout", "longer", true},
		{"unknown authority", timeline.TLS, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
			"TLS handshake with" + at + "failed to verify certificate: x509: certificate signed by unknown authority", "authority", false},
		{"expired", timeline.TLS, &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired}},
			"TLS handshake with" + at + "failed to verify certificate: x509: certificate has expired or is not yet valid: ", "clock", false},
		{"no TLS", timeline.TLS, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
			"TLS handshake with" + at + "first record does not look like a TLS handshake", "http://", false},
		{"cut in the handshake", timeline.TLS, &dialError{step: timeline.TLS, err: io.EOF},
			"TLS handshake with" + at + "the server closed the connection", "its log", false},
		{"no HTTP/2", timeline.TLS, ErrNoHTTP2,
			"TLS handshake with" + at + "the server does not speak HTTP/2", "another strategy", false},
		{"not HTTP", timeline.Wait, ErrNotHTTP, "waiting for the answer of" + at + "the answer is not HTTP", "https://", false},
		{"head too large", timeline.Wait, ErrHeaderTooLarge, "waiting for the answer of" + at + "response header is too large", "limit", false},
		{"no answer in time", timeline.Wait, fmt.Errorf("%w: nothing for 5s", ErrHeaderTimeout),
			"waiting for the answer of" + at + "no response header in time: nothing for 5s", "longer", true},
		{"deadline", timeline.Wait, context.DeadlineExceeded, "waiting for the answer of" + at + "context deadline exceeded", "longer", true},
		{"cancelled", timeline.Wait, context.Canceled, "waiting for the answer of" + at + "context canceled", "-", false},
		{"closed", timeline.Wait, ErrServerClosed,
			"waiting for the answer of" + at + "the server closed the connection before it answered", "its log", false},
		{"reset", timeline.Send, opError("write", syscall.ECONNRESET), "sending the request to" + at + "connection reset by peer", "its log", false},
		{"truncated", timeline.Receive, fmt.Errorf("%w: 5 of 10 bytes are missing", io.ErrUnexpectedEOF),
			"reading the answer of" + at + "the connection ended in the middle: unexpected EOF: 5 of 10 bytes are missing", "its log", false},
		{"short request body", timeline.Send, shortBody(1, 5),
			"sending the request to" + at + "reading the request body: unexpected EOF: it ended after 1 of 5 bytes", "-", false},
		{"request body fails", timeline.Send, &bodyError{errors.Join(&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, io.EOF)},
			"sending the request to" + at + "reading the request body: read x: input/output error; EOF", "-", false},
		{"transport closed", timeline.Queue, ErrClosed, "waiting for a connection to" + at + "transport is closed", "-", false},
		{"several lines", timeline.Wait, errors.Join(errors.New("one"), errors.New("two")), "waiting for the answer of" + at + "one; two", "-", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &Error{Step: tt.step, Origin: "http://a.test:80", Err: tt.err}
			if got := e.Error(); !strings.HasPrefix(got, tt.text) || strings.ContainsAny(got, "\r\n") {
				t.Errorf("the text is %q, want %q", got, tt.text)
			}
			if h := e.Hint(); (tt.hint == "-") != (h == "") || (tt.hint != "-" && !strings.Contains(h, tt.hint)) {
				t.Errorf("the hint is %q, want %q in it", h, tt.hint)
			}
			if e.Timeout() != tt.timeout || e.Temporary() != tt.timeout {
				t.Errorf("timeout is %v", e.Timeout())
			}
			if !errors.Is(e, tt.err) {
				t.Error("it is not its cause")
			}
			var asNet net.Error
			if !errors.As(error(e), &asNet) {
				t.Error("it is no net.Error")
			}
		})
	}
}
