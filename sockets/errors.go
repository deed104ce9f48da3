package sockets

import (
	"errors"
	"fmt"
)

// ErrUnsupported means that this system does not tell: TCP_INFO is Linux's. It is
// an errors.ErrUnsupported.
var ErrUnsupported = fmt.Errorf("sockets: this system does not tell about its TCP connections: %w", errors.ErrUnsupported)
