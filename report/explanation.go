package report

import (
	"io"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// An Explanation is what the packets of a capture say: where the time of its
// exchanges went, why, and what would have saved some of it. Durations in JSON are
// whole nanoseconds, and their names end in _ns.
type Explanation struct {
	File string `json:"file"` // as the reader calls it

	// Begin is the time of the first packet, zero if there is none, Time what passed until
	// the last.
	Begin   time.Time     `json:"begin"`
	Time    time.Duration `json:"time_ns"`
	Packets int64         `json:"packets"`

	Connections int `json:"connections"`
	Exchanges   int `json:"exchanges"` // all, also those that are not among Entries
	Failed      int `json:"failed"`    // with which something is wrong

	Sent     timeline.Bytes `json:"sent"`
	Received timeline.Bytes `json:"received"`

	// Spent is the time of all exchanges together, those side by side counted each.
	// Causes are its parts, the largest first.
	Spent  time.Duration `json:"spent_ns"`
	Causes []CauseSum    `json:"causes"`

	// Remedies are what would have saved most, the largest first.
	Remedies []Remedy `json:"remedies"`

	// Notes say how the capture was read, Defects what is wrong with it: a sentence
	// each.
	Notes   []string `json:"notes"`
	Defects []string `json:"defects"`

	// Alignment says how the clocks of two captures stand to each other; nil if there is
	// one.
	Alignment *Alignment `json:"alignment,omitempty"`

	// Entries are the exchanges that are shown, in the order of their start. LeftOut
	// is how many are not; these were shorter.
	Entries []Explained `json:"entries"`
	LeftOut int         `json:"left_out"`

	// Pictures are those of the connections that took longest, for HTML. Undrawn is how
	// many have none.
	Pictures []Picture `json:"-"`
	Undrawn  int       `json:"-"`
}

// An Alignment says how the clocks of two captures of the same connections, at both
// ends, stand to each other.
type Alignment struct {
	Offset  time.Duration `json:"offset_ns"`  // the server's less the client's
	Drift   float64       `json:"drift_ppm"`  // by how much that grows, in microseconds a second
	Trip    time.Duration `json:"trip_ns"`    // the smallest round trip; half of it is taken for each way
	Residue time.Duration `json:"residue_ns"` // how far parts of the captures are from this

	Up   int `json:"packets_up"` // that both have
	Down int `json:"packets_down"`
	Lost int `json:"lost"` // packets with data that the server's has and the client's has not
}

// A CauseSum is what one cause cost, over all exchanges.
type CauseSum struct {
	Cause     timeline.Cause `json:"cause"`
	Time      time.Duration  `json:"time_ns"`
	Share     float64        `json:"share"`     // of the time of all exchanges, 0 to 1
	Exchanges int            `json:"exchanges"` // that it cost something
	Meaning   string         `json:"meaning"`   // a sentence without its subject: "the sender waited …"
}

// A Remedy is what would have saved time.
type Remedy struct {
	Name      string        `json:"name"`
	Time      time.Duration `json:"saves_ns"`  // predicted, over all exchanges
	Exchanges int           `json:"exchanges"` // that it would have made shorter
	Advice    string        `json:"advice"`    // one sentence: what to do, and where to set it
}

// An Explained is an exchange whose spans have causes.
type Explained struct {
	*timeline.Exchange // never nil

	// Main is the cause that took most of it, Causes what each took.
	Main   timeline.Cause                   `json:"main_cause"`
	Causes map[timeline.Cause]time.Duration `json:"causes_ns"`

	// Savings are what remedies would have saved of it, the largest first.
	Savings []Saving `json:"savings"`

	// Inferred says that TLS hid the messages: where they begin and end was inferred.
	Inferred bool `json:"inferred"`

	// Failed says that something is wrong with the exchange, Problem what, or what else
	// is to be known of it: a sentence, or empty.
	Failed  bool   `json:"failed"`
	Problem string `json:"problem,omitempty"`
}

// A Saving is what a remedy would have saved of one exchange.
type Saving struct {
	Remedy string        `json:"remedy"`
	Time   time.Duration `json:"saves_ns"`
}

// Connection names a connection: "198.51.100.1:50001-192.0.2.7:80", the client's
// end first.
func Connection(c timeline.Conn) string { return c.Local.String() + "-" + c.Remote.String() }

// WriteJSON writes the explanation as one indented object. Its entries have the
// fields of timeline.Exchange and those of Explained side by side.
func (x *Explanation) WriteJSON(w io.Writer) error { return writeJSON(w, "JSON", x.filled()) }

// filled returns the explanation with lists that JSON writes as [] rather than null.
func (x *Explanation) filled() Explanation {
	y := *x
	if y.Causes == nil {
		y.Causes = []CauseSum{}
	}
	if y.Remedies == nil {
		y.Remedies = []Remedy{}
	}
	for _, list := range []*[]string{&y.Notes, &y.Defects} {
		if *list == nil {
			*list = []string{}
		}
	}
	y.Entries = make([]Explained, len(x.Entries))
	for i, e := range x.Entries {
		if e.Savings == nil {
			e.Savings = []Saving{}
		}
		y.Entries[i] = e
	}
	return y
}

// exchanges returns the shown exchanges without what the packets add.
func (x *Explanation) exchanges() []*timeline.Exchange {
	all := make([]*timeline.Exchange, len(x.Entries))
	for i, e := range x.Entries {
		all[i] = e.Exchange
	}
	return all
}
