package exchange

import (
	"crypto/tls"
	"testing"

	"github.com/lingerhttp/linger/flow"
)

// BenchmarkTLS reads full segments of records of 16 KiB.
func BenchmarkTLS(b *testing.B) {
	for _, opened := range []bool{true, false} {
		name := "guessed"
		m := newMaker(tls.TLS_AES_128_GCM_SHA256)
		m.handshake()
		keys := new(KeyLog)
		if opened {
			name, keys = "opened", m.logged()
		}
		m.seal(flow.Up, recordData, make([]byte, 100), 0)
		m.seal(flow.Down, recordData, make([]byte, 100), 0)
		begin := len(streamsOf(m)[1])
		for range 1000 {
			m.seal(flow.Down, recordData, make([]byte, 1<<14), 0)
		}
		down := streamsOf(m)[1]
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(down) - begin))
			packets := 0
			for b.Loop() {
				r := newTLS(keys, func(*Exchange) {}, func(string, func(*Exchange)) reader { return nobody{} })
				playTape(inClear{r}, m.all, segments, nil)
				packets += (len(down) - begin) / 1448
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
		})
	}
}

// nobody reads nothing.
type nobody struct{}

func (nobody) data(flow.Dir, chunk)          {}
func (nobody) missing(flow.Dir, hole)        {}
func (nobody) end(flow.Dir, int64, flow.How) {}

// BenchmarkHTTP2 reads full segments of DATA frames of 16 KiB, of two streams in turn.
func BenchmarkHTTP2(b *testing.B) {
	m := newFrameMaker()
	m.ask(1, "/a")
	m.ask(3, "/b")
	m.answer(1, false)
	m.answer(3, false)
	const frames = 1000
	for i := range frames {
		m.body(uint32(1+2*(i%2)), 1<<14, i >= frames-2)
	}
	m.flush()
	b.SetBytes(frames << 14)
	packets := 0
	for b.Loop() {
		playTape(inClear{newHTTP2(func(*Exchange) {})}, m.all, segments, nil)
		packets += (frames << 14) / 1448
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
}
