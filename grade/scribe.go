package grade

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// A counter is a TCP connection that counts what is written to it.
type counter struct {
	net.Conn
	written atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// A scribe is what a program writes HTTP to. It notes which bytes of the TCP stream
// below, behind TLS or not, are which message's.
type scribe struct {
	net.Conn          // TLS, or the counter
	below    *counter // TCP
	book     *notebook
	conn     netip.AddrPort // the client's end
	down     bool

	mu     sync.Mutex
	finder finder // guarded by mu
}

// A finder tells which bytes of a direction, in clear, belong to whom. It is given all of
// them, in order, and tells of each part as from and to within b.
type finder interface {
	find(b []byte, each func(p Piece))
}

// Write notes when it was called, since from then on the program has nothing more
// to say: it is the kernel that waits.
func (s *scribe) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ready, from := s.book.clock.now(), s.below.written.Load()
	n, err := s.Conn.Write(b)
	to := s.below.written.Load()
	if n == 0 {
		return n, err
	}
	var found []Piece
	s.finder.find(b[:n], func(p Piece) {
		p.Conn, p.Down, p.Ready = s.conn, s.down, ready
		// TLS puts about as much around each part.
		p.From, p.To = from+p.From*(to-from)/int64(n), from+p.To*(to-from)/int64(n)
		found = append(found, p)
	})
	s.book.with(func() { s.book.pieces = append(s.book.pieces, found...) })
	return n, err
}

// ConnectionState tells what TLS agreed on, as a client asks a *tls.Conn.
func (s *secured) ConnectionState() tls.ConnectionState { return s.tls.ConnectionState() }

// A secured is a scribe that writes to TLS.
type secured struct {
	*scribe
	tls *tls.Conn
}

// A label is a finder for whoever says himself whose bytes follow.
type label struct{ exchange int }

func (l *label) find(b []byte, each func(Piece)) {
	each(Piece{Exchange: l.exchange, To: int64(len(b)), Body: -1})
}
