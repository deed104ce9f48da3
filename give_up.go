package linger

import (
	"context"
	"errors"
	"time"
)

// Why an exchange ends before its time: its context was canceled or is out of
// time, Request.Cancel was closed, or the Transport was.

// gaveUp returns why an exchange ends before its time, nil if it does not.
func gaveUp(x *exchange) error {
	switch {
	case x.ctx.Err() != nil:
		x.letClientSee()
		return causeOf(x.ctx)
	case x.t.life().Err() != nil:
		return ErrClosed
	}
	return nil
}

// causeOf is why a context is done: its cause and, if that is another error, what
// its Err says, so that errors.Is finds either.
func causeOf(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return &givenUp{cause: cause, err: err}
}

// A givenUp is a context's cause.
type givenUp struct{ cause, err error }

func (g *givenUp) Error() string   { return g.cause.Error() }
func (g *givenUp) Unwrap() []error { return []error{g.cause, g.err} }

// heedCancel makes the exchange's context end when Request.Cancel is closed as
// well: the deprecated way to give up, which http.Client still uses where it has a
// Timeout and a RoundTripper that is not its own. Nobody outside this file looks at it.
func (x *exchange) heedCancel() {
	cancel := x.req.Cancel //lint:ignore SA1019 http.Client sets it
	if cancel == nil {
		return
	}
	x.ctx, x.endCtx = context.WithCancelCause(x.ctx)
	select {
	case <-cancel:
		x.endCtx(errRequestCanceled)
	default:
		if x.t.admit() {
			go x.awaitCancel(cancel)
		}
	}
}

// clientWait is how long to wait at the most for a timer that is due.
const clientWait = 20 * time.Millisecond

// letClientSee waits, once, until http.Client has seen that its Timeout is over,
// where that ended the exchange: it sets the context's deadline, starts a timer of
// its own that closes Request.Cancel, and words its error by that one.
func (x *exchange) letClientSee() {
	cancel := x.req.Cancel //lint:ignore SA1019 http.Client sets it
	if cancel == nil || x.ctx.Err() != context.DeadlineExceeded || x.clientSaw.Swap(true) {
		return
	}
	timer := time.NewTimer(clientWait)
	defer timer.Stop()
	select {
	case <-cancel:
	case <-timer.C:
	}
}

// awaitCancel ends with the exchange.
func (x *exchange) awaitCancel(cancel <-chan struct{}) {
	defer x.t.work.Done()
	select {
	case <-cancel:
		x.letTimeRunOut()
		x.endCtx(errRequestCanceled)
	case <-x.ctx.Done():
	case <-x.t.life().Done():
	}
}

// letTimeRunOut waits until the context says that its time is over, if it is:
// http.Client's two timers may fire in either order, and it is the time that has
// ended the exchange.
func (x *exchange) letTimeRunOut() {
	deadline, ok := x.ctx.Deadline()
	if !ok || time.Now().Before(deadline) {
		return
	}
	timer := time.NewTimer(clientWait)
	defer timer.Stop()
	select {
	case <-x.ctx.Done():
	case <-timer.C:
	}
}

// errRequestCanceled is the cause where Request.Cancel was closed.
var errRequestCanceled error = canceledError{}

// A canceledError says what net/http says of such a request.
type canceledError struct{}

func (canceledError) Error() string        { return "net/http: request canceled" }
func (canceledError) Is(target error) bool { return target == context.Canceled }
