//go:build !linux

package origin

import (
	"errors"
	"fmt"
	"net"
)

// Elsewhere than on Linux a port cannot be closed and opened again without
// giving it away: see pause_linux.go.

func canPause(net.Listener) error {
	return fmt.Errorf("to refuse connections beyond a number works on Linux; reset them instead: %w", errors.ErrUnsupported)
}

func pause(net.Listener) error  { return errors.ErrUnsupported }
func resume(net.Listener) error { return errors.ErrUnsupported }
