package linger

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// deafTo makes a port that answers no attempt to connect: its queue is full, and
// nobody takes from it.
func deafTo(t *testing.T, addr netip.AddrPort) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		c, err := net.DialTimeout("tcp", addr.String(), 50*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not fill up")
}

// TestHangingAddress: an address from which nothing comes is left for the next, and
// comes last from then on.
func TestHangingAddress(t *testing.T) {
	all := listenOn(t, "127.0.0.1", "127.0.0.2")
	deaf, good := addrPort(all[0].Addr()), addrPort(all[1].Addr())
	all[0].Close()
	deafTo(t, deaf)
	serveOn(t, all[1], echo)
	w := watch(t, named(t, "serial"))
	w.Resolve = resolveTo(deaf, good)
	attempts := func(path string) (notes []string) {
		a := w.get("http://a.test" + path)
		wantAnswer(t, a, path, 1)
		for _, s := range a.e.Spans {
			for _, at := range s.Attempts {
				notes = append(notes, at.Note)
			}
		}
		if a.e.Conn.Remote != good || a.e.In(timeline.Connect) == 0 {
			t.Errorf("on %v, %v", a.e.Conn.Remote, a.e.Spans)
		}
		return notes
	}
	if got, want := strings.Join(attempts("/1"), ", "), good.String()+", "+deaf.String()+": no longer needed"; got != want {
		t.Errorf("attempts %s, want %s", got, want)
	}
	if got := strings.Join(attempts("/2"), ", "); got != good.String() {
		t.Errorf("attempts %s, want %s alone", got, good)
	}
}

// TestHangingDialTimesOut: when no address answers in time, the error says so as
// net's errors do.
func TestHangingDialTimesOut(t *testing.T) {
	l := listenOn(t, "127.0.0.1")[0]
	deaf := addrPort(l.Addr())
	l.Close()
	deafTo(t, deaf)
	w := watch(t, Strategy{})
	w.DialTimeout, w.BackupDelay = 100*time.Millisecond, 10*time.Millisecond
	a := w.get("http://" + deaf.String())
	var op *net.OpError
	var e *Error
	if !errors.As(a.err, &e) || e.Step != timeline.Connect || !e.Timeout() || !errors.As(a.err, &op) || op.Op != "dial" || op.Addr.String() != deaf.String() {
		t.Errorf("got %v", a.err)
	}
	for _, attempt := range []string{deaf.String(), deaf.String() + " again"} {
		// Which of them depends on whether the context's timer or the socket's is first.
		said := strings.Contains(a.err.Error(), attempt+": context deadline exceeded") ||
			strings.Contains(a.err.Error(), attempt+": i/o timeout")
		if !said {
			t.Errorf("%v does not tell that %s ran out of time", a.err, attempt)
		}
	}
}
