package linger

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// What a Transport may be told, and what it does if it is not.

// A Transport is an http.RoundTripper that manages connections by a Strategy and
// accounts for the time of each exchange. Its zero value works. It may be used
// by many goroutines at once; its fields must not be changed once it is in use.
//
// It stands in the place of http.Transport: docs/differences.md lists what it does
// otherwise, and why.
type Transport struct {
	// Strategy says how exchanges share connections. The zero Strategy keeps
	// connections, opens as many as needed and negotiates the protocol.
	Strategy Strategy

	// Observe, if set, is called once for each exchange when it has ended, in the
	// goroutine that ended it. It must not change the exchange or wait for
	// another one. WithObserve does the same for one request.
	Observe func(*timeline.Exchange)

	// Proxy returns the proxy for a request, or nil for none. Its scheme is http,
	// https, socks5 or socks5h; "" means http. A nil Proxy means none:
	// http.DefaultTransport has http.ProxyFromEnvironment here.
	Proxy func(*http.Request) (*url.URL, error)

	// ProxyConnectHeader is sent with CONNECT requests to proxies.
	ProxyConnectHeader http.Header

	// GetProxyConnectHeader, if set, returns the fields to send with a CONNECT to
	// target ("host:port") through proxyURL, in place of ProxyConnectHeader. An
	// error fails the dial.
	GetProxyConnectHeader func(ctx context.Context, proxyURL *url.URL, target string) (http.Header, error)

	// OnProxyConnectResponse, if set, sees the proxy's answer to a CONNECT before
	// its status is judged. An error fails the dial.
	OnProxyConnectResponse func(ctx context.Context, proxyURL *url.URL, connectReq *http.Request, connectRes *http.Response) error

	// DialContext opens a connection to "host:port" in place of linger's own
	// dialling, which then does not look up names either: to a Unix socket, for
	// instance. Its context has the values of the request that asked for the
	// connection, and not its end: the connection serves whoever waits when it is
	// there. It ends with DialTimeout and with the Transport. nil means that linger
	// dials.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// DialTLSContext opens a connection to "host:port" and shakes hands on it, for
	// https requests without a proxy, and to a proxy that is reached by https. If the connection has a ConnectionState
	// method as *tls.Conn does, the protocol agreed there is spoken on it. nil
	// means DialContext and TLSClientConfig.
	DialTLSContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// TLSClientConfig is the configuration of TLS; nil means the zero Config. It is
	// not written to. The protocols that may be spoken are added to its NextProtos,
	// or taken from them; a ServerName holds for origins, not for proxies; without a
	// ClientSessionCache the Transport resumes sessions from one of its own, unless
	// SessionTicketsDisabled is set, or VerifyPeerCertificate or
	// GetClientCertificate, which a resumed handshake does not call.
	TLSClientConfig *tls.Config

	// Resolve returns the addresses of a host, the preferred first. nil means the
	// function Resolve: the system's resolver. It is asked anew for each
	// connection.
	Resolve func(ctx context.Context, host, port string) ([]netip.AddrPort, error)

	// DialTimeout limits opening one connection, from the look-up of its name to
	// the end of the TLS handshake. 0 means 30 seconds, negative no limit.
	DialTimeout time.Duration

	// TLSHandshakeTimeout limits the TLS handshake alone. 0 means 10 seconds, as
	// http.DefaultTransport has it; negative no limit but DialTimeout.
	TLSHandshakeTimeout time.Duration

	// BackupDelay is how long an attempt to connect may take before another one is
	// made beside it to the same address, if no other address is left to try: its
	// first packet may have been lost, and the kernel sends it again only after a
	// second (RFC 6298 §2.1). 0 means 250 ms, negative no such attempt.
	BackupDelay time.Duration

	// LocalAddr is the address from which linger's own dialling connects; the zero
	// Addr leaves it to the kernel. Its port is chosen with the connection and not
	// when the address is bound (IP_BIND_ADDRESS_NO_PORT, Linux), so that one port
	// can serve several destinations.
	LocalAddr netip.Addr

	// UnackedTimeout is how long what was sent may stay unacknowledged before the
	// kernel gives a connection of linger's own dialling up (TCP_USER_TIMEOUT, RFC
	// 5482, Linux). TCP keep-alive does not find a peer that is gone while something is
	// unacknowledged. It also ends connections to a peer that lives and does not
	// read. 0 means the kernel's patience: a quarter of an hour, about.
	UnackedTimeout time.Duration

	// ResponseHeaderTimeout limits the time from a wholly written request, or from the
	// answer before it in a pipeline, to the end of the response's head. 0 means
	// no limit.
	ResponseHeaderTimeout time.Duration

	// ExpectContinueTimeout limits how long a request with "Expect: 100-continue"
	// waits for the server to ask for its body, before it is sent all the same. 0
	// means 1 second, negative not to wait.
	ExpectContinueTimeout time.Duration

	// MaxResponseHeaderBytes bounds the heads of a response, interim ones
	// included. 0 means 1 MiB.
	MaxResponseHeaderBytes int

	// DisableCompression, if true, does not ask for gzip. Otherwise linger asks for
	// it where the request does not say what it accepts, and decodes it.
	DisableCompression bool

	// Protocols is the set of protocols that may be spoken; nil means HTTP/1 and,
	// over TLS, HTTP/2. The Strategy's Protocol narrows it.
	Protocols *http.Protocols

	// HTTP2 configures HTTP/2, nil for the defaults. Its zero SendPingTimeout means
	// 15 seconds here, but no more PINGs in a row than servers of gRPC bear;
	// negative, no PINGs.
	HTTP2 *http.HTTP2Config

	// MaxConns bounds the connections in all, those being opened included. 0 means
	// no limit. At the limit the connection that was idle for longest, of whatever
	// origin, makes room; if there is none, and an origin has no connection at all,
	// the first that is given back does when that origin's turn has come.
	// Strategy.Conns bounds those of one origin.
	MaxConns int

	// MaxIdleConns bounds the idle connections in all, MaxIdleConnsPerOrigin those
	// of one origin: beyond it, the one that was idle for longest is closed. 0
	// means no limit; negative, that none is kept.
	MaxIdleConns          int
	MaxIdleConnsPerOrigin int

	// MaxWaiting bounds the exchanges that wait for a slot of one origin: beyond it
	// an exchange fails at once with ErrQueueFull, unless it is one that is sent
	// again. Who waits for a connection to be opened waits, too. 0 means no limit.
	MaxWaiting int

	// QueueTimeout limits how long an exchange waits for a slot, dialling
	// included; then it fails with ErrQueueTimeout. 0 means no limit but the
	// request's own.
	QueueTimeout time.Duration

	// IdleConnTimeout is how long a connection is kept without an exchange on it,
	// by the monotonic and by the wall clock: a machine may have slept. A server's
	// "Keep-Alive: timeout=" shortens it, less a second, for the way there (of a
	// short time, half). 0 means 90 seconds, as http.DefaultTransport has it;
	// negative no limit but the server's.
	IdleConnTimeout time.Duration

	// MaxConnAge is how long a connection may take new exchanges. 0 means no
	// limit. Strategy.Exchanges bounds their number.
	MaxConnAge time.Duration

	// Jitter is the share, up to 1, by which MaxConnAge and Strategy.Exchanges are
	// shortened at random for each connection, so that those opened together do
	// not end together; fewer than 10 exchanges are not shortened. 0 means 0.1;
	// negative, none.
	Jitter float64

	exchanges   atomic.Int64 // begun so far
	underWay    atomic.Int64 // begun and not ended
	connections atomic.Int64
	book        addressBook

	start  sync.Once // sets what follows
	conns  pool
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	sessions tls.ClientSessionCache // of TLS, where TLSClientConfig has none
	timeWait timeWaitCount
	clock    *time.Timer // calls tick when something in the pool is due

	stopping  atomic.Bool // Shutdown has been called
	quiet     chan struct{}
	quietOnce sync.Once // closes quiet, when nothing is under way after stopping

	schemes atomic.Pointer[map[string]http.RoundTripper] // never written to: RegisterProtocol puts another in its place

	work   sync.WaitGroup // every goroutine the Transport started, but for dials
	workMu sync.Mutex
	closed bool // guarded by workMu: no goroutine may be started any more

}

const (
	defaultMaxHeader   = 1 << 20
	defaultIdleTimeout = 90 * time.Second
	defaultJitter      = 0.1

	// defaultExpectTimeout is http.DefaultTransport's.
	defaultExpectTimeout = time.Second

	// forever is a limit that is none.
	forever time.Duration = 1<<63 - 1
)

// limit reads a duration whose zero means def and which, negative, means forever.
func limit(d, def time.Duration) time.Duration {
	switch {
	case d > 0:
		return d
	case d < 0:
		return forever
	}
	return def
}

func (t *Transport) dialTimeout() time.Duration { return limit(t.DialTimeout, defaultDialTimeout) }

func (t *Transport) maxHeader() int {
	if t.MaxResponseHeaderBytes > 0 {
		return t.MaxResponseHeaderBytes
	}
	return defaultMaxHeader
}

func (t *Transport) expectTimeout() time.Duration {
	if t.ExpectContinueTimeout == 0 {
		return defaultExpectTimeout
	}
	return t.ExpectContinueTimeout
}

// poolLimits fills in the pool's defaults.
func (t *Transport) poolLimits() poolLimits {
	l := poolLimits{conns: t.MaxConns, idle: t.MaxIdleConns, idlePerOrigin: t.MaxIdleConnsPerOrigin, waiting: t.MaxWaiting,
		age: t.MaxConnAge, jitter: defaultJitter, dice: rand.Float64}
	if l.idleTime = limit(t.IdleConnTimeout, defaultIdleTimeout); l.idleTime == forever {
		l.idleTime = 0
	}
	if t.Jitter != 0 {
		l.jitter = min(1, max(0, t.Jitter))
	}
	l.oneHTTP2 = t.HTTP2 != nil && t.HTTP2.StrictMaxConcurrentRequests
	return l
}
