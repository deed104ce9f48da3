package packet_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// bulk is a capture of 100,000 full-size segments with timestamps over Ethernet.
func bulk() *packets.Capture {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Timestamps = true
	for i := range 100_000 {
		conn.Server(time.Duration(i)*12*time.Microsecond, packets.Segment{Seq: int64(i) * 1448, Window: 502, Len: 1448})
	}
	return capture
}

// BenchmarkReader reads and decodes a packet of 1,514 bytes: the bar is 350 ns.
func BenchmarkReader(b *testing.B) {
	capture := bulk()
	for name, make := range map[string]func() []byte{"pcap": capture.Pcap, "pcapng": capture.Pcapng} {
		file := make()
		b.Run(name, func(b *testing.B) { readAll(b, bytes.NewReader(file)) })
		b.Run(name+"-file", func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "capture")
			if err := os.WriteFile(path, file, 0o600); err != nil {
				b.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			readAll(b, f)
		})
	}
}

// readAll reads b.N packets.
func readAll(b *testing.B, r io.ReadSeeker) {
	b.ReportAllocs()
	b.SetBytes(1514)
	b.ResetTimer()
	for n := 0; n < b.N; {
		r.Seek(0, io.SeekStart)
		reader, err := packet.NewReader(r)
		if err != nil {
			b.Fatal(err)
		}
		for p, err := range reader.Packets() {
			if err != nil || p.PayloadLen() != 1448 {
				b.Fatal(p, err)
			}
			if n++; n == b.N {
				break
			}
		}
	}
}

// BenchmarkPcapgo is what pcapgo's readers take for the same, without decoding.
func BenchmarkPcapgo(b *testing.B) {
	capture := bulk()
	pcap, pcapng := capture.Pcap(), capture.Pcapng()
	b.Run("pcap", func(b *testing.B) {
		var reader *pcapgo.Reader
		for n := 0; n < b.N; n++ {
			if n%100_000 == 0 {
				reader, _ = pcapgo.NewReader(bytes.NewReader(pcap))
			}
			if _, _, err := reader.ZeroCopyReadPacketData(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("pcapng", func(b *testing.B) {
		var reader *pcapgo.NgReader
		for n := 0; n < b.N; n++ {
			if n%100_000 == 0 {
				reader, _ = pcapgo.NewNgReader(bytes.NewReader(pcapng), pcapgo.NgReaderOptions{WantMixedLinkType: true})
			}
			if _, _, err := reader.ZeroCopyReadPacketData(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
