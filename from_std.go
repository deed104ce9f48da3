package linger

//lint:file-ignore SA1019 programs still set the deprecated fields

import (
	"context"
	"net"
	"net/http"
)

// What another Transport was told, taken over.

// FromStd returns a Transport with the settings of an http.Transport, which is
// not changed and shares nothing with the new one that either writes to. Where a
// zero field means "no limit" there, there is none here; where it means a default
// of net/http's, linger's own holds. docs/differences.md lists every field, and
// those that have no meaning here. Connections and registered protocols are not
// taken over.
//
// It may be called while std is in use, but not while it is used for the first
// time: that is when net/http completes its fields.
func FromStd(std *http.Transport) *Transport {
	t := &Transport{
		Strategy:               Strategy{Conns: max(0, std.MaxConnsPerHost)},
		Proxy:                  std.Proxy,
		ProxyConnectHeader:     std.ProxyConnectHeader.Clone(),
		GetProxyConnectHeader:  std.GetProxyConnectHeader,
		OnProxyConnectResponse: std.OnProxyConnectResponse,
		DialContext:            dialOf(std),
		DialTLSContext:         dialTLSOf(std),
		TLSHandshakeTimeout:    orNoLimit(std.TLSHandshakeTimeout),
		ResponseHeaderTimeout:  std.ResponseHeaderTimeout,
		ExpectContinueTimeout:  orNoLimit(std.ExpectContinueTimeout),
		MaxResponseHeaderBytes: stdMaxHeader(std),
		DisableCompression:     std.DisableCompression,
		Protocols:              protocolsOf(std),
		MaxIdleConns:           max(0, std.MaxIdleConns),
		MaxIdleConnsPerOrigin:  max(0, std.MaxIdleConnsPerHost),
		IdleConnTimeout:        orNoLimit(std.IdleConnTimeout),
	}
	if std.DisableKeepAlives || std.MaxIdleConnsPerHost < 0 {
		t.Strategy.Exchanges = 1
	}
	if t.DialContext != nil || t.DialTLSContext != nil {
		t.DialTimeout = -1 // the function knows its own
	}
	if std.TLSClientConfig != nil {
		t.TLSClientConfig = std.TLSClientConfig.Clone()
	}
	if std.HTTP2 != nil {
		h2 := *std.HTTP2
		t.HTTP2 = &h2
	}
	return t
}

// orNoLimit reads a number whose zero means, in net/http, that there is none.
func orNoLimit[N ~int64](n N) N {
	if n == 0 {
		return -1
	}
	return n
}

// stdMaxHeader is net/http's limit of a response's head. Its default, 10 MiB, is
// kept: a head that was read before must not become an error.
func stdMaxHeader(std *http.Transport) int {
	if std.MaxResponseHeaderBytes > 0 {
		return int(std.MaxResponseHeaderBytes)
	}
	return 10 << 20
}

// dialOf is how std opens a connection, nil for net/http's own way. The
// deprecated Dial counts only where there is no DialContext.
func dialOf(std *http.Transport) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if std.DialContext != nil || std.Dial == nil {
		return std.DialContext
	}
	return withoutContext(std.Dial)
}

// dialTLSOf is the same for DialTLSContext and DialTLS.
func dialTLSOf(std *http.Transport) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if std.DialTLSContext != nil || std.DialTLS == nil {
		return std.DialTLSContext
	}
	return withoutContext(std.DialTLS)
}

func withoutContext(dial func(network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(_ context.Context, network, addr string) (net.Conn, error) { return dial(network, addr) }
}

// protocolsOf is what std would speak, by net/http's rules: HTTP/2 is left out
// where TLSNextProto says so, or where TLS or dialling was customised without
// ForceAttemptHTTP2.
func protocolsOf(std *http.Transport) *http.Protocols {
	var p http.Protocols
	if std.Protocols != nil {
		p = *std.Protocols
		return &p
	}
	p.SetHTTP1(true)
	customised := std.TLSClientConfig != nil || dialOf(std) != nil || dialTLSOf(std) != nil
	if std.TLSNextProto != nil {
		p.SetHTTP2(std.TLSNextProto[alpnHTTP2] != nil)
	} else {
		p.SetHTTP2(std.ForceAttemptHTTP2 || !customised)
	}
	return &p
}
