package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// waitForPort waits until a server that was just started listens.
func waitForPort(t *testing.T, port string) {
	t.Helper()
	for range 500 {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond) // another process: nothing tells of it
	}
	t.Fatalf("nothing listens on port %s", port)
}

// watchPeak follows the largest resident set of a process until it ends, and
// then sends it, in bytes. What wait4(2) tells is no use: it begins with the
// parent's.
func watchPeak(cmd *exec.Cmd) <-chan int64 {
	result := make(chan int64, 1)
	go followPeak(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid), result)
	return result
}

func followPeak(status string, result chan<- int64) {
	var peak int64
	for {
		text, _ := os.ReadFile(status)
		_, line, ok := strings.Cut(string(text), "VmHWM:")
		if !ok { // the process has ended
			result <- peak
			return
		}
		var kib int64
		fmt.Sscan(line, &kib)
		peak = kib << 10
		time.Sleep(10 * time.Millisecond) // another process: nothing tells of it
	}
}
