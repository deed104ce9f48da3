package flow

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// A tape is what the lab's tap has told.
type tape struct {
	mu  sync.Mutex
	all []lab.Record // guarded by mu
}

func (t *tape) tap(r lab.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, r)
}

// at returns the packets as a capture at the sender of a direction would hold them.
func (t *tape) at(end lab.Direction) []*packet.Packet {
	type seen struct {
		at   time.Time
		data []byte
	}
	var all []seen
	slices.SortStableFunc(t.all, func(a, b lab.Record) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, r := range t.all {
		switch {
		case r.Dir == end && !r.Copy:
			all = append(all, seen{r.Entered, r.Data})
		case r.Dir != end && r.Drop == link.None:
			all = append(all, seen{r.At.Add(r.Late), r.Data})
		}
	}
	slices.SortStableFunc(all, func(a, b seen) int { return a.at.Compare(b.at) })
	var packets []*packet.Packet
	for i, s := range all {
		p := &packet.Packet{Number: i + 1, At: s.at.UnixNano()}
		if err := p.Decode(s.data, len(s.data)); err == nil && p.Protocol == packet.ProtocolTCP {
			packets = append(packets, p)
		}
	}
	return packets
}

// counters are a kernel's of TCP, by their names.
func counters(t *testing.T, s *lab.Side) map[string]int64 {
	t.Helper()
	out, err := s.Command(t.Context(), "cat", "/proc/net/netstat", "/proc/net/snmp").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]int64)
	lines := strings.Split(string(out), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for j := 1; j < min(len(names), len(values)); j++ {
			all[names[0]+names[j]], _ = strconv.ParseInt(values[j], 10, 64)
		}
	}
	return all
}

// answers serves one connection: for each byte, so many bytes.
func answers(listener net.Listener, size int, done chan<- error) {
	conn, err := listener.Accept()
	if err != nil {
		done <- err
		return
	}
	defer conn.Close()
	answer := make([]byte, size)
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(conn, one); err != nil {
			done <- nil
			return
		}
		if _, err := conn.Write(answer); err != nil {
			done <- err
			return
		}
	}
}

// run asks for answers of a size for a while, over a link that loses what the server
// sends, and returns what the server's kernel has counted in that time.
func run(t *testing.T, tap func(lab.Record), size int, loss link.Probability) map[string]int64 {
	t.Helper()
	path := link.Config{Delay: 10 * ms, Rate: 50e6}
	lossy := path
	lossy.Loss = loss
	l, err := lab.New(lab.Config{Up: path, Down: lossy, Seed: 1, Tap: tap})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	listener, err := l.Server.Listen("tcp", "origin:80")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go answers(listener, size, done)
	before := counters(t, l.Server)
	ask(t, l, size)
	if err := <-done; err != nil {
		t.Error(err)
	}
	after := counters(t, l.Server)
	for name := range after {
		after[name] -= before[name]
	}
	return after
}

func ask(t *testing.T, l *lab.Lab, size int) {
	t.Helper()
	conn, err := l.Client.Dial("tcp", "origin:80")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer := make([]byte, size)
	for start := time.Now(); time.Since(start) < 1500*ms; {
		if _, err := conn.Write([]byte("?")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKernel: what a real kernel sends again is called what the kernel calls it, at the
// sender, and a repaired loss where it arrives.
func TestKernel(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	for _, size := range []int{500, 30_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			var tp tape
			kernel := run(t, tp.tap, size, 0.04)
			drops := int64(0)
			for _, r := range tp.all {
				if r.Dir == lab.Down && r.Drop != link.None && r.Kind == link.Data {
					drops++
				}
			}
			sender := checkSender(t, tp.at(lab.Down), kernel)
			receiver := through(t, tp.at(lab.Up))
			checkKinds(t, receiver)
			repairs, tails := receiver.Sides[Down].Kinds[Repair], sender[Tail]+sender[Timeout]
			if receiver.Near != AtClient || repairs > drops || repairs < drops-tails-kernel["TcpExt:TCPLostRetransmit"] {
				t.Errorf("%d repairs of %d drops, %d of them at the end; %v", repairs, drops, tails, receiver.Near)
			}
			if receiver.Sides[Down].Kinds[Reordered] != 0 || receiver.Sides[Down].Unseen != 0 || receiver.Sides[Down].Twice != 0 {
				t.Errorf("%+v", receiver.Sides[Down])
			}
		})
	}
}

// checkSender compares with the kernel's counters.
func checkSender(t *testing.T, packets []*packet.Packet, kernel map[string]int64) [NumKinds]int64 {
	t.Helper()
	h := through(t, packets)
	checkKinds(t, h)
	k := h.Sides[Down].Kinds
	if again := k[Fast] + k[Tail] + k[Timeout] + k[Spurious]; again != kernel["Tcp:RetransSegs"] {
		t.Errorf("%d segments sent again, the kernel counts %d; %v", again, kernel["Tcp:RetransSegs"], k)
	}
	for kind, names := range map[Kind][]string{
		Fast: {"TCPFastRetrans"}, Tail: {"TCPLossProbes"}, Timeout: {"TCPTimeouts", "TCPSlowStartRetrans"},
	} {
		want := int64(0)
		for _, name := range names {
			want += kernel["TcpExt:"+name]
		}
		// What was in vain has no other kind, and the kernel may have its own reasons.
		if off := k[kind] - want; max(off, -off) > 2+want/5+k[Spurious] {
			t.Errorf("%v: %d, the kernel counts %d", kind, k[kind], want)
		}
	}
	if h.Near != AtServer || k[Repair]+k[Reordered]+k[Ambiguous]+h.Sides[Down].Unseen != 0 {
		t.Errorf("%v; %+v", h.Near, h.Sides[Down])
	}
	return k
}

// through sends packets of one connection through a table.
func through(t *testing.T, all []*packet.Packet) *heard {
	t.Helper()
	h := &heard{}
	table := NewTable(Config{Open: func(c *Conn) Sink { h.Conn = c; return h }})
	for _, p := range all {
		table.Add(p)
	}
	if len(table.conns) != 1 {
		t.Fatalf("%d connections", len(table.conns))
	}
	table.Close()
	return h
}
