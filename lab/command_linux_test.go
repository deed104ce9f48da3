package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// runRole prepares the test binary as the program of a role, in a mount namespace of
// its own that was changed by setUp.
func runRole(t *testing.T, role string, setUp func() error) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), testRole+"="+role)
	return inMountNamespace(t, cmd, setUp)
}

// inMountNamespace has a program start in a mount namespace that was changed by
// setUp. A program is not started where exec.Cmd's Start is called, but by this
// test's own thread: its stand-in waits for it.
func inMountNamespace(t *testing.T, cmd *exec.Cmd, setUp func() error) *exec.Cmd {
	t.Helper()
	made := make(chan error)
	end := make(chan struct{})
	var tid int
	onThread(func() {
		tid = unix.Gettid()
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err == nil && setUp != nil {
			err = setUp()
		}
		made <- err
		<-end
	})
	t.Cleanup(func() { close(end) })
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	// nsenter execs: what is signalled, and waited for, is the program.
	args := []string{"nsenter", fmt.Sprintf("--mount=/proc/%d/task/%d/ns/mnt", os.Getpid(), tid), "--"}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if cmd.Path == "/proc/self/exe" {
		cmd.Args[0] = self
	}
	path, err := exec.LookPath("nsenter")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Path, cmd.Args = path, append(args, cmd.Args...)
	return cmd
}

func TestCommand(t *testing.T) {
	l := newLab(t, Config{})
	ctx := t.Context()
	cmd := l.Client.Command(ctx, "sh", "-c", "cat; echo error >&2; exit 7")
	cmd.Stdin = strings.NewReader("input ")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if string(out) != "input error\n" || !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("%q, %v", out, err)
	}
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Errorf("waited again: %v", err)
	}
	if err := l.Client.Command(ctx, "no-such-program").Run(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
	// Each side has its own network, and its processes their own numbers.
	out, err = l.Server.Command(ctx, "sh", "-c", "cat /proc/net/dev; ls /proc").Output()
	if err != nil || !strings.Contains(string(out), tunName) || strings.Contains(string(out), fmt.Sprint("\n", os.Getpid(), "\n")) {
		t.Errorf("%v: %s", err, out)
	}
}

func TestCommandCancelled(t *testing.T) {
	l := newLab(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cmd := l.Client.Command(ctx, "sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cancel()
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Go(func() {
			if err := cmd.Wait(); err == nil {
				t.Error("sleep 1000 came to an end")
			}
		})
	}
	waiting.Wait()
}

// TestCloseEndsCommands closes a lab with programs in it, in every state.
func TestCloseEndsCommands(t *testing.T) {
	l := newLab(t, Config{})
	sleep := marker()
	never, hold := io.Pipe() // whose reader gets nothing
	defer hold.Close()
	for _, s := range []*Side{l.Client, l.Server} {
		for _, script := range []string{
			"sleep " + sleep + " & exit", // an orphan
			"setsid sleep " + sleep + " & trap '' INT TERM HUP; wait",
		} {
			cmd := s.Command(t.Context(), "sh", "-c", script)
			cmd.Stdin = never
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	awaitProcesses(t, sleep, 4)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if n := len(processes(sleep)); n > 0 {
		t.Errorf("%d programs run after Close", n)
	}
}

// marker is the argument of a sleep that nobody else has.
func marker() string { return fmt.Sprintf("1000.%d%d", os.Getpid(), time.Now().UnixNano()) }

// processes are those with a text in their command line or environment.
func processes(text string) []string {
	var all []string
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		line, _ := os.ReadFile(d + "/cmdline")
		environ, _ := os.ReadFile(d + "/environ")
		if bytes.Contains(append(line, environ...), []byte(text)) {
			all = append(all, d)
		}
	}
	return all
}

// awaitProcesses waits until as many sleep, and no shell before them.
func awaitProcesses(t *testing.T, text string, n int) {
	t.Helper()
	var got int
	for range 500 {
		got = 0
		for _, p := range processes(text) {
			if b, err := os.ReadFile(p + "/comm"); err == nil && string(b) == "sleep\n" {
				got++
			}
		}
		if got == n {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%d programs sleep, want %d", got, n)
}

// commandsRole is a program with a lab in which programs run. It waits until its
// standard input ends.
func commandsRole() error {
	l, err := New(Config{})
	if err != nil {
		return err
	}
	for _, s := range []*Side{l.Client, l.Server} {
		cmd := s.Command(context.Background(), "sh", "-c", "setsid sleep $MARKER & sleep $MARKER & wait")
		if err := cmd.Start(); err != nil {
			return err
		}
		_ = s.run(func() error {
			for _, kind := range []string{"net", "mnt", "pid_for_children"} {
				ns, err := os.Readlink("/proc/thread-self/ns/" + kind)
				if err == nil {
					fmt.Println(ns)
				}
			}
			return nil
		})
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return l.Close()
}

// TestKilled sees that nothing is left of a lab whose process was killed, or ended in
// order.
func TestKilled(t *testing.T) {
	needLab(t)
	for _, how := range []string{"kill -9", "close"} {
		t.Run(how, func(t *testing.T) {
			checkLeaks(t)
			etc := etcFiles(t)
			sleep := marker()
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
			cmd.Env = append(os.Environ(), testRole+"=commands", "MARKER="+sleep)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			namespaces := readUntilReady(t, stdout)
			awaitProcesses(t, sleep, 4)
			if now := etcFiles(t); now != etc {
				t.Error("files in /etc have changed")
			}
			if how == "close" {
				_ = stdin.Close()
			} else {
				_ = cmd.Process.Kill()
			}
			if err := cmd.Wait(); (err == nil) != (how == "close") {
				t.Error(err)
			}
			awaitGone(t, sleep, namespaces)
			if now := etcFiles(t); now != etc {
				t.Error("files in /etc have changed")
			}
		})
	}
}

// readUntilReady returns the lines before "ready".
func readUntilReady(t *testing.T, r io.Reader) []string {
	t.Helper()
	var lines []string
	s := bufio.NewScanner(r)
	for s.Scan() && s.Text() != "ready" {
		lines = append(lines, s.Text())
	}
	if s.Text() != "ready" {
		t.Fatalf("it said %q", lines)
	}
	return lines
}

// awaitGone waits until no process has a text in its command line or environment, or
// is in one of the namespaces.
func awaitGone(t *testing.T, text string, namespaces []string) {
	t.Helper()
	var left []string
	for range 250 {
		left = processes(text)
		links, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/ns/*")
		for _, l := range links {
			to, _ := os.Readlink(l)
			for _, ns := range namespaces {
				if to == ns {
					left = append(left, l)
				}
			}
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("left behind: %v", left)
}

// etcFiles are the files outside that those of a lab are mounted over.
func etcFiles(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, o := range overlays() {
		b, err := os.ReadFile(o.path)
		fmt.Fprintf(&all, "%s %v %q\n", o.path, err, b)
	}
	return all.String()
}
