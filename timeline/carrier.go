package timeline

import (
	"errors"
	"net/http"
)

// A Carrier knows the exchange it belongs to. Response bodies and errors of a
// RoundTripper that keeps timelines are carriers.
type Carrier interface {
	// Timeline returns the exchange's record. It is complete once the body was
	// read to its end or closed, or the error was returned; before that, it is
	// still being written and nobody may look at it.
	Timeline() *Exchange
}

// Of returns the exchange that a response belongs to, nil if the RoundTripper
// that made it keeps no timelines.
func Of(resp *http.Response) *Exchange {
	if resp == nil {
		return nil
	}
	if c, ok := resp.Body.(Carrier); ok {
		return c.Timeline()
	}
	return nil
}

// OfError returns the exchange that failed with err, nil if err does not know.
func OfError(err error) *Exchange {
	var c Carrier
	if err != nil && errors.As(err, &c) {
		return c.Timeline()
	}
	return nil
}
