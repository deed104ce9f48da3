package origin

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// listen opens as many listeners as there are origins. Those that the caller
// brought and that are one too many are closed.
func (c Config) listen() ([]net.Listener, error) {
	n := c.origins()
	if len(c.Listeners) > 0 {
		return c.Listeners[:n], closeAll(c.Listeners[n:])
	}
	first, err := listenAt(c.addr())
	if err != nil {
		return nil, err
	}
	if n == 1 {
		return []net.Listener{first}, nil
	}
	second, err := listenAt(nextAddr(c.addr()))
	if err != nil {
		return nil, errors.Join(err, first.Close())
	}
	return []net.Listener{first, second}, nil
}

// listenAt listens. Its error leaves out what net repeats of the address.
func listenAt(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return l, failed("listen", addr, err)
}

// nextAddr is one port further than an address that could be listened at; port
// 0 stays.
func nextAddr(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := net.LookupPort("tcp", port)
	if n != 0 {
		n++
	}
	return net.JoinHostPort(host, strconv.Itoa(n))
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// base is the base URL of the origin that listens at addr.
func (c Config) base(addr net.Addr) string {
	scheme, usual := "http://", "80"
	if c.TLS {
		scheme, usual = "https://", "443"
	}
	host, port := c.Host, ""
	if tcp, ok := addr.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
		if host == "" {
			host = tcp.IP.String()
			if tcp.IP.IsUnspecified() {
				host = "127.0.0.1"
			}
		}
	}
	switch {
	case port == "": // a listener of another kind names itself
		return scheme + addr.String()
	case port == usual:
		return scheme + strings.TrimSuffix(net.JoinHostPort(host, ""), ":")
	}
	return scheme + net.JoinHostPort(host, port)
}

// names are those that the certificate must carry.
func (c Config) names(listeners []net.Listener) []string {
	names := append([]string{"localhost", "127.0.0.1", "::1"}, c.Names...)
	if c.Host != "" {
		names = append(names, c.Host)
	}
	for _, l := range listeners {
		if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
			names = append(names, tcp.IP.String())
		}
	}
	return names
}
