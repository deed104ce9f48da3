package lab

import (
	"context"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/lingerhttp/linger/link"
)

// TestQuietWaitsForRepair: what was lost comes again, 200 ms or a second later. Only
// then it is quiet.
func TestQuietWaitsForRepair(t *testing.T) {
	for name, test := range map[string]struct {
		lose link.Drop
		dir  Direction
		do   func(t *testing.T, l *Lab)
	}{
		"SYN":     {link.Drop{Conn: 1, Kind: link.SYN, Nth: 1}, Up, dialInBackground},
		"SYNACK":  {link.Drop{Conn: 1, Kind: link.SYNACK, Nth: 1}, Down, dialInBackground},
		"data":    {link.Drop{Conn: 1, Kind: link.Data, Nth: 1}, Up, writeOnce},
		"FIN":     {link.Drop{Conn: 1, Kind: link.FIN, Nth: 1}, Up, closeClient},
		"its FIN": {link.Drop{Conn: 1, Kind: link.FIN, Nth: 1}, Down, closeBoth},
	} {
		t.Run(name, func(t *testing.T) {
			var r recording
			c := symmetric(10 * time.Millisecond)
			c.Tap = r.tap
			if test.dir == Up {
				c.Up.Drop = []link.Drop{test.lose}
			} else {
				c.Down.Drop = []link.Drop{test.lose}
			}
			l := newLab(t, c)
			test.do(t, l)
			quiet(t, l)
			was := time.Now()
			_ = l.Close()
			all := r.of(test.dir, test.lose.Kind)
			if len(all) == 0 || all[0].Drop != link.Named {
				t.Fatalf("nothing was lost: %v", all)
			}
			repaired := func(one Record) bool { return one.Drop == link.None && one.handedOver().Before(was) }
			if !slices.ContainsFunc(all[1:], repaired) {
				t.Errorf("quiet, but what was lost is not there yet")
			}
		})
	}
}

func dialInBackground(t *testing.T, l *Lab) {
	echo(t, l, "tcp", "origin:7")
	go dialAndClose(l)
	awaitPackets(l, 1)
}

func dialAndClose(l *Lab) {
	if c, err := l.Client.Dial("tcp", "origin:7"); err == nil {
		_ = c.Close()
	}
}

func writeOnce(t *testing.T, l *Lab) {
	client, _ := connect(t, l)
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
}

func closeClient(t *testing.T, l *Lab) {
	client, _ := connect(t, l)
	_ = client.Close()
}

func closeBoth(t *testing.T, l *Lab) {
	client, server := connect(t, l)
	_, _ = client.Close(), server.Close()
}

// TestQuietGivesUp: on sockets that nobody answers, after a while; on packets under
// way only with its context.
func TestQuietGivesUp(t *testing.T) {
	l := newLab(t, Config{Up: link.Config{Loss: 1}})
	dialled := make(chan error, 1)
	go func() {
		_, err := l.Client.Dial("tcp", "origin:7")
		dialled <- err
	}()
	awaitPackets(l, 1)
	if err := l.quiet(t.Context(), 100*time.Millisecond); err != nil {
		t.Error(err)
	}
	select {
	case err := <-dialled:
		t.Errorf("the dial has ended: %v", err)
	default:
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := l.Quiet(ctx); err != context.DeadlineExceeded {
		t.Errorf("%v, want that of the context", err)
	}
	_ = l.Close()
	<-dialled
}

// TestQuietBesideLoopback: what does not pass the link does not matter, nor does who
// has closed a connection long ago, or listens.
func TestQuietBesideLoopback(t *testing.T) {
	l := newLab(t, Config{})
	listener, err := l.Client.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c, err := l.Client.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, err = c.Write(make([]byte, 64<<20)) // nobody reads it
	if n, ok := err.(net.Error); !ok || !n.Timeout() {
		t.Fatalf("64 MiB were written: %v", err)
	}
	if err := useTCP(l); err != nil { // one connection is left in TIME_WAIT
		t.Fatal(err)
	}
	began := time.Now()
	quiet(t, l)
	if took := time.Since(began); took >= patience {
		t.Errorf("it took %v", took)
	}
}
