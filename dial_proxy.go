package linger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	socks "golang.org/x/net/proxy"

	"github.com/lingerhttp/linger/timeline"
)

// Opening a connection through a proxy: to an http or https one that forwards
// requests in clear, by CONNECT, by SOCKS5.

// through opens a link through the route's proxy, on which the origin listens, or
// the proxy itself if it forwards.
func (d *dialler) through(ctx context.Context) (*link, error) {
	p, err := d.to.via()
	if err != nil {
		return nil, err
	}
	l, err := d.reachProxy(ctx, p)
	if err != nil {
		return nil, notReached(p, err)
	}
	start := time.Now()
	note := ""
	switch {
	case d.to.forwards():
		return l, nil
	case p.socks():
		note = "SOCKS " + d.to.addr
		err = d.askSOCKS(ctx, p, l)
	default:
		note = "CONNECT " + d.to.addr
		err = d.tunnel(ctx, p, l)
	}
	if err != nil {
		note += ": " + plain(err)
	}
	d.record.add(dialSpan{phase: timeline.Connect, cause: timeline.Unknown, start: start, end: time.Now(), note: note})
	if err != nil {
		l.Close()
		return nil, &dialError{step: timeline.Connect, proxy: p.String(), err: err}
	}
	return l, nil
}

// notReached is the error of a dial that failed on the way to the proxy. Callers
// tell it by an Op that net/http chose.
func notReached(p *proxy, err error) error {
	e := &dialError{step: timeline.Connect, proxy: p.String()}
	var way *dialError
	if errors.As(err, &way) {
		e.step, e.tried, err = way.step, []string{way.Error()}, way.err
	}
	e.err = &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
	return e
}

// reachProxy opens a link to the proxy, with TLS on it if the proxy wants that.
func (d *dialler) reachProxy(ctx context.Context, p *proxy) (l *link, err error) {
	if p.url.Scheme != "https" {
		return d.connect(ctx, p.addr)
	}
	may := spoken{http1: true}
	if d.t.DialTLSContext != nil {
		l, err = d.dialTLS(ctx, p.addr)
	} else if l, err = d.connect(ctx, p.addr); err == nil {
		err = d.secure(ctx, l, d.t.tlsConfig(hostname(p.addr), may, true))
	}
	if err != nil {
		return nil, err
	}
	if _, err := may.agreed(l.alpn()); err != nil {
		l.Close()
		return nil, &dialError{step: timeline.TLS, err: err}
	}
	return l, nil
}

// connectTimeout limits what the answer to CONNECT takes, where DialTimeout does
// not: as long as net/http waits.
const connectTimeout = time.Minute

// tunnel asks an HTTP proxy for a tunnel to the origin: RFC 9110 §9.3.6.
func (d *dialler) tunnel(ctx context.Context, p *proxy, l *link) error {
	req, err := d.connectRequest(ctx, p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.SetDeadline(longAgo) })
	defer stop()
	res, in, err := ask(l.Conn, req, int64(d.t.maxHeader()))
	if err == nil && d.t.OnProxyConnectResponse != nil {
		err = d.t.OnProxyConnectResponse(ctx, p.url, req, res)
	}
	switch {
	case !stop():
		return ctx.Err() // whatever else: no more can be read or written
	case err != nil:
		return err
	case res.StatusCode/100 != 2:
		return &ProxyError{Status: res.StatusCode, Text: strings.TrimPrefix(res.Status, strconv.Itoa(res.StatusCode)+" ")}
	}
	if n := in.Buffered(); n > 0 {
		first, _ := in.Peek(n)
		l.Conn = &replayed{Conn: l.Conn, first: first}
	}
	return nil
}

// connectRequest makes the request for a tunnel to the origin.
func (d *dialler) connectRequest(ctx context.Context, p *proxy) (*http.Request, error) {
	fields := d.t.ProxyConnectHeader
	if d.t.GetProxyConnectHeader != nil {
		var err error
		if fields, err = d.t.GetProxyConnectHeader(ctx, p.url, d.to.addr); err != nil {
			return nil, err
		}
	}
	fields = fields.Clone()
	if fields == nil {
		fields = make(http.Header)
	}
	if auth := p.authorization(); auth != "" {
		fields.Set("Proxy-Authorization", auth)
	}
	if _, ok := fields["User-Agent"]; !ok {
		fields.Set("User-Agent", defaultUserAgent)
	}
	return &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: d.to.addr}, Host: d.to.addr, Header: fields}, nil
}

// ask sends a request for a tunnel and reads the head of the final answer, within
// limit octets with those of interim ones. What came behind it stands in the reader.
func ask(c net.Conn, req *http.Request, limit int64) (*http.Response, *bufio.Reader, error) {
	if err := req.Write(c); err != nil {
		return nil, nil, err
	}
	bounded := &io.LimitedReader{R: c, N: limit}
	in := bufio.NewReader(bounded)
	for {
		res, err := http.ReadResponse(in, req)
		switch {
		case err != nil && bounded.N <= 0:
			return nil, nil, ErrHeaderTooLarge
		case err != nil:
			return nil, nil, fmt.Errorf("reading the proxy's answer: %w", err)
		case res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols:
			return res, in, nil
		}
	}
}

// A replayed connection has octets that were read from it already: "Data received
// after that header section is from the server identified by the request target" —
// RFC 9110 §9.3.6.
type replayed struct {
	net.Conn
	first []byte
}

// Read implements io.Reader.
func (r *replayed) Read(p []byte) (int, error) {
	if len(r.first) == 0 {
		return r.Conn.Read(p)
	}
	n := copy(p, r.first)
	r.first = r.first[n:]
	return n, nil
}

// NetConn returns the connection below, as tls.Conn's does.
func (r *replayed) NetConn() net.Conn { return r.Conn }

// askSOCKS asks a SOCKS5 proxy for a connection to the origin, by its name, which
// the proxy looks up: RFC 1928, RFC 1929. A user without a name is none.
func (d *dialler) askSOCKS(ctx context.Context, p *proxy, l *link) error {
	var auth *socks.Auth
	if u := p.url.User; u != nil {
		password, _ := u.Password()
		auth = &socks.Auth{User: u.Username(), Password: password}
	}
	by, err := socks.SOCKS5("tcp", p.addr, auth, opened{l.Conn})
	if err != nil {
		return err
	}
	_, err = by.(socks.ContextDialer).DialContext(ctx, "tcp", d.to.addr)
	return err
}

// opened is a dialler that has dialled.
type opened struct{ net.Conn }

// Dial implements socks.Dialer.
func (o opened) Dial(string, string) (net.Conn, error) { return o.Conn, nil }

// DialContext implements socks.ContextDialer.
func (o opened) DialContext(context.Context, string, string) (net.Conn, error) { return o.Conn, nil }
