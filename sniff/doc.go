// Package sniff takes the TCP packets of this host as they pass its network
// interfaces: loopback, too, and in the network namespace that it runs in. Linux
// alone lets it, and only who may (CAP_NET_RAW).
//
// It is the live beginning of the packet flow:
//
//	s, err := sniff.Open()    from here on, packets wait
//	go s.Run(each)            each is shown every packet
//	s.Finish()                when what was to be captured is over: Run ends soon after
package sniff

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// A Frame is one IP packet as it passed an interface. It is the Sniffer's, until the
// next.
type Frame struct {
	At        time.Time // when the kernel saw it, of the real-time clock
	Interface Interface

	// Data is the packet from IP's header on; Length how long it was, which is more
	// where its end is missing. What a kernel has not cut to packets yet, or has put
	// together again, comes as one, of up to 64 KiB and more.
	Data   []byte
	Length int
}

// An Interface is a network interface.
type Interface struct {
	Index int // the kernel's
	Name  string
}

// An Error is why packets cannot be taken.
type Error struct {
	Op  string // what failed: "socket"
	Err error
}

func (e *Error) Error() string { return fmt.Sprintf("sniff: %s: %v", e.Op, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Need says what would let packets be taken; empty if that is not known.
func (e *Error) Need() string {
	switch {
	case errors.Is(e.Err, fs.ErrPermission):
		return "it takes root, or the capability CAP_NET_RAW"
	case errors.Is(e.Err, errors.ErrUnsupported):
		return "it takes Linux"
	}
	return ""
}

func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Err: err}
}
