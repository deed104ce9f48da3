package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

const (
	// maxTries is how often one exchange is put on a connection at the most, not
	// counting those that were not lost by it: it was not processed, or stood
	// behind another.
	maxTries = 6

	// unprovenTries is the same for an origin that has answered nobody yet and
	// cuts its only connection: it may still count those of a client before.
	unprovenTries = 3
)

func (t *Transport) init() {
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.sessions = tls.NewLRUClientSessionCache(0)
	t.initPool()
}

func (t *Transport) pool() *pool {
	t.start.Do(t.init)
	return &t.conns
}

// life ends when the Transport is closed.
func (t *Transport) life() context.Context {
	t.start.Do(t.init)
	return t.ctx
}

// RoundTrip implements http.RoundTripper: it decides, takes a slot, makes the
// exchange, and records. The error is an *Error.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if rt := t.registered(req); rt != nil {
		resp, rest, err := carryElsewhere(rt, req)
		if rest == nil {
			return resp, err
		}
		req = rest
	}
	return t.carry(req)
}

// carry is RoundTrip for a request that is linger's own to carry.
func (t *Transport) carry(req *http.Request) (*http.Response, error) {
	x := t.begin(req, time.Now())
	if err := x.read(req, t.Strategy); err != nil {
		x.body.Close()
		return nil, x.failure(timeline.Queue, &requestError{err})
	}
	err := t.chooseRoute(x)
	if err == nil {
		err = x.probe()
	}
	if err != nil {
		x.body.Close()
		return nil, x.failure(timeline.Queue, err)
	}
	for uncounted := 0; ; {
		x.hooks.getConn(x)
		s, err := t.takeSlot(x)
		if err != nil {
			x.body.Close()
			return nil, x.failure(stepOf(err), err)
		}
		x.carriedBy(s)
		x.hooks.gotConn(s)
		resp, err := s.conn.roundTrip(x, s)
		if err == nil {
			return x.decoded(resp), nil
		}
		var l *lost
		errors.As(err, &l)
		t.giveBack(x, s, l)
		if t.ctx.Err() != nil && !l.loss.final() {
			l.giveUp(ErrClosed) // by Close: the server has no part in it
		}
		x.wasSent = x.wasSent || l.loss.written()
		x.mayBeApplied = x.mayBeApplied || l.loss.applicable()
		if l.free || l.loss == lossStale {
			uncounted++
		}
		tr := x.traits
		whole := false
		x.body, whole = x.body.reclaim()
		tr.rewindable = tr.rewindable || whole
		again, why := mayRetry(l, tr, x.Tries-uncounted, t.pool().proven(s))
		if again && !whole {
			if err := x.rewind(); err != nil {
				again, l.err = false, err
			}
		}
		if !again {
			x.body.Close()
			return nil, x.failure(l.step, l.err)
		}
		x.note(why)
		t.pool().retried(s, retryReason(l))
	}
}

// mayRetry decides whether a lost exchange is put on another connection, and
// says why.
//
// "A client MAY … automatically retry … if it has some means to detect that the
// original request was never applied", and any idempotent method; "a client
// SHOULD NOT automatically retry a failed automatic retry" — RFC 9110 §9.2.2.
// linger bounds the latter by number.
func mayRetry(l *lost, tr traits, tries int, proven bool) (bool, string) {
	switch {
	case l.loss.final():
		return false, ""
	case l.loss == lossStale:
		return true, "idle connection dropped: " + plain(l.err)
	case !tr.rewindable && l.loss != lossUnsent:
		return false, ""
	case tries >= maxTries:
		return false, ""
	case l.loss.unprocessed() && tr.rewindable:
		return true, "sent again: " + l.err.Error()
	case l.loss == lossUnsent && tr.rewindable:
		return true, "tried again: nothing had been sent when the connection failed (" + plain(l.err) + ")"
	case !cut(l.err) || !tr.idempotent || !tr.rewindable:
		return false, ""
	case l.reused:
		return true, "sent again: the kept connection ended before an answer (" + plain(l.err) + ")"
	case proven || tries < unprovenTries:
		return true, "sent again: the new connection was cut before an answer (" + plain(l.err) + ")"
	}
	return false, ""
}

// TimelineOf returns the record of a response's exchange, nil if the response
// did not come from a Transport. It is complete when the body was read to its
// end or closed.
func TimelineOf(resp *http.Response) *timeline.Exchange { return timeline.Of(resp) }

// listItems yields the non-empty elements of a field's comma-separated list.
func listItems(line string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); item != "" && !yield(item) {
				return
			}
		}
	}
}
