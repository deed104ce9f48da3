package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// stoppedRelay is a relay whose thread is the test's, and whose devices take
// everything and give nothing.
func stoppedRelay(t testing.TB, down link.Config) *relay {
	t.Helper()
	p, err := newPaths([2]link.Config{{}, down}, [][2]link.Config{{}}, [][]netip.Addr{{piece4.src, piece6.src}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{start: time.Now(), paths: p, pool: slots{size: vnetHeader + 1500, most: mostUnderWay}, out: [2]*bundle{new(bundle), new(bundle)}}
	for d := range r.tuns {
		fd, err := unix.Open("/dev/null", unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		r.tuns[d] = &tun{fd: fd}
	}
	return r
}

// In the long run the relay allocates nothing for a packet, with a rate or without.
func TestRelayAllocatesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		down link.Config
	}{
		{"no rate", link.Config{Delay: time.Millisecond}},
		{"a rate", link.Config{Delay: time.Millisecond, Rate: 500_000_000}},
		{"losses", link.Config{Delay: time.Millisecond, Loss: 0.1, Duplicate: 0.1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := stoppedRelay(t, c.down)
			b := piece4.bytes()
			now := time.Duration(0)
			each := func(s *slot) { r.enter(Down, s, now) }
			round := func() {
				now += 300 * time.Microsecond
				cut(readVnet(b), b[vnetHeader:], &r.pool, each)
				r.advance(now)
			}
			for range 10_000 {
				round()
			}
			if n := testing.AllocsPerRun(1000, round); n != 0 {
				t.Errorf("%v allocations for %d packets", n, 11)
			}
			if r.failure != nil || r.ways[Down].late.count == 0 || r.strays > 0 {
				t.Errorf("it carried %d packets and lost %d: %v", r.ways[Down].late.count, r.strays, r.failure)
			}
		})
	}
}

func BenchmarkRelay(b *testing.B) {
	for _, c := range []struct {
		name string
		down link.Config
	}{{"unlimited", link.Config{}}, {"rate", link.Config{Rate: 1_000_000_000}}} {
		b.Run(c.name, func(b *testing.B) {
			r := stoppedRelay(b, c.down)
			piece := piece4.bytes()
			b.SetBytes(int64(len(piece)))
			now := time.Duration(0)
			for b.Loop() {
				now += 200 * time.Microsecond
				cut(readVnet(piece), piece[vnetHeader:], &r.pool, func(s *slot) { r.enter(Down, s, now) })
				r.advance(now)
			}
		})
	}
}

// relayLab makes a network, or skips the test where none can be made.
func relayLab(t *testing.T, c Config) *Lab {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// send has the server send bytes to the client, and returns what came.
func send(t *testing.T, l *Lab, addr netip.Addr, data []byte) []byte {
	t.Helper()
	listener, err := l.Server.Listen("tcp", netip.AddrPortFrom(addr, 80).String())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go serveOnce(listener, data)
	c, err := l.Client.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func serveOnce(l net.Listener, data []byte) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write(data)
}

// recorder collects records, from the tap's goroutine.
type recorder struct {
	sync.Mutex
	all []Record // guarded by Mutex
}

func (r *recorder) add(rec Record) {
	r.Lock()
	defer r.Unlock()
	r.all = append(r.all, rec)
}

// Whatever is handed over in one piece, every packet is counted and recorded by
// itself, as it would stand on a wire.
func TestRelayCarriesPackets(t *testing.T) {
	data := make([]byte, 5<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	for _, c := range []struct {
		name string
		mtu  int
		addr int // of the server's
		down link.Config
	}{
		{"IPv4", 1500, 0, link.Config{}},
		{"IPv6", 1500, 1, link.Config{Delay: 2 * time.Millisecond}},
		{"jumbo", 9000, 0, link.Config{}},
		{"losses", 1500, 0, link.Config{Delay: time.Millisecond, Loss: 0.01, Duplicate: 0.01}},
		{"a rate", 1500, 1, link.Config{Rate: 200_000_000, Delay: time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := new(recorder)
			l := relayLab(t, Config{MTU: c.mtu, Down: c.down, Seed: 5, Tap: rec.add})
			if c.addr >= len(l.Server.Addrs())-1 || l.Server.Addrs()[c.addr].Is4() != (c.addr == 0) {
				t.Skip("no IPv6")
			}
			got := send(t, l, l.Server.Addrs()[c.addr], data)
			if sha256.Sum256(got) != sha256.Sum256(data) {
				t.Fatalf("%d bytes arrived, not the %d that were sent", len(got), len(data))
			}
			ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
			defer stop()
			if err := l.Quiet(ctx); err != nil {
				t.Fatal(err)
			}
			_, down := l.Counts()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			checkRecords(t, rec.all, c.mtu, down, data)
		})
	}
}

// checkRecords puts the stream together from the packets that arrived.
func checkRecords(t *testing.T, all []Record, mtu int, down Counts, data []byte) {
	stream := make([]byte, len(data))
	var first uint32
	var packets, drops int64
	for _, r := range all {
		if r.Dir != Down {
			continue
		}
		h, err := packet.Decode(r.Data)
		if err != nil || len(r.Data) > mtu || !rightSum(&h, r.Data) {
			t.Fatalf("record %d: %d bytes, checksum %v: %v", r.Seq, len(r.Data), rightSum(&h, r.Data), err)
		}
		if !r.Copy {
			packets++
		}
		if r.Drop != link.None {
			drops++
			continue
		}
		if h.Flags&packet.SYN != 0 {
			first = h.Seq + 1
		} else if h.PayloadLen() > 0 {
			copy(stream[h.Seq-first:], r.Data[h.Payload:h.End])
		}
	}
	if !bytes.Equal(stream, data) {
		t.Error("the packets do not make the stream")
	}
	if packets != down.Packets || drops != down.Drops() {
		t.Errorf("%d packets and %d drops recorded, %d and %d counted", packets, drops, down.Packets, down.Drops())
	}
	if least := int64(len(data) / (mtu - 40)); packets < least {
		t.Errorf("%d packets, want at least %d", packets, least)
	}
}

// rightSum reports whether a packet's checksum of TCP is right.
func rightSum(h *packet.Header, p []byte) bool {
	sum := uint64(h.Protocol) + uint64(h.End-h.Transport)
	if h.Version == 4 {
		sum = packet.Sum(sum, p[12:20])
	} else {
		sum = packet.Sum(sum, p[8:40])
	}
	return packet.Fold(packet.Sum(sum, p[h.Transport:h.End])) == 0xffff
}

// The same seed loses the same packets.
func TestRelaySameSeed(t *testing.T) {
	var lost [3][]uint64
	for i, seed := range []uint64{7, 7, 8} {
		rec := new(recorder)
		l := relayLab(t, Config{Down: link.Config{Loss: 0.05, Delay: time.Millisecond}, Seed: seed, Tap: rec.add})
		datagrams(t, l, 1000)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for _, r := range rec.all {
			if r.Drop == link.Lost {
				lost[i] = append(lost[i], r.Seq)
			}
		}
	}
	if len(lost[0]) < 20 || !slices.Equal(lost[0], lost[1]) {
		t.Errorf("the same seed loses %d and %d packets, not the same", len(lost[0]), len(lost[1]))
	}
	if slices.Equal(lost[0], lost[2]) {
		t.Error("another seed loses the same packets")
	}
}

// datagrams sends some from the server to the client, where nobody reads them.
func datagrams(t *testing.T, l *Lab, n int) {
	t.Helper()
	to, err := l.Client.ListenPacket("udp", netip.AddrPortFrom(l.Client.Addrs()[0], 9).String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	from, err := l.Server.ListenPacket("udp", netip.AddrPortFrom(l.Server.Addrs()[0], 0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	for range n {
		if _, err := from.WriteTo([]byte("hello"), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if err := l.Quiet(ctx); err != nil {
		t.Fatal(err)
	}
}
