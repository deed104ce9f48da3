package exchange

import "golang.org/x/net/http2"

// This file keeps an http2Half in step with the frames where bytes are missing.

// missing takes note of what is not in the capture.
func (f *http2Half) missing(m hole) {
	inPayload := len(f.buf) >= http2FrameHeader && f.left > 0
	if !f.begun || !inPayload || m.n < 0 || m.n > int64(f.left) {
		f.preface = -1
		f.lose()
		return
	}
	f.left -= int(m.n)
	if f.frame.Type == http2.FrameData {
		f.h.moreData(f, chunk{from: m.from, to: m.to, at: m.at, packet: m.packet})
	} else {
		f.holed = true
		f.buf = f.buf[:http2FrameHeader]
		f.where.add(chunk{from: m.from, to: m.to, at: m.at, packet: m.packet})
	}
	if f.left == 0 {
		f.done()
	}
}

// lose gives up the frame that was being read, and the place where the next begins.
func (f *http2Half) lose() {
	f.begun, f.whole = true, false
	f.lost++
	f.doubt = 2
	f.buf, f.left, f.stream, f.block = f.buf[:0], 0, nil, nil
	f.fields.lose()
	f.window.lose()
	f.other().window.lose() // a WINDOW_UPDATE may have been among it
}

// dropBlock gives up a block of header fields that does not go on, or cannot be read.
func (f *http2Half) dropBlock() {
	f.block = nil
	f.fields.lose()
}

// possible says whether a frame's header is one, as far as types with a fixed size
// tell. One that is not means that the reader is out of step, or the sender broken.
func (f *http2Half) possible() bool {
	switch f.frame.Type {
	case http2.FramePriority:
		return f.frame.Length == 5
	case http2.FrameRSTStream, http2.FrameWindowUpdate:
		return f.frame.Length == 4
	case http2.FramePing:
		return f.frame.Length == 8
	case http2.FrameSettings:
		return f.frame.Length%6 == 0
	}
	return true
}

// http2Flags are the flags that a type of frame may have, by type; extensions are
// not held against it.
var http2Flags = map[http2.FrameType]http2.Flags{
	http2.FrameData:         http2.FlagDataEndStream | http2.FlagDataPadded,
	http2.FrameHeaders:      http2.FlagHeadersEndStream | http2.FlagHeadersEndHeaders | http2.FlagHeadersPadded | http2.FlagHeadersPriority,
	http2.FramePriority:     0,
	http2.FrameRSTStream:    0,
	http2.FrameSettings:     http2.FlagSettingsAck,
	http2.FramePushPromise:  http2.FlagPushPromiseEndHeaders | http2.FlagPushPromisePadded,
	http2.FramePing:         http2.FlagPingAck,
	http2.FrameGoAway:       0,
	http2.FrameWindowUpdate: 0,
	http2.FrameContinuation: http2.FlagContinuationEndHeaders,
}

// plausible says whether a frame's header is likely to be one where nothing says that
// a frame begins: of random bytes, fewer than one in 2^30 are.
func (f *http2Half) plausible() bool {
	may, known := http2Flags[f.frame.Type]
	if !known || f.frame.Flags&^may != 0 || f.frame.Length > max(f.maxFrame, http2DefaultFrame) {
		return false
	}
	id := f.frame.StreamID
	switch f.frame.Type {
	case http2.FrameSettings, http2.FramePing, http2.FrameGoAway:
		return id == 0
	case http2.FrameWindowUpdate:
		if id == 0 {
			return true
		}
	}
	// Streams are numbered upwards. While none was seen a long-lived connection may be
	// anywhere; after that a hole does not hide very many.
	highest := max(f.h.highest[0], f.h.highest[1])
	return id != 0 && (highest == 0 || id <= highest+1<<16)
}
