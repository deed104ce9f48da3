package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// A recording is what a test's tap heard.
type recording struct {
	mu  sync.Mutex
	all []Record // guarded by mu
}

func (r *recording) tap(one Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, one)
}

// of are the records of a direction and a kind, in the order of their entry. The lab
// must be closed or quiet.
func (r *recording) of(d Direction, k link.Kind) []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	some := slices.DeleteFunc(slices.Clone(r.all), func(one Record) bool { return one.Dir != d || one.Kind != k })
	slices.SortFunc(some, func(a, b Record) int { return int(a.Seq) - int(b.Seq) })
	return some
}

// connect makes a connection and returns both of its ends.
func connect(t *testing.T, l *Lab) (client, server net.Conn) {
	t.Helper()
	listener, err := l.Server.Listen("tcp", "origin:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if client, err = l.Client.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	deadline := time.Now().Add(20 * time.Second)
	_, _ = client.SetDeadline(deadline), server.SetDeadline(deadline)
	return client, server
}

// transfer sends n bytes over a connection, and returns when they have arrived.
func transfer(t *testing.T, from, to net.Conn, n int) {
	t.Helper()
	go from.Write(sample(n))
	if got, err := io.CopyN(io.Discard, to, int64(n)); err != nil {
		t.Fatalf("%d bytes of %d arrived: %v", got, n, err)
	}
}

// on does something with a connection's socket.
func on(t *testing.T, c net.Conn, do func(fd int) error) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { err = do(int(fd)) }), err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCongestionControl(t *testing.T) {
	for _, cc := range []string{"", "reno", "cubic", "bbr"} {
		want := Kernel{Congestion: cc}.congestion()
		l := newLab(t, Config{Client: Kernel{Congestion: cc}, Server: Kernel{Congestion: cc}})
		client, server := connect(t, l)
		for _, c := range []net.Conn{client, server} {
			on(t, c, func(fd int) error {
				got, err := unix.GetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
				if got = strings.TrimRight(got, "\x00"); got != want {
					t.Errorf("%s in force, want %s", got, want)
				}
				return err
			})
		}
		for _, k := range kernels(l) {
			if k["route"] != "congctl "+want || k["net/ipv4/tcp_no_metrics_save"] != "1" {
				t.Errorf("read back %v", k)
			}
		}
		_ = l.Close()
	}
}

func kernels(l *Lab) []map[string]string {
	client, server := l.Kernels()
	return []map[string]string{client, server}
}

// TestInitialWindow counts what is sent before the first acknowledgement can be back.
func TestInitialWindow(t *testing.T) {
	const rtt = 60 * time.Millisecond
	for set, want := range map[int]int{0: 10, 1: 1, 3: 3, 25: 25} {
		var r recording
		c := symmetric(rtt)
		c.Tap, c.Client.InitialWindow = r.tap, set
		l := newLab(t, c)
		client, server := connect(t, l)
		transfer(t, client, server, 100_000)
		_ = l.Close()
		data := r.of(Up, link.Data)
		first := slices.IndexFunc(data, func(one Record) bool { return one.Entered.Sub(data[0].Entered) >= rtt })
		if first != want {
			t.Errorf("initial window %d: %d packets in the first round, want %d", set, first, want)
		}
	}
}

// options are those of a SYN by their kind: RFC 9293 §3.1.
func options(t *testing.T, r Record) map[byte][]byte {
	t.Helper()
	h, err := packet.Decode(r.Data)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[byte][]byte)
	for b := r.Data[h.Transport+20 : h.Payload]; len(b) > 0 && b[0] != 0; {
		if b[0] == 1 {
			b = b[1:]
			continue
		}
		found[b[0]] = b[2:b[1]]
		b = b[b[1]:]
	}
	return found
}

const (
	optionMSS        = 2
	optionSACK       = 4
	optionTimestamps = 8
)

// TestSYN sees what each side offers.
func TestSYN(t *testing.T) {
	for _, k := range []Kernel{{}, {MSS: 1000}, {NoSACK: true}, {NoTimestamps: true}, {ReceiveBuffer: 16384}} {
		var r recording
		l := newLab(t, Config{Tap: r.tap, Client: k, Server: k})
		client, server := connect(t, l)
		transfer(t, client, server, 30_000)
		transfer(t, server, client, 30_000)
		_ = l.Close()
		for _, syn := range append(r.of(Up, link.SYN), r.of(Down, link.SYNACK)...) {
			o := options(t, syn)
			mss := k.MSS
			if mss == 0 {
				mss = 1460
			}
			if len(o[optionMSS]) != 2 || int(binary.BigEndian.Uint16(o[optionMSS])) != mss {
				t.Errorf("%v: MSS %v", k.String(), o[optionMSS])
			}
			if _, ok := o[optionSACK]; ok == k.NoSACK {
				t.Errorf("%v: SACK permitted %v", k.String(), ok)
			}
			if _, ok := o[optionTimestamps]; ok == k.NoTimestamps {
				t.Errorf("%v: timestamps %v", k.String(), ok)
			}
			h, _ := packet.Decode(syn.Data)
			if small := h.Window <= 16384; small != (k.ReceiveBuffer != 0) {
				t.Errorf("%v: a window of %d", k.String(), h.Window)
			}
		}
		for _, d := range append(r.of(Up, link.Data), r.of(Down, link.Data)...) {
			h, _ := packet.Decode(d.Data)
			if segment := h.End - h.Transport - 20; k.MSS != 0 && segment > k.MSS {
				t.Errorf("%v: a segment of %d bytes with its options", k.String(), segment)
				break
			}
		}
	}
}

// TestMSSOfOneSide sees that the other side keeps to what one offers.
func TestMSSOfOneSide(t *testing.T) {
	var r recording
	l := newLab(t, Config{Tap: r.tap, Client: Kernel{MSS: 500}})
	client, server := connect(t, l)
	transfer(t, server, client, 30_000)
	_ = l.Close()
	for _, one := range r.of(Down, link.Data) {
		h, _ := packet.Decode(one.Data)
		if segment := h.End - h.Transport - 20; segment > 500 {
			t.Fatalf("a segment of %d bytes with its options", segment)
		}
	}
}

// TestQuickACK makes the server expect that it will have something to say, which it
// then has not, and sees when it acknowledges.
func TestQuickACK(t *testing.T) {
	for _, quick := range []bool{false, true} {
		var r recording
		l := newLab(t, Config{Tap: r.tap, Server: Kernel{QuickACK: quick}})
		client, server := connect(t, l)
		for range 5 {
			transfer(t, client, server, 100)
			transfer(t, server, client, 100)
		}
		transfer(t, client, server, 100)
		quiet(t, l) // the last one is acknowledged
		_ = l.Close()
		data := r.of(Up, link.Data)
		last := data[len(data)-1]
		acks := r.of(Down, link.ACK)
		if len(acks) == 0 {
			t.Fatalf("quick %v: no acknowledgement", quick)
		}
		took := acks[len(acks)-1].Entered.Sub(last.At)
		if late := took > 30*time.Millisecond; late == quick {
			t.Errorf("quick %v: acknowledged after %v", quick, took)
		}
	}
}

// TestKeepWindow counts what is sent at once after a pause of several retransmission
// timeouts.
func TestKeepWindow(t *testing.T) {
	const rtt = 40 * time.Millisecond
	for _, keep := range []bool{false, true} {
		var r recording
		c := symmetric(rtt)
		c.Tap, c.Client = r.tap, Kernel{Congestion: "reno", KeepWindow: keep}
		l := newLab(t, c)
		client, server := connect(t, l)
		transfer(t, client, server, 500_000)
		time.Sleep(1200 * time.Millisecond)
		pause := time.Now()
		transfer(t, client, server, 100_000)
		_ = l.Close()
		data := slices.DeleteFunc(r.of(Up, link.Data), func(one Record) bool { return one.Entered.Before(pause) })
		n := 0
		for n < len(data) && data[n].Entered.Sub(data[0].Entered) < rtt {
			n++
		}
		if big := n > 40; big != keep {
			t.Errorf("keep %v: %d packets in the first round", keep, n)
		}
	}
}

// TestPortsUsedUp holds as many connections as there are ports.
func TestPortsUsedUp(t *testing.T) {
	l := newLab(t, Config{Client: Kernel{FirstPort: 40000, LastPort: 40009}})
	echo(t, l, "tcp", "origin:7")
	for i := range 11 {
		c, err := l.Client.Dial("tcp4", "origin:7")
		if i == 10 {
			if !errors.Is(err, unix.EADDRNOTAVAIL) {
				t.Errorf("the 11th of 10 ports: %v", err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if port := c.LocalAddr().(*net.TCPAddr).Port; port < 40000 || port > 40009 {
			t.Errorf("port %d", port)
		}
	}
}

// TestFastOpen sends data in the SYN, and has the answer after one round trip.
func TestFastOpen(t *testing.T) {
	const rtt = 40 * time.Millisecond
	for _, open := range []bool{false, true} {
		var r recording
		c := symmetric(rtt)
		c.Tap, c.Client.FastOpen, c.Server.FastOpen = r.tap, open, open
		l := newLab(t, c)
		echo(t, l, "tcp", "origin:7")
		fd := -1
		began := time.Now()
		err := l.Client.run(func() (err error) {
			if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
				return err
			}
			to := &unix.SockaddrInet4{Port: 7, Addr: l.Server.Addrs()[0].As4()}
			return unix.Sendto(fd, []byte("early"), unix.MSG_FASTOPEN, to)
		})
		if err == nil && open {
			buf := make([]byte, 10)
			var n int
			n, err = unix.Read(fd, buf)
			if took := time.Since(began); string(buf[:max(n, 0)]) != "early" || took >= 2*rtt {
				t.Errorf("%q after %v", buf[:max(n, 0)], took)
			}
		}
		if err != nil {
			t.Error(err)
		}
		_ = unix.Close(fd)
		_ = l.Close()
		syns := r.of(Up, link.SYN)
		if early := len(syns) > 0 && bytes.HasSuffix(syns[0].Data, []byte("early")); early != open {
			t.Errorf("fast open %v: %d SYNs, with data %v", open, len(syns), early)
		}
	}
}

// TestReadBack compares what is in force with what was asked for.
func TestReadBack(t *testing.T) {
	k := Kernel{
		Congestion: "reno", InitialWindow: 2, MSS: 1400, NoSACK: true, NoTimestamps: true, QuickACK: true,
		KeepWindow: true, ReceiveBuffer: 100_000, FirstPort: 40000, LastPort: 40200, FastOpen: true,
	}
	l := newLab(t, Config{Server: k})
	_, server := l.Kernels()
	server["route"] = "" // in a copy
	client, server := l.Kernels()
	for name, want := range map[string][2]string{
		"net/ipv4/tcp_sack":                  {"1", "0"},
		"net/ipv4/tcp_timestamps":            {"1", "0"},
		"net/ipv4/tcp_slow_start_after_idle": {"1", "0"},
		"net/ipv4/tcp_no_metrics_save":       {"1", "1"},
		"net/ipv4/ip_local_port_range":       {"32768 60999", "40000 40200"},
		"route":                              {"congctl cubic", "congctl reno initcwnd 2 advmss 1400 quickack 1"},
	} {
		if client[name] != want[0] || server[name] != want[1] {
			t.Errorf("%s: %q and %q, want %q", name, client[name], server[name], want)
		}
	}
	if server["net/ipv4/tcp_rmem"] != "100000 100000 100000" || server["net/ipv4/tcp_fastopen"] != fmt.Sprint(fastOpenAll) {
		t.Errorf("%v", server)
	}
}
