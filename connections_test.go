package linger

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/sockets"
	"github.com/lingerhttp/linger/timeline"
)

// TestConnections looks at a connection while an exchange is on it and after,
// whatever it speaks, and holds what linger has counted against the kernel.
func TestConnections(t *testing.T) {
	arrived, leave := make(chan bool), make(chan bool)
	held := func(rw http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-leave
		io.WriteString(rw, strings.Repeat("x", 5000))
	}
	everywhere(t, http.HandlerFunc(held), func(t *testing.T, w *watched, url string) {
		if all := w.Connections(); len(all) != 0 {
			t.Errorf("connections before there are any: %+v", all)
		}
		done := make(chan answer)
		go func() { done <- w.get(url) }()
		<-arrived
		busy := only(t, w.Connections())
		if busy.State != ConnActive || busy.InFlight != 1 || busy.Uses != 1 || busy.Origin != url || busy.Sent == 0 {
			t.Errorf("with an exchange on it: %+v", busy)
		}
		if now := time.Now(); busy.Opened.After(now) || busy.Age(now) < 0 || busy.IdleFor(now) != 0 {
			t.Errorf("opened %v, idle for %v", busy.Opened, busy.IdleFor(now))
		}
		checkKernel(t, w)
		leave <- true
		a := <-done
		if a.err != nil || a.e.Conn != busy.Conn {
			t.Errorf("%v: carried by %+v, not by %+v", a.err, a.e.Conn, busy.Conn)
		}
		if w.Strategy.Exchanges == 1 {
			return // it is being closed, or gone
		}
		idle := only(t, w.Connections())
		if idle.State != ConnIdle || idle.InFlight != 0 || idle.Uses != 1 || idle.Received < 5000 || idle.Protocol != a.e.Protocol {
			t.Errorf("after the exchange: %+v", idle)
		}
		if idle.TLS == "" && idle.Protocol == "HTTP/1.1" && (idle.Sent != a.e.Sent.Total() || idle.Received != a.e.Received.Total()) {
			t.Errorf("sent %d and received %d; the exchange %+v and %+v", idle.Sent, idle.Received, a.e.Sent, a.e.Received)
		}
		checkKernel(t, w)
	})
}

func only(t *testing.T, all []Connection) Connection {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("%d connections, not 1: %+v", len(all), all)
	}
	return all[0]
}

// checkKernel holds our count of octets against the kernel's. They agree as soon as
// nothing is being written; the kernel may have received what nobody has read.
func checkKernel(t *testing.T, w *watched) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	c := only(t, w.Connections())
	if c.TCP == nil || c.TCP.State != sockets.Established {
		t.Fatalf("the kernel says %+v", c.TCP)
	}
	if len(c.TCP.Missing()) > 0 {
		return
	}
	eventually(t, "what was sent is what the kernel has sent", func() bool {
		c = only(t, w.Connections())
		return c.Sent == int64(c.TCP.BytesSent-c.TCP.BytesRetrans)+int64(c.TCP.NotSentBytes)
	})
	if received := int64(c.TCP.BytesReceived); received < c.Received {
		t.Errorf("received %d, by the kernel %d", c.Received, received)
	}
}

// TestConnectionsOfAUnixSocket: there is no TCP to tell of.
func TestConnectionsOfAUnixSocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(kinds))
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	defer srv.Close()
	w := watch(t, persistent)
	w.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
	}
	a := w.get("http://unix/")
	c := only(t, w.Connections())
	if a.err != nil || c.TCP != nil || c.Remote.IsValid() || c.Sent != a.e.Sent.Total() || c.Received != a.e.Received.Total() {
		t.Errorf("%v, %+v", a.err, c)
	}
}

// A veil hides the socket below it, and a lid tells of it.
type veil struct{ net.Conn }
type lid struct{ net.Conn }

func (l lid) NetConn() net.Conn { return l.Conn }

// TestConnectionsBelowADialFunction: the socket is found below what a dial function
// has made of it, if that tells.
func TestConnectionsBelowADialFunction(t *testing.T) {
	if runtime.GOOS != "linux" {
		return
	}
	plain := func(cover func(net.Conn) net.Conn) func(*watched, *tls.Config) {
		return func(w *watched, _ *tls.Config) {
			w.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				return cover(c), err
			}
		}
	}
	for _, tt := range []struct {
		name  string
		told  bool
		setUp func(*watched, *tls.Config)
	}{
		{"veil", false, plain(func(c net.Conn) net.Conn { return veil{c} })},
		{"lid", true, plain(func(c net.Conn) net.Conn { return lid{c} })},
		{"lids", true, plain(func(c net.Conn) net.Conn { return lid{lid{c}} })},
		{"lid on a veil", false, plain(func(c net.Conn) net.Conn { return lid{veil{c}} })},
		{"TLS", true, func(w *watched, cfg *tls.Config) {
			w.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				return (&tls.Dialer{Config: cfg}).DialContext(ctx, network, addr)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := httptest.NewTLSServer(http.HandlerFunc(kinds))
			defer srv.Close()
			cfg := srv.Client().Transport.(*http.Transport).TLSClientConfig
			w := watch(t, persistent)
			w.TLSClientConfig = cfg
			tt.setUp(w, cfg.Clone())
			if a := w.get(srv.URL); a.err != nil {
				t.Fatal(a.err)
			}
			if c := only(t, w.Connections()); (c.TCP != nil) != tt.told || c.Sent == 0 {
				t.Errorf("the kernel says %v; sent %d", c.TCP, c.Sent)
			}
		})
	}
}

// TestConnectionsInOrder: by number, whatever their origin.
func TestConnectionsInOrder(t *testing.T) {
	w := watch(t, persistent)
	for range 5 {
		if a := w.get(serve(t, echo).url); a.err != nil {
			t.Fatal(a.err)
		}
	}
	for i, c := range w.Connections() {
		if c.Number != i+1 {
			t.Errorf("connection %d stands at %d", c.Number, i)
		}
	}
	if n := len(w.Connections()); n != 5 {
		t.Errorf("%d connections", n)
	}
}

// TestConnectionsMeanwhile looks whenever an exchange has ended, while others come
// and go: nothing is told twice, and what is told fits together.
func TestConnectionsMeanwhile(t *testing.T) {
	everywhere(t, http.HandlerFunc(kinds), func(t *testing.T, w *watched, url string) {
		w.Observe = func(e *timeline.Exchange) {
			checkTogether(t, w.Connections())
			w.observe(e)
		}
		for _, a := range w.all(url, 60) {
			if a.err != nil {
				t.Error(a.err)
			}
		}
	})
}

func checkTogether(t *testing.T, all []Connection) {
	t.Helper()
	for i, c := range all {
		switch {
		case i > 0 && c.Number <= all[i-1].Number:
			t.Errorf("connection %d stands behind %d", c.Number, all[i-1].Number)
		case (c.State == ConnIdle && c.InFlight > 0) || (c.State == ConnActive && c.InFlight == 0) || c.State == ConnGone:
			t.Errorf("connection %d is %v with %d exchanges on it", c.Number, c.State, c.InFlight)
		case c.Uses < c.InFlight || c.LastUsed.Before(c.Opened) || c.Sent < 0 || c.Received < 0:
			t.Errorf("connection %d: %+v", c.Number, c)
		}
	}
}

// TestConnectionAsJSON: what is written is read back, and has one level.
func TestConnectionAsJSON(t *testing.T) {
	w := watch(t, persistent)
	if a := w.get(serve(t, echo).url); a.err != nil {
		t.Fatal(a.err)
	}
	c := only(t, w.Connections())
	c.Opened, c.LastUsed = c.Opened.Round(0).UTC(), c.LastUsed.Round(0).UTC() // JSON has no monotonic clock
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var back Connection
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(c, back) {
		t.Errorf("%v\nwent in as %+v\ncame out as %+v", err, c, back)
	}
	for _, want := range []string{`"local":"127.0.0.1:`, `"state":"idle"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestStatsAsJSON: the counts of all origins stand on the level of the whole, and
// times say their unit.
func TestStatsAsJSON(t *testing.T) {
	text, err := json.Marshal(Stats{
		Counts:  Counts{Open: 1, WaitTime: 5 * time.Microsecond, Closed: map[CloseReason]int64{CloseMadeRoom: 2}},
		Origins: map[string]Counts{"http://a:80": {Open: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"open":1,"idle":0,`, `"wait_time_ns":5000`, `"closed":{"made room":2}`, `"origins":{"http://a:80":{"open":1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

func TestConnStateWords(t *testing.T) {
	for s := ConnIdle; s <= ConnGone; s++ {
		text, err := s.MarshalText()
		var back ConnState
		if err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("state %d: %q, %v", s, text, err)
		}
	}
	var s ConnState
	if _, err := (ConnGone + 1).MarshalText(); err == nil || s.UnmarshalText([]byte("asleep")) == nil {
		t.Error("there is a word for nothing")
	}
}
