//go:build !linux

package linger

import (
	"context"
	"syscall"
)

func (t *Transport) prepare(context.Context, string, string, syscall.RawConn) error { return nil }
