package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/lingerhttp/linger"
)

// config is what the service is told.
type config struct {
	listen   string        // address
	upstream string        // URL of the server that has what is asked for
	slow     time.Duration // exchanges that take longer are logged
	grace    time.Duration // for what is under way at the end
}

// A service answers requests by asking another server.
type service struct {
	config
	log       *slog.Logger
	transport *linger.Transport
	client    *http.Client
}

// newService makes the one Transport that the program has: as with
// http.DefaultTransport, connections are kept and shared by sharing it.
func newService(c config, log *slog.Logger) *service {
	s := &service{config: c, log: log}
	s.transport = &linger.Transport{
		Proxy:        http.ProxyFromEnvironment,
		Strategy:     linger.Strategy{Conns: 32}, // to each origin
		QueueTimeout: 5 * time.Second,            // better to fail than to wait for ever when the upstream hangs
		MaxConnAge:   10 * time.Minute,           // follow the upstream when its addresses change
		Observe:      s.observe,
	}
	s.client = &http.Client{Transport: s.transport, Timeout: 30 * time.Second}
	return s
}

// run serves until ctx ends, and then lets what is under way come to its end:
// first the requests to the service, then the connections they have used.
func (s *service) run(ctx context.Context) error {
	l, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	return s.serve(ctx, l)
}

func (s *service) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go listen(server, l, ended)
	s.log.Info("serving", "address", l.Addr().String(), "upstream", s.upstream)
	select {
	case err := <-ended:
		return errors.Join(err, s.transport.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	err := errors.Join(server.Shutdown(grace), s.transport.Shutdown(grace))
	if why := <-ended; why != http.ErrServerClosed {
		err = errors.Join(err, why)
	}
	s.log.Info("ended", "exchanges", s.transport.Stats().Exchanges)
	return err
}

// listen serves until the server is shut down.
func listen(server *http.Server, l net.Listener, ended chan<- error) { ended <- server.Serve(l) }

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", s.fetch)
	mux.HandleFunc("GET /debug/connections", s.connections)
	return mux
}

// fetch asks the upstream for the same.
func (s *service) fetch(rw http.ResponseWriter, r *http.Request) {
	req, err := http.NewRequestWithContext(r.Context(), "GET", s.upstream+r.URL.RequestURI(), nil)
	if err != nil {
		http.Error(rw, "no such thing", http.StatusBadRequest)
		return
	}
	resp, err := s.client.Do(req)
	if err != nil {
		http.Error(rw, "the upstream does not answer", statusOf(err))
		return
	}
	defer resp.Body.Close()
	rw.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	rw.WriteHeader(resp.StatusCode)
	io.Copy(rw, resp.Body) // an error is in the exchange's record
}

// statusOf tells a full pool and a slow upstream from a broken one.
func statusOf(err error) int {
	var timeout net.Error
	switch {
	case errors.Is(err, linger.ErrQueueTimeout):
		return http.StatusServiceUnavailable
	case errors.As(err, &timeout) && timeout.Timeout():
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// connections shows what the pool holds, and each connection with what the kernel
// knows of it. It is for those who run the service: with others about, it would
// stand on a port of its own.
func (s *service) connections(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(rw)
	encoder.SetIndent("", "  ")
	encoder.Encode(struct {
		Stats       linger.Stats        `json:"stats"`
		Connections []linger.Connection `json:"connections"`
	}{s.transport.Stats(), s.transport.Connections()})
}
