package page

import (
	"errors"
	"fmt"
	"testing"
)

type hinting struct{ error }

func (hinting) Hint() string { return "look there" }

func TestHint(t *testing.T) {
	plain := errors.New("x")
	for _, tt := range []struct {
		step Step
		err  error
		want string
	}{
		{StepURL, plain, "an address looks like http://example.com/path"},
		{StepFind, ErrTooManyObjects, ""},
		{StepRequest, ErrTooManyBytes, ""},
		{StepBody, fmt.Errorf("%w: more than 10", ErrTooManyBytes), ""},
		{StepRedirect, &RedirectError{Err: ErrTooManyRedirects}, ""},
		{StepRedirect, &RedirectError{Err: ErrRedirectLoop}, "the server leads in a circle: it may want a cookie or another header field"},
		{StepRedirect, plain, ""},
		{StepRequest, hinting{plain}, "look there"},
		{StepBody, plain, ""},
	} {
		if got := (&Error{Step: tt.step, Err: tt.err}).Hint(); got != tt.want {
			t.Errorf("%s, %v: %q, want %q", tt.step, tt.err, got, tt.want)
		}
	}
}
