package packet

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// kernelPackets are packets that Linux 6.18 sent in a lab (package lab) between
// client and origin, by what made it send them. zeros follow the bytes.
var kernelPackets = []struct {
	name  string
	bytes string
	zeros int
	want  Header
}{
	{
		"connect", "4500003ccc9d40004006e0f6c6120001c6130101" +
			"92e2005071a9bf0900000000a002faf0f6670000020405b40402080a934b724b000000000103030a", 0,
		header4(ProtocolTCP, "198.18.0.1:37602", "198.19.1.1:80", 20, 60, 60).tcpWith(SYN, 0x71a9bf09, 0, 64240),
	},
	{
		"accept", "4500003c000040004006ad94c6130101c6120001" +
			"005092e2aadcce8671a9bf0aa012fe8885da0000020405b40402080ad9051a7b934b724b0103030a", 0,
		header4(ProtocolTCP, "198.19.1.1:80", "198.18.0.1:37602", 20, 60, 60).tcpWith(SYN|ACK, 0xaadcce86, 0x71a9bf0a, 65160),
	},
	{
		"write of ping\\n", "45000039cc9f40004006e0f7c6120001c6130101" +
			"92e2005071a9bf0aaadcce878018003fca1500000101080a934b724bd9051a7b70696e670a", 0,
		header4(ProtocolTCP, "198.18.0.1:37602", "198.19.1.1:80", 20, 52, 57).tcpWith(PSH|ACK, 0x71a9bf0a, 0xaadcce87, 63),
	},
	{
		"read of it", "4500003466c94000400646d3c6130101c6120001" +
			"005092e2aadcce8771a9bf0f80100040b2ed00000101080ad9051a7b934b724b", 0,
		header4(ProtocolTCP, "198.19.1.1:80", "198.18.0.1:37602", 20, 52, 52).tcpWith(ACK, 0xaadcce87, 0x71a9bf0f, 64),
	},
	{
		"close", "45000034cca140004006e0fac6120001c6130101" +
			"92e2005071a9bf0faadcce8d8011003fb2e700000101080a934b724bd9051a7b", 0,
		header4(ProtocolTCP, "198.18.0.1:37602", "198.19.1.1:80", 20, 52, 52).tcpWith(FIN|ACK, 0x71a9bf0f, 0xaadcce8d, 63),
	},
	{
		"connect to a port where nobody listens", "45000028000040004006ada8c6130101c6120001" +
			"0051c60c00000000f06e351c5014000036c00000", 0,
		header4(ProtocolTCP, "198.19.1.1:81", "198.18.0.1:50700", 20, 40, 40).tcpWith(RST|ACK, 0, 0xf06e351c, 0),
	},
	{
		"connect over IPv6", "600d7156002806402001000200000000000000000001000120010002000000000000000000030001" +
			"ae8a00507f18ee0800000000a002fd20aa7b0000020405a00402080af4535019000000000103030a", 0,
		header6(ProtocolTCP, "[2001:2::1:1]:44682", "[2001:2::3:1]:80", 40, 80, 80).tcpWith(SYN, 0x7f18ee08, 0, 64800),
	},
	{
		"write of ping\\n over IPv6", "600d7156002506402001000200000000000000000001000120010002000000000000000000030001" +
			"ae8a00507f18ee096d680abd80180040316700000101080af4535019f87a4b2270696e670a", 0,
		header6(ProtocolTCP, "[2001:2::1:1]:44682", "[2001:2::3:1]:80", 40, 72, 77).tcpWith(PSH|ACK, 0x7f18ee09, 0x6d680abd, 64),
	},
	{
		"look-up of a name", "4500003fa18d400040110cc5c6120001c6130035" +
			"d2cf0035002bd63881b301000001000000000001066f726967696e000001000100002904d0000000000000", 0,
		header4(ProtocolUDP, "198.18.0.1:53967", "198.19.0.53:53", 20, 28, 63),
	},
	{
		"IP_OPTIONS: record route", "4800002d98ae400040113fc7c6120001c613010101070b08c612000100000000" +
			"cb140009000d63bc68656c6c6f", 0,
		header4(ProtocolUDP, "198.18.0.1:51988", "198.19.1.1:9", 32, 40, 45),
	},
	{
		"ICMP: that port is unreachable", "48c00055d45000004001d9d7c6130101c6120001070b0cc6120001c613010100" +
			"030399a0000000004800002d98ae400040113fc7c6120001c613010101070b0cc6120001c6130101cb140009000d8d4668656c6c6f", 0,
		header4(1, "198.19.1.1:0", "198.18.0.1:0", 32, 32, 85),
	},
	{
		"send of 3000 bytes: first fragment", "450005dc418a20004011865fc6120001c6130101df7200090bc07bca", 1472,
		header4(ProtocolUDP, "198.18.0.1:57202", "198.19.1.1:9", 20, 28, 1500),
	},
	{
		"send of 3000 bytes: second fragment", "450005dc418a20b9401185a6c6120001c6130101", 1480,
		header4(ProtocolUDP, "198.18.0.1:0", "198.19.1.1:0", 20, 20, 1500),
	},
	{
		"send of 3000 bytes: last fragment", "45000044418a01724011aa85c6120001c6130101", 48,
		header4(ProtocolUDP, "198.18.0.1:0", "198.19.1.1:0", 20, 20, 68),
	},
	{
		"IPV6_HOPOPTS and IPV6_DSTOPTS", "60076ba10025004020010002000000000000000000010001200100020000000000000000000300013c00010400000000" +
			"1101010c00000000000000000000000098bc0009000de33068656c6c6f", 0,
		header6(ProtocolUDP, "[2001:2::1:1]:39100", "[2001:2::3:1]:9", 64, 72, 77),
	},
	{
		"IPV6_HOPOPTS and IPV6_DSTOPTS, send of 3000 bytes: first fragment",
		"60076ba105b0004020010002000000000000000000010001200100020000000000000000000300013c00010400000000" +
			"2c01010c00000000000000000000000011000001deff0a1798bc00090bc00f9d", 1416,
		header6(ProtocolUDP, "[2001:2::1:1]:39100", "[2001:2::3:1]:9", 72, 80, 1496),
	},
	{
		"IPV6_HOPOPTS and IPV6_DSTOPTS, send of 3000 bytes: last fragment",
		"60076ba100c0004020010002000000000000000000010001200100020000000000000000000300013c00010400000000" +
			"2c01010c00000000000000000000000011000b20deff0a17", 160,
		header6(ProtocolUDP, "[2001:2::1:1]:0", "[2001:2::3:1]:0", 72, 72, 232),
	},
}

// header4 is what an IPv4 packet says that carries no TCP.
func header4(protocol uint8, src, dst string, transport, payload, end int) Header {
	return Header{
		Version: 4, Protocol: protocol, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst),
		Transport: transport, Payload: payload, End: end,
	}
}

func header6(protocol uint8, src, dst string, transport, payload, end int) Header {
	h := header4(protocol, src, dst, transport, payload, end)
	h.Version = 6
	return h
}

func (h Header) tcpWith(flags Flags, seq, ack uint32, window uint16) Header {
	h.Flags, h.Seq, h.Ack, h.Window = flags, seq, ack, window
	return h
}

func unhex(t testing.TB, text string, zeros int) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return append(b, make([]byte, zeros)...)
}

func TestDecode(t *testing.T) {
	for _, test := range kernelPackets {
		b := unhex(t, test.bytes, test.zeros)
		got, err := Decode(b)
		if err != nil || got != test.want {
			t.Errorf("%s:\n%+v, %v; want\n%+v", test.name, got, err, test.want)
			continue
		}
		if n := got.PayloadLen(); n != len(b)-test.want.Payload {
			t.Errorf("%s: a payload of %d bytes", test.name, n)
		}
		// Ethernet fills short frames up.
		if padded, err := Decode(append(b, 0xff, 0xff)); err != nil || padded != got {
			t.Errorf("%s, padded: %+v, %v", test.name, padded, err)
		}
		for n := range len(b) {
			if h, err := Decode(b[:n]); !errors.As(err, new(*Error)) {
				t.Fatalf("%s, the first %d bytes: %+v, %v", test.name, n, h, err)
			}
		}
	}
}

// TestDecodeByHand is of bytes put together by hand: what no kernel here sends.
func TestDecodeByHand(t *testing.T) {
	const addresses6 = "2001000200000000000000000001000120010002000000000000000000030001"
	for name, test := range map[string]struct {
		bytes string
		want  Header
	}{
		// The options are in the fragments, not before them, and those of this one are
		// in the first: what follows is data, whatever it looks like.
		"destination options behind a later fragment's header": {
			"60000000" + "0010" + "2c40" + addresses6 + "3c0000b811111111" + "ffffffffffffffff",
			header6(destination, "[2001:2::1:1]:0", "[2001:2::3:1]:0", 48, 48, 56),
		},
		// "atomic": the whole packet in one fragment, RFC 6946.
		"fragment that is all": {
			"60000000" + "0012" + "2c40" + addresses6 + "1100000011111111" + "00010002000a0000" + "6869",
			header6(ProtocolUDP, "[2001:2::1:1]:1", "[2001:2::3:1]:2", 48, 56, 58),
		},
		"IPv4 fragment at 32,768": {
			"4500001c" + "00001000" + "4011ada8c6130101c6120001" + "0001000200080000",
			header4(ProtocolUDP, "198.19.1.1:0", "198.18.0.1:0", 20, 20, 28),
		},
		"routing header": {
			"60000000" + "0010" + "2b40" + addresses6 + "1100040000000000" + "0001000200080000",
			header6(ProtocolUDP, "[2001:2::1:1]:1", "[2001:2::3:1]:2", 48, 56, 56),
		},
		"nothing after the headers": {
			"60000000" + "0000" + "3b40" + addresses6,
			header6(59, "[2001:2::1:1]:0", "[2001:2::3:1]:0", 40, 40, 40),
		},
		"a TCP that sets every bit": {
			"45000028000000004006ada8c6130101c6120001" + "00010002ffffffffffffffff5fffffff00000000",
			header4(ProtocolTCP, "198.19.1.1:1", "198.18.0.1:2", 20, 40, 40).tcpWith(0xff, 1<<32-1, 1<<32-1, 65535),
		},
	} {
		if got, err := Decode(unhex(t, test.bytes, 0)); err != nil || got != test.want {
			t.Errorf("%s:\n%+v, %v; want\n%+v", name, got, err, test.want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	const (
		to4 = "00000000" + "4006ada8c6130101c6120001"
		to6 = "2001000200000000000000000001000120010002000000000000000000030001"
	)
	for bytes, want := range map[string]string{
		"":               "IP: no bytes",
		"50":             "IP: version 5",
		"00":             "IP: version 0",
		"45000014":       "IPv4: 4 bytes, want at least 20",
		"44000014" + to4: "IPv4: a header of 16 bytes in a packet of 20, of which 20 are here",
		"46000014" + to4: "IPv4: a header of 24 bytes in a packet of 20, of which 20 are here",
		"45000015" + to4: "IPv4: a header of 20 bytes in a packet of 21, of which 20 are here",
		"45000000" + to4: "IPv4: a header of 20 bytes in a packet of 0, of which 20 are here",
		"45000014" + to4: "TCP: 0 bytes, want at least 20",
		"45000028" + to4 + "0001000200000000000000004000000000000000":      "TCP: a header of 16 bytes, of which 20 are here",
		"45000028" + to4 + "0001000200000000000000006000000000000000":      "TCP: a header of 24 bytes, of which 20 are here",
		"4500001b00000000" + "4011ada8c6130101c6120001" + "00010002000700": "UDP: 7 bytes, want at least 8",
		"60":                          "IPv6: 1 bytes, want at least 40",
		"60000000" + "00013b40" + to6: "IPv6: a packet of 41 bytes, of which 40 are here",
		"60000000" + "00000040" + to6: "IPv6: an extension header of 0 bytes",
		"60000000" + "00080040" + to6 + "3b01000000000000":                    "IPv6: an extension header of 16 bytes, of which 8 are here",
		"60000000" + "00083c40" + to6 + "3c00000000000000":                    "IPv6: an extension header of 0 bytes",
		"60000000" + "00082c40" + to6 + "06ff000000000000":                    "TCP: 0 bytes, want at least 20",
		"60000000" + "00041140" + to6 + "00010002":                            "UDP: 4 bytes, want at least 8",
		"60000000" + "00040640" + to6 + "00010002" + strings.Repeat("00", 16): "TCP: 4 bytes, want at least 20",
	} {
		_, err := Decode(unhex(t, bytes, 0))
		if err == nil || err.Error() != want || !errors.As(err, new(*Error)) {
			t.Errorf("%s: %v, want %s", bytes, err, want)
		}
	}
}

// TestDecodeAllocates: each packet that passes the lab's link is decoded.
func TestDecodeAllocates(t *testing.T) {
	for _, test := range kernelPackets {
		b := unhex(t, test.bytes, test.zeros)
		n := testing.AllocsPerRun(100, func() {
			if _, err := Decode(b); err != nil {
				t.Fatal(err)
			}
			if Fold(Sum(0, b)) == 0 {
				t.Fatal("nothing adds up to nothing but zeros")
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", test.name, n)
		}
	}
}

// FuzzDecode: whatever the bytes, the offsets are in order and within them, and an
// error is one of ours.
func FuzzDecode(f *testing.F) {
	for _, p := range kernelPackets {
		f.Add(unhex(f, p.bytes, p.zeros))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Decode(b)
		if err != nil {
			if e := new(Error); !errors.As(err, &e) || e.Layer == "" || e.Err == "" || len(err.Error()) > 100 {
				t.Errorf("the error %q (%T)", err, err)
			}
			return
		}
		if h.Transport < ipv4Header || h.Transport > h.Payload || h.Payload > h.End || h.End > len(b) {
			t.Errorf("of %d bytes: %+v", len(b), h)
		}
		if h.Version != int(b[0]>>4) || !h.Src.IsValid() || !h.Dst.IsValid() || h.Src.Addr().Is4() != (h.Version == 4) {
			t.Errorf("the header %+v", h)
		}
		if again, err := Decode(b[:h.End]); err != nil || again != h {
			t.Errorf("without what is behind it: %+v, %v; with it: %+v", again, err, h)
		}
	})
}
