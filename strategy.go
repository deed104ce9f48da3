package linger

import (
	"fmt"
	"strings"
	"sync"
)

// A Strategy says how exchanges share connections. It is a point in a space of
// four dimensions; the named ones are well-known places in it.
//
// The zero Strategy does what net/http does: it keeps connections, opens as many
// as there are exchanges at once, and speaks HTTP/2 where TLS negotiates it.
type Strategy struct {
	// Name is for reports. It decides nothing.
	Name string

	// Conns is how many connections one origin may have at once. 0 means no limit.
	Conns int

	// Exchanges is how many exchanges one connection carries before it is
	// closed, less Transport.Jitter. 0 means no limit; 1 is what net/http calls
	// DisableKeepAlives.
	Exchanges int

	// Depth is how many requests of HTTP/1.1 may be outstanding on one
	// connection: more than 1 is pipelining (RFC 9112 §9.3.2). 0 means 1. HTTP/2
	// has as many streams as the peer's SETTINGS allow, whatever Depth says.
	Depth int

	// Protocol is the version spoken. The zero value negotiates it.
	Protocol Protocol

	// Reuse says which of several connections with a free slot an exchange gets.
	Reuse Reuse
}

// Reuse is an order in which connections are used again.
type Reuse uint8

const (
	// LastUsed takes the connection that was used last, of those that share
	// exchanges the least loaded: few connections stay warm, the others may end.
	LastUsed Reuse = iota
	// LeastLoaded takes the one with the fewest exchanges on it, of several the
	// one that has carried the fewest so far.
	LeastLoaded
	// RoundRobin takes each in turn.
	RoundRobin
)

// A Protocol is a version of HTTP to speak.
type Protocol uint8

const (
	// Negotiate speaks HTTP/2 if the server chooses it by ALPN, else HTTP/1.1.
	Negotiate Protocol = iota
	// HTTP10 speaks HTTP/1.0 without keep-alive: the connection ends with the exchange.
	HTTP10
	// HTTP11 speaks HTTP/1.1 whatever the server offers.
	HTTP11
	// HTTP2 speaks HTTP/2: over TLS by ALPN, over plain TCP with prior knowledge
	// (RFC 9113 §3.3). A server that does not is an error.
	HTTP2
)

// String returns the protocol as RFC 9110 §2.5 writes it.
func (p Protocol) String() string {
	switch p {
	case HTTP10:
		return "HTTP/1.0"
	case HTTP11:
		return "HTTP/1.1"
	case HTTP2:
		return "HTTP/2"
	}
	return "HTTP/1.1 or HTTP/2"
}

// Strategies returns the six named strategies, the oldest first.
//
//	serial       1 connection at a time, a new one for each exchange
//	parallel     6 at a time, a new one for each exchange
//	persistent   1, kept
//	persistent6  6, kept: what browsers do on HTTP/1.1
//	pipelined    1, kept, up to 8 requests written ahead
//	multiplexed  1, kept, HTTP/2
func Strategies() []Strategy {
	return []Strategy{
		{Name: "serial", Conns: 1, Exchanges: 1, Depth: 1, Protocol: HTTP11},
		{Name: "parallel", Conns: browserConns, Exchanges: 1, Depth: 1, Protocol: HTTP11},
		{Name: "persistent", Conns: 1, Depth: 1, Protocol: HTTP11},
		{Name: "persistent6", Conns: browserConns, Depth: 1, Protocol: HTTP11},
		{Name: "pipelined", Conns: 1, Depth: pipelineDepth, Protocol: HTTP11},
		{Name: "multiplexed", Conns: 1, Protocol: HTTP2},
	}
}

const (
	// browserConns is how many connections browsers open to one HTTP/1.1 origin
	// (Chromium's kMaxSocketsPerGroup, Firefox's max-persistent-connections-per-server).
	browserConns = 6

	// pipelineDepth keeps a pipeline busy over paths of a few round trips for
	// each answer while little is lost when the connection closes in the middle.
	pipelineDepth = 8
)

// StrategyNamed returns the strategy of that name. The error of an unknown name
// lists those there are.
func StrategyNamed(name string) (Strategy, error) {
	var names []string
	for _, s := range Strategies() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Strategy{}, fmt.Errorf("no strategy is called %q: there are %s", name, strings.Join(names, ", "))
}

// depth is how many requests may be outstanding on one HTTP/1 connection.
func (s Strategy) depth() int {
	if s.Protocol == HTTP10 {
		return 1
	}
	return max(1, s.Depth)
}

// lifetime is how many exchanges a connection carries, 0 for no limit.
func (s Strategy) lifetime() int {
	if s.Protocol == HTTP10 {
		return 1
	}
	return s.Exchanges
}

// A connView is what a decision needs to know of one connection.
type connView struct {
	inFlight    int // exchanges on it now
	free        int // slots it could lend now
	fresh       bool
	multiplexed bool   // the exchanges on it do not stand behind each other
	used        int    // exchanges it has carried so far
	turn        uint64 // the larger, the later it was used last
}

// An originView is what a decision needs to know of one origin.
type originView struct {
	open      int  // connections that are open
	dialling  int  // connections being opened
	waiting   int  // exchanges that wait for a slot
	limit     int  // connections allowed; 0 means no limit
	perDial   int  // exchanges that one new connection will serve at once
	exclusive bool // the exchange wants a connection to itself
	reuse     Reuse
}

// mayDial says whether the origin may open one more connection. There are never
// more dials under way than exchanges that wait for one.
func (v originView) mayDial() bool {
	if v.limit > 0 && v.open+v.dialling >= v.limit {
		return false
	}
	return v.dialling*max(1, v.perDial) < v.waiting
}

// room says whether the limit leaves room for a new connection: an exchange
// does not queue behind another while it does.
func (v originView) room() bool {
	return v.limit == 0 || v.open+v.dialling < v.limit
}

// choose picks one of an origin's connections for the next exchange, and says
// why, or returns -1: the exchange waits.
//
// An idle connection comes first. A busy HTTP/2 connection with a free stream is
// as good. A slot in a pipeline stands behind other answers, so it is taken only
// if no further connection may be opened. Of several the reuse order decides.
func choose(v originView, conns []connView) (int, string) {
	best := -1
	for i, c := range conns {
		if c.free < 1 || (c.behind() && (v.exclusive || v.room())) {
			continue
		}
		if best < 0 || v.reuse.prefers(c, conns[best]) {
			best = i
		}
	}
	if best < 0 {
		return -1, ""
	}
	return best, reasonFor(v, conns[best])
}

// behind says whether an exchange on it would stand behind another.
func (c connView) behind() bool { return c.inFlight > 0 && !c.multiplexed }

// prefers says whether a is used rather than b.
func (r Reuse) prefers(a, b connView) bool {
	switch {
	case r == RoundRobin && a.behind() != b.behind():
		return b.behind()
	case r == RoundRobin:
		return a.turn < b.turn
	case r == LeastLoaded && a.inFlight == b.inFlight:
		return a.used < b.used
	}
	return a.inFlight < b.inFlight
}

// reasonFor words why an exchange got a connection.
func reasonFor(v originView, c connView) string {
	switch {
	case c.fresh && v.limit > 0:
		return fmt.Sprintf("new connection: %d of %d open", v.open, v.limit)
	case c.fresh:
		return fmt.Sprintf("new connection: %d open", v.open)
	case c.inFlight == 0:
		return "reused: idle"
	case c.multiplexed:
		return besideOthers.of(c.inFlight)
	}
	return pipelinedBehind.of(c.inFlight)
}

// A wording is a sentence with a number, made once for the ordinary ones: a busy
// connection's are needed for every exchange.
type wording struct {
	format string
	ready  func() []string
}

var (
	besideOthers    = newWording("stream beside %d others")
	pipelinedBehind = newWording("pipelined behind %d")
)

func newWording(format string) wording {
	return wording{format, sync.OnceValue(func() []string {
		all := make([]string, 128)
		for n := range all {
			all[n] = fmt.Sprintf(format, n)
		}
		return all
	})}
}

func (w wording) of(n int) string {
	if all := w.ready(); n < len(all) {
		return all[n]
	}
	return fmt.Sprintf(w.format, n)
}
