package flow

import "github.com/lingerhttp/linger/packet"

// A Dir says who sent a segment.
type Dir uint8

// The directions. The client is who sent the SYN; where no SYN was seen, who sent
// the first request, or else whose port is the higher one.
const (
	Up   Dir = iota // from the client
	Down            // from the server
)

// Other is the direction of the answer.
func (d Dir) Other() Dir { return 1 - d }

func (d Dir) String() string { return [...]string{"up", "down"}[d&1] }

// A Kind says what a segment was there for.
type Kind uint8

// The kinds. Those from Fast on carry bytes that had been sent before, as far as
// the capture can tell; Repair is how that looks at the receiver, where the first
// copy was never seen. A retransmission may become Spurious after it was told, when an
// ACK shows that it was in vain. A FIN that is sent again has one of these kinds, too,
// without a byte.
const (
	Pure      Kind = iota // an ACK without bytes
	Data                  // bytes that were not sent before
	KeepAlive             // one byte or none below what was acknowledged: RFC 9293 §3.8.4
	Probe                 // of a closed window: RFC 9293 §3.8.6.1
	Reordered             // bytes that the network put behind later ones
	Repair                // bytes that fill a hole, sent again: a loss that the receiver sees
	Fast                  // retransmitted upon duplicate ACKs or SACKs
	Tail                  // retransmitted by a tail-loss probe: RFC 8985 §7
	Timeout               // retransmitted upon a timeout: RFC 6298
	Spurious              // retransmitted although nothing was lost
	Handshake             // SYN or SYN-ACK
	Ambiguous             // it may be a packet captured twice, or a retransmission
	NumKinds              // how many there are
)

var kindNames = [...]string{
	"ack", "data", "keep-alive", "probe", "reordered", "repair", "fast retransmit",
	"tail-loss probe", "timeout", "spurious", "handshake", "ambiguous",
}

func (k Kind) String() string { return kindNames[k] }

// Again says whether the segment's bytes had been sent before.
func (k Kind) Again() bool { return k >= Repair && k <= Spurious }

// A Segment is one TCP segment of a connection, in stream offsets: 0 is the first
// byte of data of its direction, -1 the SYN. Packets that the capture holds twice
// have one segment.
type Segment struct {
	At     int64 // nanoseconds since 1970, by the capture's clock
	Seq    int64 // offset of the first byte
	Ack    int64 // offset of the next byte that the other side is to send; -1 without ACK
	Packet int32 // its number in the capture
	Len    int32 // bytes of data
	Window int32 // scaled; -1 where the scale is unknown
	TSval  uint32
	TSecr  uint32
	SACKs  int32  // index into Conn.SACKs of the first block; NumSACK follow from there
	ID     uint16 // IPv4's identification; Linux counts the packets of a connection with it
	Dir    Dir
	Kind   Kind
	Flags  packet.Flags

	NumSACK uint8
	Pieces  uint8 // how many MSS-sized segments it stands for, 255 and more; more than 1 where TSO or GRO joined them
	DSACK   bool  // the first SACK block tells of bytes that arrived twice: RFC 2883
	NoTS    bool  // it has no timestamps
}

// End is the offset behind the last byte, the FIN not counted.
func (s *Segment) End() int64 { return s.Seq + int64(s.Len) }

// A Block is a range of offsets.
type Block struct{ From, To int64 }
