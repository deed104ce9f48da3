package linger

import (
	"encoding/binary"
	"math"
	"time"

	"golang.org/x/net/http2"
)

// What both sides of an HTTP/2 connection promise each other: SETTINGS (RFC 9113
// §6.5), and what of it Transport.HTTP2 decides.

const (
	initialWindow  = 65_535 // octets: every window's at first (RFC 9113 §6.9.2)
	initialFrame   = 16_384 // octets: the largest frame at first (§4.2)
	largestFrame   = 1<<24 - 1
	largestWindow  = 1<<31 - 1
	initialTable   = 4_096 // octets: HPACK's dynamic table at first (RFC 7541 §4.2)
	largestTable   = 4 << 20
	readBuffer     = 32 << 10
	streamWindow   = 4 << 20 // octets; net/http's
	connWindow     = 1 << 30 // octets; net/http's
	defaultPing    = 15 * time.Second
	initialStreams = 100 // assumed before the peer's SETTINGS have come (§6.5.2 recommends no fewer)

	// unlimitedStreams is for a peer that sets no limit: net/http takes as many.
	unlimitedStreams = 1000
)

// An http2Config is what linger makes of Transport.HTTP2.
type http2Config struct {
	streamWindow, connWindow   int64
	frame                      uint32 // the largest frame read
	decoderTable, encoderTable uint32
	headerList                 int           // octets of a response's heads
	ping                       time.Duration // silence before a PING; forever: none
	pingChosen                 bool          // by Transport.HTTP2
	pong                       time.Duration // how long its answer may take
	write                      time.Duration // how long a write may stand still; 0: no limit
	count                      func(string)  // is told of errors by name
}

func newHTTP2Config(t *Transport) http2Config {
	cfg := http2Config{streamWindow: streamWindow, connWindow: connWindow, frame: initialFrame,
		decoderTable: initialTable, encoderTable: initialTable, headerList: t.maxHeader(), ping: defaultPing, pong: defaultPing,
		count: func(string) {}}
	h := t.HTTP2
	if h == nil {
		return cfg
	}
	cfg.streamWindow = within(h.MaxReceiveBufferPerStream, 1, streamWindow, cfg.streamWindow)
	cfg.connWindow = within(h.MaxReceiveBufferPerConnection, initialWindow, streamWindow, cfg.connWindow)
	cfg.frame = within(h.MaxReadFrameSize, initialFrame, largestFrame, cfg.frame)
	cfg.decoderTable = within(h.MaxDecoderHeaderTableSize, 1, largestTable, cfg.decoderTable)
	cfg.encoderTable = within(h.MaxEncoderHeaderTableSize, 1, largestTable, cfg.encoderTable)
	cfg.ping, cfg.pingChosen = limit(h.SendPingTimeout, defaultPing), h.SendPingTimeout > 0
	cfg.pong = limit(h.PingTimeout, defaultPing)
	cfg.write = max(0, h.WriteByteTimeout)
	if h.CountError != nil {
		cfg.count = h.CountError
	}
	return cfg
}

// within is v if it lies in [low, high], else def.
func within[T int64 | uint32](v int, low, high, def T) T {
	if v < int(low) || v > int(high) {
		return def
	}
	return T(v)
}

// appendPreface appends what a client says first: "The client connection preface
// starts with a sequence of 24 octets … This sequence MUST be followed by a
// SETTINGS frame" — RFC 9113 §3.4.
func (cfg *http2Config) appendPreface(b []byte) []byte {
	b = append(b, http2.ClientPreface...)
	b = appendSettings(b, []http2.Setting{
		{ID: http2.SettingEnablePush, Val: 0},
		{ID: http2.SettingInitialWindowSize, Val: uint32(cfg.streamWindow)},
		{ID: http2.SettingMaxFrameSize, Val: cfg.frame},
		{ID: http2.SettingMaxHeaderListSize, Val: uint32(min(int64(cfg.headerList), math.MaxUint32))},
		{ID: http2.SettingHeaderTableSize, Val: cfg.decoderTable},
	})
	if more := cfg.connWindow - initialWindow; more > 0 { // by 0 is an error (§6.9)
		b = appendWindowUpdate(b, 0, uint32(more))
	}
	return b
}

// peerSettings are the server's.
type peerSettings struct {
	known      bool   // they have come; until then they are assumed
	streams    int    // how many may be open at once
	window     int64  // of each stream
	frame      int    // the largest it reads
	headerList uint64 // octets of a request's head
}

var initialSettings = peerSettings{streams: initialStreams, window: initialWindow, frame: initialFrame, headerList: math.MaxUint64}

// settings takes in a SETTINGS frame of the server's and acknowledges it.
func (c *http2Conn) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	c.mu.Lock()
	if !c.peer.known {
		c.peer.known, c.peer.streams = true, unlimitedStreams
	}
	err := f.ForeachSetting(c.settingLocked)
	if err == nil {
		err = c.ackLocked(appendSettingsAck)
	}
	c.setRoomLocked()
	c.wakeUploadsLocked()
	c.mu.Unlock()
	if err == nil {
		c.roomy()
	}
	return err
}

func (c *http2Conn) settingLocked(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingMaxConcurrentStreams:
		c.peer.streams = int(min(s.Val, 1<<30))
	case http2.SettingMaxFrameSize:
		c.peer.frame = int(s.Val)
	case http2.SettingMaxHeaderListSize:
		c.peer.headerList = uint64(s.Val)
	case http2.SettingHeaderTableSize:
		c.enc.SetMaxDynamicTableSize(min(s.Val, c.cfg.encoderTable))
	case http2.SettingInitialWindowSize:
		return c.resizeLocked(int64(s.Val))
	}
	return nil
}

// resizeLocked changes the window of every stream: "When the value of
// SETTINGS_INITIAL_WINDOW_SIZE changes, a receiver MUST adjust the size of all
// stream flow-control windows that it maintains by the difference" — RFC 9113
// §6.9.2. A window may become negative by it.
func (c *http2Conn) resizeLocked(size int64) error {
	for _, st := range c.streams {
		st.window += size - c.peer.window
		if st.window > largestWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
	}
	c.peer.window = size
	return nil
}

// The frames that linger writes: RFC 9113 §4.1, §6.

const (
	frameHead = 9 // octets of a frame's header

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
)

func appendFrame(b []byte, size int, kind http2.FrameType, flags byte, stream uint32) []byte {
	b = append(b, byte(size>>16), byte(size>>8), byte(size), byte(kind), flags)
	return binary.BigEndian.AppendUint32(b, stream)
}

func appendSettings(b []byte, settings []http2.Setting) []byte {
	b = appendFrame(b, 6*len(settings), http2.FrameSettings, 0, 0)
	for _, s := range settings {
		b = binary.BigEndian.AppendUint16(b, uint16(s.ID))
		b = binary.BigEndian.AppendUint32(b, s.Val)
	}
	return b
}

func appendSettingsAck(b []byte) []byte { return appendFrame(b, 0, http2.FrameSettings, flagAck, 0) }

func appendPing(b []byte, flags byte, data [8]byte) []byte {
	return append(appendFrame(b, len(data), http2.FramePing, flags, 0), data[:]...)
}

func appendWindowUpdate(b []byte, stream, n uint32) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(b, 4, http2.FrameWindowUpdate, 0, stream), n)
}

func appendReset(b []byte, stream uint32, code http2.ErrCode) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(b, 4, http2.FrameRSTStream, 0, stream), uint32(code))
}

// appendGoAway appends a GOAWAY: no stream of the server's was processed, as it
// may open none.
func appendGoAway(b []byte, code http2.ErrCode) []byte {
	b = appendFrame(b, 8, http2.FrameGoAway, 0, 0)
	b = binary.BigEndian.AppendUint32(b, 0)
	return binary.BigEndian.AppendUint32(b, uint32(code))
}
