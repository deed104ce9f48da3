package main

import (
	"os"
	"testing"
)

// TestMain lets the test's own program be the server, as main does.
func TestMain(m *testing.M) {
	if isServer() {
		os.Exit(exitCode(serve(os.Stdin, os.Stdout), os.Stderr))
	}
	os.Exit(m.Run())
}
