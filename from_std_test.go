package linger

//lint:file-ignore SA1019 programs still set the deprecated fields

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// takenOver says of each field of http.Transport what FromStd makes of it. A
// field that Go adds is one that somebody has to decide on.
var takenOver = map[string]string{
	"Proxy":                  "Proxy",
	"OnProxyConnectResponse": "OnProxyConnectResponse",
	"DialContext":            "DialContext",
	"Dial":                   "DialContext",
	"DialTLSContext":         "DialTLSContext",
	"DialTLS":                "DialTLSContext",
	"TLSClientConfig":        "TLSClientConfig",
	"TLSHandshakeTimeout":    "TLSHandshakeTimeout",
	"DisableKeepAlives":      "Strategy.Exchanges",
	"DisableCompression":     "DisableCompression",
	"MaxIdleConns":           "MaxIdleConns",
	"MaxIdleConnsPerHost":    "MaxIdleConnsPerOrigin",
	"MaxConnsPerHost":        "Strategy.Conns",
	"IdleConnTimeout":        "IdleConnTimeout",
	"ResponseHeaderTimeout":  "ResponseHeaderTimeout",
	"ExpectContinueTimeout":  "ExpectContinueTimeout",
	"TLSNextProto":           "Protocols",
	"ProxyConnectHeader":     "ProxyConnectHeader",
	"GetProxyConnectHeader":  "GetProxyConnectHeader",
	"MaxResponseHeaderBytes": "MaxResponseHeaderBytes",
	"WriteBufferSize":        "",
	"ReadBufferSize":         "",
	"ForceAttemptHTTP2":      "Protocols",
	"HTTP2":                  "HTTP2",
	"Protocols":              "Protocols",
}

// TestEveryFieldOfStd holds the table, the fields of Go and docs/differences.md
// against each other.
func TestEveryFieldOfStd(t *testing.T) {
	doc, err := os.ReadFile("docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	std := reflect.TypeFor[http.Transport]()
	for i := range std.NumField() {
		name := std.Field(i).Name
		if _, ok := takenOver[name]; !ok && std.Field(i).IsExported() {
			t.Errorf("http.Transport has a field %s: decide what FromStd makes of it", name)
		}
	}
	for name, ours := range takenOver {
		if _, ok := std.FieldByName(name); !ok {
			t.Errorf("http.Transport has no field %s", name)
		}
		if !strings.Contains(string(doc), "`"+name+"`") || (ours != "" && !strings.Contains(string(doc), "`"+ours+"`")) {
			t.Errorf("docs/differences.md does not say that %s becomes %q", name, ours)
		}
	}
}

func filledStd() *http.Transport {
	return &http.Transport{
		Proxy:                  func(*http.Request) (*url.URL, error) { return nil, nil },
		OnProxyConnectResponse: func(context.Context, *url.URL, *http.Request, *http.Response) error { return nil },
		DialContext:            func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrClosed },
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return nil, os.ErrExist },
		TLSClientConfig:        &tls.Config{ServerName: "a"},
		TLSHandshakeTimeout:    1,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxIdleConns:           2,
		MaxIdleConnsPerHost:    3,
		MaxConnsPerHost:        4,
		IdleConnTimeout:        5,
		ResponseHeaderTimeout:  6,
		ExpectContinueTimeout:  7,
		ProxyConnectHeader:     http.Header{"A": {"b"}},
		GetProxyConnectHeader:  func(context.Context, *url.URL, string) (http.Header, error) { return nil, nil },
		MaxResponseHeaderBytes: 8,
		HTTP2:                  &http.HTTP2Config{MaxConcurrentStreams: 9},
		Protocols:              protocols("1"),
	}
}

// protocols reads "1" and "2" for HTTP/1 and HTTP/2.
func protocols(s string) *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(strings.Contains(s, "1"))
	p.SetHTTP2(strings.Contains(s, "2"))
	return &p
}

// scribble writes to what a Transport's fields point to.
func scribble(t *Transport) {
	t.ProxyConnectHeader.Set("A", "c")
	t.TLSClientConfig.ServerName = "c"
	t.HTTP2.MaxConcurrentStreams = 1
	t.Protocols.SetHTTP2(true)
}

// TestFromStd: every setting arrives, and nothing is shared that anybody writes to.
func TestFromStd(t *testing.T) {
	std := filledStd()
	got := FromStd(std)
	if got.Proxy == nil || got.OnProxyConnectResponse == nil || got.GetProxyConnectHeader == nil {
		t.Error("a function did not arrive")
	}
	if _, err := got.DialContext(context.Background(), "", ""); err != os.ErrClosed {
		t.Errorf("DialContext is another one: %v", err)
	}
	if _, err := got.DialTLSContext(context.Background(), "", ""); err != os.ErrExist {
		t.Errorf("DialTLSContext is another one: %v", err)
	}
	want := &Transport{
		Strategy: Strategy{Conns: 4, Exchanges: 1}, TLSHandshakeTimeout: 1, DisableCompression: true, DialTimeout: -1,
		MaxIdleConns: 2, MaxIdleConnsPerOrigin: 3, IdleConnTimeout: 5, ResponseHeaderTimeout: 6, ExpectContinueTimeout: 7,
		ProxyConnectHeader: http.Header{"A": {"b"}}, MaxResponseHeaderBytes: 8, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 9},
		Protocols: protocols("1"),
	}
	for _, name := range []string{"Strategy", "TLSHandshakeTimeout", "DisableCompression", "DialTimeout", "MaxIdleConns", "MaxIdleConnsPerOrigin", "IdleConnTimeout",
		"ResponseHeaderTimeout", "ExpectContinueTimeout", "ProxyConnectHeader", "MaxResponseHeaderBytes", "HTTP2", "Protocols"} {
		a, b := reflect.ValueOf(got).Elem().FieldByName(name).Interface(), reflect.ValueOf(want).Elem().FieldByName(name).Interface()
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s is %v, not %v", name, a, b)
		}
	}
	scribble(got)
	if !reflect.DeepEqual(std.ProxyConnectHeader, filledStd().ProxyConnectHeader) || std.TLSClientConfig.ServerName != "a" || std.HTTP2.MaxConcurrentStreams != 9 || std.Protocols.HTTP2() {
		t.Error("the original was written to")
	}
}

// TestFromZeroStd: what is not limited there is not limited here.
func TestFromZeroStd(t *testing.T) {
	got := FromStd(new(http.Transport))
	if got.TLSHandshakeTimeout != -1 || got.IdleConnTimeout != -1 || got.ExpectContinueTimeout != -1 || got.MaxResponseHeaderBytes != 10<<20 {
		t.Errorf("%v, %v, %v, %v", got.TLSHandshakeTimeout, got.IdleConnTimeout, got.ExpectContinueTimeout, got.MaxResponseHeaderBytes)
	}
	if got.Strategy != (Strategy{}) || got.MaxIdleConnsPerOrigin != 0 || got.DialTimeout != 0 {
		t.Errorf("%+v, %v, %v", got.Strategy, got.MaxIdleConnsPerOrigin, got.DialTimeout)
	}
	if got := FromStd(&http.Transport{MaxIdleConnsPerHost: -1}); got.Strategy.Exchanges != 1 {
		t.Error("a negative MaxIdleConnsPerHost keeps no connection")
	}
}

// TestFromStdProtocols: HTTP/2 where net/http would speak it, before and after it
// completed its fields.
func TestFromStdProtocols(t *testing.T) {
	dial := func(string, string) (net.Conn, error) { return nil, os.ErrClosed }
	h2 := map[string]func(string, *tls.Conn) http.RoundTripper{"h2": func(string, *tls.Conn) http.RoundTripper { return nil }}
	tests := []struct {
		name string
		std  *http.Transport
		want string
	}{
		{"zero", &http.Transport{}, "12"},
		{"DefaultTransport", http.DefaultTransport.(*http.Transport), "12"},
		{"own TLS", &http.Transport{TLSClientConfig: &tls.Config{}}, "1"},
		{"own TLS, forced", &http.Transport{TLSClientConfig: &tls.Config{}, ForceAttemptHTTP2: true}, "12"},
		{"own Dial", &http.Transport{Dial: dial}, "1"},
		{"own DialTLS", &http.Transport{DialTLS: dial}, "1"},
		{"empty TLSNextProto", &http.Transport{TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, ForceAttemptHTTP2: true}, "1"},
		{"TLSNextProto of h2", &http.Transport{TLSNextProto: h2, TLSClientConfig: &tls.Config{}}, "12"},
		{"Protocols", &http.Transport{Protocols: protocols("2")}, "2"},
	}
	for _, tt := range tests {
		for _, when := range []string{"before", "after"} {
			if got, want := FromStd(tt.std).Protocols, protocols(tt.want); *got != *want {
				t.Errorf("%s, %s use: %v, want %v", tt.name, when, got, want)
			}
			tt.std.Clone() // completes the fields, as the first use does
		}
	}
}

// TestFromStdDials: the deprecated functions are called where their successors
// are not there.
func TestFromStdDials(t *testing.T) {
	std := &http.Transport{
		Dial: func(network, addr string) (net.Conn, error) { return nil, net.UnknownNetworkError(network + addr) },
		DialTLS: func(network, addr string) (net.Conn, error) {
			return nil, net.UnknownNetworkError("tls" + network + addr)
		},
	}
	got := FromStd(std)
	if _, err := got.DialContext(context.Background(), "tcp", ":1"); err != net.UnknownNetworkError("tcp:1") {
		t.Error(err)
	}
	if _, err := got.DialTLSContext(context.Background(), "tcp", ":1"); err != net.UnknownNetworkError("tlstcp:1") {
		t.Error(err)
	}
}

// TestFromStdCarries: a transport made of a test server's client works at once.
func TestFromStdCarries(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(kinds))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	w := watch(t, Strategy{})
	observe := w.Observe
	w.Transport = FromStd(srv.Client().Transport.(*http.Transport))
	w.Observe = observe
	if a := w.get(srv.URL + "/a"); a.err != nil || a.e.Protocol != "HTTP/2.0" {
		t.Errorf("%v, %+v", a.err, a.e)
	}
}

// TestClone: a clone has every setting and shares none that is written to.
func TestClone(t *testing.T) {
	a := FromStd(filledStd())
	a.MaxConnAge = time.Hour
	b := a.Clone()
	if b.MaxConnAge != time.Hour || b.Strategy != a.Strategy || b.DialContext == nil || b.Protocols.HTTP2() {
		t.Errorf("settings were lost: %v, %v", b.MaxConnAge, b.Strategy)
	}
	scribble(b)
	if a.ProxyConnectHeader.Get("A") != "b" || a.TLSClientConfig.ServerName != "a" || a.HTTP2.MaxConcurrentStreams != 9 || a.Protocols.HTTP2() {
		t.Error("the original was written to")
	}
	if c := new(Transport).Clone(); c.TLSClientConfig != nil || c.HTTP2 != nil || c.Protocols != nil {
		t.Error("a clone of the zero Transport is not zero")
	}
}
