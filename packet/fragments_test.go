package packet

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// cut takes an IP packet apart into fragments of at most size bytes of payload, which
// is a multiple of 8, as RFC 791 §3.2 and RFC 8200 §4.5 say.
func cut(b []byte, size int, id uint32) [][]byte {
	header := ipv4Header
	if b[0]>>4 == 6 {
		header = ipv6Header
	}
	var all [][]byte
	for at := header; at < len(b); at += size {
		to := min(at+size, len(b))
		f := slices.Clone(b[:header])
		more := to < len(b)
		if header == ipv6Header {
			f[6] = fragment
			bits := uint16(at - header)
			if more {
				bits |= 1
			}
			f = binary.BigEndian.AppendUint16(append(f, b[6], 0), bits)
			f = binary.BigEndian.AppendUint32(f, id)
			binary.BigEndian.PutUint16(f[4:], uint16(8+to-at))
		} else {
			bits := uint16((at - header) / 8)
			if more {
				bits |= 0x2000
			}
			binary.BigEndian.PutUint16(f[6:], bits)
			binary.BigEndian.PutUint16(f[4:], uint16(id))
			binary.BigEndian.PutUint16(f[2:], uint16(header+to-at))
		}
		all = append(all, append(f, b[at:to]...))
	}
	return all
}

// datagram is a UDP datagram over IPv4 or IPv6, whose payload is n different bytes.
func datagram(t testing.TB, version, n int) []byte {
	b := unhex(t, "4500"+"0000"+"0000"+"0000"+"4011"+"0000"+"c6120001c6130101", 0)
	binary.BigEndian.PutUint16(b[2:], uint16(28+n))
	if version == 6 {
		b = unhex(t, "60000000"+"0000"+"1140"+"20010002000000000000000000010001"+"20010002000000000000000000030001", 0)
		binary.BigEndian.PutUint16(b[4:], uint16(8+n))
	}
	b = append(b, 0xde, 0x07, 0, 53, byte((8+n)>>8), byte(8+n), 0, 0)
	for i := range n {
		b = append(b, byte(i*7+i>>8))
	}
	return b
}

// feed gives packets to a reader's fragments one after the other, a millisecond apart,
// and returns the payloads that come out and the errors.
func feed(r *Reader, packets ...[]byte) (out []string, errs []string) {
	for _, b := range packets {
		r.packet.At += int64(time.Millisecond)
		r.packet.Number++
		p, err := r.ip(b, len(b))
		switch {
		case err != nil:
			errs = append(errs, err.(*Damage).What)
		case p != nil:
			out = append(out, string(p.Bytes()))
		}
	}
	return out, errs
}

func TestFragments(t *testing.T) {
	for _, version := range []int{4, 6} {
		b := datagram(t, version, 3000)
		want := string(b[len(b)-3000:])
		for name, order := range map[string][]int{
			"in order": {0, 1, 2, 3}, "backwards": {3, 2, 1, 0}, "mixed": {2, 0, 3, 1},
			"one captured twice": {0, 1, 1, 2, 3}, "each captured twice": {3, 3, 2, 2, 1, 1, 0},
			"the first captured twice": {0, 0, 3, 1, 2},
		} {
			parts := cut(b, 800, 77)
			var sent [][]byte
			for _, i := range order {
				sent = append(sent, parts[i])
			}
			r := &Reader{defects: newDefects()}
			out, errs := feed(r, sent...)
			if len(out) != 1 || out[0] != want || len(errs) > 0 {
				t.Errorf("IPv%d, %s: %d packets, %v", version, name, len(out), errs)
				continue
			}
			d := r.Defects()
			if p := &r.packet; p.Number != len(order) || p.Src.Port() != 0xde07 || p.Dst.Port() != 53 || p.PayloadLen() != 3000 {
				t.Errorf("IPv%d, %s: %+v", version, name, p.Header)
			}
			if d.Fragments != len(order) || d.Reassembled != 1 || d.Incomplete != 0 || d.UDP != 1 {
				t.Errorf("IPv%d, %s: %+v", version, name, d)
			}
			if h, err := Decode(r.packet.Data); err != nil || h != r.packet.Header || version == 4 && Fold(Sum(0, r.packet.Data[:20])) != 0xffff {
				t.Errorf("IPv%d, %s: whole it is %+v, %v", version, name, h, err)
			}
		}
	}
}

// TestFragmentsOfKernel: what a real kernel took apart (kernelPackets), IPv6 with
// options in front.
func TestFragmentsOfKernel(t *testing.T) {
	var v4, v6 [][]byte
	for _, p := range kernelPackets {
		b := unhex(t, p.bytes, p.zeros)
		if h, err := Decode(b); err != nil || h.Protocol != ProtocolUDP {
			continue
		}
		if b[0]>>4 == 4 && (b[6]&0x20 != 0 || b[7] != 0) {
			v4 = append(v4, b)
		} else if b[0]>>4 == 6 && b[48] == fragment {
			v6 = append(v6, b)
		}
	}
	r := &Reader{defects: newDefects()}
	if out, errs := feed(r, v4...); len(v4) != 3 || len(out) != 1 || len(out[0]) != 3000 || len(errs) > 0 {
		t.Errorf("IPv4: of %d fragments %d packets, %v", len(v4), len(out), errs)
	}
	// Of the three fragments of IPv6, the table has the first and the last.
	if out, errs := feed(r, v6...); len(v6) != 2 || len(out) != 0 || len(errs) > 0 {
		t.Errorf("IPv6: of %d fragments %d packets, %v", len(v6), len(out), errs)
	}
	middle := slices.Clone(v6[0])
	binary.BigEndian.PutUint16(middle[66:], 1424|1)
	copy(middle[72:], "this is in the middle")
	out, errs := feed(r, middle)
	if len(out) != 1 || len(out[0]) != 3000 || out[0][1416:][:21] != "this is in the middle" || len(errs) > 0 {
		t.Errorf("IPv6: %d packets, %v", len(out), errs)
	}
	if p := &r.packet; p.Transport != 64 || p.Protocol != ProtocolUDP || p.Dst.Port() != 9 {
		t.Errorf("IPv6: %+v", p.Header)
	}
}

func TestFragmentErrors(t *testing.T) {
	b := datagram(t, 4, 3000)
	parts := cut(b, 800, 77)
	odd := slices.Clone(parts[1])
	binary.BigEndian.PutUint16(odd[2:], uint16(len(odd)-1))
	far := slices.Clone(parts[3])
	binary.BigEndian.PutUint16(far[6:], 0x1fff)
	empty := slices.Clone(parts[3])
	binary.BigEndian.PutUint16(empty[2:], 20)
	overlap := slices.Clone(parts[1])
	binary.BigEndian.PutUint16(overlap[6:], 0x2000|(800-8)/8)
	nearer := slices.Clone(parts[3])
	binary.BigEndian.PutUint16(nearer[6:], 1600/8)
	for name, test := range map[string]struct {
		sent [][]byte
		want string
	}{
		"of a length that is no multiple of 8":  {[][]byte{odd}, "IP: a fragment of 799 bytes at 800"},
		"beyond 64 KiB, the \"ping of death\"":  {[][]byte{far}, "IP: a fragment of 608 bytes at 65528"},
		"empty":                                 {[][]byte{empty}, "IP: a fragment of 0 bytes at 2400"},
		"overlap, RFC 5722":                     {[][]byte{parts[0], overlap}, "IP: fragments that overlap"},
		"two ends":                              {[][]byte{parts[3], nearer}, "IP: fragments that overlap"},
		"behind the end":                        {[][]byte{nearer, parts[2], parts[3]}, "IP: fragments that overlap"},
		"an end before what was there":          {[][]byte{parts[0], parts[2], nearer}, "IP: fragments that overlap"},
		"an end before what was there, farther": {[][]byte{parts[1], parts[2], cut(datagram(t, 4, 900), 800, 77)[1]}, "IP: fragments that overlap"},
	} {
		out, errs := feed(&Reader{defects: newDefects()}, test.sent...)
		if len(out) > 0 || len(errs) != 1 || errs[0] != test.want {
			t.Errorf("%s: %d packets, %q, want %q", name, len(out), errs, test.want)
		}
	}
}

// TestFragmentsSnapped: the transport's header is there, the rest as far as it goes.
func TestFragmentsSnapped(t *testing.T) {
	parts := cut(datagram(t, 4, 3000), 800, 77)
	r := &Reader{defects: newDefects()}
	var p *Packet
	for _, b := range parts {
		p, _ = r.ip(b[:100], len(b))
	}
	if p == nil || p.PayloadLen() != 3000 || len(p.Bytes()) != 100-28 || r.Defects().Snapped.Count != 4 {
		t.Errorf("%+v, %+v", p, r.Defects())
	}
}

// TestFragmentsForgotten: the memory is bounded by number and by time.
func TestFragmentsForgotten(t *testing.T) {
	r := &Reader{defects: newDefects()}
	b := datagram(t, 4, 3000)
	for id := range uint32(maxUnderWay + 10) {
		feed(r, cut(b, 800, id)[:3]...)
	}
	if d := r.Defects(); len(r.fragments.order) != maxUnderWay || d.Incomplete != maxUnderWay+10 {
		t.Errorf("%d under way, %d incomplete", len(r.fragments.order), d.Incomplete)
	}
	if out, _ := feed(r, cut(b, 800, 9)[3]); len(out) > 0 {
		t.Error("the oldest was not forgotten")
	}
	if out, _ := feed(r, cut(b, 800, 100)[3]); len(out) != 1 {
		t.Error("a younger one was forgotten")
	}
	r.packet.At += int64(fragmentsWait) + 1
	if out, _ := feed(r, cut(b, 800, 101)[3]); len(out) > 0 {
		t.Error("an ID was waited for too long: it may be another packet's")
	}
	if len(r.fragments.order) != 1 {
		t.Errorf("%d are under way", len(r.fragments.order))
	}
}

// FuzzFragments: a packet taken apart at random, in any order and with copies, comes
// out as it was; with a byte changed nothing panics and nothing grows.
func FuzzFragments(f *testing.F) {
	f.Add(uint64(1), uint16(3000), true, []byte(nil))
	f.Add(uint64(2), uint16(40), false, []byte{6, 32, 7, 255})
	f.Add(uint64(3), uint16(60000), true, []byte(nil))
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, v6 bool, changes []byte) {
		version := 4
		if v6 {
			version = 6
		}
		draw := rand.New(rand.NewPCG(seed, 1))
		b := datagram(t, version, min(int(n), 65000))
		parts := cut(b, 8*(1+draw.IntN(200)), uint32(seed))
		if len(parts) == 1 {
			return
		}
		draw.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		sent := slices.Clone(parts[:len(parts)-1])
		sent = append(sent, sent[draw.IntN(len(sent))], parts[len(parts)-1])
		for i := 0; i+1 < len(changes); i += 2 {
			part := slices.Clone(sent[int(changes[i])%len(sent)])
			part[int(changes[i])%min(len(part), 60)] ^= changes[i+1]
			sent[int(changes[i])%len(sent)] = part
		}
		r := &Reader{defects: newDefects()}
		out, errs := feed(r, sent...)
		if len(changes) == 0 && (fmt.Sprint(len(out), errs) != "1 []" || out[0] != string(b[len(b)-int(min(n, 65000)):])) {
			t.Errorf("%d packets, %v", len(out), errs)
		}
		if len(r.fragments.order) > maxUnderWay {
			t.Errorf("%d are under way", len(r.fragments.order))
		}
	})
}
