package link

import "strconv"

// An Error says which setting cannot be, what it was, and what would do. It is
// the only type of error that this package returns, for [errors.As].
type Error struct {
	Field string // "delay", "burst p", "trace"
	Line  int    // of a trace, from 1; 0 if no line is at fault
	Value string // as it was given, text in quotes; empty if there is none
	Err   error  // what is wrong, or what was wanted; never nil
}

// Error is one line: `loss 2: want 0 to 1, or 0 % to 100 %`.
func (e *Error) Error() string {
	text := e.Field
	if e.Line > 0 {
		text += " line " + strconv.Itoa(e.Line)
	}
	if e.Value != "" {
		text += " " + e.Value
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// misread is the error of a text that means nothing.
func misread(field string, text []byte, err error) *Error {
	return &Error{Field: field, Value: quote(string(text)), Err: err}
}

// quote puts text in quotes, and only the beginning of one that is long.
func quote(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}
