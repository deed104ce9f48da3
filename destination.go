package linger

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/net/http/httpguts"
)

// Where a request goes, as its URL says.

// A destination is what scheme and authority of a URL say.
type destination struct {
	origin origin
	host   string // the Host field: without user and zone, and in ASCII
}

// A place is the part of a URL that a destination is read from.
type place struct{ scheme, host string }

// An addressBook remembers the addresses it has read: most requests go where
// others went before.
type addressBook struct {
	known atomic.Pointer[map[place]*destination]
}

// knownAddresses bounds what an addressBook remembers. A program that talks to
// more origins reads some of them again and again.
const knownAddresses = 256

// read returns the destination of a URL, or what is wrong with it.
func (b *addressBook) read(u *url.URL) (*destination, error) {
	at := place{u.Scheme, u.Host}
	known := b.known.Load()
	if known != nil {
		if a := (*known)[at]; a != nil {
			return a, nil
		}
	}
	a, err := readDestination(u)
	if err != nil || (known != nil && len(*known) >= knownAddresses) {
		return a, err
	}
	more := map[place]*destination{at: a}
	if known != nil {
		maps.Copy(more, *known)
	}
	b.known.CompareAndSwap(known, &more) // who loses against another reads once more
	return a, nil
}

// readDestination reads the origin of a URL: RFC 9110 §4.3.1, with the scheme's
// default port, and the host in lower case and in ASCII.
func readDestination(u *url.URL) (*destination, error) {
	host, port := u.Hostname(), u.Port()
	written := inASCII(u.Host)
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("unsupported protocol scheme %q: want http or https", u.Scheme)
	case host == "":
		return nil, errors.New("no Host in request URL")
	case !httpguts.ValidHostHeader(written):
		return nil, fmt.Errorf("invalid host %q", u.Host)
	}
	if port == "" {
		port = "80"
		if u.Scheme == "https" {
			port = "443"
		}
	}
	name, zone, zoned := strings.Cut(inASCII(host), "%")
	name = strings.ToLower(name)
	if zoned {
		name += "%" + zone // names an interface of this machine, which may differ in case alone
	}
	addr := net.JoinHostPort(name, port)
	return &destination{origin: origin{scheme: u.Scheme, addr: addr}, host: removeZone(written)}, nil
}

// inASCII writes a host name as DNS has it (RFC 5891 §4.4), where it can be.
func inASCII(host string) string {
	if ascii, err := httpguts.PunycodeHostPort(host); err == nil {
		return ascii
	}
	return host
}

// removeZone takes the zone off an IPv6 address in a Host field: it means
// nothing to the server (RFC 6874 §1).
func removeZone(host string) string {
	if !strings.HasPrefix(host, "[") {
		return host
	}
	end := strings.LastIndexByte(host, ']')
	zone := strings.LastIndexByte(host[:max(end, 0)], '%')
	if end < 0 || zone < 0 {
		return host
	}
	return host[:zone] + host[end:]
}
