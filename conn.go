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

	// network is what HTTP is put on: TCP, or TLS over it.
	network() net.Conn

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
	err  error
	step timeline.Phase
	loss loss
	conn survival

	reused  bool // the connection had carried an exchange before
	free    bool // this try does not count: others got on meanwhile, so that there is an end to it
	refused bool // the server refused the stream: it had enough of them
	others  bool // others stood behind it
}

// A loss says what may be concluded about the request.
type loss uint8

const (
	lossUnsent        loss = iota // nothing of it was put on the wire
	lossStale                     // nor could it be: the connection had ended while it was idle
	lossUnprocessed               // the peer said that it did not process it
	lossGuessed                   // the peer did not process it as far as one can guess
	lossUnanswered                // it was sent, or some of it: it may have been applied
	lossAnswered                  // some of an answer came
	lossGivenUpUnsent             // the caller gave up, or its body failed, before anything was sent
	lossGivenUp                   // the same after some of it was sent
)

// written says whether some of the request was put on the connection.
func (l loss) written() bool { return l == lossUnprocessed || l.applicable() }

// applicable says whether the request may have been applied.
func (l loss) applicable() bool {
	switch l {
	case lossGuessed, lossUnanswered, lossAnswered, lossGivenUp:
		return true
	}
	return false
}

// unprocessed says that there is reason to think that it has not been applied
// although it was sent.
func (l loss) unprocessed() bool { return l == lossUnprocessed || l == lossGuessed }

// final says that the exchange is not tried again whatever else holds.
func (l loss) final() bool {
	return l == lossAnswered || l == lossGivenUp || l == lossGivenUpUnsent
}

// lossOnGivingUp is the loss of a request that its caller gives up.
func lossOnGivingUp(written bool) loss {
	if written {
		return lossGivenUp
	}
	return lossGivenUpUnsent
}

// A survival says what becomes of the connection.
type survival uint8

const (
	connDied   survival = iota // it ended with the exchange, or has to
	connLives                  // it goes on and may carry others
	connDoomed                 // it takes no more: another exchange ends it, or has ended it
	connHeld                   // it goes on, and somebody else gives the slot back
)

// giveUp makes a loss that of a caller who gave up.
func (l *lost) giveUp(why error) {
	l.err, l.loss = why, lossOnGivingUp(l.loss.applicable())
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
