package flow

import (
	"fmt"
	"testing"
	"time"

	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// ignore is a Sink that takes everything and does nothing.
type ignore struct{}

func (ignore) Data(Dir, int64, []byte, int64, int32)   {}
func (ignore) Missing(Dir, int64, int64, int64, int32) {}
func (ignore) End(Dir, int64, How)                     {}

// download is a connection's handshake, and a full segment and the ACK of it.
func download(i int) (open []*packet.Packet, data, ack *packet.Packet) {
	capture := packets.NewCapture()
	conn := capture.Conn(fmt.Sprintf("10.0.0.%d:%d", 1+i%250, 40000+i), "10.0.0.2:80")
	conn.Timestamps = true
	conn.Open(0, 20*time.Millisecond)
	conn.Server(50*time.Millisecond, packets.Segment{Len: 1448, Window: 502})
	conn.Client(50*time.Millisecond, packets.Segment{Ack: 1448, Window: 502})
	var all []*packet.Packet
	for p := range capture.Packets() {
		all = append(all, p)
	}
	return all[:3], all[3], all[4]
}

// BenchmarkAdd is of downloads of full segments, an ACK for each two; each connection
// forgets its segments now and then.
func BenchmarkAdd(b *testing.B) {
	for _, conns := range []int{1, 200, 5000} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			table := NewTable(Config{
				Open: func(*Conn) Sink { return ignore{} },
				Segment: func(c *Conn) {
					if len(c.Segments) >= 512 {
						c.Forget(256)
					}
				},
			})
			data, acks := make([]*packet.Packet, conns), make([]*packet.Packet, conns)
			for i := range conns {
				var open []*packet.Packet
				open, data[i], acks[i] = download(i)
				for _, p := range open {
					table.Add(p)
				}
			}
			b.SetBytes(1500)
			b.ReportAllocs()
			now := data[0].At
			for i := 0; b.Loop(); i++ {
				p := data[i%conns]
				if i/conns%3 == 2 {
					p = acks[i%conns]
					p.Ack = data[i%conns].Seq
				}
				now += 12_000
				p.At, p.Number, p.ID = now, i, p.ID+1
				table.Add(p)
				if p.Flags&packet.PSH == 0 && i/conns%3 != 2 {
					p.Seq += 1448
				}
			}
		})
	}
}
