package linger

import (
	"io"
	"time"
)

// A body of unknown length on a request that usually has none may be none at
// all: a nil file, a proxy's empty body. It is looked into before the request
// is sent, since many servers do not bear "Transfer-Encoding: chunked" on a GET.
// net/http does the same.

// probeWait is how long a body has to show whether it is empty, before it is
// taken for one that is not. It is net/http's.
const probeWait = 200 * time.Millisecond

// usuallyLacksBody says so of a method: RFC 9110 §9.3.
func usuallyLacksBody(method string) bool {
	switch method {
	case "GET", "HEAD", "DELETE", "OPTIONS", "PROPFIND", "SEARCH":
		return true
	}
	return false
}

// probe looks into the body, if there is need to. It returns the body's error if
// that is all there is: nothing needs to be sent to find it.
func (x *exchange) probe() error {
	if x.length >= 0 || !usuallyLacksBody(x.Method) || !x.t.admit() {
		return nil
	}
	p := &probedBody{body: x.body, done: make(chan struct{})}
	go x.readAhead(p)
	timer := time.NewTimer(probeWait)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	case <-x.ctx.Done():
	}
	switch empty, err := p.found(); {
	case err != nil:
		return &bodyError{err}
	case empty:
		x.body.Close()
		x.body, x.length, x.traits.hasBody = nil, 0, false
	default:
		x.body = &requestBody{body: p}
	}
	return nil
}

// readAhead ends when the body has been read once, or was closed.
func (x *exchange) readAhead(p *probedBody) {
	defer x.t.work.Done()
	defer close(p.done)
	p.n, p.err = p.body.Read(p.first[:])
}

// A probedBody is a body whose first read is made ahead of those who want it.
type probedBody struct {
	body io.ReadCloser
	done chan struct{} // closed when what follows is there

	first [1]byte
	n     int   // of first, what nobody has had yet
	err   error // that came with it
}

// found reports what is known of the body: that it is empty, or how it failed.
func (p *probedBody) found() (empty bool, err error) {
	select {
	case <-p.done:
	default:
		return false, nil
	}
	if p.n == 0 && p.err != io.EOF {
		return false, p.err
	}
	return p.n == 0, nil
}

// Read implements io.Reader.
func (p *probedBody) Read(b []byte) (int, error) {
	<-p.done
	switch {
	case len(b) == 0:
		return 0, nil
	case p.n > 0:
		p.n = 0
		b[0] = p.first[0]
		return 1, p.err
	case p.err != nil:
		return 0, p.err
	}
	return p.body.Read(b)
}

// Close implements io.Closer. It ends the read ahead.
func (p *probedBody) Close() error { return p.body.Close() }
