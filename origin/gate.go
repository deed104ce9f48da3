package origin

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A gate is the listener of one origin. It admits connections up to
// Faults.MaxConns for each client address; those beyond it resets, or has the
// kernel refuse by not listening for a while. It knows every connection that is
// open, so that Close can end them all.
//
// Only the goroutine that calls Accept stops listening, and only while it is not
// inside the listener's Accept. Whoever closes a connection may start it again.
type gate struct {
	net.Listener
	origin int
	limit  int    // connections for each client address; 0 is none
	beyond Beyond // what becomes of the others
	counts *counts

	conns sync.WaitGroup // one for each admitted connection, until its socket is closed

	mu     sync.Mutex
	change *sync.Cond
	open   map[*conn]bool // true until the server begins to close it
	from   map[string]int // how many of those are open, by client address
	paused bool           // the port is closed to everybody
	closed bool           // for good
}

// newGate fails if connections are to be refused and this listener cannot do so.
func newGate(l net.Listener, origin int, f Faults, c *counts) (*gate, error) {
	g := &gate{
		Listener: l, origin: origin, limit: f.MaxConns, beyond: f.Beyond, counts: c,
		open: make(map[*conn]bool), from: make(map[string]int),
	}
	g.change = sync.NewCond(&g.mu)
	if g.limit > 0 && g.beyond == Refuse {
		return g, canPause(l)
	}
	return g, nil
}

// Accept returns the next connection that is admitted.
func (g *gate) Accept() (net.Conn, error) {
	for {
		if err := g.wait(); err != nil {
			return nil, err
		}
		nc, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := g.admit(nc); c != nil {
			return c, nil
		}
		g.counts.add(func(s *Stats) { s.Turned++ })
		_ = reset(nc)
	}
}

// wait returns when the port is open.
func (g *gate) wait() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.paused && !g.closed {
		g.change.Wait()
	}
	if g.closed {
		return net.ErrClosed
	}
	return nil
}

// admit takes the connection in, or returns nil if its client has enough.
func (g *gate) admit(nc net.Conn) *conn {
	client := clientOf(nc)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.limit > 0 && g.from[client] >= g.limit {
		return nil
	}
	c := &conn{Conn: nc, gate: g, client: client}
	g.open[c] = true
	g.from[client]++
	g.conns.Add(1)
	g.counts.add(func(s *Stats) { s.Accepted++; s.Open++ })
	if g.limit > 0 && g.beyond == Refuse && g.from[client] >= g.limit {
		g.paused = pause(g.Listener) == nil
	}
	return c
}

// release forgets a connection that is about to be closed, before its client can
// know: it may come back for another at once.
func (g *gate) release(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open[c] {
		return
	}
	g.open[c] = false
	g.counts.add(func(s *Stats) { s.Open-- })
	if g.from[c.client]--; g.from[c.client] == 0 {
		delete(g.from, c.client)
	}
	if g.paused && !g.closed && g.roomForAll() {
		g.paused = resume(g.Listener) != nil
		g.change.Broadcast()
	}
}

// roomForAll reports whether no client has as many connections as it may. The
// caller holds mu.
func (g *gate) roomForAll() bool {
	for _, n := range g.from {
		if n >= g.limit {
			return false
		}
	}
	return true
}

// forget is told when a connection's socket was closed.
func (g *gate) forget(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, c)
	g.conns.Done()
}

// shut closes the port for good and cuts every connection, those too that linger.
func (g *gate) shut() {
	g.mu.Lock()
	g.closed = true
	g.change.Broadcast()
	var cut []*conn
	for c := range g.open {
		cut = append(cut, c)
	}
	g.mu.Unlock()
	for _, c := range cut {
		_ = c.cut()
	}
}

// A conn is an admitted connection.
type conn struct {
	net.Conn
	gate      *gate
	client    string
	exchanges atomic.Int64 // requests read on it
	once      sync.Once
}

// lingerTime is how long a connection that the server ends is read and ignored,
// in case the client is still sending.
const lingerTime = 2 * time.Second

// Close ends the connection so that the client gets all that was written: "The
// server then continues to read from the connection until it receives a
// corresponding close by the client" (RFC 9112 §9.6). Closing at once while
// pipelined requests stand unread would reset the connection and destroy answers
// on their way.
func (c *conn) Close() error {
	c.gate.release(c)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		if c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.Copy(io.Discard, c.Conn)
		}
	}
	return c.cut()
}

// cut closes the socket now.
func (c *conn) cut() error {
	c.gate.release(c)
	err := net.ErrClosed
	c.once.Do(func() {
		err = c.Conn.Close()
		c.gate.forget(c)
	})
	return err
}

// reset closes the socket with a RST instead of a FIN.
func (c *conn) reset() error {
	c.gate.release(c)
	err := net.ErrClosed
	c.once.Do(func() {
		err = reset(c.Conn)
		c.gate.forget(c)
	})
	return err
}

// reset closes a socket such that the peer gets a RST: with nothing to linger
// for, the kernel throws away what is unsent.
func reset(nc net.Conn) error {
	var err error
	if l, ok := nc.(interface{ SetLinger(int) error }); ok {
		err = l.SetLinger(0)
	}
	return errors.Join(err, nc.Close())
}

// clientOf is the client's address without the port.
func clientOf(nc net.Conn) string {
	host, _, err := net.SplitHostPort(nc.RemoteAddr().String())
	if err != nil {
		return nc.RemoteAddr().String()
	}
	return host
}

type connKey struct{}

// withConn puts the connection into the context of its requests.
func withConn(ctx context.Context, nc net.Conn) context.Context {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, nc)
}

func connOf(r *http.Request) *conn { return r.Context().Value(connKey{}).(*conn) }
