package timeline

import "fmt"

// A Phase says what the client was doing.
type Phase uint8

// The phases of an exchange, in the order in which they usually come.
const (
	Queue   Phase = iota // waited for a connection, a slot or a stream
	DNS                  // looked a name up
	Connect              // opened a TCP connection
	TLS                  // shook hands for TLS
	Send                 // wrote the request
	Wait                 // waited for the first byte of the final response
	Receive              // read the response
	numPhases
)

// NumPhases is how many phases there are: they count from 0.
const NumPhases = int(numPhases)

var phaseNames = [...]string{"queue", "dns", "connect", "tls", "send", "wait", "receive"}

// String returns the phase's word, in lower case.
func (p Phase) String() string { return word(phaseNames[:], int(p), "phase") }

// MarshalText writes the phase as its word.
func (p Phase) MarshalText() ([]byte, error) { return marshalWord(phaseNames[:], int(p), "phase") }

// UnmarshalText reads what MarshalText wrote.
func (p *Phase) UnmarshalText(text []byte) error {
	i, err := unmarshalWord(phaseNames[:], text, "phase")
	*p = Phase(i)
	return err
}

// A Cause says what the time was for. What nobody can show is Unknown.
type Cause uint8

// The causes of delay, as packets show them. A client alone can tell few: the
// rest of its spans are Unknown.
const (
	Unknown       Cause = iota // none of the others can be shown
	Queued                     // no connection, slot or stream was free
	NameLookup                 // a name was being looked up
	Handshake                  // SYN to SYN-ACK
	SYNRetry                   // a SYN or SYN-ACK was lost
	TLSHandshake               // the TLS handshake
	Propagation                // bits in flight
	Server                     // the server had not begun to answer
	Stall                      // the server's application had nothing to send
	Transfer                   // the bottleneck was sending this exchange's bytes
	Queueing                   // the bottleneck was sending bytes that stood before
	SlowStart                  // the congestion window was still small
	Congestion                 // loss had shrunk the congestion window
	ReceiveWindow              // the receiver's window was closed or small
	Nagle                      // a small segment was held until earlier data was acknowledged
	DelayedACK                 // the receiver sat on the ACK that was waited for
	Loss                       // bytes were lost
	HeadOfLine                 // our bytes stood behind another exchange's
	Client                     // the client was not reading
	numCauses
)

// NumCauses is how many causes there are: they count from 0.
const NumCauses = int(numCauses)

var causeNames = [...]string{
	"unknown", "queue", "dns", "handshake", "syn-retry", "tls", "propagation", "server",
	"stall", "transfer", "queueing", "slow-start", "congestion", "receive-window", "nagle",
	"delayed-ack", "loss", "head-of-line", "client",
}

// String returns the cause's word, in lower case.
func (c Cause) String() string { return word(causeNames[:], int(c), "cause") }

// MarshalText writes the cause as its word.
func (c Cause) MarshalText() ([]byte, error) { return marshalWord(causeNames[:], int(c), "cause") }

// UnmarshalText reads what MarshalText wrote.
func (c *Cause) UnmarshalText(text []byte) error {
	i, err := unmarshalWord(causeNames[:], text, "cause")
	*c = Cause(i)
	return err
}

func word(names []string, i int, kind string) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", kind, i)
}

func marshalWord(names []string, i int, kind string) ([]byte, error) {
	if i >= len(names) {
		return nil, fmt.Errorf("timeline: no %s has the number %d", kind, i)
	}
	return []byte(names[i]), nil
}

func unmarshalWord(names []string, text []byte, kind string) (int, error) {
	for i, name := range names {
		if name == string(text) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("timeline: no %s is called %q", kind, text)
}
