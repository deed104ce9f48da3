package linger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/lingerhttp/linger/internal/http1"
)

// What a request says, read once, before anything is done for it.

// traits are what decides whether a request may be sent again.
type traits struct {
	idempotent bool
	hasBody    bool
	alone      bool // nothing may be written behind it: the connection will not be the same after it
	rewindable bool // it has no body, or GetBody makes a new one
}

// read takes in what the request says, or returns why it must not be put on the
// wire: it could be read as another one.
func (x *exchange) read(req *http.Request, s Strategy) error {
	if req.URL == nil {
		return errors.New("request without a URL")
	}
	if req.Body == nil && req.ContentLength > 0 {
		return fmt.Errorf("ContentLength is %d, and there is no body", req.ContentLength)
	}
	x.length = outgoingLength(req)
	x.closes = asksToClose(req, s)
	to, err := x.t.book.read(req.URL)
	if err != nil {
		x.URL = req.URL.Redacted()
		return err
	}
	x.origin, x.host = to.origin, to.host
	if req.Host != "" && req.Host != req.URL.Host {
		x.host = removeZone(inASCII(req.Host))
	}
	x.target = target(req, x.host)
	x.URL = recordedURL(req.URL, x.target)
	switch {
	case !httpguts.ValidHeaderFieldName(x.Method):
		return fmt.Errorf("invalid method %q", req.Method)
	case !httpguts.ValidHostHeader(x.host):
		return fmt.Errorf("invalid host %q", x.host)
	case !validTarget(x.target):
		return errors.New("invalid octet in the URL") // which may hold a secret
	case s.Protocol == HTTP10 && x.length < 0:
		return errors.New("a request body of unknown length cannot be sent in HTTP/1.0")
	}
	if err := checkFields("header", req.Header); err != nil {
		return err
	}
	return checkTrailer(req.Trailer)
}

// recordedURL is a URL as a timeline tells it: without a password. What is
// ordinary is not taken apart again.
func recordedURL(u *url.URL, target string) string {
	if u.User != nil || u.Opaque != "" || u.Path == "" || u.Fragment != "" || u.RawFragment != "" || target[0] != '/' {
		return u.Redacted()
	}
	return u.Scheme + "://" + u.Host + target
}

func methodOf(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

// traitsOf looks at a request's method and body.
//
// "A user agent MUST NOT automatically retry a request with a non-idempotent
// method unless it has some means to know that the request semantics are
// actually idempotent" — RFC 9110 §9.2.2. A field Idempotency-Key is such a means.
func traitsOf(req *http.Request) traits {
	var tr traits
	switch methodOf(req) {
	case "GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE":
		tr.idempotent = true
	default:
		_, a := req.Header["Idempotency-Key"]
		_, b := req.Header["X-Idempotency-Key"]
		tr.idempotent = a || b
	}
	tr.alone = req.Close || req.Method == "CONNECT" || len(req.Header["Upgrade"]) > 0 || http1.HasToken(req.Header["Connection"], "close")
	tr.hasBody = req.Body != nil && req.Body != http.NoBody
	tr.rewindable = !tr.hasBody || req.GetBody != nil
	return tr
}

// Urgencies of RFC 9218 §4.1: 0 is served first, 3 is the default, 7 is last.
const (
	defaultUrgency = 3
	lastUrgency    = 7
)

// urgencyOf reads the urgency parameter of a Priority field (RFC 9218 §4).
func urgencyOf(h http.Header) uint8 {
	for _, v := range h["Priority"] {
		for part := range strings.SplitSeq(v, ",") {
			if u, ok := strings.CutPrefix(strings.TrimSpace(part), "u="); ok && len(u) == 1 && u[0] >= '0' && u[0] <= '0'+lastUrgency {
				return u[0] - '0'
			}
		}
	}
	return defaultUrgency
}

var chunked = []string{"chunked"}

// outgoingLength is the length of a request's body, -1 if it is not known.
func outgoingLength(req *http.Request) int64 {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		return 0
	case req.ContentLength > 0 && !slices.Equal(req.TransferEncoding, chunked):
		return req.ContentLength
	}
	return -1
}

// inMemory says whether reading a request's body cannot block: it is one that
// http.NewRequest has made of a buffer, a byte slice or a string, or it tells, as
// these do, that it holds all that is to be sent.
func inMemory(req *http.Request) bool {
	if holder, ok := req.Body.(interface{ Len() int }); ok {
		return int64(holder.Len()) == req.ContentLength
	}
	return req.GetBody != nil && reflect.TypeOf(req.Body) == memoryBody
}

var memoryBody = reflect.TypeOf(io.NopCloser(strings.NewReader("")))

// expects says whether a request wants to hear 100 (Continue) before its body is
// sent: RFC 9110 §10.1.1.
func expects(req *http.Request) bool {
	return httpguts.HeaderValuesContainsToken(req.Header["Expect"], "100-continue")
}

// asksToClose says whether the request tells the server to close behind it: "A
// client that sends a "close" connection option MUST NOT send further requests on
// that connection" — RFC 9112 §9.6.
func asksToClose(req *http.Request, s Strategy) bool {
	return req.Close || s.lifetime() == 1 || http1.HasToken(req.Header["Connection"], "close")
}

// target is the request target in origin form (RFC 9112 §3.2.1), or what the
// method wants instead of it.
func target(req *http.Request, host string) string {
	switch {
	case req.Method == "CONNECT" && req.URL.Path == "" && req.URL.Opaque == "":
		return host
	case req.Method == "CONNECT" && req.URL.Path == "":
		return req.URL.Opaque
	case req.Method == "OPTIONS" && req.URL.Path == "*":
		return "*"
	}
	return req.URL.RequestURI()
}

// validTarget says whether a request target ends where the server will see its
// end: "No whitespace is allowed in the request-target" — RFC 9112 §3.2.
func validTarget(target string) bool {
	for i := range len(target) {
		if target[i] <= ' ' || target[i] == 0x7f {
			return false
		}
	}
	return target != ""
}

func checkFields(where string, h http.Header) error {
	for name, values := range h {
		if !httpguts.ValidHeaderFieldName(name) {
			return fmt.Errorf("invalid %s field name %q", where, name)
		}
		if slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return fmt.Errorf("invalid %s field value for %q", where, name) // the value may be a secret
		}
	}
	return nil
}

// checkTrailer looks at the trailers that a request announces: net/http refuses
// those of framing, too.
func checkTrailer(h http.Header) error {
	for name := range h {
		switch http.CanonicalHeaderKey(name) {
		case "Content-Length", "Trailer", "Transfer-Encoding":
			return fmt.Errorf("%s cannot be a trailer", name)
		}
	}
	return checkFields("trailer", h)
}
