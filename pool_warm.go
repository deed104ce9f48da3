package linger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Connections opened before they are needed.

// Warm opens connections to an origin ("https://example.com", or with a port)
// until n are open and may take exchanges, and returns when they are. It fails
// at once if n is more than the Transport's limits allow, with a dial's error if
// one of its dials fails, and with context.Cause(ctx) if ctx ends first;
// connections opened by then, and dials under way, are kept. They serve whoever
// waits for them, so that some of the n may be in use. At MaxConns it waits for
// room as exchanges do.
func (t *Transport) Warm(ctx context.Context, origin string, n int) error {
	key, err := t.routeTo(ctx, origin)
	if err == nil {
		err = t.mayKeep(n)
	}
	if err == nil {
		err = t.awaitWarm(ctx, key, n)
	}
	if err != nil {
		return fmt.Errorf("warming up %s: %w", origin, err)
	}
	return nil
}

func (t *Transport) awaitWarm(ctx context.Context, key route, n int) error {
	w, todo := t.pool().warm(ctx, key, n, time.Now())
	t.carryOut(todo)
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		t.pool().cool(w, context.Cause(ctx))
		<-w.done
		return w.err
	}
}

// routeTo reads scheme, host and port of an origin, refuses what else a URL may
// have, and chooses the route.
func (t *Transport) routeTo(ctx context.Context, origin string) (route, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, origin, nil)
	if err != nil {
		return route{}, err
	}
	if u := req.URL; u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return route{}, errors.New("want scheme, host and port only")
	}
	to, err := readDestination(req.URL)
	if err != nil {
		return route{}, err
	}
	x := &exchange{t: t, req: req, origin: to.origin, host: to.host, target: "/"}
	err = t.chooseRoute(x)
	return x.route, err
}

// mayKeep says what is wrong with keeping n connections to one origin.
func (t *Transport) mayKeep(n int) error {
	for _, l := range []struct {
		name string
		most int
	}{
		{"Strategy.Conns", t.Strategy.Conns},
		{"MaxConns", t.MaxConns},
		{"MaxIdleConns", t.MaxIdleConns},
		{"MaxIdleConnsPerOrigin", t.MaxIdleConnsPerOrigin},
	} {
		if l.most > 0 && n > l.most {
			return fmt.Errorf("%d connections are more than %s allows: %d", n, l.name, l.most)
		}
	}
	return nil
}

// A warming is a Warm that waits; the pool's mutex guards it until done is closed.
type warming struct {
	ctx   context.Context // its values reach what is dialled
	home  *originPool
	n     int // connections to be open
	dials int // it may yet order
	err   error
	done  chan struct{}
}

// warm begins to open connections.
func (p *pool) warm(ctx context.Context, key route, n int, now time.Time) (*warming, *todo) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &warming{ctx: ctx, home: p.origin(key), n: n, dials: warmTries * n, done: make(chan struct{})}
	w.home.warmings = append(w.home.warmings, w)
	if p.closed || p.closing {
		w.end(ErrClosed)
	}
	p.dispatch(w.home, now)
	return w, p.wanted()
}

// warmTries is how many dials a Warm makes for each connection at the most: some
// are begun anew, and some connections end before the last is open.
const warmTries = 3

// cool gives a Warm up.
func (p *pool) cool(w *warming, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w.end(why)
}

// end ends a Warm, once.
func (w *warming) end(err error) {
	if w == nil || w.over() {
		return
	}
	w.home.warmings = slices.DeleteFunc(w.home.warmings, func(o *warming) bool { return o == w })
	w.err = err
	close(w.done)
}

func (w *warming) over() bool { return !slices.Contains(w.home.warmings, w) }

// endWarm ends every Warm of an origin.
func (o *originPool) endWarm(err error) {
	for len(o.warmings) > 0 {
		o.warmings[0].end(err)
	}
}

// usable counts the connections that may take exchanges.
func (o *originPool) usable() int { return o.states[ConnIdle] + o.states[ConnActive] }

// cold returns a Warm that wants one more connection opened, nil if there is none.
func (o *originPool) cold(v originView) *warming {
	for _, w := range o.warmings {
		if o.usable()+o.dialling < w.n && v.room() {
			return w
		}
	}
	return nil
}

// settleWarm ends each Warm that has what it wants, or cannot get it.
func (p *pool) settleWarm(o *originPool, now time.Time) {
	if len(o.warmings) == 0 {
		return
	}
	most := p.view(o, now).limit
	for _, w := range slices.Clone(o.warmings) {
		switch {
		case o.usable() >= w.n:
			w.end(nil)
		case most > 0 && most < w.n:
			w.end(fmt.Errorf("no more than %d connections may be open there", most))
		case w.dials <= 0 && o.dialling == 0:
			w.end(ErrServerClosed)
		}
	}
}
