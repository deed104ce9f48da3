package report

import "fmt"

// An Error says which rendering could not be written, and why.
type Error struct {
	Rendering string // "text", "HTML", "HAR", "JSON"
	Err       error
}

func (e *Error) Error() string { return fmt.Sprintf("report: writing %s: %v", e.Rendering, e.Err) }

// Unwrap returns the cause, such as the writer's error.
func (e *Error) Unwrap() error { return e.Err }

// wrap says which rendering failed; nil stays nil.
func wrap(rendering string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Rendering: rendering, Err: err}
}
