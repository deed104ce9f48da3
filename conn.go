package linger

import (
	"net"
	"net/http"
	"net/netip"

	"github.com/lingerhttp/linger/timeline"
)

// A conn is one connection, whatever it speaks.
type conn interface {
	// roundTrip puts an exchange on the connection, for which the caller holds a
	// slot, and returns when the head of the final response is there. From then
	// on the body gives the slot back, when it ends or is closed. If roundTrip
	// fails, the error is a *lost and the slot remains the caller's.
	roundTrip(*exchange, slot) (*http.Response, error)

	// capacity is how many exchanges may be on it at once. Called with the
	// pool's mutex held.
	capacity() int

	// multiplexed says that the exchanges on it do not stand behind each other.
	multiplexed() bool

	// about names it.
	about() timeline.Conn

	// below is the socket it stands on, nil if that is not known.
	below() *wire

	// pooledAs tells it its place in the pool, before it is used.
	pooledAs(*pooled)

	// close ends it at once, and with it whatever is on it.
	close()

	// finish ends it when nothing is on it any more. Where that costs nothing, it
	// lets the server close first.
	finish()
}

// A lost is how an exchange failed on its connection: what may be concluded
// about the request and about the connection.
type lost struct {
	err         error
	step        timeline.Phase
	written     bool // some of the request was put on the wire
	answered    bool // some of an answer came
	unprocessed bool // the peer said that it did not process the request
	guessed     bool // unprocessed, as far as one can guess: it may have been applied all the same
	canceled    bool // the caller gave up
	stale       bool // the connection had ended while it was idle, or was no longer fit
	reused      bool // the connection had carried an exchange before
	counted     bool // unprocessed, and it is not certain that others got on meanwhile
	refused     bool // the server refused the stream: it had enough of them
	fine        bool // the connection goes on and may carry others
	left        bool // the connection goes on without this exchange, or another has ended it
	behind      bool // it stood behind another when that one ended the connection
	others      bool // others stood behind it
	cutShort    bool // half of its request is on the wire: nothing can be written behind it
	slotKept    bool // somebody else gives the slot back
}

func (l *lost) Error() string { return l.err.Error() }
func (l *lost) Unwrap() error { return l.err }

// addrPort reads the address of one end of a connection, the zero AddrPort if it
// is none of IP's.
func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	if a == nil {
		return netip.AddrPort{}
	}
	ap, _ := netip.ParseAddrPort(a.String())
	return ap
}
