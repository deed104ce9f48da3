//go:build !unix

package linger

import "time"

// Where there are no sockets to be read and written directly, a request is
// written and its answer read one after the other.

type swap struct {
	idle, failed error
	written      int
	wroteAt      time.Time
}

func newSwap(*wire) *swap { return nil }

func (*swap) do([]byte, *buffer, bool) {}
