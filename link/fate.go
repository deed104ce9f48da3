package link

import "time"

// A Fate is what became of a packet. Each packet that enters has exactly one,
// and one more for its copy if it was duplicated.
type Fate struct {
	Packet

	// Entered is when the packet entered. Left is when its last bit had been
	// transmitted, or when it was dropped before: Left - Entered is what queue
	// and rate cost it. At is when it arrived or was dropped; on the wire, a
	// packet is lost as it leaves. All three count from where the caller's now
	// counts from.
	Entered, Left, At time.Duration

	Drop Reason // None if it arrived
	Copy bool   // it is the second one of a duplicated packet

	// Copied says that the packet was duplicated: its copy's fate, at the same time,
	// follows.
	Copied bool
}

// A Reason says why a packet did not arrive.
type Reason uint8

// The reasons, in the order of the packet's way.
const (
	None        Reason = iota // it arrived
	Tail                      // the queue was full
	CoDel                     // the queue had been too slow for too long
	Named                     // Config.Drop names it
	LostInBurst               // Config.Burst
	Lost                      // Config.Loss
	NumReasons                // how many there are
)

var reasonNames = [...]string{"arrived", "tail", "codel", "named", "burst", "lost"}

// String returns a word for tables: "arrived" for None.
func (r Reason) String() string { return word(reasonNames[:], int(r), "reason") }

// MarshalText writes the reason as its word.
func (r Reason) MarshalText() ([]byte, error) { return marshalWord(reasonNames[:], int(r), "reason") }

// UnmarshalText reads what MarshalText wrote. On an error r stays as it was.
func (r *Reason) UnmarshalText(text []byte) error {
	i, err := unmarshalWord(reasonNames[:], string(text))
	if err != nil {
		return misread("reason", text, err)
	}
	*r = Reason(i)
	return nil
}
