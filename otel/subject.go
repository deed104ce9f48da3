package otel

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// What the conventions call a request, and what became of it. All of it is pure.

// A subject is what a request is about, in few words, so that it may label a metric.
type subject struct {
	method  string // one of methods, or otherMethod
	scheme  string
	address string
	port    int
}

// methods are those that the conventions know: RFC 9110's, PATCH (RFC 5789) and
// QUERY.
var methods = []string{"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}

const otherMethod = "_OTHER"

func subjectOf(req *http.Request) subject {
	s := subject{method: req.Method, scheme: req.URL.Scheme}
	if s.method == "" {
		s.method = http.MethodGet
	}
	if !slices.Contains(methods, s.method) {
		s.method = otherMethod
	}
	s.address, s.port = server(req.URL)
	return s
}

// server is a URL's host and port, in lower case and with the scheme's default.
func server(u *url.URL) (address string, port int) {
	port, _ = strconv.Atoi(u.Port())
	switch {
	case port > 0:
	case u.Scheme == "https":
		port = 443
	default:
		port = 80
	}
	return strings.ToLower(u.Hostname()), port
}

// where is the part of a subject that names the server.
func (s subject) where() []attribute.KeyValue {
	return []attribute.KeyValue{semconv.ServerAddress(s.address), semconv.ServerPort(s.port), semconv.URLScheme(s.scheme)}
}

func (s subject) attributes() []attribute.KeyValue {
	return append(s.where(), semconv.HTTPRequestMethodKey.String(s.method))
}

// spanAttributes is what a span is given when it starts: samplers see it.
func (s subject) spanAttributes(req *http.Request) []attribute.KeyValue {
	attrs := append(s.attributes(), semconv.URLFull(redacted(req.URL)))
	if s.method == otherMethod {
		attrs = append(attrs, semconv.HTTPRequestMethodOriginal(req.Method))
	}
	return attrs
}

// secret are the query's parameters whose values the conventions ask to redact by
// default: signatures of requests to the large clouds.
var secret = []string{"AWSAccessKeyId", "Signature", "sig", "X-Amz-Credential", "X-Amz-Security-Token", "X-Amz-Signature", "X-Goog-Credential", "X-Goog-Signature"}

// redacted writes a URL without what opens doors: "url.full MUST NOT contain
// credentials passed via URL in form of https://username:password@www.example.com/.
// In such case username and password SHOULD be redacted".
func redacted(u *url.URL) string {
	r := *u
	if u.User != nil {
		r.User = url.User("REDACTED")
		if _, set := u.User.Password(); set {
			r.User = url.UserPassword("REDACTED", "REDACTED")
		}
	}
	parameters := strings.Split(u.RawQuery, "&")
	for i, p := range parameters {
		name, _, _ := strings.Cut(p, "=")
		if slices.Contains(secret, name) {
			parameters[i] = name + "=REDACTED"
		}
	}
	r.RawQuery = strings.Join(parameters, "&")
	return r.String()
}

// An outcome is what became of a request, in few words.
type outcome struct {
	status    int    // 0: no response came
	version   string // of the protocol: "1.1", "2"; empty if none was spoken
	errorType string // empty: it went well
}

func outcomeOf(ctx context.Context, e *timeline.Exchange, err error) outcome {
	return outcome{status: e.Status, version: version(e.Protocol), errorType: errorType(ctx, e, err)}
}

// version is the protocol's, as ALPN has it: "HTTP/2.0" is 2.
func version(protocol string) string {
	v, _ := strings.CutPrefix(protocol, "HTTP/")
	if v == "2.0" || v == "3.0" {
		return v[:1]
	}
	return v
}

// errorType says in a word why a request failed: the status code of an answer that
// is an error, "queue_full" and "queue_timeout" for limits of the pool, "canceled",
// "timeout", or the phase in which it failed. err is RoundTrip's; a body's is known
// only by the record, and by what the request's context says.
func errorType(ctx context.Context, e *timeline.Exchange, err error) string {
	if err == nil && e.Error == "" {
		if e.Status >= 400 {
			return strconv.Itoa(e.Status)
		}
		return ""
	}
	if err == nil {
		err = ctx.Err()
	}
	var limited interface{ Timeout() bool }
	var failed *linger.Error
	switch {
	case errors.Is(err, linger.ErrQueueFull):
		return "queue_full"
	case errors.Is(err, linger.ErrQueueTimeout):
		return "queue_timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &limited) && limited.Timeout(): // context.DeadlineExceeded too
		return "timeout"
	case errors.As(err, &failed):
		return failed.Step.String()
	case len(e.Spans) > 0:
		return e.Spans[len(e.Spans)-1].Phase.String()
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

func (o outcome) attributes(attrs []attribute.KeyValue) []attribute.KeyValue {
	if o.status > 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(o.status))
	}
	if o.version != "" {
		attrs = append(attrs, semconv.NetworkProtocolVersion(o.version))
	}
	if o.errorType != "" {
		attrs = append(attrs, semconv.ErrorTypeKey.String(o.errorType))
	}
	return attrs
}
