package lab

import (
	"context"
	"encoding/binary"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// TestNamedLoss loses the third data segment of the first connection, and no other.
func TestNamedLoss(t *testing.T) {
	var r recording
	c := symmetric(20 * time.Millisecond)
	c.Tap, c.Up.Drop = r.tap, []link.Drop{{Conn: 1, Kind: link.Data, Nth: 3}}
	l := newLab(t, c)
	for range 2 {
		client, server := connect(t, l)
		transfer(t, client, server, 50_000)
	}
	up, _ := l.Counts()
	_ = l.Close()
	var lost []Record
	for _, one := range r.of(Up, link.Data) {
		if one.Drop != link.None {
			lost = append(lost, one)
		}
	}
	if len(lost) != 1 || lost[0].Conn != 1 || lost[0].Nth != 3 || lost[0].Drop != link.Named {
		t.Errorf("lost %v", lost)
	}
	if up.Dropped["named"] != 1 || up.Drops() != 1 {
		t.Errorf("counted %v", up.Dropped)
	}
}

// sendDatagrams sends numbered datagrams to the server, and returns when their link is
// quiet.
func sendDatagrams(t *testing.T, l *Lab, n, size int) {
	t.Helper()
	server, err := l.Server.ListenPacket("udp", "origin:9")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c, err := l.Client.Dial("udp", "origin:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data := make([]byte, size)
	for i := range n {
		binary.BigEndian.PutUint32(data, uint32(i))
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	quiet(t, l)
}

func quiet(t *testing.T, l *Lab) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := l.Quiet(ctx); err != nil {
		t.Fatal(err)
	}
}

// lostDatagrams are the numbers of those that were lost.
func lostDatagrams(t *testing.T, all []Record) []uint32 {
	t.Helper()
	var lost []uint32
	for _, one := range all {
		if h, err := packet.Decode(one.Data); err == nil && one.Drop != link.None {
			lost = append(lost, binary.BigEndian.Uint32(one.Data[h.Payload:]))
		}
	}
	return lost
}

// TestSameSeed sees that the same seed loses the same packets, in a new lab and in
// one that was renewed, and another seed others.
func TestSameSeed(t *testing.T) {
	const n = 500
	var runs [][]uint32
	for range 2 {
		var r recording
		l := newLab(t, Config{Tap: r.tap, Seed: 7, Up: link.Config{Loss: 0.1}})
		sendDatagrams(t, l, n, 100)
		if err := l.Renew(7); err != nil {
			t.Fatal(err)
		}
		sendDatagrams(t, l, n, 100)
		if err := l.Renew(8); err != nil {
			t.Fatal(err)
		}
		sendDatagrams(t, l, n, 100)
		_ = l.Close()
		all := r.of(Up, link.Other)
		if len(all) != 3*n {
			t.Fatalf("%d records of %d datagrams", len(all), 3*n)
		}
		for i := range 3 {
			runs = append(runs, lostDatagrams(t, all[i*n:(i+1)*n]))
		}
	}
	for i, same := range map[int]bool{1: true, 2: false, 3: true, 4: true, 5: false} {
		if slices.Equal(runs[0], runs[i]) != same {
			t.Errorf("run %d lost %v, run 0 %v", i, runs[i], runs[0])
		}
	}
	if !slices.Equal(runs[2], runs[5]) {
		t.Errorf("seed 8 lost %v, and then %v", runs[2], runs[5])
	}
	if lost := len(runs[0]); lost < n/20 || lost > n/5 {
		t.Errorf("%d of %d lost, want 1 in 10", lost, n)
	}
}

// TestCounts compares counts with what was sent.
func TestCounts(t *testing.T) {
	l := newLab(t, Config{})
	sendDatagrams(t, l, 500, 100)
	up, down := l.Counts()
	if up.Packets != 500 || up.Payload != 500*100 || up.Bytes != 500*128 || up.Drops() != 0 || down.Packets != 0 {
		t.Errorf("up %+v, down %+v", up, down)
	}
	client, server := connect(t, l)
	transfer(t, client, server, 300_000)
	transfer(t, server, client, 200_000)
	for _, c := range []net.Conn{client, server} {
		_ = c.Close()
	}
	quiet(t, l)
	up2, down2 := l.Counts()
	d := up2.Since(up)
	if d.Payload != 300_000 || down2.Payload != 200_000 {
		t.Errorf("payload up %d, down %d", d.Payload, down2.Payload)
	}
	// SYN, ACK and at least one FIN or ACK more than the data
	if least := int64(300_000/1448 + 3); d.Packets < least || d.Bytes < d.Payload+40*d.Packets || d.Bytes > d.Payload+80*d.Packets {
		t.Errorf("up %+v, want at least %d packets", d, least)
	}
	if c := l.Certificate(); c.Up.Packets != up2.Packets || c.Strays != 0 || c.Overrun != 0 {
		t.Errorf("certificate %+v", c)
	}
}
