//go:build !linux

package sockets

import "syscall"

// Info asks the kernel about a TCP connection: on this system, it returns
// ErrUnsupported.
func Info(syscall.Conn) (TCPInfo, error) { return TCPInfo{}, ErrUnsupported }
