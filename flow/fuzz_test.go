package flow

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// fuzzed makes a packet of 16 bytes: near the numbers of a connection, or anywhere.
func fuzzed(number int, at int64, b []byte, payload []byte) (*packet.Packet, int64) {
	end := func(n byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, n}), uint16(n)*1000)
	}
	at += int64(int16(binary.LittleEndian.Uint16(b))) * 50_000
	if b[2]&0x80 != 0 {
		at += int64(b[2]) * 1e9
	}
	p := &packet.Packet{Number: number, At: at, ID: uint16(b[3] & 7)}
	p.Src, p.Dst = end(1), end(2+b[2]>>5&1)
	if b[2]&1 != 0 {
		p.Src, p.Dst = p.Dst, p.Src
	}
	p.Flags = packet.Flags(b[4])
	p.Seq, p.Ack = uint32(b[5])*100+uint32(b[6]&3), uint32(b[7])*100+uint32(b[8]&3)
	if b[9]&1 != 0 {
		p.Seq = binary.LittleEndian.Uint32(b[5:])
	}
	if b[9]&2 != 0 {
		p.Ack = binary.LittleEndian.Uint32(b[6:])
	}
	p.Window = uint16(b[9] >> 2 & 15)
	size := int(b[10]) * int(b[11]&15)
	p.Payload, p.End = 40, 40+size
	p.Data = payload[:40+size/(1+int(b[11]>>7))]
	p.Options = packet.Options{WindowScale: int8(b[12]&15) - 1, SACKPermitted: b[12]&16 != 0, MSS: uint16(b[13]) * 8, Timestamps: b[12]&32 != 0}
	p.Options.TSval, p.Options.TSecr = uint32(b[13]), uint32(b[14])
	p.Options.NumSACK = int(b[15] & 3)
	for i := range p.Options.NumSACK {
		p.Options.SACK[i] = [2]uint32{uint32(b[14]) * 100, uint32(b[15]) * 100 << (i * 8)}
	}
	return p, at
}

// FuzzTable: whatever the packets, a connection's bytes are told in order, once, each
// direction ends once, and no more is kept than may be.
func FuzzTable(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef"))
	for seed := range uint64(4) {
		m := newModel(seed)
		b := make([]byte, 64*16)
		for i := range b {
			b[i] = byte(m.Uint32())
		}
		f.Add(b)
	}
	payload := make([]byte, 1<<13)
	f.Fuzz(func(t *testing.T, b []byte) {
		var all []*heard
		table := NewTable(Config{
			Open: func(c *Conn) Sink { h := &heard{Conn: c}; all = append(all, h); return h },
			Segment: func(c *Conn) {
				c.Forget(len(c.Segments) / 2)
			},
		})
		at := packets.Start.UnixNano()
		for i := 0; len(b) >= 16; i++ {
			var p *packet.Packet
			p, at = fuzzed(i+1, at, b[:16], payload)
			b = b[16:]
			table.Add(p)
			checkBounds(t, table)
		}
		table.Close()
		if len(table.conns) != 0 || table.held.bytes != 0 {
			t.Errorf("%d connections, %d bytes held after the end", len(table.conns), table.held.bytes)
		}
		for _, h := range all {
			if h.end != [2]int{1, 1} || h.wrong != "" {
				t.Errorf("ends %v, %s", h.end, h.wrong)
			}
		}
	})
}

// checkBounds: what a table holds is what it says it holds, and not more than it may.
func checkBounds(t *testing.T, table *Table) {
	t.Helper()
	held := 0
	for _, c := range table.conns {
		for d := range c.ends {
			e := &c.ends[d]
			last := e.stream.edge
			for _, l := range e.stream.late {
				held += len(l.b)
				if l.from <= last && l.from != last || l.to <= l.from || int64(len(l.b)) > l.to-l.from {
					t.Fatalf("pieces %+v at %d", e.stream.late, e.stream.edge)
				}
				last = l.to
			}
			if len(e.stream.late) > latePieces+1 || len(e.resent) > remembered {
				t.Fatalf("%d pieces, %d retransmissions", len(e.stream.late), len(e.resent))
			}
		}
		if len(c.SACKs) > 4*len(c.all)+4 || len(c.Opening.SYNs) > handshakes || len(c.Opening.SYNACKs) > handshakes {
			t.Fatalf("%d SACKs of %d segments", len(c.SACKs), len(c.all))
		}
	}
	if held != table.held.bytes {
		t.Fatalf("%d bytes held, said to be %d", held, table.held.bytes)
	}
}

// TestSizes: a capture of many connections must fit into memory.
func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(Segment{}); n > 64 {
		t.Errorf("a segment takes %d bytes", n)
	}
	if n := unsafe.Sizeof(Conn{}); n > 1600 {
		t.Errorf("a connection takes %d bytes", n)
	}
}

// TestHoles: more than the bounds let wait is given up, and told.
func TestHoles(t *testing.T) {
	capture := packets.NewCapture()
	for i := range 4 {
		conn := capture.Conn(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(40000+i)).String(), "10.0.0.2:80")
		conn.Open(0, 20*ms)
	}
	var all []*packet.Packet
	for p := range capture.Packets() {
		all = append(all, p)
	}
	sinks := make(map[*Conn]*heard)
	table := NewTable(Config{Open: func(c *Conn) Sink { sinks[c] = &heard{Conn: c}; return sinks[c] }})
	for _, p := range all {
		table.Add(p)
	}
	payload := make([]byte, 1500)
	for i := range 20_000 {
		for conn := range 4 {
			p := *all[conn*3+1]
			p.Flags, p.Seq, p.Ack = packet.ACK, 5001+uint32(1+i)*1461, 1001
			p.Data, p.Payload, p.End = payload, 40, 1500
			table.Add(&p)
		}
	}
	if table.held.bytes > lateAll {
		t.Errorf("%d bytes wait", table.held.bytes)
	}
	checkBounds(t, table)
	table.Close()
	for _, h := range sinks {
		if h.wrong != "" || h.Sides[Down].Unseen != 1461+19_999 {
			t.Errorf("%s; unseen %d", h.wrong, h.Sides[Down].Unseen)
		}
	}
}

// TestMost: connections beyond the bound close those that were silent longest.
func TestMost(t *testing.T) {
	closed, last := 0, 0
	table := NewTable(Config{Close: func(c *Conn) {
		closed++
		if c.ID < last {
			t.Errorf("connection %d was closed after %d", c.ID, last)
		}
		last = c.ID
	}})
	capture := packets.NewCapture()
	capture.Conn("10.0.0.1:40000", "10.0.0.2:80").Client(0, syn)
	for p := range capture.Packets() {
		for i := range most + 10 {
			q := *p
			q.At += int64(i)
			q.Src = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 40000)
			table.Add(&q)
		}
	}
	if len(table.conns) > most || closed == 0 || closed > most/16+1 || len(table.conns)+closed != most+10 {
		t.Errorf("%d kept in mind, %d closed", len(table.conns), closed)
	}
}
