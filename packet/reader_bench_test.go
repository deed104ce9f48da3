package packet_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// bulk is a capture of n full-size segments with timestamps over Ethernet.
func bulk(n int) *packets.Capture {
	capture := packets.NewCapture()
	conn := capture.Conn("10.0.0.1:40000", "10.0.0.2:80")
	conn.Timestamps = true
	for i := range n {
		conn.Server(time.Duration(i)*12*time.Microsecond, packets.Segment{Seq: int64(i) * 1448, Window: 502, Len: 1448})
	}
	return capture
}

func BenchmarkReader(b *testing.B) {
	capture := bulk(300_000)
	for name, file := range map[string][]byte{"pcap": capture.Pcap(), "pcapng": capture.Pcapng()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(1514)
			r := bytes.NewReader(file)
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
		})
	}
}
