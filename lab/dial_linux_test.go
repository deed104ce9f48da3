package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/link"
)

// sample is data of n bytes, the same each time.
func sample(n int) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{})
	_, _ = src.Read(b) // it never fails
	return b
}

func TestTCP(t *testing.T) {
	const rtt = 30 * time.Millisecond
	l := newLab(t, symmetric(rtt))
	echo(t, l, "tcp4", "origin:7")
	echo(t, l, "tcp6", net.JoinHostPort(l.Server.Addrs()[1].String(), "7"))
	data := sample(1 << 20)
	for _, network := range []string{"tcp", "tcp4", "tcp6"} {
		began := time.Now()
		c, err := l.Client.Dial(network, "origin:7")
		took := time.Since(began)
		if err != nil {
			t.Fatal(network, err)
		}
		if tooSoon(took, rtt) {
			t.Errorf("%s: connected in %v, the round trip is %v", network, took, rtt)
		}
		if v6 := c.RemoteAddr().(*net.TCPAddr).IP.To4() == nil; v6 != (network == "tcp6") {
			t.Errorf("%s went to %v", network, c.RemoteAddr())
		}
		if got, err := exchange(c, data); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes came back: %v", network, len(got), err)
		}
	}
}

func TestUDP(t *testing.T) {
	l := newLab(t, symmetric(10*time.Millisecond))
	server, err := l.Server.ListenPacket("udp", "origin:7")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := l.Client.Dial("udp", "origin:7")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	deadline := time.Now().Add(10 * time.Second)
	_, _ = server.SetReadDeadline(deadline), c.SetReadDeadline(deadline)
	began := time.Now()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := server.ReadFrom(buf)
	if err != nil || from.String() != c.LocalAddr().String() {
		t.Fatal(from, err)
	}
	if _, err := server.WriteTo(buf[:n], from); err != nil {
		t.Fatal(err)
	}
	n, err = c.Read(buf)
	if took := time.Since(began); err != nil || string(buf[:n]) != "ping" || tooSoon(took, 10*time.Millisecond) {
		t.Errorf("%q after %v: %v", buf[:n], took, err)
	}
}

// TestHosts has servers at different distances, with several names.
func TestHosts(t *testing.T) {
	c := symmetric(10 * time.Millisecond)
	own := []time.Duration{0, 20 * time.Millisecond, 50 * time.Millisecond}
	for i, d := range own {
		c.Hosts = append(c.Hosts, Host{
			Names: []string{fmt.Sprintf("host%d", i), fmt.Sprintf("www.host%d.example", i)},
			Up:    link.Config{Delay: d / 4}, Down: link.Config{Delay: d * 3 / 4},
		})
	}
	l := newLab(t, c)
	for i, d := range own {
		echo(t, l, "tcp", fmt.Sprintf("host%d:7", i))
		for _, name := range c.Hosts[i].Names {
			began := time.Now()
			conn, err := l.Client.Dial("tcp", name+":7")
			took := time.Since(began)
			if err != nil {
				t.Fatal(err)
			}
			if tooSoon(took, 10*time.Millisecond+d) {
				t.Errorf("%s: connected in %v, the round trip is %v", name, took, 10*time.Millisecond+d)
			}
			if got, err := exchange(conn, []byte(name)); err != nil || string(got) != name {
				t.Errorf("%q came back: %v", got, err)
			}
		}
	}
}

func TestDialErrors(t *testing.T) {
	c := symmetric(10 * time.Millisecond)
	c.Hosts = []Host{{Names: []string{"origin"}}, {Names: []string{"deaf"}, Up: link.Config{Loss: 1}}}
	l := newLab(t, c)
	live := func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) }
	ended := func() (context.Context, context.CancelFunc) {
		ctx, end := live()
		end()
		return ctx, end
	}
	cancelled := func() (context.Context, context.CancelFunc) {
		ctx, cancel := live()
		before, _ := l.Counts()
		go func() {
			awaitPackets(l, before.Packets+1)
			cancel()
		}()
		return ctx, cancel
	}
	short := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(t.Context(), 30*time.Millisecond)
	}
	// Nobody answers "deaf": who does not heed ctx waits for minutes.
	for _, c := range []struct {
		name, network, addr string
		ctx                 func() (context.Context, context.CancelFunc)
		check               func(error) bool
	}{
		{"name", "tcp", "nowhere:80", live, isNotFound},
		{"no port", "tcp", "origin", live, func(err error) bool { return strings.Contains(err.Error(), "missing port") }},
		{"network", "tpc", "origin:80", live, func(err error) bool { return strings.Contains(err.Error(), "unknown network") }},
		{"refused", "tcp", "origin:80", live, func(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }},
		{"refused by itself", "tcp", ":80", live, func(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }},
		{"stray", "tcp", "192.0.2.1:80", live, func(err error) bool { return errors.Is(err, unix.ENETUNREACH) }},
		{"ended", "tcp", "deaf:80", ended, func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"cancelled", "tcp", "deaf:80", cancelled, func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"deadline", "tcp", "deaf:80", short, isTimeout},
	} {
		ctx, cancel := c.ctx()
		conn, err := l.Client.DialContext(ctx, c.network, c.addr)
		cancel()
		if err == nil {
			_ = conn.Close()
		}
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "dial" || !c.check(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// awaitPackets waits until so many have gone up, or the lab is closed. It asks the
// relay, which answers when it has a moment.
func awaitPackets(l *Lab, n int64) {
	for {
		var up int64
		if err := l.ask(func() { up = l.relay.ways[Up].Packets }); err != nil || up >= n {
			return
		}
		runtime.Gosched()
	}
}

// TestLocalhost: without a host, and with "localhost", both sides mean themselves, as
// net.Dial and net.Listen do.
func TestLocalhost(t *testing.T) {
	l := newLab(t, Config{Up: link.Config{Loss: 1}, Down: link.Config{Loss: 1}})
	for at, to := range map[string][]string{
		":7": {":7", "localhost:7", "LOCALHOST.:7", "127.0.0.1:7"}, "localhost:8": {":8", "localhost:8"},
	} {
		echo(t, l, "tcp", at)
		for _, addr := range to {
			c, err := l.Server.Dial("tcp", addr)
			if err != nil {
				t.Errorf("%s from %s: %v", at, addr, err)
				continue
			}
			if got, err := exchange(c, []byte("hello")); err != nil || string(got) != "hello" {
				t.Errorf("%s from %s: %q came back: %v", at, addr, got, err)
			}
		}
	}
	if len(l.Client.Addrs()) > 1 {
		echo(t, l, "tcp6", "[::1]:9")
		c, err := l.Server.Dial("tcp", "localhost:9") // its IPv4 address refuses
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
}

func isNotFound(err error) bool {
	var d *net.DNSError
	return errors.As(err, &d) && d.IsNotFound
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout() && errors.Is(err, context.DeadlineExceeded)
}

// TestCloseEndsDial closes a lab under a dial that nobody answers.
func TestCloseEndsDial(t *testing.T) {
	l := newLab(t, Config{Up: link.Config{Loss: 1}})
	dialled := make(chan error, 1)
	go func() {
		_, err := l.Client.Dial("tcp", "origin:80")
		dialled <- err
	}()
	awaitPackets(l, 1)
	_ = l.Close()
	if err := <-dialled; !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v, want net.ErrClosed", err)
	}
}

func TestListenErrors(t *testing.T) {
	l := newLab(t, Config{})
	echo(t, l, "tcp", "origin:7")
	if _, err := l.Server.Listen("tcp", "origin:7"); !errors.Is(err, unix.EADDRINUSE) {
		t.Errorf("twice: %v", err)
	}
	if _, err := l.Server.Listen("tcp", "nowhere:7"); !isNotFound(err) {
		t.Errorf("no such name: %v", err)
	}
	if _, err := l.Client.Listen("tcp", "origin:7"); !errors.Is(err, unix.EADDRNOTAVAIL) {
		t.Errorf("the other side's address: %v", err)
	}
	if up, err := l.Server.Listens(7); err != nil || !up {
		t.Errorf("Listens(7): %v, %v", up, err)
	}
	if up, err := l.Server.Listens(8); err != nil || up {
		t.Errorf("Listens(8): %v, %v", up, err)
	}
}

func TestParallelDials(t *testing.T) {
	l := newLab(t, symmetric(20*time.Millisecond))
	echo(t, l, "tcp", "origin:7")
	data := sample(10_000)
	var dials sync.WaitGroup
	for range 200 {
		dials.Go(func() {
			c, err := l.Client.Dial("tcp", "origin:7")
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := exchange(c, data); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes came back: %v", len(got), err)
			}
		})
	}
	dials.Wait()
}

func TestHTTP(t *testing.T) {
	l := newLab(t, symmetric(20*time.Millisecond))
	listener, err := l.Server.Listen("tcp", ":80")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello from "+r.Host)
	})}
	go srv.Serve(listener)
	defer srv.Close()
	transport := &http.Transport{DialContext: l.Client.DialContext}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://origin/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "hello from origin" {
		t.Errorf("%q, %v", body, err)
	}
	_ = resp.Body.Close()
	out, err := l.Client.Command(t.Context(), "curl", "-sS", "--noproxy", "*", "http://origin/").CombinedOutput()
	if err != nil || string(out) != "hello from origin" {
		t.Errorf("curl: %q, %v", out, err)
	}
}
