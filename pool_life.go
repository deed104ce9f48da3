package linger

import (
	"context"
	"time"
)

// What the owner of a Transport asks of its connections, besides Warm:
// CloseIdleConnections, NetworkChanged, Shutdown, Close.

// CloseIdleConnections closes the connections that carry nothing now.
func (t *Transport) CloseIdleConnections() { t.carryOut(t.pool().closeIdle()) }

// NetworkChanged tells the Transport that this machine's addresses or routes are
// not what they were: a laptop has moved, a VPN has come up. Idle connections are
// closed, those in use take no more exchanges, dials under way are begun anew,
// and what was learned of origins is forgotten. Exchanges under way are left to
// end or fail by themselves.
func (t *Transport) NetworkChanged() {
	network, leave := context.WithCancel(t.life())
	todo, left := t.pool().changeNetwork(network, leave, time.Now())
	left()
	t.carryOut(todo)
}

// Shutdown closes the Transport when what is under way has ended: idle connections
// are closed at once, exchanges handed over from now on fail with ErrClosed, those
// before end in peace, and then it is closed. An exchange is under way until its
// response's body has been read to its end or closed. If ctx ends first, everything
// is closed as by Close, and context.Cause(ctx) is returned.
func (t *Transport) Shutdown(ctx context.Context) error {
	t.carryOut(t.pool().stopNew())
	t.stopping.Store(true)
	if t.underWay.Load() == 0 {
		t.fallQuiet()
	}
	var err error
	select {
	case <-t.quiet:
	case <-t.life().Done():
	case <-ctx.Done():
		if t.underWay.Load() > 0 {
			err = context.Cause(ctx)
		}
	}
	t.Close()
	return err
}

// ended counts that an exchange is over.
func (t *Transport) ended() {
	if t.underWay.Add(-1) == 0 && t.stopping.Load() {
		t.fallQuiet()
	}
}

// fallQuiet tells Shutdown that nothing is under way any more.
func (t *Transport) fallQuiet() { t.quietOnce.Do(func() { close(t.quiet) }) }

// Close ends every connection, and with it every exchange under way; exchanges
// handed over later fail with ErrClosed. It returns when the Transport has no
// goroutine left.
func (t *Transport) Close() error {
	todo := t.pool().shut(time.Now())
	t.cancel()
	t.clock.Stop()
	t.carryOut(todo)
	t.conns.dials.Wait()
	t.workMu.Lock()
	t.closed = true
	t.workMu.Unlock()
	t.work.Wait()
	return nil
}
