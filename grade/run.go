package grade

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/lingerhttp/linger/lab"
)

// mostRuns is how often a scenario is played if its link is late again and again.
const mostRuns = 3

// patience is how long a scenario may take before it is given up.
const patience = 30 * time.Second

// Run plays a scenario in a lab of its own, and again in another while that was late.
func Run(ctx context.Context, s Scenario) (*Facts, error) {
	for run := 1; ; run++ {
		f, err := play(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("scenario %d: %w", s.Number, err)
		}
		f.Runs = run
		if !f.Certificate.Late || run == mostRuns {
			return f, nil
		}
	}
}

func play(ctx context.Context, s Scenario) (*Facts, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var serverTLS, clientTLS *tls.Config
	if s.TLS {
		var err error
		if serverTLS, clientTLS, err = certificates(); err != nil {
			return nil, err
		}
	}
	book := newNotebook()
	up, down := s.links()
	l, err := lab.New(lab.Config{
		Up: up, Down: down, Seed: s.Seed, Client: s.Client, Server: s.Server, Tap: book.tap, Bound: s.late(),
	})
	if err != nil {
		return nil, err
	}
	certificate, err := perform(ctx, l, &s, book, serverTLS, clientTLS)
	if err := errors.Join(err, l.Close()); err != nil {
		return nil, err
	}
	f := book.facts(s)
	f.Certificate = certificate
	return f, nil
}

// perform starts the server and lets the client do its part.
func perform(ctx context.Context, l *lab.Lab, s *Scenario, book *notebook, serverTLS, clientTLS *tls.Config) (lab.Certificate, error) {
	port := ":80"
	if s.TLS {
		port = ":443"
	}
	listener, err := l.Server.Listen("tcp", port)
	if err != nil {
		return lab.Certificate{}, err
	}
	srv := startServer(s, book, listener, serverTLS)
	c, err := newClient(s, book, l.Client, clientTLS)
	if err == nil {
		err = c.run(ctx)
	}
	certificate := l.Certificate()
	quiet, cancel := context.WithTimeout(ctx, s.RTT+50*time.Millisecond) // for the last ACKs and FINs
	_ = l.Quiet(quiet)
	cancel()
	err = errors.Join(err, listener.Close())
	srv.stop()
	return certificate, err
}
