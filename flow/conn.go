package flow

import "net/netip"

// A connection and what is said of it live here.

// A Conn is one TCP connection, as the capture shows it. Times are nanoseconds
// since 1970; 0 means not seen.
type Conn struct {
	ID             int // from 1, in the order of the first packets
	Client, Server netip.AddrPort

	Opening Opening

	// Sides are what each direction's sender said and did.
	Sides [2]Side

	// Segments are those of both directions in the order of the capture, from the
	// first that was not forgotten; Forgotten is how many stood before. Packets that
	// were captured twice have one segment.
	Segments  []Segment
	Forgotten int
	SACKs     []Block

	// MinRTT is the smallest round trip seen between the two ends, in nanoseconds: the
	// smallest times from the place of capture to each end and back, of the handshake, of
	// data to its ACK or of a timestamp to its echo. It is 0 until both are known.
	MinRTT int64

	// Near says at which end the capture was taken.
	Near Place

	Closing Closing

	First, Last int64 // when its first and its last packet were captured

	// Guessed says that no SYN told which end is the client.
	Guessed bool

	halves [2]int64 // smallest time from a segment of a direction to its ACK, as captured
	ends   [2]end
	sink   Sink
	ended  [2]bool
	held   *held // the Table's
	key    tuple

	all       []Segment // Segments, and before them some that were forgotten
	gone      int       // how many those are
	goneSACKs int       // of SACKs, no segment names those before
}

// A Place is where on its path a connection was captured.
type Place uint8

// The places: near the client if the time from SYN-ACK to ACK is much smaller than
// that from SYN to SYN-ACK, near the server if it is the other way round.
const (
	Somewhere Place = iota
	AtClient
	AtServer
	Between
)

func (p Place) String() string {
	return [...]string{"somewhere", "at the client", "at the server", "between"}[p&3]
}

// An Opening is a handshake.
type Opening struct {
	FirstSYN, SYN, SYNACK, ACK int64   // FirstSYN is the first of several, SYN the one that was answered
	SYNs, SYNACKs              []int32 // packet numbers, of the first 64
	ACKPacket                  int32
	FastOpen                   bool // the SYN carried data: RFC 7413
}

// A Side is one sender of a connection.
type Side struct {
	MSS         int // what it offered to take; 0 if its SYN was not seen
	WindowScale int // -1 if it is not known
	SACK        bool
	Timestamps  bool

	Next  int64 // the highest offset sent (SND.NXT of RFC 9293)
	Acked int64 // the highest offset that the other side acknowledged (SND.UNA)

	Bytes     int64           // of new data
	Packets   int64           // without those captured twice
	Twice     int64           // packets that were captured twice
	Ambiguous int64           // packets with the IP-ID of an earlier one, too far apart to be the same
	Kinds     [NumKinds]int64 // its segments by kind
	Unseen    int64           // bytes that were passed over: the capture has missed them, or they were too late
	FIN, RST  int64           // when it sent them
}

// segmentSize is the largest that a direction's sender puts into one packet: what the
// other side offered to take, less the options of each segment (RFC 6691), or else
// Ethernet's.
func (c *Conn) segmentSize(d Dir) int {
	mss := c.Sides[d.Other()].MSS
	if mss == 0 {
		mss = 1460
	}
	if c.Sides[Up].Timestamps && c.Sides[Down].Timestamps {
		mss -= 12
	}
	return max(mss, 1)
}

// SegmentSize is how many bytes a full segment of a direction holds.
func (c *Conn) SegmentSize(d Dir) int { return c.segmentSize(d) }
