package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/pprof"
	"time"

	"github.com/lingerhttp/linger/lab"
)

// options are the flags of inside.
type options struct {
	config      lab.Config
	server      string
	settle      time.Duration
	certificate string
	profile     string
	command     []string
}

func parse(args []string) (*options, error) {
	o := new(options)
	c := &o.config
	f := flag.NewFlagSet("lab inside", flag.ContinueOnError)
	rtt := f.Duration("rtt", 0, "round trip `time`, half of it each way")
	f.TextVar(&c.Up.Rate, "up", c.Up.Rate, "`rate` to the server")
	f.TextVar(&c.Down.Rate, "down", c.Down.Rate, "`rate` to the client")
	f.TextVar(&c.Up.Queue, "queue", c.Up.Queue, "`queue` of both directions")
	f.TextVar(&c.Down.Loss, "loss", c.Down.Loss, "`share` of the packets to the client that are lost")
	f.Uint64Var(&c.Seed, "seed", 1, "`number` that decides what is lost")
	f.IntVar(&c.MTU, "mtu", 0, "MTU in `bytes` (1500)")
	f.Func("kernel", "`words` of TCP's settings on both sides, such as cc=reno", c.Client.Set)
	f.StringVar(&o.server, "server", "", "`command` for a shell on the server side")
	f.DurationVar(&o.settle, "settle", 300*time.Millisecond, "how much earlier the server is started")
	f.StringVar(&o.certificate, "json", "", "write the certificate to this `file`")
	f.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile to this `file`")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if o.command = f.Args(); len(o.command) == 0 {
		return nil, errors.New("want a command after --")
	}
	c.Up.Delay, c.Down.Delay, c.Down.Queue, c.Server = *rtt/2, *rtt/2, c.Up.Queue, c.Client
	return o, nil
}

// inside makes a network, runs the command in it and writes the certificate.
func inside(ctx context.Context, args []string, out io.Writer) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	l, err := lab.New(o.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := o.serve(ctx, l); err != nil {
		return err
	}
	c := l.Client.Command(ctx, o.command[0], o.command[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, out, os.Stderr
	err = c.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%s: %w", o.command[0], err)
	}
	return errors.Join(err, o.certify(l, out))
}

// serve starts the server, which is left to the lab's end.
func (o *options) serve(ctx context.Context, l *lab.Lab) error {
	if o.server == "" {
		return nil
	}
	s := l.Server.Command(ctx, "sh", "-c", o.server)
	s.Stderr = os.Stderr
	if err := s.Start(); err != nil {
		return err
	}
	select {
	case <-time.After(o.settle):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// certify writes the certificate to where it is wanted.
func (o *options) certify(l *lab.Lab, out io.Writer) error {
	c := l.Certificate()
	if o.certificate == "" {
		_, err := fmt.Fprintln(out, c)
		return err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.certificate, append(b, '\n'), 0o644)
}
