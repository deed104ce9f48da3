package cause

import (
	"time"

	"github.com/lingerhttp/linger/exchange"
	"github.com/lingerhttp/linger/timeline"
)

// An Explained is an exchange with the causes of its time.
type Explained struct {
	// Timeline is the record that a client would have written, as far as packets show
	// it. Its spans cover it to the nanosecond; each has its cause, the numbers of the
	// packets that show it, how sure that is, and one sentence as its note.
	Timeline *timeline.Exchange

	Source *exchange.Exchange

	// Savings are what remedies would have saved of it, the largest first. They do not
	// add up: two remedies may save the same time.
	Savings []Saving
}

// A Saving is what one remedy would have saved; a negative one is what it would have
// cost. Own is the part that was not spent behind other bytes of the connection: where
// many exchanges stood behind the same bytes, summing Time counts one wait often, and
// summing Own once.
type Saving struct {
	Remedy Remedy
	Time   time.Duration
	Own    time.Duration
}

// A Remedy is what can be done about a cause.
type Remedy uint8

// The remedies.
const (
	NoDelay          Remedy = iota // TCP_NODELAY, at the end that held a segment
	QuickACK                       // acknowledge at once, at the end that held the ACK
	KeepConnection                 // use one connection again
	InitialWindow                  // a larger initial congestion window, at the sender
	ReceiveBuffer                  // a larger receive buffer, at the receiver
	Multiplex                      // HTTP/2
	Nearer                         // a server at half the distance
	MoreConnections                // more at once
	FewerConnections               // fewer at once
	numRemedies
)

var remedyNames = [...]string{
	"nodelay", "quick-ack", "keep-connection", "initial-window", "receive-buffer",
	"http2", "nearer", "more-connections", "fewer-connections",
}

// NumRemedies is how many remedies there are: they count from 0.
const NumRemedies = int(numRemedies)

// String returns the remedy's word.
func (r Remedy) String() string {
	if int(r) < len(remedyNames) {
		return remedyNames[r]
	}
	return "remedy"
}
