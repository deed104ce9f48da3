package otel

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// A call is one request on its way: its span is ended by whoever comes last, the
// exchange's end or RoundTrip's return. Only the latter knows the error as a value.
type call struct {
	t        *Transport
	outgoing *http.Request
	ctx      context.Context // with the span
	span     trace.Span
	start    time.Time
	about    subject

	mu       sync.Mutex         // guards what follows
	back     bool               // RoundTrip has returned
	over     bool               // the span has ended
	exchange *timeline.Exchange // which ended before RoundTrip returned
}

// begin starts the span of a request.
func (t *Transport) begin(req *http.Request) *call {
	c := &call{t: t, start: time.Now(), about: subjectOf(req)}
	c.ctx, c.span = t.tracer.Start(req.Context(), t.nameOf(req, c.about),
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(c.start),
		trace.WithAttributes(c.about.spanAttributes(req)...))
	c.ctx = linger.WithObserve(c.ctx, c.ended)
	c.outgoing = req.WithContext(c.ctx)
	c.outgoing.Header = make(http.Header, len(req.Header)+2) // the caller's is not ours to write to
	for name, values := range req.Header {
		c.outgoing.Header[name] = values
	}
	t.options.Propagator.Inject(c.ctx, propagation.HeaderCarrier(c.outgoing.Header))
	t.metrics.began(c.ctx, c.about)
	return c
}

func (t *Transport) nameOf(req *http.Request, s subject) string {
	switch {
	case t.options.SpanName != nil:
		return t.options.SpanName(req)
	case s.method == otherMethod:
		return "HTTP" // as the conventions say
	}
	return s.method
}

// ended is told when the exchange has ended, by the goroutine that ended it.
func (c *call) ended(e *timeline.Exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exchange = e; c.back {
		c.finishLocked(e, nil)
	}
}

// returned is told what came of RoundTrip.
func (c *call) returned(resp *http.Response, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.back = true
	switch {
	case c.exchange != nil:
		c.finishLocked(c.exchange, err)
	case err != nil || linger.TimelineOf(resp) == nil:
		c.finishLocked(c.substitute(resp, err), err) // it was no exchange of linger's
	}
}

// substitute is the record of a request that another RoundTripper has answered:
// its end cannot be known, so that of its head must do.
func (c *call) substitute(resp *http.Response, err error) *timeline.Exchange {
	e := &timeline.Exchange{Method: c.about.method, Start: c.start, Tries: 1}
	if resp != nil {
		e.Protocol, e.Status = resp.Proto, resp.StatusCode
	}
	e.Finish(time.Now(), err)
	e.Spans = nil
	return e
}

// finishLocked ends the span, once, and counts. err is RoundTrip's, if it failed.
func (c *call) finishLocked(e *timeline.Exchange, err error) {
	if c.over {
		return
	}
	c.over = true
	o := outcomeOf(c.ctx, e, err)
	c.t.metrics.ended(c.ctx, c.about, e, o)
	if c.span.IsRecording() {
		c.span.SetAttributes(o.spanAttributes(e)...)
		if o.errorType != "" {
			c.span.SetStatus(codes.Error, e.Error)
		}
		c.t.tell(c.ctx, c.span, e)
	}
	c.span.End(trace.WithTimestamp(e.Start.Add(e.Duration)))
}

// tell writes the timeline below the span.
func (t *Transport) tell(ctx context.Context, span trace.Span, e *timeline.Exchange) {
	for _, s := range e.Spans {
		switch t.options.Phases {
		case PhaseSpans:
			t.child(ctx, e.Start, s)
		case PhaseEvents:
			span.AddEvent(s.Phase.String(), trace.WithTimestamp(e.Start.Add(s.Start)),
				trace.WithAttributes(append(phaseAttributes(s), attribute.Float64("linger.duration", s.Duration().Seconds()))...))
		}
	}
}

// child makes a span of a timeline's, and of its attempts.
func (t *Transport) child(ctx context.Context, start time.Time, s timeline.Span) {
	ctx, span := t.tracer.Start(ctx, s.Phase.String(), trace.WithTimestamp(start.Add(s.Start)), trace.WithAttributes(phaseAttributes(s)...))
	for _, a := range s.Attempts {
		t.child(ctx, start, a)
	}
	span.End(trace.WithTimestamp(start.Add(s.End)))
}

func phaseAttributes(s timeline.Span) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		attribute.String("linger.phase", s.Phase.String()),
		attribute.String("linger.cause", s.Cause.String()),
	}
	if s.Note != "" {
		attrs = append(attrs, attribute.String("linger.note", s.Note))
	}
	return attrs
}

// spanAttributes is what a span is given when its exchange has ended.
func (o outcome) spanAttributes(e *timeline.Exchange) []attribute.KeyValue {
	attrs := o.attributes(nil)
	if o.version != "" {
		attrs = append(attrs, semconv.NetworkProtocolName("http"))
	}
	if e.Tries > 1 {
		attrs = append(attrs, semconv.HTTPRequestResendCount(e.Tries-1))
	}
	if peer := e.Conn.Remote; peer.IsValid() {
		attrs = append(attrs, semconv.NetworkPeerAddress(peer.Addr().String()), semconv.NetworkPeerPort(int(peer.Port())))
	}
	if e.Conn.Number > 0 {
		attrs = append(attrs, attribute.Int("linger.connection", e.Conn.Number), attribute.String("linger.reason", e.Reason))
	}
	return attrs
}
