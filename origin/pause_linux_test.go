package origin

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
)

// Beyond the limit the kernel refuses; when one ends, the next is let in, on the
// same port, many times over.
func TestMaxConnsRefuse(t *testing.T) {
	s := ordered(t, "max-conns=2")
	addr := strings.TrimPrefix(s.Bases()[0], "http://")
	for round := range 20 {
		held := []net.Conn{dial(t, s), dial(t, s)}
		for _, nc := range held {
			wantAnswer(t, nc)
		}
		waitFor(t, "the port to close", func() bool { return refused(t, addr) })
		for _, nc := range held {
			nc.Close()
		}
		waitFor(t, "both to end", func() bool { return s.Stats().Open == 0 })
		if got := s.Stats(); got.MostOpen != 2 {
			t.Fatalf("round %d: %+v", round, got)
		}
	}
}

// refused reports whether the port refuses; a connection that was made in the
// instant before the port closes must be reset and never be served.
func refused(t *testing.T, addr string) bool {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection beyond the limit ends with %v", err)
	}
	return false
}
