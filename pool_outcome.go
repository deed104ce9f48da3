package linger

import (
	"errors"
	"io"
	"net"

	"github.com/lingerhttp/linger/internal/http1"
)

// What the pool is told when a slot is given back.

// An outcome is what became of an exchange, and what becomes of its connection.
type outcome struct {
	ended  ending
	others bool // others stood behind it on the connection
	conn   connEnd
	why    CloseReason // why the connection ends; empty if it is kept
	hint   *keepAlive  // what the answer says of the connection's life; nil: nothing
}

// An ending is what became of an exchange, as far as the pool can learn from it.
type ending uint8

const (
	exchangeFailed   ending = iota // nothing is to be learned from it
	exchangeAnswered               // a final response came, to its end or not
	exchangeCut                    // the connection ended without notice before an answer
	exchangeHalved                 // it did so in the middle of the answer
	exchangeRefused                // the server refused the stream: it had enough of them
	exchangeUnused                 // nothing was done with the slot
)

func (e ending) answered() bool { return e == exchangeAnswered || e == exchangeHalved }
func (e ending) cut() bool      { return e == exchangeCut || e == exchangeHalved }

// A connEnd says whether a connection lives on.
type connEnd uint8

const (
	connKept      connEnd = iota
	connEndsAfter         // it takes no more exchanges, those on it end in peace
	connEndsNow           // it is closed at once
)

// outcomeOf draws the conclusion from a lost exchange.
func outcomeOf(l *lost) outcome {
	oc := outcome{others: l.others}
	switch {
	case l.refused:
		oc.ended = exchangeRefused
	case l.conn == connLives && l.loss == lossGivenUpUnsent:
		oc.ended = exchangeUnused // it never stood in the line
	case l.conn == connDied && !l.loss.final() && !l.loss.unprocessed() && cut(l.err):
		oc.ended = exchangeCut
	}
	switch l.conn {
	case connLives:
		return oc // one stream of several, or it left before its request was written
	case connDoomed:
		oc.conn = connEndsAfter
	default:
		oc.conn = connEndsNow
	}
	oc.why = lossReason(l)
	return oc
}

// lossReason is why a connection ends on which an exchange was lost.
func lossReason(l *lost) CloseReason {
	switch {
	case l.loss == lossStale && errors.Is(l.err, errUnasked):
		return CloseBroken
	case l.loss == lossStale:
		return CloseByServer
	case errors.Is(l.err, ErrClosed):
		return CloseByCaller
	case l.loss == lossGivenUp, l.loss == lossGivenUpUnsent:
		return CloseGivenUp
	case l.loss.unprocessed():
		return CloseAnnounced
	case errors.Is(l.err, ErrHeaderTimeout):
		return CloseTimeout
	case failedNetwork(l.err):
		return CloseCut
	}
	return CloseBroken
}

// failedNetwork says whether err is the network's, and not about what came over it.
func failedNetwork(err error) bool {
	return cut(err) || errors.As(err, new(*net.OpError)) || errors.Is(err, io.ErrClosedPipe)
}

// retryReason sorts why a lost exchange is sent again.
func retryReason(l *lost) RetryReason {
	switch l.loss {
	case lossStale:
		return RetryStale
	case lossUnprocessed, lossGuessed:
		return RetryUnprocessed
	case lossUnsent:
		return RetryUnsent
	}
	return RetryLost
}

// closesBehind is why a connection ends behind an answer, as both sides know from
// the heads.
func closesBehind(x *exchange, head *http1.Response, f http1.Framing) CloseReason {
	switch {
	case f.MustClose != "" && f.Kind != http1.UntilClose:
		return CloseBroken
	case tunnels(x, head.Status):
		return CloseHandedOver
	case x.last, x.t.Strategy.lifetime() == 1:
		return CloseExchanges
	case x.closes:
		return CloseAsked
	}
	return CloseAnnounced
}

// faultReason is why a connection ends on which an answer could not be read. gaveUp
// is why its caller does not want it, nil if he does.
func faultReason(err, gaveUp error) CloseReason {
	switch {
	case errors.Is(err, ErrClosed):
		return CloseByCaller
	case gaveUp != nil, errors.Is(err, ErrBodyClosed):
		return CloseGivenUp
	case failedNetwork(err):
		return CloseCut
	}
	return CloseBroken
}
