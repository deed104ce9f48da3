package grade

import (
	"fmt"
	"strings"
	"time"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/link"
)

// A Scenario is what is played in one lab. Two with the same fields are the same
// network, and the same programs.
type Scenario struct {
	Number int    // its place among those drawn from a seed, from 1
	Seed   uint64 // of the links
	Theme  string // what it was drawn to show

	RTT    time.Duration
	Jitter time.Duration // of each way
	Rate   link.Rate     // of each way; 0 means no limit
	Queue  link.Queue
	Loss   link.Probability // each way

	DropUp, DropDown []link.Drop // by name

	Client, Server lab.Kernel

	Strategy string // one of linger.Strategies
	Conns    int    // in place of the strategy's; 0 means the strategy's
	AtOnce   int    // exchanges that the client has under way

	TLS    bool
	KeyLog bool // the explainer is given the keys
	DNS    bool // the client looks the name up for each connection

	Nagle       bool // at the server: TCP_NODELAY is off
	ClientNagle bool // at the client
	Apart       bool // the server writes head and body by themselves

	Plans []Plan // one for each exchange
}

// A Plan is one exchange of a scenario.
type Plan struct {
	Upload int // bytes of the request's body; 0 means a GET
	Size   int // bytes of the answer's body
	Pieces int // in how many writes the body is written; 0 means 1

	Think time.Duration // before the answer
	Stall time.Duration // before each piece of the body but the first
	Gap   time.Duration // before the request, at the client

	ReadSize  int           // the client reads so much
	ReadPause time.Duration // and then pauses; 0 means that it does not
}

// links are the two ways of the lab's link.
func (s *Scenario) links() (up, down link.Config) {
	up = link.Config{Delay: s.RTT / 2, Jitter: s.Jitter, Rate: s.Rate, Queue: s.Queue, RTT: s.RTT, Loss: s.Loss}
	down = up
	up.Drop, down.Drop = s.DropUp, s.DropDown
	return up, down
}

// delay is what the link takes at least, one way.
func (s *Scenario) delay() time.Duration { return s.RTT/2 - s.Jitter }

// late is how late a packet may be without changing what is measured. The truth knows
// how late each was.
func (s *Scenario) late() time.Duration { return max(time.Millisecond, s.RTT/10) }

// String is one line.
func (s *Scenario) String() string {
	words := []string{fmt.Sprintf("%d %s: rtt %v %v", s.Number, s.Theme, s.RTT, s.Rate)}
	add := func(on bool, format string, args ...any) {
		if on {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(s.Jitter > 0, "jitter %v", s.Jitter)
	add(s.Rate > 0, "queue %v", s.Queue)
	add(s.Loss > 0, "loss %v", s.Loss)
	add(len(s.DropUp) > 0, "drop up %v", s.DropUp)
	add(len(s.DropDown) > 0, "drop down %v", s.DropDown)
	add(s.Client.String() != "", "client %s", s.Client.String())
	add(s.Server.String() != "", "server %s", s.Server.String())
	add(true, "%s", s.Strategy)
	add(s.Conns > 0, "of %d", s.Conns)
	add(true, "%d exchanges, %d at once", len(s.Plans), s.AtOnce)
	add(s.TLS, "tls")
	add(s.TLS && s.KeyLog, "with keys")
	add(s.DNS, "dns")
	add(s.Nagle, "nagle")
	add(s.ClientNagle, "client's nagle")
	add(s.Apart, "head apart")
	add(true, "%s", s.plans())
	return strings.Join(words, ", ")
}

// plans says what the exchanges are, in ranges.
func (s *Scenario) plans() string {
	var words []string
	spread := func(name string, get func(Plan) int64, show func(int64) string) {
		low, high := get(s.Plans[0]), get(s.Plans[0])
		for _, p := range s.Plans {
			low, high = min(low, get(p)), max(high, get(p))
		}
		switch {
		case high == 0:
		case low == high:
			words = append(words, name+" "+show(low))
		default:
			words = append(words, name+" "+show(low)+".."+show(high))
		}
	}
	number := func(n int64) string { return fmt.Sprint(n) }
	duration := func(n int64) string { return time.Duration(n).String() }
	spread("upload", func(p Plan) int64 { return int64(p.Upload) }, number)
	spread("size", func(p Plan) int64 { return int64(p.Size) }, number)
	spread("pieces", func(p Plan) int64 { return int64(p.Pieces) }, number)
	spread("think", func(p Plan) int64 { return int64(p.Think) }, duration)
	spread("stall", func(p Plan) int64 { return int64(p.Stall) }, duration)
	spread("gap", func(p Plan) int64 { return int64(p.Gap) }, duration)
	spread("reads", func(p Plan) int64 { return int64(p.ReadSize) }, number)
	spread("pause", func(p Plan) int64 { return int64(p.ReadPause) }, duration)
	return strings.Join(words, ", ")
}
