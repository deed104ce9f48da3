package exchange

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2"

	"github.com/lingerhttp/linger/flow"
)

// An http2Half cuts one direction into frames. DATA is counted as it comes; what
// else is of interest is collected and given to the Framer of x/net/http2 when it is
// complete.
type http2Half struct {
	dir flow.Dir
	h   *http2Reader
	how flow.How

	// preface is how much of the client's was found, -1 when it is behind us.
	preface int

	// whole says that nothing of the direction is missing so far, from its beginning.
	whole bool
	begun bool // by a preface of its side, or with a frame
	lost  int  // how often frames were lost

	// doubt is how many frame headers to come are held against what is plausible,
	// because a frame need not begin here; blind, that none is expected before the
	// next chunk.
	doubt int
	blind bool

	buf      []byte            // the frame's header, and payload if that is collected
	frame    http2.FrameHeader // valid once buf holds the header
	left     int               // of its payload
	where    stretch           // where the frame stands so far
	holed    bool              // a part of the payload is missing
	stream   *http2Stream      // whose DATA it is; nil if nobody's
	block    *http2Block       // of header fields, of which CONTINUATION is to come
	fields   http2Fields       // the decoder
	framer   *http2.Framer     // reads from in
	in       *bytes.Reader     // holds one frame
	window   http2Window       // what this side may send on the connection
	goAway   *http2GoAway      // the other side's
	maxFrame uint32            // the other side's SETTINGS_MAX_FRAME_SIZE, 0 for the default
}

const (
	http2FrameHeader  = 9
	http2DefaultFrame = 16_384
)

func newHTTP2Half(d flow.Dir, h *http2Reader) *http2Half {
	f := &http2Half{dir: d, h: h, whole: true, doubt: 2, in: bytes.NewReader(nil)}
	if d == flow.Down {
		f.preface = -1
	}
	f.framer = http2.NewFramer(nil, f.in)
	f.framer.AllowIllegalReads = true // what is illegal is for us to judge
	f.framer.SetMaxReadFrameSize(maxHTTP2Block)
	f.fields.init()
	f.window.init()
	return f
}

func (f *http2Half) other() *http2Half { return f.h.halfs[f.dir.Other()] }

func (f *http2Half) data(c chunk) {
	f.blind = false
	if f.preface >= 0 {
		c = f.readPreface(c)
	}
	for len(c.b) > 0 && !f.blind {
		if len(f.buf) < http2FrameHeader {
			c = f.readHeader(c)
		} else {
			c = f.readPayload(c)
		}
	}
}

// readPreface takes what there is of the client's preface, and returns what follows.
func (f *http2Half) readPreface(c chunk) chunk {
	want := http2.ClientPreface[f.preface:]
	n := min(len(want), len(c.b))
	switch {
	case string(c.b[:n]) != want[:n]:
		if f.preface > 0 {
			f.lose()
		}
		f.preface, f.whole = -1, false
		return c
	case n < len(want):
		f.preface += n
	default:
		f.preface, f.begun, f.doubt = -1, true, 0
	}
	return c.behind(n)
}

// readHeader takes what there is of a frame's header.
func (f *http2Half) readHeader(c chunk) chunk {
	n := min(http2FrameHeader-len(f.buf), len(c.b))
	if len(f.buf) == 0 {
		f.where = stretch{}
	}
	f.buf = append(f.buf, c.b[:n]...)
	f.where.add(c.first(n))
	c = c.behind(n)
	if len(f.buf) == http2FrameHeader {
		f.frame = http2Header(f.buf)
		f.begin()
	}
	return c
}

// http2Header reads a frame's header: RFC 9113 §4.1.
func http2Header(b []byte) http2.FrameHeader {
	return http2.FrameHeader{
		Length:   uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]),
		Type:     http2.FrameType(b[3]),
		Flags:    http2.Flags(b[4]),
		StreamID: binary.BigEndian.Uint32(b[5:9]) & (1<<31 - 1),
	}
}

// begin looks at a frame's header.
func (f *http2Half) begin() {
	if !f.begun {
		f.begun = true
		// "The server connection preface consists of a potentially empty SETTINGS frame
		// (Section 6.5) that MUST be the first frame the server sends":
		// https://www.rfc-editor.org/rfc/rfc9113#section-3.4
		if f.dir == flow.Up || f.frame.Type != http2.FrameSettings || f.frame.Flags.Has(http2.FlagSettingsAck) {
			f.begunInMidstream()
		}
	}
	reserved := f.buf[5]&0x80 != 0
	if !f.possible() || f.doubt > 0 && (reserved || !f.plausible()) {
		f.lose()
		f.blind = true
		return
	}
	f.doubt = max(0, f.doubt-1)
	f.left, f.holed, f.stream = int(f.frame.Length), false, nil
	if f.frame.Type == http2.FrameData {
		f.h.beginData(f)
	}
	if f.left == 0 {
		f.done()
	}
}

// begunInMidstream is for a direction of which the capture lacks the beginning.
func (f *http2Half) begunInMidstream() {
	f.whole = false
	f.fields.lose()
}

// readPayload takes what there is of a frame's payload.
func (f *http2Half) readPayload(c chunk) chunk {
	n := min(f.left, len(c.b))
	part := c.first(n)
	f.left -= n
	switch {
	case f.frame.Type == http2.FrameData:
		f.h.moreData(f, part)
	case f.collects():
		f.buf = append(f.buf, part.b...)
		f.where.add(part)
	}
	if f.left == 0 {
		f.done()
	}
	return c.behind(n)
}

// collects says whether the frame's payload is kept until it is complete.
func (f *http2Half) collects() bool {
	if f.holed || f.frame.Length > maxHTTP2Block {
		return false
	}
	switch f.frame.Type {
	case http2.FrameHeaders, http2.FramePushPromise, http2.FrameContinuation, http2.FrameSettings,
		http2.FrameRSTStream, http2.FrameGoAway, http2.FrameWindowUpdate:
		return true
	}
	return false // PRIORITY, PING, extensions: nothing to learn
}

// done handles a frame whose last byte has come.
func (f *http2Half) done() {
	buf := f.buf
	f.buf = f.buf[:0]
	if f.block != nil && (f.frame.Type != http2.FrameContinuation || f.frame.StreamID != f.block.stream) {
		f.dropBlock() // "Any other frame […] MUST be treated as a connection error": RFC 9113 §6.2
	}
	switch {
	case f.frame.Type == http2.FrameData:
		f.h.endData(f)
	case !f.collects():
		f.skipped()
	default:
		f.in.Reset(buf)
		frame, err := f.framer.ReadFrame()
		if err != nil {
			f.skipped()
			return
		}
		f.handle(frame)
	}
	if cap(f.buf) > 64<<10 {
		f.buf = nil
	}
}

// handle does what a frame says.
func (f *http2Half) handle(frame http2.Frame) {
	switch frame := frame.(type) {
	case *http2.HeadersFrame:
		f.beginBlock(&http2Block{stream: frame.StreamID, ends: frame.StreamEnded()}, frame.HeaderBlockFragment(), frame.HeadersEnded())
	case *http2.PushPromiseFrame:
		f.beginBlock(&http2Block{stream: frame.StreamID, promised: frame.PromiseID}, frame.HeaderBlockFragment(), frame.HeadersEnded())
	case *http2.ContinuationFrame:
		f.moreBlock(frame.HeaderBlockFragment(), frame.HeadersEnded())
	case *http2.SettingsFrame:
		f.settings(frame)
	case *http2.RSTStreamFrame:
		f.h.reset(f.dir, frame.StreamID, frame.ErrCode)
	case *http2.GoAwayFrame:
		f.other().goAway = &http2GoAway{last: frame.LastStreamID, code: frame.ErrCode}
	case *http2.WindowUpdateFrame:
		f.h.windowUpdate(f, frame.StreamID, frame.Increment)
	}
}

// skipped is for a frame that could not be read, or was not to be.
func (f *http2Half) skipped() {
	switch f.frame.Type {
	case http2.FrameHeaders:
		f.block = &http2Block{stream: f.frame.StreamID, ends: f.frame.Flags.Has(http2.FlagHeadersEndStream), where: f.where, unread: true}
		f.endOfUnread()
	case http2.FrameContinuation:
		if f.block != nil {
			f.block.unread = true
			f.block.where.join(f.where)
			f.endOfUnread()
		}
	case http2.FramePushPromise:
		f.dropBlock()
	case http2.FrameSettings, http2.FrameWindowUpdate:
		f.other().window.lose()
	}
}

// endOfUnread ends a block of which a frame could not be read, if the frame was its
// last.
func (f *http2Half) endOfUnread() {
	f.fields.lose()
	if f.frame.Flags.Has(http2.FlagHeadersEndHeaders) {
		f.endBlock()
	}
}

// settings takes what this side's SETTINGS mean for the other.
func (f *http2Half) settings(frame *http2.SettingsFrame) {
	if frame.IsAck() {
		return
	}
	to := f.other()
	_ = frame.ForeachSetting(func(s http2.Setting) error {
		switch s.ID {
		case http2.SettingHeaderTableSize:
			to.fields.allow(s.Val)
		case http2.SettingInitialWindowSize:
			to.window.initial = int64(s.Val)
		case http2.SettingMaxFrameSize:
			to.maxFrame = max(to.maxFrame, s.Val)
		}
		return nil
	})
}
