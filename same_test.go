package linger

import (
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// The same bytes to net/http and to linger: what comes out must be the same, but
// for what docs/differences.md names.

// answersOf are responses as servers send them.
var answersOf = []struct{ name, method, raw string }{
	{"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
	{"length 0", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"until the end", "GET", "HTTP/1.1 200 OK\r\n\r\nabc"},
	{"HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nabc"},
	{"HTTP/1.0 kept", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc"},
	{"close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"},
	{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
	{"chunked and close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
	{"chunked, empty", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"Chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
	{"trailer announced", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum, other\r\n\r\n3\r\nabc\r\n0\r\nSum: 6\r\nOther: x\r\n\r\n"},
	{"trailer announced, not sent", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n3\r\nabc\r\n0\r\n\r\n"},
	{"trailer unannounced", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nSum: 6\r\n\r\n"},
	{"trailer without chunks", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTrailer: Sum\r\n\r\nabc"},
	{"no content", "GET", "HTTP/1.1 204 No Content\r\n\r\n"},
	{"no content, length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"},
	{"not modified", "GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"x\"\r\n\r\n"},
	{"not modified, length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
	{"HEAD", "HEAD", "HTTP/1.1 200 OK\r\n\r\n"},
	{"HEAD, length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
	{"HEAD, length 0", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"HEAD, chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"HEAD, no content", "HEAD", "HTTP/1.1 204 No Content\r\n\r\n"},
	{"HEAD, close", "HEAD", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"},
	{"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"},
	{"empty reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"},
	{"long reason", "GET", "HTTP/1.1 299 All of it is well\r\nContent-Length: 0\r\n\r\n"},
	{"fields in odd case", "GET", "HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\nx-ODD-name: v\r\nset-cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nabc"},
	{"empty values", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nEmpty:\r\nSpaced:   a b  \r\n\r\n"},
	{"length twice", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
	{"pragma", "GET", "HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 0\r\n\r\n"},
	{"103 before", "GET", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"},
	{"redirect", "GET", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"},
	{"error with body", "GET", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 3\r\n\r\nabc"},
	{"cut", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nabc"},
	{"cut in a chunk", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"},
	{"lengths differ", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"},
	{"negative length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc"},
	{"plus length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"},
	{"no HTTP", "GET", "SSH-2.0-x\r\n\r\n"},
	{"status of two digits", "GET", "HTTP/1.1 20 OK\r\n\r\n"},
	{"no colon", "GET", "HTTP/1.1 200 OK\r\nwhat is this\r\n\r\n"},
	{"empty name", "GET", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"},
	{"CONNECT refused", "CONNECT", "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nabc"},
}

// seen is a response in words, as far as its user can see it.
func seen(resp *http.Response, err error) string {
	if err != nil {
		return "an error"
	}
	defer resp.Body.Close()
	announced := fmt.Sprintf("%q", resp.Trailer)
	body, err := io.ReadAll(resp.Body)
	return fmt.Sprintf("%q %d %s %d.%d\nheader %q\nlength %d, coded %q, close %v, uncompressed %v, tls %v\ntrailer %s, then %q\nbody %q, failed %v, cut %v",
		resp.Status, resp.StatusCode, resp.Proto, resp.ProtoMajor, resp.ProtoMinor, resp.Header, resp.ContentLength, resp.TransferEncoding,
		resp.Close, resp.Uncompressed, resp.TLS != nil, announced, resp.Trailer, body, err != nil, err == io.ErrUnexpectedEOF || cut(err))
}

// TestSameResponse hands the same bytes to net/http and to linger.
func TestSameResponse(t *testing.T) {
	for _, tt := range answersOf {
		t.Run(tt.name, func(t *testing.T) {
			srv := serve(t, func(p *peer) {
				p.head()
				p.say("%s", tt.raw)
			})
			std := &http.Transport{}
			defer std.CloseIdleConnections()
			want := seen(std.RoundTrip(request(t, tt.method, srv.url+"/", "")))
			w := watch(t, persistent)
			req := request(t, tt.method, srv.url+"/", "")
			resp, err := w.RoundTrip(req)
			if got := seen(resp, err); got != want {
				t.Errorf("linger:\n%s\nnet/http:\n%s", got, want)
			}
			if resp != nil && (resp.Request != req || resp.Body == nil) {
				t.Error("the response does not name its request, or has a nil body")
			}
		})
	}
}

// asked is a request as it stood on the wire, its fields in no order.
func asked(t *testing.T, rt http.RoundTripper, req *http.Request) string {
	t.Helper()
	got := make(chan string, 1)
	srv := serve(t, func(p *peer) {
		r, err := http.ReadRequest(p.in)
		if err != nil {
			got <- "no request: " + err.Error()
			return
		}
		body, err := io.ReadAll(r.Body)
		delete(r.Header, "User-Agent")
		got <- fmt.Sprintf("%s %s %s, host %q\n%q\nlength %d, coded %q, close %v\n%q, %v, trailer %q", r.Method, r.RequestURI, r.Proto, r.Host, r.Header,
			r.ContentLength, r.TransferEncoding, r.Close, body, err, r.Trailer)
		p.answer("")
	})
	req.URL.Host = strings.TrimPrefix(srv.url, "http://")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "an error"
	}
	resp.Body.Close()
	return strings.ReplaceAll(<-got, req.URL.Host, "HOST")
}

type onlyReader struct{ io.Reader }

// TestSameRequest has net/http and linger send the same request.
func TestSameRequest(t *testing.T) {
	body := func(s string) io.ReadCloser { return io.NopCloser(onlyReader{strings.NewReader(s)}) }
	tests := map[string]func(r *http.Request){
		"plain":                  func(*http.Request) {},
		"no method":              func(r *http.Request) { r.Method = "" },
		"host":                   func(r *http.Request) { r.Host = "other.test:99" },
		"opaque":                 func(r *http.Request) { r.URL.Opaque = "//x.test/a%2fb" },
		"no path":                func(r *http.Request) { r.URL.Path = "" },
		"query alone":            func(r *http.Request) { r.URL.Path, r.URL.RawQuery = "", "a=b" },
		"fragment":               func(r *http.Request) { r.URL.Fragment = "f" },
		"options of all":         func(r *http.Request) { r.Method, r.URL.Path, r.URL.RawQuery = "OPTIONS", "*", "" },
		"close":                  func(r *http.Request) { r.Close = true },
		"Connection: close":      func(r *http.Request) { r.Header.Set("Connection", "close") },
		"POST without body":      func(r *http.Request) { r.Method = "POST" },
		"PATCH without body":     func(r *http.Request) { r.Method = "PATCH" },
		"DELETE without body":    func(r *http.Request) { r.Method = "DELETE" },
		"POST NoBody":            func(r *http.Request) { r.Method, r.Body = "POST", http.NoBody },
		"POST of length":         func(r *http.Request) { r.Method, r.Body, r.ContentLength = "POST", body("abc"), 3 },
		"POST of unknown length": func(r *http.Request) { r.Method, r.Body = "POST", body("abc") },
		"POST, length -1":        func(r *http.Request) { r.Method, r.Body, r.ContentLength = "POST", body("abc"), -1 },
		"POST of nothing":        func(r *http.Request) { r.Method, r.Body = "POST", body("") },
		"GET with a body":        func(r *http.Request) { r.Body = body("abc") },
		"GET with an empty body": func(r *http.Request) { r.Body = body("") },
		"DELETE, empty body":     func(r *http.Request) { r.Method, r.Body = "DELETE", body("") },
		"length without body":    func(r *http.Request) { r.Method, r.ContentLength = "POST", 3 },
		"body too short":         func(r *http.Request) { r.Method, r.Body, r.ContentLength = "POST", body("ab"), 3 },
		"chunked by wish": func(r *http.Request) {
			r.Method, r.Body, r.ContentLength, r.TransferEncoding = "POST", body("abc"), 3, []string{"chunked"}
		},
		"trailer": func(r *http.Request) {
			r.Method, r.Body, r.Trailer = "POST", body("abc"), http.Header{"Sum": {"6"}, "B": {"c"}}
		},
		"fields of framing": func(r *http.Request) {
			r.Header["Content-Length"], r.Header["Transfer-Encoding"], r.Header["Trailer"], r.Header["Host"] = []string{"5"}, []string{"chunked"}, []string{"A"}, []string{"x"}
		},
		"many values":           func(r *http.Request) { r.Header["A"] = []string{"1", "", "2"} },
		"name in odd case":      func(r *http.Request) { r.Header["x-oDD"] = []string{"1"} },
		"space around":          func(r *http.Request) { r.Header["A"] = []string{"  a \t"} },
		"basic auth":            func(r *http.Request) { r.SetBasicAuth("a", "b") },
		"cookie":                func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "a", Value: "b"}) },
		"own Accept-Encoding":   func(r *http.Request) { r.Header.Set("Accept-Encoding", "br") },
		"range":                 func(r *http.Request) { r.Header.Set("Range", "bytes=0-1") },
		"HEAD":                  func(r *http.Request) { r.Method = "HEAD" },
		"line break in a value": func(r *http.Request) { r.Header["A"] = []string{"a\r\nB: c"} },
		"bad name":              func(r *http.Request) { r.Header["A b"] = []string{"a"} },
		"bad method":            func(r *http.Request) { r.Method = "G T" },
		"bad trailer":           func(r *http.Request) { r.Trailer = http.Header{"A b": {"c"}} },
		"no trailer of framing": func(r *http.Request) {
			r.Method, r.Body, r.Trailer = "POST", body("a"), http.Header{"Content-Length": {"1"}}
		},
		"host with a zone":    func(r *http.Request) { r.Host = "[fe80::1%25en0]:80" },
		"path with a space":   func(r *http.Request) { r.URL.Path = "/a b" },
		"path of two slashes": func(r *http.Request) { r.URL.Path = "//a" },
		"CONNECT":             func(r *http.Request) { r.Method, r.URL.Path, r.Host = "CONNECT", "", "a.test:443" },
		"CONNECT to a path":   func(r *http.Request) { r.Method, r.URL.Path = "CONNECT", "/_goRPC_" },
		"CONNECT, opaque":     func(r *http.Request) { r.Method, r.URL.Path, r.URL.Opaque = "CONNECT", "", "b.test:1" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			std := &http.Transport{}
			defer std.CloseIdleConnections()
			ask := func(rt http.RoundTripper) string {
				req := request(t, "GET", "http://host.test/path?q=1", "")
				req.Host = ""
				change(req)
				return asked(t, rt, req)
			}
			if got, want := ask(watch(t, persistent)), ask(std); !reflect.DeepEqual(got, want) {
				t.Errorf("linger:\n%s\nnet/http:\n%s", got, want)
			}
		})
	}
}
