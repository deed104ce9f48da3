package linger

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/timeline"
)

// everyFrame is one frame of each kind, and some of awkward sizes, as x/net's
// Framer writes them.
func everyFrame() []byte {
	var b bytes.Buffer
	f := http2.NewFramer(&b, nil)
	f.WriteSettings()
	f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20}, http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 7})
	f.WriteSettingsAck()
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 3)})
	f.WriteContinuation(1, true, make([]byte, 5000))
	f.WriteData(1, false, nil)
	f.WriteData(1, false, make([]byte, 1))
	f.WriteData(1, false, make([]byte, 3))
	f.WriteData(1, false, make([]byte, 4))
	f.WriteData(1, true, make([]byte, 16<<10))
	f.WriteRSTStream(3, http2.ErrCodeRefusedStream)
	f.WritePing(false, [8]byte{1, 2, 3, 4})
	f.WriteWindowUpdate(0, 1<<20)
	f.WritePriority(5, http2.PriorityParam{Weight: 3})
	f.WriteGoAway(1<<31-1, http2.ErrCodeNo, []byte("farewell"))
	f.WriteRawFrame(0xbe, 0xff, 9, nil)
	f.WriteDataPadded(1<<31-1, true, make([]byte, 100), make([]byte, 255))
	return b.Bytes()
}

// oracle reads the frames of p as x/net's Framer does, up to where it objects.
func oracle(p []byte) []frame {
	r := bytes.NewReader(p)
	var found []frame
	for {
		h, err := http2.ReadFrameHeader(r)
		if err != nil {
			return found
		}
		payload := p[len(p)-r.Len():]
		if len(payload) < int(h.Length) {
			return found
		}
		payload = payload[:h.Length]
		r.Seek(int64(h.Length), io.SeekCurrent)
		f := frame{kind: byte(h.Type), flags: byte(h.Flags), stream: h.StreamID, size: 9 + int64(h.Length)}
		if len(payload) >= 4 {
			f.word = binary.BigEndian.Uint32(payload)
		}
		for i := 0; h.Type == http2.FrameSettings && i+6 <= min(len(payload), 24*6); i += 6 {
			if http2.SettingID(binary.BigEndian.Uint16(payload[i:])) == http2.SettingMaxConcurrentStreams {
				f.limits, f.streams = true, binary.BigEndian.Uint32(payload[i+2:])
			}
		}
		found = append(found, f)
	}
}

// cutInto feeds p to a framer in pieces whose sizes come from next.
func cutInto(f *framer, p []byte, next func() int) []frame {
	var found []frame
	for len(p) > 0 {
		n := min(len(p), max(0, next()))
		f.take(p[:n], func(r frame) { found = append(found, r) })
		p = p[n:]
	}
	return found
}

func TestFramerHoweverCut(t *testing.T) {
	p := everyFrame()
	want := oracle(p)
	if len(want) != 17 {
		t.Fatalf("the oracle found %d frames", len(want))
	}
	for size := 1; size < 64; size++ {
		if got := cutInto(&framer{}, p, func() int { return size }); !slices.Equal(got, want) {
			t.Errorf("in pieces of %d: got %+v", size, got)
		}
	}
	if got := cutInto(&framer{}, p, func() int { return len(p) }); !slices.Equal(got, want) {
		t.Errorf("in one piece: got %+v", got)
	}
	whole := append([]byte(http2.ClientPreface), p...)
	for size := 1; size < 64; size++ {
		if got := cutInto(&framer{preface: prefaceSize}, whole, func() int { return size }); !slices.Equal(got, want) {
			t.Errorf("behind the preface, in pieces of %d: got %+v", size, got)
		}
	}
}

func FuzzFramer(f *testing.F) {
	f.Add(everyFrame(), uint64(1))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), uint64(2))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0}, uint64(3))
	f.Add([]byte{0, 0, 3, 0, 0, 0x80, 0, 0, 1, 1, 2, 3, 0, 0, 0}, uint64(4))
	f.Fuzz(func(t *testing.T, p []byte, seed uint64) {
		dice := rand.New(rand.NewPCG(seed, 0))
		got := cutInto(&framer{}, p, func() int { return dice.IntN(20) })
		if want := oracle(p); !slices.Equal(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

// talk is a meter whose two directions are fed by hand.
func talk(t *testing.T) (*meter, chan struct{}) {
	t.Helper()
	away := make(chan struct{}, 8)
	m := newMeter(nil, func() { away <- struct{}{} })
	m.out.take([]byte(http2.ClientPreface), m.sent)
	return m, away
}

func framed(write func(*http2.Framer)) []byte {
	var b bytes.Buffer
	write(http2.NewFramer(&b, nil))
	return b.Bytes()
}

// open sends HEADERS for which an account is kept.
func (m *meter) open(id uint32) *streamBytes {
	s := &streamBytes{}
	m.expect(s)
	m.send(headers(id))
	return s
}

func (m *meter) send(write func(*http2.Framer))    { m.out.take(framed(write), m.sent) }
func (m *meter) receive(write func(*http2.Framer)) { m.in.take(framed(write), m.received) }

func headers(id uint32) func(*http2.Framer) {
	return func(f *http2.Framer) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: make([]byte, 10), EndHeaders: true})
	}
}

func TestMeterCountsEachStream(t *testing.T) {
	m, _ := talk(t)
	first := &streamBytes{}
	m.expect(first)
	m.send(func(f *http2.Framer) {
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: make([]byte, 10)})
		f.WriteContinuation(1, true, make([]byte, 20))
		f.WriteData(1, false, make([]byte, 100))
	})
	second := m.open(3)
	m.send(func(f *http2.Framer) {
		f.WriteData(1, true, make([]byte, 50))
		f.WriteWindowUpdate(3, 10)
	})
	m.receive(func(f *http2.Framer) {
		f.WriteSettings()
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: make([]byte, 7), EndHeaders: true})
		f.WriteData(3, false, make([]byte, 1000))
		f.WriteDataPadded(3, true, make([]byte, 10), make([]byte, 5))
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 9, BlockFragment: make([]byte, 7), EndHeaders: true}) // nobody's
	})
	one, _ := m.take(first)
	if want := (timeline.Bytes{Header: 9 + 10 + 9 + 20, Body: 9 + 100 + 9 + 50}); one.sent != want || one.received != (timeline.Bytes{}) {
		t.Errorf("stream 1: %+v, want sent %+v", one, want)
	}
	three, _ := m.take(second)
	if want := (timeline.Bytes{Header: 9 + 7, Body: 9 + 1000 + 9 + 1 + 10 + 5}); three.sent.Header != 19 || three.received != want {
		t.Errorf("stream 3: %+v, want received %+v", three, want)
	}
}

// TestMeterForgets: a stream that was taken leaves nothing behind, whatever
// frames still come for it.
func TestMeterForgets(t *testing.T) {
	m, _ := talk(t)
	for id := uint32(1); id < 2000; id += 2 {
		s := &streamBytes{}
		m.expect(s)
		if id%4 == 1 { // it is given up before its HEADERS are written
			m.take(s)
			m.send(headers(id))
		} else {
			m.send(headers(id))
			m.take(s)
		}
		if s.id != id {
			t.Errorf("the HEADERS of %d count as those of %d", id, s.id)
		}
		m.send(func(f *http2.Framer) { f.WriteRSTStream(id, http2.ErrCodeCancel) })
		m.send(func(f *http2.Framer) { // a trailer
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: true})
		})
		m.receive(func(f *http2.Framer) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true})
			f.WriteData(id, true, []byte("late"))
			f.WriteRSTStream(id, http2.ErrCodeRefusedStream)
		})
	}
	if len(m.streams) != 0 {
		t.Errorf("%d streams are remembered", len(m.streams))
	}
}

// TestMeterLimit: SETTINGS come into force when they are acknowledged, one after
// the other: https://www.rfc-editor.org/rfc/rfc9113#section-6.5.3.
func TestMeterLimit(t *testing.T) {
	settings := func(s ...http2.Setting) func(*http2.Framer) {
		return func(f *http2.Framer) { f.WriteSettings(s...) }
	}
	limit := func(n uint32) http2.Setting {
		return http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: n}
	}
	other := http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20}
	for _, tt := range []struct {
		name     string
		received []func(*http2.Framer)
		want     []int // at first, and after each acknowledgement
	}{
		{"none", nil, []int{initialStreams}},
		{"no limit", []func(*http2.Framer){settings()}, []int{initialStreams, unlimitedStreams}},
		{"a limit", []func(*http2.Framer){settings(other, limit(7))}, []int{initialStreams, 7}},
		{"raised and lowered", []func(*http2.Framer){settings(limit(1)), settings(limit(0)), settings(other), settings(limit(5), limit(4))}, []int{initialStreams, 1, 0, 0, 4}},
		{"unheard of", []func(*http2.Framer){settings(limit(1<<32 - 1))}, []int{initialStreams, 1 << 30}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, changes := talk(t)
			for _, w := range tt.received {
				m.receive(w)
			}
			m.receive(func(f *http2.Framer) { f.WriteSettingsAck() })
			for i, want := range tt.want {
				if i > 0 {
					m.send(func(f *http2.Framer) { f.WriteSettingsAck() })
				}
				if got := m.capacity(); got != want || m.settled() != (i > 0) {
					t.Errorf("after %d acknowledgements: %d streams, settled %v, want %d", i, got, m.settled(), want)
				}
			}
			if len(changes) != len(tt.want)-1 {
				t.Errorf("%d changes were told, want %d", len(changes), len(tt.want)-1)
			}
		})
	}
}

// TestMeterFates: "The REFUSED_STREAM error code can be included in a RST_STREAM
// frame to indicate that the stream is being closed prior to any processing
// having occurred", https://www.rfc-editor.org/rfc/rfc9113#section-8.7, and
// "streams with higher-numbered identifiers … were not and will not be
// processed", https://www.rfc-editor.org/rfc/rfc9113#section-6.8.
func TestMeterFates(t *testing.T) {
	reset := func(id uint32, code http2.ErrCode) func(*http2.Framer) {
		return func(f *http2.Framer) { f.WriteRSTStream(id, code) }
	}
	goAway := func(last uint32) func(*http2.Framer) {
		return func(f *http2.Framer) { f.WriteGoAway(last, http2.ErrCodeNo, nil) }
	}
	for _, tt := range []struct {
		name     string
		received []func(*http2.Framer)
		want     map[uint32]fate
		away     int
	}{
		{"nothing", nil, map[uint32]fate{1: processed, 3: processed, 0: processed}, 0},
		{"refused", []func(*http2.Framer){reset(3, http2.ErrCodeRefusedStream)}, map[uint32]fate{1: processed, 3: refusedBy}, 0},
		{"reset otherwise", []func(*http2.Framer){reset(3, http2.ErrCodeInternal)}, map[uint32]fate{1: processed, 3: processed}, 0},
		{"GOAWAY", []func(*http2.Framer){goAway(1)}, map[uint32]fate{1: processed, 3: goneAway, 5: goneAway, 0: goneAway}, 1},
		{"GOAWAY of all", []func(*http2.Framer){goAway(0)}, map[uint32]fate{1: allGone, 3: allGone, 0: allGone}, 1},
		{"GOAWAY announced", []func(*http2.Framer){goAway(1<<31 - 1)}, map[uint32]fate{1: processed, 5: processed, 0: goneAway}, 1},
		{"GOAWAY announced, then said", []func(*http2.Framer){goAway(1<<31 - 1), goAway(3)}, map[uint32]fate{1: processed, 3: processed, 5: goneAway}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, away := talk(t)
			streams := map[uint32]*streamBytes{0: {}}
			for _, id := range []uint32{1, 3, 5} {
				streams[id] = m.open(id)
			}
			for _, w := range tt.received {
				m.receive(w)
			}
			for id, want := range tt.want {
				if _, got := m.take(streams[id]); got != want {
					t.Errorf("stream %d: %q, want %q", id, got, want)
				}
			}
			if len(away) != tt.away {
				t.Errorf("the end of the connection was told %d times, want %d", len(away), tt.away)
			}
		})
	}
}

// TestMeterChangesNothing sends bytes through a meter in both directions.
func TestMeterChangesNothing(t *testing.T) {
	ours, theirs := net.Pipe()
	m := newMeter(ours, func() {})
	p := append([]byte(http2.ClientPreface), everyFrame()...)
	go func() {
		defer theirs.Close()
		got := make([]byte, len(p))
		io.ReadFull(theirs, got)
		theirs.Write(got)
	}()
	if n, err := m.Write(p); n != len(p) || err != nil {
		t.Fatalf("wrote %d of %d: %v", n, len(p), err)
	}
	back, err := io.ReadAll(m)
	if err != nil || !bytes.Equal(back, p) {
		t.Errorf("%d bytes came back of %d, %v", len(back), len(p), err)
	}
}
