package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// An interrupter is a terminal at which somebody presses ctrl-C once a round is
// told.
type interrupter struct {
	bytes.Buffer
	press context.CancelFunc
}

func (i *interrupter) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("round 1")) {
		i.press()
	}
	return i.Buffer.Write(p)
}

// The line of the round is taken off before the error is told.
func TestInterruptedComparison(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stderr := &interrupter{press: cancel}
	e := &env{stdout: &bytes.Buffer{}, stderr: stderr, now: time.Now, live: true}
	if code := run(ctx, e, []string{"compare", "--profile", "none", "--site", "classic", "--strategies", "serial"}); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	_, after, ok := strings.Cut(stderr.String(), "round 1 of 30: serial")
	if !ok || !strings.HasPrefix(after, "\r\x1b[Klinger compare: ") {
		t.Errorf("wrote %q", stderr.String())
	}
}
