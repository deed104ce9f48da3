package linger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// How an origin is reached: directly, or by a proxy.

// A route is an origin and the way to it. Exchanges share connections if their
// routes are equal.
type route struct {
	origin        // without an address on the way to a proxy that forwards requests for every origin
	proxy  string // the proxy's URL with its user, empty if there is none
	http1  bool   // HTTP/2 will not do, even if the server would
}

// forwards says whether the requests on a route are addressed to the proxy, in
// clear, and not to their origin through it.
func (r route) forwards() bool { return r.addr == "" }

// String names the route, without the password of a proxy:
// "https://example.com:443 by http://proxy.example:3128".
func (r route) String() string {
	switch {
	case r.proxy == "":
		return r.origin.String()
	case r.forwards():
		return "by " + redacted(r.proxy)
	}
	return r.origin.String() + " by " + redacted(r.proxy)
}

// redacted is a proxy's URL as people may see it.
func redacted(proxy string) string {
	u, err := url.Parse(proxy)
	if err != nil {
		return "a proxy"
	}
	return u.Scheme + "://" + u.Host
}

// chooseRoute asks for the proxy of a request, and writes the request's head to fit.
func (t *Transport) chooseRoute(x *exchange) error {
	x.route = route{origin: x.origin, http1: x.origin.scheme == "https" && wantsUpgrade(x.req)}
	if t.Proxy == nil {
		return nil
	}
	u, err := t.Proxy(x.req)
	if err != nil {
		return fmt.Errorf("choosing a proxy: %w", err)
	}
	if u == nil {
		return nil
	}
	p, err := readProxy(u)
	if err != nil {
		return err
	}
	x.route.proxy = p.url.String()
	if x.origin.scheme == "http" && !p.socks() {
		x.route.origin = origin{scheme: "http"}
		x.target = absoluteForm(x)
		x.proxyAuth = p.authorization()
	}
	return nil
}

// absoluteForm is the target of a request to a proxy: "When making a request to a
// proxy, other than a CONNECT or server-wide OPTIONS request …, a client MUST send
// the target URI in "absolute-form" as the request-target" — RFC 9112 §3.2.2. A
// server-wide OPTIONS is one without a path then (§3.2.4).
func absoluteForm(x *exchange) string {
	switch {
	case x.target == "*":
		return x.origin.scheme + "://" + x.host
	case strings.HasPrefix(x.target, "/"):
		return x.origin.scheme + "://" + x.host + x.target
	}
	return x.target
}

// A proxy is where to reach one.
type proxy struct {
	url  *url.URL
	addr string // host:port
}

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// readProxy reads the URL of a proxy. A missing scheme means http.
func readProxy(u *url.URL) (*proxy, error) {
	own := &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}
	if own.Scheme == "" {
		own.Scheme = "http"
	}
	port, known := proxyPorts[own.Scheme]
	switch {
	case !known:
		return nil, fmt.Errorf("unsupported scheme %q of a proxy: want http, https, socks5 or socks5h", own.Scheme)
	case own.Hostname() == "":
		return nil, errors.New("URL of a proxy without a host")
	case !httpguts.ValidHostHeader(inASCII(own.Host)):
		return nil, fmt.Errorf("invalid host %q of a proxy", own.Host)
	}
	if own.Port() != "" {
		port = own.Port()
	}
	return &proxy{url: own, addr: net.JoinHostPort(inASCII(own.Hostname()), port)}, nil
}

// via reads the proxy of a route that has one.
func (r route) via() (*proxy, error) {
	u, err := url.Parse(r.proxy)
	if err != nil {
		return nil, err
	}
	return readProxy(u)
}

// String names the proxy without its user.
func (p *proxy) String() string { return p.url.Scheme + "://" + p.url.Host }

func (p *proxy) socks() bool { return p.url.Scheme == "socks5" || p.url.Scheme == "socks5h" }

// authorization is the value of Proxy-Authorization for the user in the proxy's
// URL, empty if it names none: RFC 7617 §2.
func (p *proxy) authorization() string {
	if p.url.User == nil {
		return ""
	}
	password, _ := p.url.User.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.url.User.Username()+":"+password))
}
