package linger

import (
	"context"
)

// Request.Cancel, the deprecated way to give up, which http.Client still uses
// where it has a Timeout and a RoundTripper that is not its own. It is made one
// with the context here, and nobody else looks at it.

// heedCancel makes the exchange's context end when Request.Cancel is closed as
// well, with errRequestCanceled for its cause.
func (x *exchange) heedCancel() {
	cancel := x.req.Cancel //lint:ignore SA1019 http.Client sets it
	if cancel == nil || !x.t.admit() {
		return
	}
	x.ctx, x.endCtx = context.WithCancelCause(x.ctx)
	go x.awaitCancel(cancel)
}

// awaitCancel ends with the exchange.
func (x *exchange) awaitCancel(cancel <-chan struct{}) {
	defer x.t.work.Done()
	select {
	case <-cancel:
		x.endCtx(errRequestCanceled)
	case <-x.ctx.Done():
	case <-x.t.life().Done():
	}
}

// A canceledError is what net/http says of a request that was given up.
type canceledError struct{}

func (canceledError) Error() string        { return "net/http: request canceled" }
func (canceledError) Is(target error) bool { return target == context.Canceled }

// errRequestCanceled is the cause where Request.Cancel was closed.
var errRequestCanceled error = canceledError{}
