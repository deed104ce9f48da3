package packet

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzReader: whatever the bytes, nothing panics, what is handed over is within bounds,
// every packet is accounted for, and nothing depends on how the file is cut into reads.
func FuzzReader(f *testing.F) {
	for name, file := range files(f) {
		if !strings.Contains(name, "gzip") || strings.Contains(name, "big, gzip") {
			f.Add(file)
		}
	}
	for _, d := range damagedFiles(f) {
		if len(d.file) < 2000 {
			f.Add(d.file)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		reader, err := NewReader(bytes.NewReader(file))
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("a long error: %v", err)
			}
			return
		}
		handed, last := 0, 0
		for p, err := range reader.Packets() {
			if err != nil {
				continue
			}
			handed++
			if p.Number <= last || len(p.Data) > maxFrame || len(p.Bytes()) > p.PayloadLen() || p.Interface >= len(reader.Interfaces()) {
				t.Errorf("%+v behind %d", p, last)
			}
			if last = p.Number; p.Protocol != ProtocolTCP && p.Protocol != ProtocolUDP || p.Src.Addr().Is4() != (p.Version == 4) {
				t.Errorf("%+v", p.Header)
			}
		}
		d := reader.Defects()
		if handed != d.TCP+d.UDP || d.Read > handed+d.NotIP+d.OtherIP+d.Unreadable.Count+d.Damaged+d.Fragments {
			t.Errorf("%d handed over, %+v", handed, d)
		}
		if len(file) < 4096 && outcome(bytes.NewReader(file)) != outcome(iotest.OneByteReader(bytes.NewReader(file))) {
			t.Error("it depends on how the file is read")
		}
		if len(reader.source.buf) > 2*maxBlock {
			t.Errorf("%d bytes of the file are held", len(reader.source.buf))
		}
	})
}

// FuzzSnapped: of a packet that is cut anywhere, what was read stays what it is in the
// whole one, as far as it is there.
func FuzzSnapped(f *testing.F) {
	for i, p := range kernelPackets {
		f.Add(unhex(f, p.bytes, p.zeros), uint16(i*10))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		h, err := Decode(b)
		jumbo := h.Version == 6 && h.End == ipv6Header // a length of 0 stands for all that is there
		var whole, snapped Packet
		if err2 := whole.Decode(b, len(b)); err == nil && !jumbo && (err2 != nil || whole.Header != h) {
			t.Errorf("%+v, leniently %+v, %v", h, whole.Header, err2)
		}
		err2 := snapped.Decode(b[:min(int(n), len(b))], len(b))
		if err == nil && err2 == nil && (snapped.Header != whole.Header || snapped.ID != whole.ID || !bytes.HasPrefix(whole.Bytes(), snapped.Bytes())) {
			t.Errorf("%+v, snapped %+v", whole, snapped)
		}
		if p := &snapped; err2 == nil && (p.Transport > len(b) || p.Transport > p.Header.Payload || p.Header.Payload > p.End || len(p.Data) > p.End) {
			t.Errorf("%+v", p)
		}
	})
}
