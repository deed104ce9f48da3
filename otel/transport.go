package otel

import (
	"net/http"

	"github.com/lingerhttp/linger"
	api "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// scope is what spans and metrics say they come from.
const scope = "github.com/lingerhttp/linger/otel"

// Options are what a Transport may be told. The zero Options work.
type Options struct {
	// TracerProvider makes the spans. nil means the global one.
	TracerProvider trace.TracerProvider

	// MeterProvider makes the metrics. nil means the global one.
	MeterProvider metric.MeterProvider

	// Propagator writes the span's context into the request's header. nil means the
	// global one, which unless set writes nothing.
	Propagator propagation.TextMapPropagator

	// Phases says how a span tells its exchange's timeline. The zero value means
	// PhaseSpans.
	Phases Phases

	// SpanName names a request's span. It must not return many different names: a
	// template of the path, not the path. nil means the method, as the
	// conventions have it where no template is known.
	SpanName func(*http.Request) string
}

// Phases is a way to tell an exchange's timeline.
type Phases uint8

const (
	// PhaseSpans makes a child span of each span of the timeline, and a child of
	// that of each attempt in it: they are drawn as linger draws them. An exchange
	// on a kept connection has about four.
	PhaseSpans Phases = iota

	// PhaseEvents makes an event of each, at its start, with its duration.
	PhaseEvents

	// PhaseNone leaves them out.
	PhaseNone
)

// A Transport is an http.RoundTripper that has a linger.Transport do the work and
// tells OpenTelemetry about it. It may be used by many goroutines at once.
type Transport struct {
	base    *linger.Transport
	options Options
	tracer  trace.Tracer
	metrics *metrics
}

// NewTransport returns a Transport over base, which may be used beside it: those
// requests have no spans, but count in the pool's metrics. Its error is one of the
// MeterProvider's. Close ends the pool's metrics.
//
// A span has the attributes that the conventions ask for and, as
// http.request.resend_count, how often linger had to send the request again.
// Spans of phases are called by their phase, "connect", and have linger.phase,
// linger.cause and linger.note; linger.connection and linger.reason of the client
// span say which connection carried it and why. Where the conventions ask for an
// error.type, it is the status code, "queue_full", "queue_timeout", "timeout",
// "canceled", or the phase in which the exchange failed: "dns".
//
// The metrics are, by the conventions, http.client.request.duration (to the end of
// the body), http.client.active_requests, http.client.request.body.size and
// http.client.response.body.size (octets on the wire) and
// http.client.open_connections; and linger's own:
//
//	linger.client.phase.duration         s              linger.phase
//	linger.client.connections.dialing    {connection}   server.address, server.port, url.scheme
//	linger.client.requests.waiting       {request}      server.address, server.port, url.scheme
//	linger.client.connections.opened     {connection}
//	linger.client.connections.closed     {connection}   linger.close.reason
//	linger.client.dials.failed           {dial}
//	linger.client.requests.waited        {request}
//	linger.client.wait.time              s
//	linger.client.requests.retried       {request}      linger.retry.reason
func NewTransport(base *linger.Transport, o Options) (*Transport, error) {
	if o.TracerProvider == nil {
		o.TracerProvider = api.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = api.GetMeterProvider()
	}
	if o.Propagator == nil {
		o.Propagator = api.GetTextMapPropagator()
	}
	m, err := newMetrics(o.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)), base.Stats)
	if err != nil {
		return nil, err
	}
	return &Transport{
		base:    base,
		options: o,
		tracer:  o.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		metrics: m,
	}, nil
}

// RoundTrip implements http.RoundTripper. The response and the error are those of
// the linger.Transport: linger.TimelineOf knows them. The span ends when the
// response's body was read to its end or closed.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil {
		return t.base.RoundTrip(req) // which says what is wrong
	}
	c := t.begin(req)
	resp, err := t.base.RoundTrip(c.outgoing)
	if resp != nil {
		resp.Request = req
	}
	c.returned(resp, err)
	return resp, err
}

// CloseIdleConnections closes the linger.Transport's: http.Client has a method of
// that name for it.
func (t *Transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// Close ends the metrics of the pool. It does not close the linger.Transport. The
// error is the MeterProvider's.
func (t *Transport) Close() error { return t.metrics.pool.Unregister() }
