package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpguts"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/page"
)

// headerTimeout ends an exchange whose server says nothing, so that one silent
// object does not hold up a page for ever.
const headerTimeout = time.Minute

// clientFlags are the flags of every command that fetches.
type clientFlags struct {
	conns, depth int
	http10       bool
	headers      []string
	insecure     bool
	cacert       string
	resolve      []string
	noObjects    bool
	timeout      time.Duration
	maxObjects   int
	maxBytes     int64
	maxRedirects int
}

func (f *clientFlags) register(fs *pflag.FlagSet) {
	fs.IntVar(&f.conns, "conns", 0, "open at most this many connections to each origin (default: the strategy's)")
	fs.IntVar(&f.depth, "depth", 0, "write at most this many requests ahead on one connection (default: the strategy's)")
	fs.BoolVar(&f.http10, "http10", false, "speak HTTP/1.0 without keep-alive (serial and parallel only)")
	fs.StringArrayVarP(&f.headers, "header", "H", nil, "add the header field `'Name: value'` to every request")
	fs.BoolVar(&f.insecure, "insecure", false, "accept any certificate")
	fs.StringVar(&f.cacert, "cacert", "", "trust the certificates in this PEM `FILE` besides the system's")
	fs.StringArrayVar(&f.resolve, "resolve", nil, "connect to ADDR for that host and port, as in `HOST:PORT:ADDR`")
	fs.BoolVar(&f.noObjects, "no-objects", false, "fetch the document alone")
	fs.DurationVar(&f.timeout, "timeout", 0, "give up on the whole page after this long (default: never)")
	fs.IntVar(&f.maxObjects, "max-objects", 0, "fetch at most this many objects (default 10000)")
	fs.Int64Var(&f.maxBytes, "max-bytes", 0, "receive at most this many bytes of bodies (default 64 GiB)")
	fs.IntVar(&f.maxRedirects, "max-redirects", 0, "follow at most this many redirects of each object (default 10)")
}

// client makes the transports of one command, all alike but for their strategy.
type client struct {
	flags *clientFlags
	tls   *tls.Config
	fixed map[string][]netip.AddrPort // by host:port
}

func (f *clientFlags) client() (*client, error) {
	c := &client{flags: f, tls: &tls.Config{InsecureSkipVerify: f.insecure}}
	if f.conns < 0 || f.depth < 0 {
		return nil, usagef("--conns and --depth count from 1")
	}
	if f.timeout < 0 || f.maxObjects < 0 || f.maxBytes < 0 {
		return nil, usagef("--timeout, --max-objects and --max-bytes cannot be negative")
	}
	if f.cacert != "" {
		if err := c.trust(f.cacert); err != nil {
			return nil, err
		}
	}
	var err error
	c.fixed, err = parseResolve(f.resolve)
	return c, err
}

func (c *client) trust(file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return usageError{err}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return usagef("%s holds no certificate in PEM", file)
	}
	c.tls.RootCAs = pool
	return nil
}

// transport makes a Transport with no connection open.
func (c *client) transport(s linger.Strategy) *linger.Transport {
	return &linger.Transport{
		Strategy:              s,
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       c.tls,
		Resolve:               c.lookUp,
		ResponseHeaderTimeout: headerTimeout,
	}
}

func (c *client) lookUp(ctx context.Context, host, port string) ([]netip.AddrPort, error) {
	if addrs, ok := c.fixed[net.JoinHostPort(host, port)]; ok {
		return addrs, nil
	}
	return linger.Resolve(ctx, host, port)
}

// strategy finds the named strategy and moves it by the flags.
func (f *clientFlags) strategy(name string) (linger.Strategy, error) {
	s, err := linger.StrategyNamed(name)
	if err != nil {
		return s, usageError{err}
	}
	moved := []string{s.Name}
	if f.conns > 0 {
		s.Conns = f.conns
		moved = append(moved, fmt.Sprintf("conns=%d", f.conns))
	}
	if f.depth > 0 {
		s.Depth = f.depth
		moved = append(moved, fmt.Sprintf("depth=%d", f.depth))
	}
	if f.http10 {
		if s.Exchanges != 1 {
			return s, usagef("--http10 goes with the strategies serial and parallel, not with %s: HTTP/1.0 without keep-alive has one exchange a connection", name)
		}
		s.Protocol = linger.HTTP10
		moved = append(moved, "http10")
	}
	s.Name = strings.Join(moved, " ")
	return s, nil
}

// options are the page's, but for where its content goes.
func (f *clientFlags) options() (page.Options, error) {
	o := page.Options{NoObjects: f.noObjects, MaxObjects: f.maxObjects, MaxBytes: f.maxBytes, MaxRedirects: f.maxRedirects}
	for _, line := range f.headers {
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return o, usagef("--header %q: want 'Name: value'", line)
		}
		if o.Header == nil {
			o.Header = make(http.Header)
		}
		o.Header.Add(name, value)
	}
	return o, nil
}

// parseResolve reads HOST:PORT:ADDR, in which ADDR may be an IPv6 address with
// or without brackets, and several addresses may be separated by commas, as curl
// has it.
func parseResolve(words []string) (map[string][]netip.AddrPort, error) {
	fixed := make(map[string][]netip.AddrPort)
	for _, w := range words {
		bad := usagef("--resolve %q: want HOST:PORT:ADDR, such as example.com:80:127.0.0.1", w)
		host, rest, ok := strings.Cut(w, ":")
		port, list, ok2 := strings.Cut(rest, ":")
		number, err := strconv.ParseUint(port, 10, 16)
		if !ok || !ok2 || host == "" || err != nil {
			return nil, bad
		}
		key := net.JoinHostPort(strings.ToLower(host), port)
		for a := range strings.SplitSeq(list, ",") {
			addr, err := netip.ParseAddr(strings.Trim(strings.TrimSpace(a), "[]"))
			if err != nil {
				return nil, bad
			}
			fixed[key] = append(fixed[key], netip.AddrPortFrom(addr, uint16(number)))
		}
	}
	return fixed, nil
}

// webAddress completes what a person types as an address.
func webAddress(arg string) string {
	if strings.Contains(arg, "://") {
		return arg
	}
	return "http://" + arg
}
