package linger

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/lingerhttp/linger/internal/http1"
	"github.com/lingerhttp/linger/timeline"
)

// What to do about an error.

// Hint says what to do about the error, in one sentence; empty if nothing is known.
func (e *Error) Hint() string {
	for _, h := range hints {
		if h.fits(e) {
			return h.text
		}
	}
	return ""
}

// hints stand in the order in which they are tried.
var hints = []struct {
	fits func(*Error) bool
	text string
}{
	{is(context.Canceled), ""},
	{as[*bodyError], ""}, // the caller knows
	{func(e *Error) bool { return e.Step == timeline.DNS && notFound(e.Err) }, "check the spelling of the host name"},
	{func(e *Error) bool { return e.Step == timeline.DNS }, "check this machine's resolver"},
	{is(syscall.ECONNREFUSED), "nothing listens on that port: check that the server runs and the port is right"},
	{is(ErrPortExhausted), "keep connections instead of opening one for each request, or let the server close first: send Connection: close, and read to the end"},
	{is(syscall.EADDRNOTAVAIL), "this machine has no address from which that one can be reached: check its network"},
	{is(syscall.ENETUNREACH), "there is no route to that address: check this machine's network"},
	{is(syscall.EHOSTUNREACH), "there is no route to that address: check this machine's network"},
	{as[x509.UnknownAuthorityError], "the certificate is signed by an authority this machine does not know: add it to the system's"},
	{as[x509.HostnameError], "the certificate is for another name: use that name"},
	{as[x509.CertificateInvalidError], "the certificate is not valid now: check its dates and this machine's clock"},
	{as[tls.RecordHeaderError], "the server does not speak TLS on that port: try http:// instead of https://"},
	{func(e *Error) bool { return proxyStatus(e.Err) == http.StatusProxyAuthRequired }, "give user and password in the proxy's URL: http://user:password@proxy:3128"},
	{as[*ProxyError], "the proxy does not open a tunnel to that address: whoever runs it knows why"},
	{is(ErrNoHTTP2), "try another strategy, such as persistent6"},
	{is(ErrNotHTTP), "another protocol is spoken on that port; a TLS server wants https://"},
	{as[*http1.SyntaxError], "the server or something in between breaks the syntax of HTTP: tell whoever runs it the octet above"},
	{is(ErrHeaderTooLarge), "the header never ended within the limit: the server is broken, or MaxResponseHeaderBytes too small"},
	{is(ErrQueueTimeout), "more connections may be opened, or exchanges wait longer: Strategy.Conns, MaxConns, QueueTimeout"},
	{is(ErrQueueFull), "more connections may be opened, or more exchanges wait: Strategy.Conns, MaxConns, MaxWaiting"},
	{is(context.DeadlineExceeded), "give it longer"},
	{is(os.ErrDeadlineExceeded), "give it longer"},
	{is(ErrHeaderTimeout), "give it longer"},
	{is(ErrServerClosed), "the server or something in between ends connections: its log says why"},
	{is(io.EOF), "the server or something in between ends connections: its log says why"},
	{func(e *Error) bool { return e.Step == timeline.Receive && errors.Is(e.Err, io.ErrUnexpectedEOF) }, "the server ended the connection before the end of the body: its log says why"},
	{is(syscall.ECONNRESET), "the server or something in between reset the connection: its log says why"},
}

func is(target error) func(*Error) bool {
	return func(e *Error) bool { return errors.Is(e.Err, target) }
}

func as[T error](e *Error) bool {
	var t T
	return errors.As(e.Err, &t)
}

func notFound(err error) bool {
	var d *net.DNSError
	return errors.As(err, &d) && d.IsNotFound
}

// proxyStatus is the status with which a proxy refused a tunnel, 0 if none did.
func proxyStatus(err error) int {
	var p *ProxyError
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}
