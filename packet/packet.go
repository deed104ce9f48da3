package packet

// A Packet is one IP packet of a capture. Reader.Packets reuses it: what it points
// to is the Reader's, until the next.
type Packet struct {
	Number    int   // of its frame in the file, from 1
	At        int64 // nanoseconds since 1970
	Interface int   // index into Reader.Interfaces

	// Data is the IP packet as far as it was captured. Header.End may lie behind its
	// end: then the rest was snapped.
	Data []byte

	Header
	ID      uint16 // IPv4's identification; 0 in IPv6
	Options Options
}

// Payload returns the bytes that the transport carries, as far as they were captured.
func (p *Packet) Bytes() []byte {
	from, to := min(p.Header.Payload, len(p.Data)), min(p.End, len(p.Data))
	return p.Data[from:to]
}

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
