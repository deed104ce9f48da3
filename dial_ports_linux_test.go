package linger

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestOutOfPorts tells the end of the ports from what looks like it.
func TestOutOfPorts(t *testing.T) {
	tcp := func(s string) net.Addr {
		if s == "" {
			return nil
		}
		return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s))
	}
	for _, tt := range []struct {
		name, call   string
		code         syscall.Errno
		source, dest string
		sourced      bool
		want         bool
	}{
		{"all ports toward it", "connect", syscall.EADDRNOTAVAIL, "", "192.0.2.1:80", true, true},
		{"all from that address", "connect", syscall.EADDRNOTAVAIL, "192.0.2.9:0", "192.0.2.1:80", true, true},
		{"no address that fits", "connect", syscall.EADDRNOTAVAIL, "", "[2001:db8::1]:80", false, false},
		{"the chosen 4-tuple is taken", "connect", syscall.EADDRNOTAVAIL, "192.0.2.9:4000", "192.0.2.1:80", true, false},
		{"all ports of the source", "bind", syscall.EADDRINUSE, "192.0.2.9:0", "192.0.2.1:80", true, true},
		{"the chosen port is taken", "bind", syscall.EADDRINUSE, "192.0.2.9:4000", "192.0.2.1:80", true, false},
		{"not an address of this machine", "bind", syscall.EADDRNOTAVAIL, "192.0.2.9:0", "192.0.2.1:80", true, false},
		{"refused", "connect", syscall.ECONNREFUSED, "", "192.0.2.1:80", true, false},
		{"a socket of Unix", "connect", syscall.EADDRNOTAVAIL, "", "", true, false},
	} {
		err := &net.OpError{Op: "dial", Net: "tcp", Source: tcp(tt.source), Addr: tcp(tt.dest), Err: os.NewSyscallError(tt.call, tt.code)}
		to, got := outOfPorts(&dialError{err: err}, func(netip.AddrPort) bool { return tt.sourced })
		if got != tt.want || (got && to.String() != tt.dest) {
			t.Errorf("%s: %v toward %v", tt.name, got, to)
		}
	}
	if _, ok := outOfPorts(syscall.EADDRNOTAVAIL, func(netip.AddrPort) bool { return true }); ok {
		t.Error("an error that does not say of what call is taken for the end of the ports")
	}
}

// TestPortsExhausted lets a kernel run out of ports: it is given one.
func TestPortsExhausted(t *testing.T) {
	srv := serve(t, echo)
	to := netip.MustParseAddrPort(strings.TrimPrefix(srv.url, "http://"))
	port := uint32(closedPort(t).Port())
	w := watch(t, Strategy{})
	w.DialContext = (&net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, int(port<<16|port))
		})
		return err
	}}).DialContext
	resp, err := w.RoundTrip(request(t, "GET", srv.url+"/held", ""))
	if errors.Is(err, syscall.ENOPROTOOPT) {
		return // before Linux 6.3: TestOutOfPorts has to do
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	a := w.get(srv.url + "/2")
	var e *PortExhaustedError
	var op *net.OpError
	if !errors.Is(a.err, ErrPortExhausted) || !errors.As(a.err, &e) || e.Destination != to || e.TimeWait < 0 {
		t.Errorf("got %v: %+v", a.err, e)
	}
	if !errors.As(a.err, &op) || !errors.Is(a.err, syscall.EADDRNOTAVAIL) || a.err.(*Error).Hint() == "" {
		t.Errorf("%v does not say what the kernel said", a.err)
	}
	wantAnswer(t, watch(t, Strategy{}).get(srv.url+"/3"), "/3", 1)
}

// TestHasSource: loopback can be reached; an address that no socket may connect to
// cannot.
func TestHasSource(t *testing.T) {
	if !hasSource(netip.MustParseAddrPort("127.0.0.1:80")) {
		t.Error("no address to reach 127.0.0.1 from")
	}
	if hasSource(netip.MustParseAddrPort("[fe80::1%nowhere]:80")) {
		t.Error("there is an address on an interface that is not there")
	}
}

// A table as /proc/net/tcp and tcp6 of a little-endian machine have it.
const procTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:A1B2 0100007F:1F90 06 00000000:00000000 03:00000FA0 00000000     0        0 0 3 0000000000000000
   1: 0100007F:A1B4 0100007F:1F90 06 00000000:00000000 03:00000FA0 00000000     0        0 0 3 0000000000000000
   2: 0100007F:A1B6 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000
   3: 0100007F:1F90 0100007F:A1B2 06 00000000:00000000 03:00000FA0 00000000     0        0 0 3 0000000000000000
   4: 0100007F:A1B8 0200007F:1F90 06 00000000:00000000 03:00000FA0 00000000     0        0 0 3 0000000000000000
   5: 0000000000000000FFFF00000100007F:A1BA 0000000000000000FFFF00000100007F:1F90 06 00000000:00000000 03:00000FA0 00000000     0        0 0 3
   6: 00000000000000000000000001000000:A1BA 00000000000000000000000001000000:1F90 06 00000000:00000000 03:00000FA0 00000000     0        0 0 3
`

func TestInTimeWait(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return // TestCountTimeWait reads a table of this machine's
	}
	for to, want := range map[string]int{"127.0.0.1:8080": 3, "127.0.0.2:8080": 1, "127.0.0.1:8081": 0, "127.0.0.1:41394": 1, "[::1]:8080": 1} {
		if got := inTimeWait(procTable, netip.MustParseAddrPort(to)); got != want {
			t.Errorf("%d toward %s, want %d", got, to, want)
		}
	}
}

// TestCountTimeWait counts connections of its own: the side that closes first holds
// the port.
func TestCountTimeWait(t *testing.T) {
	srv := serve(t, func(p *peer) { io.Copy(io.Discard, p.in) })
	to := netip.MustParseAddrPort(strings.TrimPrefix(srv.url, "http://"))
	for range 3 {
		c, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to.String())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	eventually(t, "3 ports are in TIME_WAIT", func() bool { return countTimeWait(to) == 3 })
	var c timeWaitCount
	now := time.Now()
	c.to, c.at, c.count = to, now, 7
	if got := c.toward(to, now.Add(countedFor-1)); got != 7 {
		t.Errorf("counted anew after less than %v: %d", countedFor, got)
	}
	if got := c.toward(to, now.Add(countedFor)); got != 3 {
		t.Errorf("not counted anew: %d", got)
	}
}
