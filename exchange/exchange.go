package exchange

import (
	"net/http"

	"github.com/lingerhttp/linger/flow"
)

// An Exchange is one request and its response on a connection, in the offsets of
// the two streams and the times of the capture.
type Exchange struct {
	Conn *flow.Conn

	// Nth is its place among the exchanges of its connection, from 1, in the order of
	// the requests.
	Nth int

	// Stream is HTTP/2's number of the stream, 0 in HTTP/1.
	Stream uint32

	Request, Response Message

	// Interim are the 1xx responses before the final one.
	Interim []Message

	Method, URL string      // URL is absolute where scheme and host are known
	Protocol    string      // "HTTP/1.0", "HTTP/1.1" or "HTTP/2.0"
	Status      int         // 0 if no response was seen
	Header      http.Header // of the final response; nil if it could not be read

	// Inferred says that the boundaries were inferred from directions and record
	// sizes: TLS hid the messages.
	Inferred bool

	// Problem says what is wrong with it, a sentence; empty if nothing is.
	Problem string

	// Secure tells of the TLS handshake below, nil in clear. It is the same for all
	// exchanges of a connection.
	Secure *TLS

	// Lookup is the DNS lookup that led to the connection; nil if none was seen.
	Lookup *Lookup
}

// A Message is a request or a response.
type Message struct {
	// Ranges are where its bytes stand in the stream of its direction, in order: one
	// range in HTTP/1, one for each run of frames in HTTP/2. A range covers all that
	// belongs to the message: head, body, the framing of chunks and frames, and TLS
	// records around them.
	Ranges []flow.Block

	Head int64 // bytes of head on the wire
	Body int64 // bytes of body on the wire, framing included

	// First and Last are when its first and its last byte could be read at the place of
	// capture, with the packets that carried them; 0 if they were not seen.
	First, Last             int64
	FirstPacket, LastPacket int32

	// Complete says that its end was seen.
	Complete bool
}

// Start is the offset of the message's first byte, -1 if it has none.
func (m *Message) Start() int64 {
	if len(m.Ranges) == 0 {
		return -1
	}
	return m.Ranges[0].From
}

// End is the offset behind the message's last byte, -1 if it has none.
func (m *Message) End() int64 {
	if len(m.Ranges) == 0 {
		return -1
	}
	return m.Ranges[len(m.Ranges)-1].To
}

// A TLS is a handshake as packets show it. Times are nanoseconds since 1970.
type TLS struct {
	Version    string // "TLS 1.2", "TLS 1.3"
	Suite      string
	ServerName string
	ALPN       string
	Resumed    bool

	Begin, End             int64 // from the ClientHello to the client's Finished
	BeginPacket, EndPacket int32

	// UpEnd and DownEnd are where the handshake's bytes end in the streams.
	UpEnd, DownEnd int64

	Decrypted bool // a key log had its keys
}

// A Lookup is a DNS query with its answer. Times are nanoseconds since 1970.
type Lookup struct {
	Name                      string
	Query, Answer             int64
	QueryPacket, AnswerPacket int32
	Tries                     int // queries that were sent
}
