package lab

import (
	"errors"
	"fmt"
)

// An Error tells what about a lab failed. Need, if set, says what this system
// lacks, and what to do: then no lab can be made here at all.
type Error struct {
	Op   string // "config", "namespace", "tun", "kernel", …
	Need string
	Err  error
}

func (e *Error) Error() string {
	if e.Need != "" {
		return "no lab can be made here: " + e.Need
	}
	return fmt.Sprintf("lab: %s: %v", e.Op, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// failed wraps what an operation met; nil stays nil.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Err: err}
}

// told is failed, for what may be an Error already.
func told(op string, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return failed(op, err)
}

func refused(format string, args ...any) error {
	return &Error{Op: "config", Err: fmt.Errorf(format, args...)}
}
