package main

import (
	"context"
	"crypto/tls"
	"errors"
	"os"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/page"
	"github.com/lingerhttp/linger/timeline"
)

// hintOf says what may be done about an error: what the error knows, and the flag
// that has to do with it.
func hintOf(err error) string {
	var h interface{ Hint() string }
	hint := ""
	if errors.As(err, &h) {
		hint = h.Hint()
	}
	for _, f := range flagHints {
		switch {
		case !f.fits(err):
		case hint == "":
			return f.text
		default:
			return hint + "; " + f.text
		}
	}
	return hint
}

// flagHints stand in the order in which they are tried.
var flagHints = []struct {
	fits func(error) bool
	text string
}{
	{is(context.Canceled), ""},
	{noSuchName, "--resolve gives its address"},
	{badCertificate, "--insecure does without checking it"},
	{is(context.DeadlineExceeded), "--timeout gives it longer"},
	{is(os.ErrDeadlineExceeded), "--timeout gives it longer"},
	{is(page.ErrTooManyObjects), "--max-objects allows more"},
	{is(page.ErrTooManyBytes), "--max-bytes allows more"},
	{is(page.ErrTooManyRedirects), "--max-redirects allows more"},
	{is(page.ErrRedirectLoop), "-H adds one"},
	{undecoded, "-H 'Accept-Encoding: identity' asks for it uncoded"},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func noSuchName(err error) bool {
	var e *linger.Error
	return errors.As(err, &e) && e.Step == timeline.DNS
}

func badCertificate(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError))
}

func undecoded(err error) bool {
	var e *page.Error
	return errors.As(err, &e) && e.Step == page.StepDecode
}
