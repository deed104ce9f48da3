package linger

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// An intermediary is a proxy of the test's own that writes down what it was asked.
type intermediary struct {
	url    string
	secure bool // it is reached by TLS

	wg   sync.WaitGroup
	mu   sync.Mutex
	said []string   // guarded by mu: what it was asked, and by whom
	open []net.Conn // guarded by mu
}

func (m *intermediary) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said)
}

func (m *intermediary) note(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.said = append(m.said, fmt.Sprintf(format, args...))
}

func (m *intermediary) keep(c net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = append(m.open, c)
}

// by makes a function for Transport.Proxy.
func (m *intermediary) by(user string) func(*http.Request) (*url.URL, error) {
	u, err := url.Parse(strings.Replace(m.url, "://", "://"+user, 1))
	if err != nil {
		panic(err)
	}
	return http.ProxyURL(u)
}

// join copies both ways until both have ended.
func (m *intermediary) join(client io.ReadWriteCloser, server net.Conn) {
	m.wg.Go(func() { io.Copy(server, client); server.Close() })
	io.Copy(client, server)
	client.Close()
}

// httpProxy starts an intermediary of HTTP, to be reached by TLS or in clear.
func httpProxy(t *testing.T, secure bool) *intermediary {
	m := &intermediary{secure: secure}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("Proxy-Authorization")
		m.note("%s %s %s", r.Method, r.RequestURI, user)
		if r.Method != http.MethodConnect {
			fmt.Fprintf(rw, "%s for %s", r.RequestURI, r.Host)
			return
		}
		server, err := net.Dial("tcp", r.RequestURI)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		client, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		m.keep(client)
		io.WriteString(client, "HTTP/1.1 200 Connection Established\r\n\r\n")
		m.wg.Go(func() { m.join(client, server) })
	}))
	if secure {
		srv.EnableHTTP2 = true // it is not for the client to choose it
		srv.StartTLS()
	} else {
		srv.Start()
	}
	m.url = srv.URL
	t.Cleanup(func() { srv.Close(); m.end() })
	return m
}

func (m *intermediary) end() {
	m.mu.Lock()
	for _, c := range m.open {
		c.Close()
	}
	m.mu.Unlock()
	m.wg.Wait()
}

// socksProxy starts an intermediary of SOCKS5 that asks for user and password if
// the client offers them: RFC 1928, RFC 1929.
func socksProxy(t *testing.T, scheme string) *intermediary {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &intermediary{url: scheme + "://" + l.Addr().String()}
	m.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			m.keep(c)
			m.wg.Go(func() { m.serveSOCKS(t, c) })
		}
	})
	t.Cleanup(func() { l.Close(); m.end() })
	return m
}

func (m *intermediary) serveSOCKS(t *testing.T, c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	next := func(n int) []byte {
		b := make([]byte, n)
		io.ReadFull(in, b)
		return b
	}
	user := ""
	if methods := next(int(next(2)[1])); slices.Contains(methods, 2) {
		c.Write([]byte{5, 2})
		name := next(int(next(2)[1]))
		user = string(name) + ":" + string(next(int(next(1)[0])))
		c.Write([]byte{1, 0})
	} else {
		c.Write([]byte{5, 0})
	}
	host := ""
	switch next(4)[3] {
	case 1:
		host = net.IP(next(4)).String()
	case 3:
		host = string(next(int(next(1)[0])))
	case 4:
		host = net.IP(next(16)).String()
	}
	addr := net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(next(2))))
	m.note("%s %s", addr, user)
	server, err := net.Dial("tcp", strings.Replace(addr, "name.test", "127.0.0.1", 1))
	if err != nil {
		c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
		return
	}
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	m.join(c, server)
}
