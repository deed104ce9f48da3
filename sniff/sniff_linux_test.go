package sniff

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/lingerhttp/linger/packet"
)

// Of a connection over loopback every packet is shown once, in order, at times that
// are those of the program's clock.
func TestLoopback(t *testing.T) {
	s, err := Open()
	if errors.Is(err, fs.ErrPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	began := time.Now()
	var flags []packet.Flags
	var sent int
	done := make(chan error)
	go func() {
		done <- s.Run(func(f *Frame) bool {
			var p packet.Packet
			if err := p.Decode(f.Data, f.Length); err != nil {
				t.Error(err)
				return false
			}
			if p.Protocol != packet.ProtocolTCP || p.Src.Port() != port && p.Dst.Port() != port {
				return false
			}
			if f.At.Before(began) || f.At.After(time.Now()) || f.Interface.Name == "" {
				t.Errorf("at %v on %+v", f.At, f.Interface)
			}
			flags = append(flags, p.Flags)
			sent += len(p.Bytes())
			return true
		})
	}()
	send(t, l, 300_000)
	s.Finish()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(flags) < 3 || flags[0] != packet.SYN || flags[1] != packet.SYN|packet.ACK || flags[2] != packet.ACK {
		t.Errorf("the connection begins with %v", flags[:min(len(flags), 3)])
	}
	if sent != 300_000 && s.Missed() == 0 {
		t.Errorf("%d bytes were seen of 300000", sent)
	}
}

// send has one end send so much and the other read it.
func send(t *testing.T, l net.Listener, n int) {
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	written := make(chan error)
	go func() {
		_, err := c.Write(make([]byte, n))
		written <- err
	}()
	if _, err := io.CopyN(io.Discard, other, int64(n)); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

func TestOnlyTCP(t *testing.T) {
	vm, err := bpf.NewVM(onlyTCP)
	if err != nil {
		t.Fatal(err)
	}
	header := func(version, protocol byte) []byte {
		b := make([]byte, 40)
		b[0], b[9] = version<<4|5, protocol
		return b
	}
	for name, tt := range map[string]struct {
		b    []byte
		want bool
	}{
		"TCP":   {header(4, 6), true},
		"UDP":   {header(4, 17), false},
		"IPv6":  {header(6, 0), true},
		"ARP":   {header(0, 6), false},
		"short": {[]byte{0x45}, false},
	} {
		if n, _ := vm.Run(tt.b); n > 0 != tt.want {
			t.Errorf("%s: passes %v", name, n > 0)
		}
	}
}
