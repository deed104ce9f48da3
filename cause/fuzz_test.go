package cause_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/lingerhttp/linger/cause"
	"github.com/lingerhttp/linger/internal/packets"
	"github.com/lingerhttp/linger/packet"
)

// written is a capture as bytes that a fuzzer can change: of each packet the time since
// the one before, in microseconds, its length, and the IP packet, cut to so many bytes.
func written(c *packets.Capture, most int) []byte {
	var b []byte
	last := packets.Start.UnixNano()
	for p := range c.Packets() {
		data := p.Data[:min(len(p.Data), most)]
		b = binary.BigEndian.AppendUint32(b, uint32((p.At-last)/1000))
		b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
		b = append(b, data...)
		last = p.At
	}
	return b
}

// playback yields what was written, if it can be decoded.
func playback(b []byte) func(func(*packet.Packet) bool) {
	return func(yield func(*packet.Packet) bool) {
		at := packets.Start.UnixNano()
		for n := 1; len(b) >= 6; n++ {
			at += int64(int32(binary.BigEndian.Uint32(b))) * 1000
			size := min(int(binary.BigEndian.Uint16(b[4:])), len(b)-6)
			p := &packet.Packet{Number: n, At: at}
			if err := p.Decode(b[6:6+size], 65_535); err == nil && !yield(p) {
				return
			}
			b = b[6+size:]
		}
	}
}

// FuzzExplain: whatever packets come, each exchange is covered by spans with all that
// belongs to them, and nobody panics.
func FuzzExplain(f *testing.F) {
	for seed := range uint64(24) {
		s := randomScene(seed, browser, origin)
		f.Add(written(s.run(s.capture), 200))
	}
	s := newScene(packets.Client)
	f.Add(written(s.play(twoUp(), twoDown(), small()), 2000))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, limits := explain(cause.Config{}, playback(b))
		for _, fault := range limits.faults(all) {
			t.Error(fault)
		}
		if len(all) > len(b) {
			t.Errorf("%d exchanges of %d bytes", len(all), len(b))
		}
	})
}

// mangled is a capture as bad machines make it: packets are missing, twice, in another
// order, with bytes and times that are not theirs, and with ends that are.
func mangled(c *packets.Capture, r *rand.Rand) func(func(*packet.Packet) bool) {
	type frame struct {
		at   int64
		data []byte
	}
	var all []frame
	for p := range c.Packets() {
		f := frame{p.At, bytes.Clone(p.Data)}
		switch r.IntN(20) {
		case 0:
			continue
		case 1:
			all = append(all, f)
			f.at += int64(r.IntN(100_000_000))
		case 2:
			f.at += int64(r.IntN(200_000_000) - 100_000_000)
		case 3:
			f.data[20+r.IntN(20)] ^= byte(1 << r.IntN(8)) // in TCP's header
		case 4:
			f.data = f.data[:40+r.IntN(len(f.data)-39)]
		case 5:
			if n := len(all); n > 0 {
				all[n-1].data, f.data = f.data, all[n-1].data
			}
		}
		all = append(all, f)
	}
	if r.IntN(4) == 0 {
		all = all[r.IntN(len(all)/2+1):]
	}
	return func(yield func(*packet.Packet) bool) {
		for i, f := range all {
			p := &packet.Packet{Number: i + 1, At: f.at}
			if err := p.Decode(f.data, 65_535); err == nil && !yield(p) {
				return
			}
		}
	}
}

// TestMangled is FuzzExplain for captures that are still like one.
func TestMangled(t *testing.T) {
	for seed := range uint64(seeds) {
		s := randomScene(seed, browser, origin)
		bad := mangled(s.run(s.capture), rand.New(rand.NewPCG(seed, 3)))
		all, limits := explain(cause.Config{}, bad)
		for _, fault := range limits.faults(all) {
			t.Errorf("seed %d: %s", seed, fault)
		}
	}
}
