package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// explained runs linger explain.
func explained(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	e := &env{stdout: &stdout, stderr: &stderr, now: time.Now}
	code = run(context.Background(), e, append([]string{"explain"}, args...))
	return stdout.String(), stderr.String(), code
}

// An interrupt ends standard input that nobody ends, and what came is explained.
func TestExplainInterrupted(t *testing.T) {
	cmd := exec.Command("linger", "explain", "-")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(manyExchanges(1000).Pcap()); err != nil { // more than a pipe holds: it is being read
		t.Error(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), ", 1000 exchanges in ") {
		t.Errorf("%v: %s%s", err, out.String(), errs.String())
	}
}

// The sum is exact, and the fields are those that scripts stand on.
func TestExplainJSON(t *testing.T) {
	out, errs, code := explained(t, "--json", capturePath(t, "two"))
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var got struct {
		Exchanges int   `json:"exchanges"`
		Spent     int64 `json:"spent_ns"`
		Causes    []struct {
			Cause string `json:"cause"`
			Time  int64  `json:"time_ns"`
		} `json:"causes"`
		Entries []struct {
			Number   int   `json:"number"`
			Duration int64 `json:"duration_ns"`
			Spans    []struct {
				Start int64 `json:"start_ns"`
				End   int64 `json:"end_ns"`
			} `json:"spans"`
		} `json:"entries"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	var causes, entries int64
	for _, c := range got.Causes {
		causes += c.Time
	}
	for _, e := range got.Entries {
		entries += e.Duration
		if n := len(e.Spans); n == 0 || e.Spans[n-1].End != e.Duration {
			t.Errorf("exchange %d has spans %+v over %d ns", e.Number, e.Spans, e.Duration)
		}
	}
	if got.Exchanges != 2 || len(got.Entries) != 2 || causes != got.Spent || entries != got.Spent {
		t.Errorf("%d exchanges; %d ns spent, causes of %d, entries of %d", got.Exchanges, got.Spent, causes, entries)
	}
}
