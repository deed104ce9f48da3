package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lingerhttp/linger/lab"
	"github.com/lingerhttp/linger/origin"
)

// What stands on the server side of a lab.

// A labServer is what was started there.
type labServer struct {
	trust []string // the environment in which a client trusts it
	stop  func() error
}

// startServer starts the built-in site, or the program of --server.
func (f *labFlags) startServer(ctx context.Context, e *env, l *lab.Lab) (*labServer, error) {
	if f.server != "" {
		return f.startProgram(ctx, e, l)
	}
	cfg, err := f.siteFlags.config()
	if err != nil {
		return nil, err
	}
	srv, err := serveIn(l, cfg, f.names)
	if err != nil {
		return nil, err
	}
	if !f.tls {
		return &labServer{stop: srv.Close}, nil
	}
	dir, err := os.MkdirTemp("", "linger-lab-")
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	s := &labServer{stop: func() error { return errors.Join(srv.Close(), os.RemoveAll(dir)) }}
	file := filepath.Join(dir, "cert.pem")
	if err := os.WriteFile(file, srv.CertPEM(), 0o644); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.trust = []string{"SSL_CERT_FILE=" + file, "CURL_CA_BUNDLE=" + file}
	return s, nil
}

// serveIn serves a site on the first host of a lab: its first origin at the port of
// its scheme, a second one at the next.
func serveIn(l *lab.Lab, cfg origin.Config, names []string) (*origin.Server, error) {
	first := 80
	if cfg.TLS {
		first = 443
	}
	for i := range cfg.Site.Origins {
		listener, err := l.Server.Listen("tcp", net.JoinHostPort("", strconv.Itoa(first+i)))
		if err != nil {
			for _, other := range cfg.Listeners {
				err = errors.Join(err, other.Close())
			}
			return nil, err
		}
		cfg.Listeners = append(cfg.Listeners, listener)
	}
	cfg.Host, cfg.Names = lab.DefaultName, names
	return origin.Start(cfg)
}

// serverPatience is how long a program of --server may take until it listens.
const serverPatience = 10 * time.Second

// startProgram runs the program of --server until the lab ends, and returns when it
// listens. If it ends badly before it is told to, stop says so.
func (f *labFlags) startProgram(ctx context.Context, e *env, l *lab.Lab) (*labServer, error) {
	cmd := l.Server.Command(ctx, "sh", "-c", f.server)
	cmd.Stdout, cmd.Stderr = e.stderr, e.stderr
	cmd.Env = insideEnv(os.Environ())
	cmd.Apart() // Ctrl-C at the terminal is for COMMAND
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	ended := make(chan error, 1)
	go waitFor(cmd, ended)
	if err := f.awaitProgram(ctx, l, ended); err != nil {
		return nil, err
	}
	return &labServer{stop: func() error {
		select {
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("--server %q ended while it was to serve: %w", f.server, err)
			}
		default:
		}
		return nil
	}}, nil
}

// awaitProgram returns when somebody listens.
func (f *labFlags) awaitProgram(ctx context.Context, l *lab.Lab, ended chan error) error {
	ports, where := []int{80, 443}, "80 or 443"
	if f.port != 0 {
		ports, where = []int{f.port}, strconv.Itoa(f.port)
	}
	patience := time.NewTimer(serverPatience)
	defer patience.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	left := ended
	for {
		if up, err := listensOn(l.Server, ports); up || err != nil {
			return err
		}
		select {
		case err := <-left:
			if err != nil {
				return fmt.Errorf("--server %q ended before it listened on port %s: %w", f.server, where, err)
			}
			left = nil // what it left in the background may still come up
		case <-tick.C:
		case <-patience.C:
			return fmt.Errorf("--server %q did not listen on port %s within %v", f.server, where, serverPatience)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// waitFor tells how a program ends.
func waitFor(cmd *lab.Cmd, ended chan<- error) { ended <- cmd.Wait() }

func listensOn(s *lab.Side, ports []int) (bool, error) {
	for _, port := range ports {
		if up, err := s.Listens(port); up || err != nil {
			return up, err
		}
	}
	return false, nil
}
