package flow

import "net/netip"

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

	// MinRTT is the smallest round trip seen between the two ends, of the handshake
	// or of data to its ACK, in nanoseconds; 0 if there is none.
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
	SYNs, SYNACKs              []int32 // packet numbers
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
	Unseen    int64           // bytes that the other side has and the capture has not
	FIN, RST  int64           // when it sent them
}

// A Closing is how a connection ended.
type Closing struct {
	Seen     bool // the end is in the capture
	By       Dir  // who began
	Reset    bool // by RST
	TimeWait bool // By is left with TIME_WAIT: RFC 9293 §3.6
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

// Forget drops the first n segments. Their numbers in Segments change, by Forgotten.
func (c *Conn) Forget(n int) {
	if n <= 0 {
		return
	}
	c.Segments = c.Segments[n:]
	c.Forgotten += n
	if cap(c.Segments) > 4*len(c.Segments)+64 {
		c.Segments = append([]Segment(nil), c.Segments...)
	}
	c.forgetSACKs()
}

// forgetSACKs drops the blocks that no segment names any more.
func (c *Conn) forgetSACKs() {
	first := len(c.SACKs)
	for i := range c.Segments {
		if c.Segments[i].NumSACK > 0 {
			first = int(c.Segments[i].SACKs)
			break
		}
	}
	if first < 1024 && first < len(c.SACKs) {
		return
	}
	c.SACKs = append([]Block(nil), c.SACKs[first:]...)
	for i := range c.Segments {
		if c.Segments[i].NumSACK > 0 {
			c.Segments[i].SACKs -= int32(first)
		}
	}
}

// sample takes in how long a segment's ACK took, as captured.
func (c *Conn) sample(d Dir, took int64) {
	if took < 0 || c.halves[d] != 0 && took >= c.halves[d] {
		return
	}
	c.halves[d] = max(took, 1)
	there, back := c.halves[Up], c.halves[Down]
	c.MinRTT = there + back
	switch {
	case there == 0 || back == 0:
		c.Near = Somewhere
	case back*8 < there:
		c.Near = AtClient
	case there*8 < back:
		c.Near = AtServer
	default:
		c.Near = Between
	}
}
