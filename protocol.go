package linger

import (
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/lingerhttp/linger/internal/http1"
)

// Protocols other than linger's own: RegisterProtocol.

// RegisterProtocol hands the requests of a scheme to rt, as http.Transport's
// method does: RegisterProtocol("file", http.NewFileTransport(dir)). If rt returns
// http.ErrSkipAltProtocol, linger carries the request itself. Such an exchange has
// a timeline only if rt gives it one. It panics if the scheme has an rt already.
func (t *Transport) RegisterProtocol(scheme string, rt http.RoundTripper) {
	t.workMu.Lock()
	defer t.workMu.Unlock()
	var schemes map[string]http.RoundTripper
	if old := t.schemes.Load(); old != nil {
		schemes = maps.Clone(*old)
	}
	if schemes == nil {
		schemes = make(map[string]http.RoundTripper)
	}
	if _, ok := schemes[scheme]; ok {
		panic("protocol " + scheme + " already registered")
	}
	schemes[scheme] = rt
	t.schemes.Store(&schemes)
}

// registered returns who carries a request in place of linger, nil if nobody
// does. An upgrade wants HTTP/1, which those registered for "https" do not speak.
func (t *Transport) registered(req *http.Request) http.RoundTripper {
	schemes := t.schemes.Load()
	if schemes == nil || req.URL == nil || (req.URL.Scheme == "https" && wantsUpgrade(req)) {
		return nil
	}
	return (*schemes)[req.URL.Scheme]
}

// wantsUpgrade says whether a request asks for another protocol, WebSocket or
// whichever: only HTTP/1.1 has Upgrade (RFC 9113 §8.6).
func wantsUpgrade(req *http.Request) bool {
	return len(req.Header["Upgrade"]) > 0 && http1.HasToken(req.Header["Connection"], "upgrade")
}

// carryElsewhere makes the exchange by rt. rest is nil, unless rt would rather not:
// then it is the request for linger to carry, with its body as it was.
func carryElsewhere(rt http.RoundTripper, req *http.Request) (resp *http.Response, rest *http.Request, err error) {
	tried := *req
	body := bodyOf(req)
	if body != nil {
		tried.Body = body
	}
	if resp, err = rt.RoundTrip(&tried); err != http.ErrSkipAltProtocol {
		return resp, nil, err
	}
	rest, err = untouched(req, body)
	return nil, rest, err
}

// untouched returns req with its body as it was before it was tried with tried.
func untouched(req *http.Request, tried *requestBody) (*http.Request, error) {
	body, whole := tried.reclaim()
	if whole {
		return req, nil
	}
	body.Close()
	if req.GetBody == nil {
		return nil, errors.New("the request's body was read, and cannot be made anew, by a protocol that skipped it")
	}
	anew, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("making the request body anew: %w", err)
	}
	again := *req
	again.Body = anew
	return &again, nil
}
