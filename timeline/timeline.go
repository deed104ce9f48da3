// Package timeline is the vocabulary of linger: what happened to one HTTP
// exchange, told as spans that cover it from its start to its end.
//
// A client writes an [Exchange] while it works; an explainer of captures writes
// the same record from packets. A report therefore prints either, or both side
// by side. The package stands on the standard library alone, reads no clock and
// starts no goroutine.
package timeline

import (
	"net/netip"
	"time"
)

// An Exchange is one request and its response (RFC 9110 §3.4), from the moment
// it was handed to linger until the last byte of the body was read.
//
// It belongs to whoever records it until it has ended; after that nobody
// changes it. All spans count from Start.
type Exchange struct {
	// Number is the place of the exchange among those of its Transport, from 1,
	// in the order in which they were handed over.
	Number int `json:"number"`

	Method string `json:"method"`
	URL    string `json:"url"`

	// Protocol is "HTTP/1.0", "HTTP/1.1" or "HTTP/2.0": the one the response
	// came in; empty if none came.
	Protocol string `json:"protocol"`

	// Status is the final status code, 0 if no response came.
	Status int `json:"status"`

	// Start is when the request was handed to linger. Duration runs from there
	// to the last body byte read, in nanoseconds.
	Start    time.Time     `json:"start"`
	Duration time.Duration `json:"duration_ns"`

	Sent     Bytes `json:"sent"`
	Received Bytes `json:"received"`

	// Conn is the connection that carried the exchange, the last one if it was
	// sent more than once; its Number is 0 if there was none.
	Conn Conn `json:"connection"`

	// Nth says how many-th exchange on Conn this was, from 1.
	Nth int `json:"nth"`

	// Reason says why the exchange got this connection:
	// "new connection: 3 of 6 open", "reused: idle".
	Reason string `json:"reason"`

	// Tries counts how often the request was put on a connection: 1, or more if
	// it was sent again.
	Tries int `json:"tries"`

	// Error says why the exchange failed; empty if it did not.
	Error string `json:"error,omitempty"`

	// Spans cover the exchange in order, without gap or overlap.
	Spans []Span `json:"spans"`
}

// Bytes counts what one side of an exchange put on its connection.
type Bytes struct {
	// Header counts the octets of heads as they stood on the wire: request or
	// status lines and fields of HTTP/1, interim responses included; HEADERS
	// and CONTINUATION frames of HTTP/2.
	Header int64 `json:"header"`

	// Body counts the octets of the body as they stood on the wire, before any
	// content decoding, the framing of chunks or DATA frames included.
	Body int64 `json:"body"`
}

// Total is header and body together.
func (b Bytes) Total() int64 { return b.Header + b.Body }

// Conn names a TCP connection: its number within the Transport that opened it,
// from 1, and its 4-tuple.
type Conn struct {
	Number int            `json:"number"`
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`

	// TLS is the version and cipher suite, "TLS 1.3 TLS_AES_128_GCM_SHA256";
	// empty on a connection in clear.
	TLS string `json:"tls,omitempty"`
}

// A Span is a stretch of an exchange in which the client was in one phase for
// one cause. Start and End count from the start of the exchange.
type Span struct {
	Phase Phase         `json:"phase"`
	Cause Cause         `json:"cause"`
	Start time.Duration `json:"start_ns"`
	End   time.Duration `json:"end_ns"`

	// Note says what a reader could not guess: an address, a reason, an error.
	Note string `json:"note,omitempty"`

	// Evidence names the packets that show the cause, by their numbers in the capture,
	// from 1. A client has none.
	Evidence []int `json:"evidence,omitempty"`

	// Certainty is how sure the cause is, from 0 to 1. It is 0 where nobody judged
	// that: a client knows what it did.
	Certainty float64 `json:"certainty,omitempty"`

	// Attempts holds one child for each attempt that was made within the span,
	// such as each address that was dialled. They lie within the span; they may
	// overlap each other.
	Attempts []Span `json:"attempts,omitempty"`
}

// Duration is how long the span took.
func (s Span) Duration() time.Duration { return s.End - s.Start }
