package origin

import (
	"path"
	"time"
)

// Faults are what a server does to its clients. The zero value does nothing.
// They can be ordered in words: see [Faults.Set] and [FaultHelp].
//
// CloseAfter and MaxConns are of connections and hold for all of them. All
// others are of answers, and Path chooses which; of these Break alone is also
// subject to Every.
type Faults struct {
	// Path is the pattern, as in [path.Match], of the paths to which faults
	// happen; empty means all. The document is "/".
	Path string

	// Every lets only each k-th of the answers break that Break would break: the
	// k-th, the 2k-th and so on. 0 and 1 mean all.
	Every int

	// ThinkTime passes before an answer begins.
	ThinkTime time.Duration

	// BytesPerSecond is how fast the body of one answer is written: its n-th byte
	// leaves n/BytesPerSecond after the head. 0 means as fast as can be.
	BytesPerSecond int64

	// CloseAfter ends each connection with its n-th answer, which says so
	// ("Connection: close", in HTTP/2 a GOAWAY); if Unannounced, it does not, and
	// HTTP/2 connections stay. Requests that an HTTP/1 client sent after the n-th
	// stay unanswered. 0 means never.
	CloseAfter  int
	Unannounced bool

	// MaxConns is how many connections each client address may have open at each
	// origin; Beyond says what becomes of further ones. 0 means no limit.
	MaxConns int
	Beyond   Beyond

	// HTTP10 answers as servers of HTTP/1.0 did: with that version, without
	// keep-alive, without chunks. HTTP/2 is not offered, to any path.
	HTTP10 bool

	// Framing is how an HTTP/1 answer tells where its body ends.
	Framing Framing

	// Break is what goes wrong with an answer. BreakAt is after how many bytes of
	// body ResetBody and Truncate strike; 0 means after half of them.
	Break   Break
	BreakAt int64
}

// Beyond is what becomes of a connection beyond MaxConns.
type Beyond int

const (
	// Refuse has the kernel refuse it: the port does not listen while any client
	// has as many connections as it may, which other clients feel too.
	// Connections that came in the instant before, and wait to be accepted, are
	// reset. Linux only; elsewhere Start fails.
	Refuse Beyond = iota

	// Reset accepts it and resets it before any byte.
	Reset
)

// Framing is how an answer tells where its body ends (RFC 9112 §6.3).
type Framing int

const (
	ByLength Framing = iota // by Content-Length
	ByClose                 // by the end of the connection
	ByChunks                // by the last chunk; by the connection's end in HTTP/1.0
)

// A Break is how an answer goes wrong. What says connection means the stream in
// HTTP/2.
type Break int

const (
	None         Break = iota
	ResetBody          // the connection is reset in the middle of the body
	Truncate           // the connection is closed in the middle of the body
	NeverAnswer        // the request is read and nothing comes
	Garbage            // what comes is not HTTP; a reset stream in HTTP/2
	EndlessHead        // a head that does not end; a reset stream in HTTP/2
	RedirectLoop       // a redirect to itself
)

// A plan is what happens to one exchange.
type plan struct {
	think   time.Duration
	rate    int64
	http10  bool
	framing Framing
	ending  ending
	breaks  Break
	breakAt int64
}

// ending is what happens to the connection after an answer.
type ending int

const (
	keepOpen ending = iota
	announce        // closed, and the answer said so
	silent          // closed without a word
)

// matches reports whether the faults of answers happen to this path. A pattern
// that is malformed matches nothing.
func (f Faults) matches(urlPath string) bool {
	if f.Path == "" {
		return true
	}
	ok, err := path.Match(f.Path, urlPath)
	return ok && err == nil
}

// plan decides on the nth exchange of a connection, from 1, that is the kth, from
// 1, to match Path.
func (f Faults) plan(urlPath string, nth, kth int64) plan {
	var p plan
	if f.CloseAfter > 0 && nth >= int64(f.CloseAfter) {
		p.ending = announce
		if f.Unannounced {
			p.ending = silent
		}
	}
	if !f.matches(urlPath) {
		return p
	}
	p.think, p.rate, p.http10, p.framing = f.ThinkTime, f.BytesPerSecond, f.HTTP10, f.Framing
	if kth%int64(max(1, f.Every)) == 0 {
		p.breaks, p.breakAt = f.Break, f.BreakAt
	}
	if p.http10 {
		p.ending = keepOpen // it closes in any case, and in its own way
		if p.framing == ByChunks {
			p.framing = ByClose
		}
	}
	return p
}
