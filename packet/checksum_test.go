package packet

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestSumOfRFC1071: the example of its §3, "Numerical Examples".
func TestSumOfRFC1071(t *testing.T) {
	b := []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}
	if got := Sum(0, b); Fold(got) != 0xddf2 {
		t.Errorf("the sum is %#x, folded %#x, want 0xddf2", got, Fold(got))
	}
	if got := Fold(0x2ddf0); got != 0xddf2 {
		t.Errorf("0x2ddf0 is folded to %#x, want 0xddf2", got)
	}
}

// slowSum is RFC 1071 §1 word by word: "adjacent octets to be checksummed are
// paired to form 16-bit integers, and the 1's complement sum of these 16-bit
// integers is formed".
func slowSum(b []byte) uint16 {
	var sum uint32
	for i, v := range b {
		sum += uint32(v) << (8 * (1 - i%2))
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func TestSum(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 0))
	for n := range 200 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(draw.Uint32() | uint32(n%2)*0xff) // of odd lengths, all are 0xff: carries
		}
		want := slowSum(b)
		for at := 0; at <= n; at += 2 {
			if got := Fold(Sum(Sum(0, b[:at]), b[at:])); got != want {
				t.Fatalf("%d bytes, in two parts at %d: %#x, want %#x", n, at, got, want)
			}
		}
	}
}

func TestFold(t *testing.T) {
	for sum, want := range map[uint64]uint16{0: 0, 0xffff: 0xffff, 0x10000: 1, 0x1ffff: 1, 0xffffffff: 0xffff, 1<<64 - 1: 0xffff, 0xfffe0003: 2} {
		if got := Fold(sum); got != want {
			t.Errorf("%#x: %#x, want %#x", sum, got, want)
		}
	}
}

// TestSumOfKernel: what the kernel's checksums cover adds up to all ones, with
// themselves, and to something else with any other bit.
func TestSumOfKernel(t *testing.T) {
	checked := 0
	for _, test := range kernelPackets {
		b := unhex(t, test.bytes, test.zeros)
		h, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if h.Version == 4 && Fold(Sum(0, b[:h.Transport])) != 0xffff {
			t.Errorf("%s: the IPv4 header has another checksum than the kernel's", test.name)
		}
		if h.Payload == h.Transport || h.End > 1000 {
			continue // no ports, or a fragment
		}
		checked++
		if got := transportSum(b, h); got != 0xffff {
			t.Errorf("%s: the transport adds up to %#x", test.name, got)
		}
		for at := h.Transport; at < h.End; at++ {
			b[at] ^= 1
			if transportSum(b, h) == 0xffff {
				t.Errorf("%s: byte %d does not matter", test.name, at)
			}
			b[at] ^= 1
		}
	}
	if checked < 10 {
		t.Errorf("%d transports were checked", checked)
	}
}

// transportSum is the sum of a transport and its pseudo-header: RFC 9293 §3.1, RFC
// 8200 §8.1.
func transportSum(b []byte, h Header) uint16 {
	src, dst := h.Src.Addr().AsSlice(), h.Dst.Addr().AsSlice()
	pseudo := binary.BigEndian.AppendUint32(nil, uint32(h.End-h.Transport))
	pseudo = append(pseudo, 0, 0, 0, h.Protocol)
	return Fold(Sum(Sum(Sum(Sum(0, src), dst), pseudo), b[h.Transport:h.End]))
}
