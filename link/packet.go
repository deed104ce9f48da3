package link

// A Packet is an IP packet as the link knows it: the link reads no headers, so
// the caller says what they hold.
type Packet struct {
	ID   uint64 // the caller's; the link only hands it back
	Size int    // of the IP packet in bytes, 0 to 65,535; what is outside counts as the nearest
	Conn int    // which connection, from 1 in order of appearance; 0 means unknown
	Kind Kind
	Nth  int // which of its Kind in this direction of its connection, from 1; 0 means unknown
}

// maxSize is the most that an IP packet's length field can say (RFC 791 §3.1).
const maxSize = 65535

func (p Packet) bytes() int { return min(max(p.Size, 0), maxSize) }

// A Kind is what a packet does for its TCP connection.
type Kind uint8

// The kinds. Each segment is of one: a RST whatever else it is, else a SYN or
// SYNACK, else Data if it carries any, else a FIN, else an ACK.
const (
	Other    Kind = iota // not TCP
	SYN                  // asks for a connection
	SYNACK               // grants one
	Data                 // carries data
	ACK                  // acknowledges and does nothing else
	FIN                  // ends a direction
	RST                  // breaks a connection off
	NumKinds             // how many there are
)

var kindNames = [...]string{"other", "syn", "synack", "data", "ack", "fin", "rst"}

// String returns the kind's word, in lower case.
func (k Kind) String() string { return word(kindNames[:], int(k), "kind") }

// MarshalText writes the kind as its word.
func (k Kind) MarshalText() ([]byte, error) { return marshalWord(kindNames[:], int(k), "kind") }

// UnmarshalText reads what MarshalText wrote. On an error k stays as it was.
func (k *Kind) UnmarshalText(text []byte) error {
	i, err := unmarshalWord(kindNames[:], string(text))
	if err != nil {
		return misread("kind", text, err)
	}
	*k = Kind(i)
	return nil
}
