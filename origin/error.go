package origin

import "fmt"

// An Error says what the package could not do, with what, and why.
type Error struct {
	Op   string // "listen", "read site", "write site", "parse fault"
	What string // an address, a path, a word
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.What, e.Err) }

func (e *Error) Unwrap() error { return e.Err }

// failed wraps err; nil stays nil.
func failed(op, what string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, What: what, Err: err}
}
