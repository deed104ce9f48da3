package main

import (
	"errors"
	"testing"
)

// errFull is what a full disk says.
var errFull = errors.New("no space left on device")

// A fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestGradeOntoAFullDisk: scores that could not be written are no success.
func TestGradeOntoAFullDisk(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		f := newGradeFlags()
		f.json = asJSON
		if err := f.print(&env{stdout: fullDisk{}}, &graded{Scenarios: 1}, nil); !errors.Is(err, errFull) {
			t.Errorf("JSON %v: %v", asJSON, err)
		}
	}
}
