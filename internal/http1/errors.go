package http1

import (
	"errors"
	"fmt"
)

// A SyntaxError says what is wrong with a message and at which octet.
type SyntaxError struct {
	// In names the part that was being read: "HTTP response", "HTTP request",
	// "chunked body", "trailer section".
	In string

	// What says what is wrong: "bare CR in field value".
	What string

	// Offset is the place of the first octet that is wrong, counted from 0 at
	// the start of the head, or of the chunked body for a body or its trailer
	// section. It is -1 where only the parsed fields were at hand, as for
	// framing.
	Offset int
}

// Error returns one line: "malformed HTTP response: bare CR in field value at
// octet 57".
func (e *SyntaxError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("malformed %s: %s", e.In, e.What)
	}
	return fmt.Sprintf("malformed %s: %s at octet %d", e.In, e.What, e.Offset)
}

// ErrTooLarge is in the chain of every error that says that a bound was passed:
// a chunk line, the extensions of a body, a trailer section.
var ErrTooLarge = errors.New("too large")

// A VersionError says that a message is HTTP, but not HTTP/1.
type VersionError struct {
	Major, Minor int
}

// Error names the version.
func (e *VersionError) Error() string {
	return fmt.Sprintf("HTTP/%d.%d is not a version of HTTP/1", e.Major, e.Minor)
}

// A CodingError names a transfer coding that this package cannot take off. The
// framing that comes with it is right: the end of the body can be found, its
// content cannot.
type CodingError struct {
	Coding string
}

// Error names the coding.
func (e *CodingError) Error() string {
	return fmt.Sprintf("unsupported transfer coding %q", e.Coding)
}
