package linger

import (
	"maps"
	"time"

	"github.com/lingerhttp/linger/sockets"
	"github.com/lingerhttp/linger/timeline"
)

// What a Transport shows of its pool.

// Stats says what a Transport's pool holds now and what it has done so far: over
// all origins, and for each that is still known.
type Stats struct {
	Counts
	Origins map[string]Counts `json:"origins"` // by origin, and proxy if there is one: "https://example.com:443 by http://proxy:3128"
}

// Counts are those of one origin, or of all. Open is always Idle and Active and
// those being closed together.
type Counts struct {
	Open     int `json:"open"`     // connections that are open, those being closed included
	Idle     int `json:"idle"`     // of these, without an exchange on them
	Active   int `json:"active"`   // of these, with one or more
	Dialling int `json:"dialling"` // connections being opened
	Waiting  int `json:"waiting"`  // exchanges that wait for a slot

	Exchanges   int64                 `json:"exchanges"`    // slots lent so far
	Waited      int64                 `json:"waited"`       // exchanges that had to wait for one
	WaitTime    time.Duration         `json:"wait_time_ns"` // how long they waited together
	Opened      int64                 `json:"opened"`       // connections opened so far
	DialsFailed int64                 `json:"dials_failed"` // dials that came to nothing
	Closed      map[CloseReason]int64 `json:"closed"`       // connections closed so far, and why
	Retried     map[RetryReason]int64 `json:"retried"`      // exchanges put on a connection once more, and why
	Protocols   map[string]int        `json:"protocols"`    // open connections of each protocol: "HTTP/1.1", "HTTP/2.0"
}

// A CloseReason says why a connection ended. There are few, so that they may
// label a metric; the timelines of the exchanges on it say more.
type CloseReason string

const (
	CloseIdle        CloseReason = "idle"            // nothing was on it for IdleConnTimeout
	CloseIdleLimit   CloseReason = "idle limit"      // more were idle than MaxIdleConns allows
	CloseMadeRoom    CloseReason = "made room"       // for another connection, at MaxConns
	CloseAge         CloseReason = "age"             // MaxConnAge
	CloseExchanges   CloseReason = "exchanges"       // Strategy.Exchanges
	CloseAsked       CloseReason = "asked"           // the request asked for it
	CloseAnnounced   CloseReason = "announced"       // the server said that it would: Connection: close, GOAWAY
	CloseByServer    CloseReason = "server"          // the server closed it while it was idle
	CloseCut         CloseReason = "cut"             // it ended in the middle of an exchange
	CloseGivenUp     CloseReason = "given up"        // the caller gave up an exchange on it, or did not read its body
	CloseBroken      CloseReason = "broken"          // the server broke the protocol, or sent bytes unasked
	CloseTimeout     CloseReason = "timeout"         // ResponseHeaderTimeout, or a PING was not answered
	CloseHandedOver  CloseReason = "handed over"     // it is no HTTP connection any more: Upgrade, CONNECT
	CloseByCaller    CloseReason = "caller"          // Close, Shutdown, CloseIdleConnections
	CloseNetworkGone CloseReason = "network changed" // NetworkChanged
	CloseSurplus     CloseReason = "surplus"         // HTTP/2, and another connection had streams for all
)

// A RetryReason says why an exchange was put on another connection.
type RetryReason string

const (
	RetryStale       RetryReason = "idle connection dropped" // found ended before anything was sent
	RetryUnsent      RetryReason = "nothing sent"            // the connection failed before the request
	RetryUnprocessed RetryReason = "not processed"           // the server said so: GOAWAY, REFUSED_STREAM, close in a pipeline
	RetryLost        RetryReason = "connection lost"         // before an answer, and the request is idempotent
)

// A Connection is what Connections says of one connection.
type Connection struct {
	timeline.Conn

	Origin   string    `json:"origin"`   // as in Stats: "https://example.com:443"
	Protocol string    `json:"protocol"` // "HTTP/1.1", "HTTP/2.0"
	State    ConnState `json:"state"`
	Uses     int       `json:"uses"`      // exchanges put on it so far
	InFlight int       `json:"in_flight"` // exchanges on it now
	Opened   time.Time `json:"opened"`
	LastUsed time.Time `json:"last_used"` // when the last exchange on it began or ended

	// Sent and Received are octets written to and read from the socket: TLS and
	// the frames of HTTP/2 are in them. What a dial function, or the way through a
	// proxy, has put below is not.
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`

	// TCP is what the kernel says of the connection, nil where it does not: on a
	// Unix socket, on other systems than Linux, or if it has just been closed.
	TCP *sockets.TCPInfo `json:"tcp,omitempty"`
}

// A ConnState is where a connection stands in its life. Idle and Active alternate;
// from Leaving on it only goes on.
type ConnState uint8

const (
	ConnIdle    ConnState = iota // open, with nothing on it
	ConnActive                   // with one exchange or more
	ConnLeaving                  // takes no more exchanges; those on it end in peace
	ConnClosing                  // nothing is on it; it is being closed
	ConnGone                     // closed
)

// Stats returns the counts as they are now.
func (t *Transport) Stats() Stats {
	p := t.pool()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{Counts: p.past.counts(), Origins: make(map[string]Counts, len(p.origins))}
	for _, o := range p.origins {
		c := o.counts(p.strategy)
		s.add(c)
		name := o.key.String()
		if other, ok := s.Origins[name]; ok {
			c.add(other) // what differs is not told
		}
		s.Origins[name] = c
	}
	return s
}

// A tally is what has been counted so far.
type tally struct {
	exchanges   int64
	waited      int64
	waitTime    time.Duration
	opened      int64
	dialsFailed int64
	closed      tallies[CloseReason]
	retried     tallies[RetryReason]
}

// tallies count by reason.
type tallies[R ~string] map[R]int64

func (t *tallies[R]) add(why R) {
	if *t == nil {
		*t = make(tallies[R])
	}
	(*t)[why]++
}

// take adds what another has counted.
func (t *tally) take(other *tally) {
	c := t.counts()
	c.add(other.counts())
	*t = tally{c.Exchanges, c.Waited, c.WaitTime, c.Opened, c.DialsFailed, c.Closed, c.Retried}
}

// counts returns what was counted, in maps of its own.
func (t *tally) counts() Counts {
	c := Counts{Exchanges: t.exchanges, Waited: t.waited, WaitTime: t.waitTime, Opened: t.opened, DialsFailed: t.dialsFailed}
	c.Closed, c.Retried, c.Protocols = maps.Clone(t.closed), maps.Clone(t.retried), make(map[string]int)
	if c.Closed == nil {
		c.Closed = make(map[CloseReason]int64)
	}
	if c.Retried == nil {
		c.Retried = make(map[RetryReason]int64)
	}
	return c
}

// counts returns an origin's.
func (o *originPool) counts(s Strategy) Counts {
	c := o.tally.counts()
	c.Open = len(o.conns)
	c.Idle = o.states[ConnIdle]
	c.Active = o.states[ConnActive] + o.states[ConnLeaving]
	c.Dialling = o.dialling
	c.Waiting = len(o.waiters)
	if o.shared > 0 {
		c.Protocols["HTTP/2.0"] = o.shared
	}
	if other := len(o.conns) - o.shared; other > 0 {
		c.Protocols[s.http1Name()] = other
	}
	return c
}

// add adds other counts to c, whose maps are its own.
func (c *Counts) add(other Counts) {
	c.Open += other.Open
	c.Idle += other.Idle
	c.Active += other.Active
	c.Dialling += other.Dialling
	c.Waiting += other.Waiting
	c.Exchanges += other.Exchanges
	c.Waited += other.Waited
	c.WaitTime += other.WaitTime
	c.Opened += other.Opened
	c.DialsFailed += other.DialsFailed
	for why, n := range other.Closed {
		c.Closed[why] += n
	}
	for why, n := range other.Retried {
		c.Retried[why] += n
	}
	for name, n := range other.Protocols {
		c.Protocols[name] += n
	}
}

// http1Name is the protocol of a connection that does not speak HTTP/2.
func (s Strategy) http1Name() string {
	if s.Protocol == HTTP10 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// retried counts that an exchange which had a slot is sent again, and why.
func (p *pool) retried(s slot, why RetryReason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.home.retried.add(why)
}
