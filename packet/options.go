package packet

import "encoding/binary"

// Options are those of TCP that a segment carries: RFC 9293 §3.2.
type Options struct {
	MSS           uint16 // 0: not offered
	WindowScale   int8   // -1: not offered
	SACKPermitted bool
	Timestamps    bool
	FastOpen      bool // RFC 7413, with or without a cookie
	TSval, TSecr  uint32
	NumSACK       int
	SACK          [4][2]uint32 // left edge, right edge
}

// Numbers of TCP's options: https://www.iana.org/assignments/tcp-parameters.
const (
	optionEnd           = 0
	optionNone          = 1
	optionMSS           = 2
	optionWindowScale   = 3
	optionSACKPermitted = 4
	optionSACK          = 5
	optionTimestamps    = 8
	optionFastOpen      = 34
	optionExperiment    = 254
)

// fastOpenMagic marks an experimental option as RFC 7413's, before it had a number
// of its own: its appendix A.1 ("Linux 3.7").
const fastOpenMagic = 0xf989

// maxWindowScale: "If a Window Scale option is received with a shift.cnt value larger
// than 14, the TCP SHOULD log the error but MUST use 14 instead of the specified
// value" (https://www.rfc-editor.org/rfc/rfc7323#section-2.3).
const maxWindowScale = 14

// read reads options as far as they make sense, and forgets what o held.
func (o *Options) read(b []byte) {
	*o = Options{WindowScale: -1}
	// Nearly every segment of data has these and no others: RFC 7323 appendix A.
	if len(b) == 12 && binary.BigEndian.Uint32(b) == 0x0101080a {
		o.timestamps(b[4:])
		return
	}
	for len(b) > 0 {
		switch b[0] {
		case optionEnd:
			return
		case optionNone:
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return // nothing behind it can be told apart
		}
		o.option(b[0], b[2:b[1]])
		b = b[b[1]:]
	}
}

// option reads the value of one option. What has another length than its RFC says is
// passed over, as Linux does.
func (o *Options) option(kind byte, value []byte) {
	switch {
	case kind == optionMSS && len(value) == 2:
		o.MSS = binary.BigEndian.Uint16(value)
	case kind == optionWindowScale && len(value) == 1:
		o.WindowScale = int8(min(value[0], maxWindowScale))
	case kind == optionSACKPermitted && len(value) == 0:
		o.SACKPermitted = true
	case kind == optionSACK && len(value)%8 == 0:
		o.sack(value)
	case kind == optionTimestamps && len(value) == 8:
		o.timestamps(value)
	case kind == optionFastOpen,
		kind == optionExperiment && len(value) >= 2 && binary.BigEndian.Uint16(value) == fastOpenMagic:
		o.FastOpen = true
	}
}

func (o *Options) timestamps(value []byte) {
	o.Timestamps = true
	o.TSval, o.TSecr = binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:])
}

// sack reads blocks: RFC 2018 §3. There is room for four in a header.
func (o *Options) sack(value []byte) {
	o.NumSACK = 0
	for ; len(value) >= 8 && o.NumSACK < len(o.SACK); value = value[8:] {
		o.SACK[o.NumSACK] = [2]uint32{binary.BigEndian.Uint32(value), binary.BigEndian.Uint32(value[4:])}
		o.NumSACK++
	}
}
