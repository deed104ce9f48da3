package main

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// A connectionPattern is what --connection says: up to two ends. The zero value fits
// every connection.
type connectionPattern []endPattern

// An endPattern is an address, a port, or both.
type endPattern struct {
	addr netip.Addr // zero: any
	port uint16     // 0: any
}

// parseConnectionPattern reads "198.18.0.1:4711-198.19.1.1:80" or part of it: one
// end, or an address or a port alone.
func parseConnectionPattern(text string) (connectionPattern, error) {
	if text == "" {
		return nil, nil
	}
	var all connectionPattern
	for part := range strings.SplitSeq(text, "-") {
		p, ok := parseEnd(strings.TrimSpace(part))
		if !ok || len(all) == 2 {
			return nil, usagef("--connection %q: want CLIENT-SERVER such as 198.18.0.1:4711-198.19.1.1:80, or part of it", text)
		}
		all = append(all, p)
	}
	return all, nil
}

// parseEnd reads one end. Nothing stands for any, so that "-198.19.1.1:80" is what
// has that server.
func parseEnd(text string) (endPattern, bool) {
	if text == "" {
		return endPattern{}, true
	}
	if end, err := netip.ParseAddrPort(text); err == nil {
		return endPattern{end.Addr().Unmap(), end.Port()}, true
	}
	if addr, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return endPattern{addr: addr.Unmap()}, true
	}
	port, err := strconv.ParseUint(strings.TrimPrefix(text, ":"), 10, 16)
	return endPattern{port: uint16(port)}, err == nil && port > 0
}

func (p endPattern) fits(end netip.AddrPort) bool {
	return (!p.addr.IsValid() || p.addr == end.Addr().Unmap()) && (p.port == 0 || p.port == end.Port())
}

// fits reports whether a connection is meant. Of two ends, either may be named first.
func (p connectionPattern) fits(c timeline.Conn) bool {
	switch len(p) {
	case 0:
		return true
	case 1:
		return p[0].fits(c.Local) || p[0].fits(c.Remote)
	}
	return p[0].fits(c.Local) && p[1].fits(c.Remote) || p[0].fits(c.Remote) && p[1].fits(c.Local)
}
