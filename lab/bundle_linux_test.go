package lab

import (
	"bytes"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
	"github.com/lingerhttp/linger/packet"
)

// What was cut and bundled again is what it was.
func TestBundleIsTheReverseOfCut(t *testing.T) {
	for _, m := range madePieces() {
		t.Run(m.name, func(t *testing.T) {
			all := m.cutOut(t)
			b := new(bundle)
			b.begin(parcel{slot: all[0]})
			for i, s := range all[1:] {
				if !b.takes(s, 0) {
					if m.flags&0xc0 != 0 {
						return // ECE and CWR are left as they are
					}
					t.Fatalf("packet %d of %d is refused", i+2, len(all))
				}
				b.add(parcel{slot: s})
			}
			got, want := b.join(), m.bytes()
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes % x\nwant %d % x", len(got), got[:all[0].Payload+vnetHeader], len(want), want[:all[0].Payload+vnetHeader])
			}
			b.clear()
			if b.takes(all[1], 0) {
				t.Error("an empty bundle goes on")
			}
		})
	}
}

// A packet that differs in anything but what counts on begins another bundle.
func TestBundleEnds(t *testing.T) {
	type change struct {
		name string
		do   func(first, second *slot)
	}
	at := func(name string, offset func(s *slot) int) change {
		return change{name, func(_, s *slot) { s.packet()[offset(s)] ^= 4 }}
	}
	tcp := func(n int) func(s *slot) int { return func(s *slot) int { return s.Transport + n } }
	for _, c := range []change{
		{"a hole", func(_, s *slot) { s.packet()[s.Transport+7]++ }},
		{"a copy", func(_, s *slot) { s.copy = true }},
		{"more bytes than the first", func(_, s *slot) { s.n++; setLengths(s.packet(), s.Transport, 0) }},
		{"another checksum's way", func(_, s *slot) { s.buf[0] = 0 }},
		{"FIN before", func(first, _ *slot) { first.packet()[first.Transport+13] |= 1 }},
		{"PSH before", func(first, _ *slot) { first.packet()[first.Transport+13] |= 8 }},
		{"SYN", func(_, s *slot) { s.packet()[s.Transport+13] |= 2 }},
		{"RST", func(_, s *slot) { s.packet()[s.Transport+13] |= 4 }},
		{"ECE", func(_, s *slot) { s.packet()[s.Transport+13] |= 0x40 }},
		at("port", tcp(1)), at("acknowledgement", tcp(11)), at("window", tcp(15)), at("urgent pointer", tcp(19)), at("option", tcp(31)),
		at("traffic class", func(*slot) int { return 1 }), at("address", func(s *slot) int { return s.Transport - 1 }),
		at("hop limit", func(s *slot) int { return 8 - s.Version/6 }),
	} {
		for _, m := range []madePiece{piece4, piece6} {
			all := m.cutOut(t)
			c.do(all[0], all[1])
			for _, s := range all[:2] {
				if h, err := packet.Decode(s.packet()); err == nil {
					s.Header = h
				}
			}
			b := new(bundle)
			b.begin(parcel{slot: all[0]})
			if b.takes(all[1], 0) {
				t.Errorf("%s, %s: it is taken", m.name, c.name)
			}
		}
	}
	all := piece4.cutOut(t)
	b := new(bundle)
	b.begin(parcel{slot: all[0], fate: link.Fate{At: 1}})
	if b.takes(all[1], 1+bundleTime) {
		t.Error("what is due much later is taken")
	}
	if !b.takes(all[1], bundleTime) {
		t.Error("what is due a little later is not taken")
	}
}

// A short packet ends a bundle, and so does the size that IP can express.
func TestBundleIsFull(t *testing.T) {
	m := piece4.but("", func(m *madePiece) { m.payload = 46 * m.segment })
	all := m.cutOut(t)
	b := new(bundle)
	b.begin(parcel{slot: all[0]})
	taken := 1
	for _, s := range all[1:] {
		if !b.takes(s, 0) {
			break
		}
		b.add(parcel{slot: s})
		taken++
	}
	if taken != 45 || len(b.join()) > vnetHeader+65535 {
		t.Errorf("%d packets in %d bytes, want 45 in at most 65535", taken, len(b.join())-vnetHeader)
	}
	all = piece4.cutOut(t)
	b.clear()
	b.begin(parcel{slot: all[9]})
	if !b.takes(all[10], 0) {
		t.Fatal("a short one is refused")
	}
	b.add(parcel{slot: all[10]})
	if b.open {
		t.Error("more may follow the short one")
	}
}

func TestBundleOfOthers(t *testing.T) {
	udp := make([]byte, vnetHeader+28+10)
	copy(udp[vnetHeader:], []byte{0x45, 0, 0, 38, 0, 0, 0, 0, 64, packet.ProtocolUDP, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2})
	pool := slots{size: len(udp)}
	s := pool.take(udp)
	var err error
	if s.Header, err = packet.Decode(s.packet()); err != nil {
		t.Fatal(err)
	}
	b := new(bundle)
	b.begin(parcel{slot: s, fate: link.Fate{At: time.Second}})
	if b.takes(s, time.Second) {
		t.Error("UDP is bundled")
	}
}
