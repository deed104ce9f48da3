package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/lingerhttp/linger/lab"
)

// How a program that runs inside ends, and what linger makes of that.

// leaveToTerminal is what a program at a terminal runs in. The terminal sends it
// Ctrl-C as it does linger, and what to do is the program's to decide: a shell goes
// on. So an interrupt does not end the context that is returned; a request to
// terminate does. Elsewhere it is ctx itself.
func leaveToTerminal(ctx context.Context) (context.Context, func()) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return ctx, func() {}
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go heed(signals, cancel)
	return inner, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// heed ends a context when it is asked to terminate.
func heed(signals <-chan os.Signal, cancel context.CancelFunc) {
	for s := range signals {
		if s != os.Interrupt {
			cancel()
		}
	}
}

// patience is how long a program may take to end when it is asked to.
const patience = 3 * time.Second

// politely asks a program to end when its context does, before it is killed.
func politely(c *lab.Cmd) {
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = patience
}

// An exitError passes on the exit code of a program.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// signalled is what shells add to a signal's number.
const signalled = 128

// commandError makes of the end of a program linger's own.
func commandError(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return errReported // it was interrupted, and whoever did it knows
	case !errors.As(err, &exit):
		return err
	case exit.Exited():
		return exitError(exit.ExitCode())
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok {
		return exitError(signalled + int(status.Signal()))
	}
	return err
}
