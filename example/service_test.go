package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
)

// A running service, and what it logs.
type running struct {
	url string
	*service
	stop context.CancelFunc
	err  chan error // of its end, and then closed

	mu  sync.Mutex
	log bytes.Buffer // guarded by mu
}

func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(p)
}

func (r *running) logged() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

// start runs a service in front of an upstream until the test ends.
func start(t *testing.T, c config, upstream http.HandlerFunc) *running {
	t.Helper()
	srv := httptest.NewServer(upstream)
	t.Cleanup(srv.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.upstream = srv.URL
	r := &running{url: "http://" + l.Addr().String(), err: make(chan error, 1)}
	r.service = newService(c, slog.New(slog.NewTextHandler(r, nil)))
	r.service.transport.Proxy = nil
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.keep(ctx, l)
	t.Cleanup(func() {
		stop()
		<-r.err
	})
	return r
}

func (r *running) keep(ctx context.Context, l net.Listener) {
	r.err <- r.serve(ctx, l)
	close(r.err)
}

// get asks the service.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(body)
}

func TestFetch(t *testing.T) {
	r := start(t, config{slow: time.Hour, grace: time.Hour}, func(rw http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/missing" {
			rw.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(rw, "upstream has ", req.URL.Path)
	})
	if status, body := get(t, r.url+"/thing"); status != 200 || body != "upstream has /thing" {
		t.Errorf("%d %q", status, body)
	}
	if status, body := get(t, r.url+"/missing"); status != 404 || body != "upstream has /missing" {
		t.Errorf("%d %q", status, body)
	}
	var shown struct {
		Stats       linger.Stats
		Connections []linger.Connection
	}
	_, body := get(t, r.url+"/debug/connections")
	if err := json.Unmarshal([]byte(body), &shown); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if shown.Stats.Open != 1 || shown.Stats.Exchanges != 2 || len(shown.Connections) != 1 || shown.Connections[0].Uses != 2 {
		t.Errorf("the pool holds %s", body)
	}
	if log := r.logged(); strings.Contains(log, "slow exchange") {
		t.Errorf("nothing was slow: %s", log)
	}
}

// TestSlow: with a limit of nothing, everything is slow.
func TestSlow(t *testing.T) {
	r := start(t, config{grace: time.Hour}, func(http.ResponseWriter, *http.Request) {})
	get(t, r.url+"/thing")
	r.stop()
	if err := <-r.err; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"slow exchange", "/thing", "status=200", "wait ", "connection=1"} {
		if log := r.logged(); !strings.Contains(log, want) {
			t.Errorf("no %q in the log: %s", want, log)
		}
	}
}

// TestShutdown: what is under way when the service is told to end is answered.
func TestShutdown(t *testing.T) {
	arrived, leave := make(chan bool), make(chan bool)
	r := start(t, config{slow: time.Hour, grace: time.Hour}, func(rw http.ResponseWriter, _ *http.Request) {
		arrived <- true
		<-leave
		io.WriteString(rw, "whole")
	})
	answered := make(chan string)
	go func() {
		_, body := get(t, r.url+"/")
		answered <- body
	}()
	<-arrived
	r.stop()
	leave <- true
	if body := <-answered; body != "whole" {
		t.Errorf("answered %q", body)
	}
	if err := <-r.err; err != nil {
		t.Error(err)
	}
	if s := r.transport.Stats(); s.Open != 0 || s.Exchanges != 1 {
		t.Errorf("at the end: %+v", s)
	}
}

// TestUpstreamFails: the caller is told as much as concerns him.
func TestUpstreamFails(t *testing.T) {
	r := start(t, config{slow: time.Hour, grace: time.Hour}, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if status, _ := get(t, r.url+"/"); status != http.StatusBadGateway {
		t.Errorf("answered %d", status)
	}
	if log := r.logged(); !strings.Contains(log, "error=") {
		t.Errorf("the failure is not in the log: %s", log)
	}
	for err, want := range map[error]int{
		&linger.Error{Step: timeline.Queue, Err: linger.ErrQueueTimeout}: 503,
		&linger.Error{Step: timeline.Wait, Err: linger.ErrHeaderTimeout}: 504,
		&linger.Error{Step: timeline.Wait, Err: linger.ErrServerClosed}:  502,
	} {
		if got := statusOf(err); got != want {
			t.Errorf("%v is answered with %d, not %d", err, got, want)
		}
	}
}

// TestAddressTaken: a service that cannot listen says so.
func TestAddressTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newService(config{listen: l.Addr().String()}, slog.New(slog.DiscardHandler))
	defer s.transport.Close()
	if err := s.run(context.Background()); err == nil {
		t.Error("two listen on one address")
	}
}
