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

	// Note is what else is worth knowing of it, a sentence: that it came through a
	// tunnel, or led to one. Empty if there is nothing.
	Note string

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

	// First and Last are when its first and its last byte came in order to the place of
	// capture, with the packets that carried them; 0 if they were not seen. A last byte
	// that is not in the capture has the time and the packet that showed its arrival.
	First, Last             int64
	FirstPacket, LastPacket int32

	// FirstRead and LastRead are when these two bytes could be read: First and Last, but
	// in TLS not before all of their record had come.
	FirstRead, LastRead int64

	// Complete says that its end was seen.
	Complete bool

	// Shut is when the receiver's HTTP/2 flow control let nothing more of it be sent, in
	// order. Where windows are not known from their beginning it stays empty.
	Shut []Shut
}

// A Shut is a time in which a window of HTTP/2 was used up (RFC 9113 §5.2): from the
// DATA frame that used its last octet to the WINDOW_UPDATE that opened it, both as
// they passed the place of capture, in nanoseconds since 1970.
type Shut struct {
	From, To             int64 // To is 0 if it was not opened again
	FromPacket, ToPacket int32
	Connection           bool // it was the connection's window, not the stream's
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
	Version    string // "TLS 1.2", "TLS 1.3"; empty if the ServerHello was not seen
	Suite      string // as [crypto/tls.CipherSuiteName] has it
	ServerName string // as the client asked; empty if it named none
	ALPN       string // what was agreed; empty if nothing was, or keys for TLS 1.3 are missing
	Offered    []string
	Resumed    bool
	Retried    bool // by a HelloRetryRequest: it took a round trip more
	EarlyData  bool // the client sent 0-RTT data; whether it was taken, see EarlyTaken
	EarlyTaken bool // known only where it is decrypted

	// Begin is the first byte of the ClientHello. End is the last byte of the client's
	// Finished, or of the server's where that comes after it and the client waited for
	// it: a full handshake of TLS 1.2. 0 if they were not seen. In TLS 1.3 without keys
	// the Finished is told by its size.
	Begin, End             int64
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
