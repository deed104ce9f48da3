package linger

import (
	"context"

	"github.com/lingerhttp/linger/timeline"
)

// Who is shown an exchange when it has ended: the one who made the request, by its
// context, and Transport.Observe.

type observerKey struct{}

// WithObserve returns a context whose requests show their exchanges to f when they
// have ended, before they show them to Transport.Observe and under the same rules.
// It is for whoever wraps a Transport and must know which request an exchange was.
// If ctx has such a function already, that is called after f.
//
// An exchange ends when its response's body was read to its end or closed, or
// when RoundTrip fails. What a Transport hands to another RoundTripper is no
// exchange.
func WithObserve(ctx context.Context, f func(*timeline.Exchange)) context.Context {
	if outer := observerOf(ctx); outer != nil {
		inner := f
		f = func(e *timeline.Exchange) {
			inner(e)
			outer(e)
		}
	}
	return context.WithValue(ctx, observerKey{}, f)
}

func observerOf(ctx context.Context) func(*timeline.Exchange) {
	f, _ := ctx.Value(observerKey{}).(func(*timeline.Exchange))
	return f
}

// show hands a record that has ended to those who want to see it.
func (x *exchange) show() {
	if f := observerOf(x.ctx); f != nil {
		f(&x.Exchange)
	}
	if x.t.Observe != nil {
		x.t.Observe(&x.Exchange)
	}
}
