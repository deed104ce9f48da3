package origin

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// Beyond the limit the kernel refuses; when one ends, the next is let in, on the
// same port, many times over.
func TestMaxConnsRefuse(t *testing.T) {
	s := ordered(t, "max-conns=2")
	for round := range 20 {
		held := []net.Conn{dial(t, s), dial(t, s)}
		for _, nc := range held {
			wantAnswer(t, nc)
		}
		waitFor(t, "the port to close", func() bool { return refused(t, s) })
		for _, nc := range held {
			nc.Close()
		}
		waitFor(t, "both to end", func() bool { return s.Stats().Open == 0 && !s.gates[0].isPaused() })
		if got := s.Stats(); got.MostOpen != 2 {
			t.Fatalf("round %d: %+v", round, got)
		}
	}
}

// refused reports whether the port refuses; a connection that was made in the
// instant before the port closes must be reset and never be served.
func refused(t *testing.T, s *Server) bool {
	t.Helper()
	err := beyond(s)
	if err != nil && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)) {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	t.Fatalf("a connection beyond the limit ends with %v", err)
	return false
}

// A port that was asked for stays bound by itself; one that the kernel chose
// must be bound again. Either way it survives, and the server can be closed
// while the port is.
func TestCloseWhilePaused(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fixed := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"127.0.0.1:0", fixed, "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			s, err := Start(Config{Site: Classic(), Addr: addr, Faults: Faults{MaxConns: 1}})
			if err != nil {
				t.Skip("cannot listen there:", err)
			}
			t.Cleanup(func() { s.Close() })
			for range 3 {
				nc := dial(t, s)
				wantAnswer(t, nc)
				waitFor(t, "the port to close", func() bool { return refused(t, s) })
				nc.Close()
				waitFor(t, "the port to open", func() bool { return s.Stats().Open == 0 && !s.gates[0].isPaused() })
			}
			wantAnswer(t, dial(t, s))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			wantNoServer(t)
		})
	}
}

func (g *gate) isPaused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paused
}
