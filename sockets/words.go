package sockets

import (
	"fmt"
	"strings"
)

// The kernel's numbers and the words for them. A number without a word is
// written as such, "state(99)", and read back: a newer kernel may have more.

// A State is a TCP connection's, by RFC 9293 §3.3.2 and the kernel's numbers
// (include/net/tcp_states.h).
type State uint8

// The states.
const (
	Established State = iota + 1
	SynSent
	SynReceived
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listen
	Closing
	NewSynReceived // a request to connect that has no socket yet; the kernel's own
	BoundInactive  // bound to a port and nothing more; the kernel's own
)

var stateWords = words{"state", []string{
	"", "established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2", "time-wait",
	"closed", "close-wait", "last-ack", "listen", "closing", "new-syn-received", "bound-inactive",
}}

// String returns the state's word: "established".
func (s State) String() string { return stateWords.of(uint8(s)) }

// MarshalText writes the state as its word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	n, err := stateWords.number(string(text))
	*s = State(n)
	return err
}

// A CAState says what congestion control is doing (enum tcp_ca_state).
type CAState uint8

// The states of congestion control.
const (
	CAOpen     CAState = iota // nothing is wrong
	CADisorder                // segments overtook others, or were selectively acknowledged
	CACWR                     // the window is being lowered: ECN, or a full queue of this host
	CARecovery                // lost segments are being sent again
	CALoss                    // a retransmission timed out
)

var caWords = words{"ca-state", []string{"open", "disorder", "cwr", "recovery", "loss"}}

// String returns the state's word: "open".
func (s CAState) String() string { return caWords.of(uint8(s)) }

// MarshalText writes the state as its word.
func (s CAState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *CAState) UnmarshalText(text []byte) error {
	n, err := caWords.number(string(text))
	*s = CAState(n)
	return err
}

// Options are the options of TCP that a connection uses: TCPI_OPT_ bits.
type Options uint8

// The options.
const (
	OptTimestamps Options = 1 << iota // RFC 7323
	OptSACK                           // RFC 2018
	OptWScale                         // RFC 7323
	OptECN                            // agreed (RFC 3168)
	OptECNSeen                        // and a marked segment has come
	OptSynData                        // the SYN's data was acknowledged (RFC 7413)
	OptUsecTS                         // timestamps count microseconds
	OptTFOChild                       // accepted by Fast Open
)

var optionWords = [8]string{"timestamps", "sack", "wscale", "ecn", "ecn-seen", "syn-data", "usec-ts", "tfo-child"}

// String returns the options' words, with a space between: "timestamps sack wscale".
func (o Options) String() string {
	var set []string
	for bit, word := range optionWords {
		if o&(1<<bit) != 0 {
			set = append(set, word)
		}
	}
	return strings.Join(set, " ")
}

// MarshalText writes the options as String does.
func (o Options) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Options) UnmarshalText(text []byte) error {
	*o = 0
next:
	for word := range strings.FieldsSeq(string(text)) {
		for bit, known := range optionWords {
			if word == known {
				*o |= 1 << bit
				continue next
			}
		}
		return fmt.Errorf("sockets: no option is called %q", word)
	}
	return nil
}

// words are the names of small numbers; an empty one stands for none.
type words struct {
	kind string
	list []string
}

func (w words) of(n uint8) string {
	if int(n) < len(w.list) && w.list[n] != "" {
		return w.list[n]
	}
	return fmt.Sprintf("%s(%d)", w.kind, n)
}

func (w words) number(text string) (uint8, error) {
	for n := range 256 {
		if w.of(uint8(n)) == text {
			return uint8(n), nil
		}
	}
	return 0, fmt.Errorf("sockets: no %s is called %q", w.kind, text)
}
