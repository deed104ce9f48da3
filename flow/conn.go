package flow

import (
	"net/netip"
)

// A Conn is one TCP connection, as the capture shows it.
type Conn struct {
	ID             int // from 1, in the order of the first packets
	Client, Server netip.AddrPort

	Opening Opening

	// Sides are what each direction's sender said and did.
	Sides [2]Side

	// Segments are those of both directions in the order of the capture, from the
	// first that was not forgotten. Forgotten is how many stood before.
	Segments  []Segment
	Forgotten int
	SACKs     []Block

	// MinRTT is the smallest round trip seen between the two ends, in nanoseconds: of
	// the handshake, and of data to its ACK where that was not held. 0 if there is none.
	MinRTT int64

	// Near says at which end the capture was taken.
	Near Place

	Close Closing

	first, last int64
}

// A Place is where on its path a connection was captured.
type Place uint8

// The places. "near the client if SYN-ACK→ACK ≪ SYN→SYN-ACK".
const (
	Somewhere Place = iota
	AtClient
	AtServer
	Between
)

// An Opening is a handshake. Times are nanoseconds since 1970, 0 if it was not seen.
type Opening struct {
	FirstSYN, SYN, SYNACK, ACK int64   // FirstSYN is the first of several, SYN the one that was answered
	SYNs, SYNACKs              []int32 // packet numbers
	ACKPacket                  int32
	FastOpen                   bool // the SYN carried data that was taken: RFC 7413
}

// A Side is one sender of a connection.
type Side struct {
	MSS         int // what it offered to take; 0 if its SYN was not seen
	WindowScale int // -1 if its SYN was not seen; 0 if it offered none
	SACK        bool
	Timestamps  bool

	Next  int64 // N: the highest offset sent
	Acked int64 // U: the highest offset that the other side acknowledged

	Bytes     int64 // of new data
	Packets   int64 // without those captured twice
	Twice     int64 // packets that were captured twice
	Ambiguous int64 // packets with the IP-ID of an earlier one, too far apart to be the same
	Again     [numKinds]int64
	Unseen    int64 // bytes that were acknowledged and are not in the capture
	FIN, RST  int64 // when it sent them; 0 if it did not
}

// A Closing is how a connection ended.
type Closing struct {
	By       Dir  // who began
	Reset    bool // by RST
	Seen     bool // the end is in the capture
	TimeWait bool // By is left with TIME_WAIT
}
