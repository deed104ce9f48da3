package lab

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"slices"
	"sync"
	"syscall"
)

// A Cmd is a program that runs inside: an exec.Cmd whose Start, Run, Output and
// CombinedOutput start it on its side of the lab. Whatever it starts, and leaves
// behind, ends with the lab.
type Cmd struct {
	*exec.Cmd
	side *Side

	waiting sync.Once
	result  error // of Wait
}

// Command prepares a program to run inside, as exec.CommandContext does.
func (s *Side) Command(ctx context.Context, name string, args ...string) *Cmd {
	return &Cmd{Cmd: exec.CommandContext(ctx, name, args...), side: s}
}

// Apart has the program run in a process group of its own, so that it does not hear
// what a terminal sends to this program's: Ctrl-C, for one. It is for Start to heed.
func (c *Cmd) Apart() { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Start is exec.Cmd's.
func (c *Cmd) Start() error {
	s := c.side
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return net.ErrClosed
	}
	err := s.run(func() error {
		if s.init == nil {
			p, err := startInit()
			if err != nil {
				return failed("command", err)
			}
			s.init = p
		}
		return c.Cmd.Start()
	})
	if err == nil {
		s.running = append(s.running, c)
	}
	return err
}

// Wait is exec.Cmd's, but that it may be called again, and at once by several
// goroutines.
func (c *Cmd) Wait() error {
	c.waiting.Do(func() {
		c.result = c.Cmd.Wait()
		c.side.mu.Lock()
		defer c.side.mu.Unlock()
		c.side.running = slices.DeleteFunc(c.side.running, func(other *Cmd) bool { return other == c })
	})
	return c.result
}

// reap waits for a program that was killed.
func (c *Cmd) reap() { _ = c.Wait() }

// Run is exec.Cmd's.
func (c *Cmd) Run() error {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output is exec.Cmd's, but that it leaves the program's standard error where it
// is.
func (c *Cmd) Output() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout = &out
	err := c.Run()
	return out.Bytes(), err
}

// CombinedOutput is exec.Cmd's.
func (c *Cmd) CombinedOutput() ([]byte, error) {
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	return out.Bytes(), err
}
