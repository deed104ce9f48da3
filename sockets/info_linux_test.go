package sockets

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bitFields are not in a struct of Go.
const bitFields = 4

// TestAgreesWithTheHeader holds every field against the struct that
// golang.org/x/sys/unix has generated from the kernel's header.
func TestAgreesWithTheHeader(t *testing.T) {
	b := counting()
	i, err := ParseTCPInfo(b)
	if err != nil {
		t.Fatal(err)
	}
	header := reflect.ValueOf(*(*unix.TCPInfo)(unsafe.Pointer(&b[0])))
	ours := reflect.ValueOf(i)
	compared := 0
	for f := range ours.NumField() {
		name := kernelName(ours.Type().Field(f))
		theirs := header.FieldByName(strings.ToUpper(name[:1]) + name[1:])
		if !theirs.IsValid() {
			continue // Length, and the bit fields
		}
		compared++
		got := ours.Field(f)
		if got.Type() == reflect.TypeFor[time.Duration]() {
			got = reflect.ValueOf(uint64(got.Int()) / uint64(unitOf(name)))
		}
		if want := theirs.Uint(); got.Uint() != min(want, longest(name)) {
			t.Errorf("%s is %d, by the header %d", name, got.Uint(), want)
		}
	}
	if want := len(layout) - bitFields; compared != want {
		t.Errorf("%d fields compared, not %d", compared, want)
	}
}

// unitOf is what the kernel counts a time in.
func unitOf(name string) time.Duration {
	if strings.HasPrefix(name, "last_") || name == "total_rto_time" {
		return time.Millisecond
	}
	return time.Microsecond
}

// longest is the most that a field of 64 bits of microseconds can say here.
func longest(name string) uint64 {
	switch name {
	case "busy_time", "rwnd_limited", "sndbuf_limited":
		return (1<<63 - 1) / 1000
	}
	return 1<<64 - 1
}

// connected returns both ends of a connection.
func connected(t *testing.T, network, addr string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

// TestInfo asks about a connection that has carried a little each way.
func TestInfo(t *testing.T) {
	client, server := connected(t, "tcp", "127.0.0.1:0")
	there, back := make([]byte, 3000), make([]byte, 500)
	client.Write(there)
	io.ReadFull(server, there)
	server.Write(back)
	io.ReadFull(client, back)

	i, err := Info(client.(syscall.Conn))
	if err != nil {
		t.Fatal(err)
	}
	if i.Length < leastLength || i.State != Established || i.CAState != CAOpen || i.SndMSS == 0 || i.SndCwnd == 0 || i.RTO == 0 || i.RTT == 0 || i.Options&OptWScale == 0 {
		t.Errorf("%+v", i)
	}
	// The answer has acknowledged what was sent; the SYN counts as one.
	if len(i.Missing()) == 0 && (i.BytesAcked != 3001 || i.BytesReceived != 500 || i.BytesSent != 3000 || i.MinRTT == 0 || i.SegsOut == 0) {
		t.Errorf("sent 3000, received 500: %+v", i)
	}
	server.Close()
	if _, err := io.ReadAll(client); err != nil {
		t.Fatal(err)
	}
	if i, err := Info(client.(syscall.Conn)); err != nil || i.State != CloseWait {
		t.Errorf("after the peer's FIN: %v, %v", i.State, err)
	}
}

func TestInfoFails(t *testing.T) {
	client, _ := connected(t, "tcp", "127.0.0.1:0")
	client.Close()
	if _, err := Info(client.(syscall.Conn)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("of a closed connection: %v", err)
	}
	unixClient, _ := connected(t, "unix", filepath.Join(t.TempDir(), "s"))
	_, err := Info(unixClient.(syscall.Conn))
	if !errors.As(err, new(*os.SyscallError)) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("of a Unix socket: %v", err)
	}
}

func BenchmarkInfo(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Info(c.(syscall.Conn)); err != nil {
			b.Fatal(err)
		}
	}
}
