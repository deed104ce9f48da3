package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger/lab"
)

// TestInterruptedLab: an interrupt for linger alone ends the program that runs
// inside and what that has started. The exit code is linger's own.
func TestInterruptedLab(t *testing.T) {
	if err := lab.Available(); err != nil {
		t.Skip(err)
	}
	mark := fmt.Sprintf("interrupted-lab-%d", os.Getpid())
	cmd := exec.Command("linger", "lab", "-q", "--", "sh", "-c", "sh -c 'sleep 1000; true "+mark+"' & echo ready; wait # "+mark)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	if len(withMark(t, mark)) == 0 {
		t.Fatal("nothing that runs inside was found")
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailure {
		t.Errorf("it ended with %v", err)
	}
	for range 500 {
		if len(withMark(t, mark)) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // another process: nothing tells of it
	}
	t.Errorf("still there: %q", withMark(t, mark))
}

// withMark are the command lines of all processes that hold a mark.
func withMark(t *testing.T, mark string) (lines []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // the process may be gone
		if strings.Contains(string(text), mark) {
			lines = append(lines, strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return lines
}
