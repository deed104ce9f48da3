package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// serverMode is the variable of the environment that makes this program the
// server.
const serverMode = "LINGER_BENCH_SERVER"

func isServer() bool { return os.Getenv(serverMode) != "" }

// A server is the client's handle on the server's process.
type server struct {
	greeting
	roots *x509.CertPool

	cmd *exec.Cmd
	in  io.WriteCloser // the process ends when this is closed
	out *bufio.Reader
}

// startServer starts this program again, as the server. It is killed when ctx is
// done, whereupon the clients' exchanges fail.
func startServer(ctx context.Context) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	s := &server{cmd: exec.CommandContext(ctx, self)}
	s.cmd.Env = append(os.Environ(), serverMode+"=1")
	s.cmd.Stderr = os.Stderr
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	s.out = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the server: %w", err)
	}
	if err := s.greet(); err != nil {
		s.stop()
		return nil, fmt.Errorf("the server's greeting: %w", err)
	}
	return s, nil
}

func (s *server) greet() error {
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	if err := json.Unmarshal(line, &s.greeting); err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(s.Certificate)
	if err != nil {
		return err
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(cert)
	return nil
}

// tlsConfig returns a configuration that trusts the server.
func (s *server) tlsConfig() *tls.Config { return &tls.Config{RootCAs: s.roots} }

// served asks how many requests the server has answered so far.
func (s *server) served() (int64, error) {
	if _, err := io.WriteString(s.in, "served\n"); err != nil {
		return 0, fmt.Errorf("asking the server: %w", err)
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("asking the server: %w", err)
	}
	return strconv.ParseInt(strings.TrimSpace(line), 10, 64)
}

// stop ends the server's process and waits for it.
func (s *server) stop() error {
	s.in.Close()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server: %w", err)
	}
	return nil
}
