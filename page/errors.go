package page

import (
	"errors"
	"fmt"
	"strings"
)

// The bounds of Options, and redirects that lead back to where they began.
// They are asked for with errors.Is.
var (
	ErrTooManyObjects   = errors.New("too many objects")
	ErrTooManyBytes     = errors.New("too many bytes")
	ErrTooManyRedirects = errors.New("too many redirects")
	ErrRedirectLoop     = errors.New("redirect loop")
)

// A Step is a stage of loading an object.
type Step string

// The steps of an object, in order.
const (
	StepURL      Step = "read the URL"
	StepFind     Step = "list"
	StepRequest  Step = "request" // up to the response's head; the cause names the step within
	StepRedirect Step = "follow redirects"
	StepBody     Step = "receive the body"
	StepDecode   Step = "decode the body"
	StepSave     Step = "save"
	StepLoad     Step = "load"
)

// An Error says which object failed, at which step, and why. Its text is one
// line.
type Error struct {
	URL  string
	Step Step
	Err  error
}

func (e *Error) Error() string {
	return oneLine(fmt.Sprintf("page: %s %s: %v", e.Step, e.URL, e.Err))
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about the error, in one sentence: what the page knows,
// else what the cause has to say. It is empty if nobody knows anything.
func (e *Error) Hint() string {
	for _, h := range hints {
		if e.Step == h.step && (h.err == nil || errors.Is(e.Err, h.err)) {
			return h.text
		}
	}
	var cause interface{ Hint() string }
	if errors.As(e.Err, &cause) {
		return cause.Hint()
	}
	return ""
}

var hints = []struct {
	step Step
	err  error // nil: any
	text string
}{
	{StepURL, nil, "an address looks like http://example.com/path"},
	{StepRedirect, ErrRedirectLoop, "the server leads in a circle: it may want a cookie or another header field"},
	{StepDecode, nil, "the server codes the body in a way of its own"},
}

// A RedirectError is a chain of redirects that was not followed to its end. It
// is ErrRedirectLoop or ErrTooManyRedirects.
type RedirectError struct {
	// Chain holds the URLs in order; the last one was not requested.
	Chain []string
	Err   error
}

func (e *RedirectError) Error() string {
	const shown = 3 // the end tells a loop; a chain of ten long URLs does not fit a line
	tail, more := e.Chain, ""
	if len(tail) > shown {
		tail, more = tail[len(tail)-shown:], "… → "
	}
	return fmt.Sprintf("%v after %d: %s%s", e.Err, len(e.Chain)-1, more, strings.Join(tail, " → "))
}

// Unwrap returns ErrRedirectLoop or ErrTooManyRedirects.
func (e *RedirectError) Unwrap() error { return e.Err }

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// shorten cuts what a document calls a URL down to what an error can show.
func shorten(s string) string {
	const shown = 200
	if len(s) <= shown {
		return s
	}
	return strings.ToValidUTF8(s[:shown], "") + "…"
}
