package linger

import (
	"context"
	"sync"
	"time"
)

// A guard interrupts an exchange's connection when its caller gives up. Once it
// is stopped it never does, however late the news comes: by then the connection
// may be another exchange's.
type guard struct {
	c       *http1Conn
	stopCtx func() bool

	mu         sync.Mutex
	on         bool       // guarded by mu
	writesOnly bool       // guarded by mu: others read on the connection
	fired      bool       // guarded by mu
	body       *http1Body // guarded by mu: what the caller has got; nil until then
}

// start begins to guard x. An exchange that stands behind others may only
// interrupt its own write.
func (g *guard) start(x *exchange, writesOnly bool) {
	g.mu.Lock()
	g.on, g.writesOnly, g.fired = true, writesOnly, false
	g.mu.Unlock()
	if x.ctx.Done() != nil {
		g.stopCtx = context.AfterFunc(x.ctx, g.giveUp)
	}
}

// handOut notes that the caller gets the response's body. It reports false if the
// caller has given up already.
func (g *guard) handOut(b *http1Body) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.body = b
	return !g.fired
}

// giveUp interrupts the connection, and ends the exchange of a caller who has got
// the response and may never touch its body again.
func (g *guard) giveUp() {
	g.fire()
	g.mu.Lock()
	b := g.body
	g.mu.Unlock()
	if b != nil {
		b.abandon()
	}
}

// stop ends the guard, if it is on. It reports whether the caller had given up.
func (g *guard) stop() bool {
	g.mu.Lock()
	was, fired := g.on, g.fired
	g.on = false
	g.mu.Unlock()
	if was && g.stopCtx != nil {
		g.stopCtx()
	}
	return fired
}

// fire interrupts the connection, unless the guard was stopped.
func (g *guard) fire() {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.on:
		return
	case g.writesOnly:
		g.c.net.SetWriteDeadline(longAgo)
	default:
		g.c.interrupt()
	}
	g.fired = true
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// interrupt makes every read and write on the connection fail at once. An
// interrupted connection is not used again. Where there are no deadlines, as in a
// channel of SSH, it is closed.
func (c *http1Conn) interrupt() {
	c.interrupted.Store(true)
	if c.net.SetDeadline(longAgo) != nil {
		c.cut()
	}
}

// setReadDeadline sets a deadline, unless the caller has given up meanwhile. It
// returns an error if the connection has none.
func (c *http1Conn) setReadDeadline(at time.Time) error {
	err := c.net.SetReadDeadline(at)
	if c.interrupted.Load() {
		c.net.SetDeadline(longAgo)
	}
	return err
}
