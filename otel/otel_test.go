package otel

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"
)

// A rig is a Transport whose spans and metrics are kept in memory.
type rig struct {
	*Transport
	t      *testing.T
	spans  *tracetest.InMemoryExporter
	reader *metric.ManualReader
	tracer api.Tracer
}

func newRig(t *testing.T, base *linger.Transport, o Options) *rig {
	t.Helper()
	r := &rig{t: t, spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	tp := trace.NewTracerProvider(trace.WithSyncer(r.spans))
	o.TracerProvider, o.Propagator = tp, propagation.TraceContext{}
	o.MeterProvider = metric.NewMeterProvider(metric.WithReader(r.reader))
	r.tracer = tp.Tracer("caller")
	var err error
	if r.Transport, err = NewTransport(base, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		base.Close()
	})
	return r
}

// get sends a request and reads the answer whole.
func (r *rig) get(ctx context.Context, method, url string) (*timeline.Exchange, error) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.RoundTrip(req)
	if err != nil {
		return timeline.OfError(err), err
	}
	e := linger.TimelineOf(resp)
	_, err = discard(resp.Body)
	resp.Body.Close()
	return e, err
}

// client returns the one client span, and its children in order.
func (r *rig) client() (span tracetest.SpanStub, children tracetest.SpanStubs) {
	r.t.Helper()
	found := 0
	all := r.spans.GetSpans()
	for _, s := range all {
		if s.SpanKind == api.SpanKindClient {
			span = s
			found++
		}
	}
	if found != 1 {
		r.t.Fatalf("%d client spans: %v", found, names(all))
	}
	return span, childrenOf(span, all)
}

func childrenOf(parent tracetest.SpanStub, all tracetest.SpanStubs) (children tracetest.SpanStubs) {
	for _, s := range all {
		if s.Parent.SpanID() == parent.SpanContext.SpanID() {
			children = append(children, s)
		}
	}
	return children
}

func names(spans tracetest.SpanStubs) (all []string) {
	for _, s := range spans {
		all = append(all, s.Name)
	}
	return all
}

// attributes are a span's, by name.
func attributes(attrs []attribute.KeyValue) map[string]any {
	m := make(map[string]any)
	for _, a := range attrs {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}

// collect reads every metric, by name.
func (r *rig) collect() map[string]metricdata.Aggregation {
	r.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &rm); err != nil {
		r.t.Fatal(err)
	}
	all := make(map[string]metricdata.Aggregation)
	for _, s := range rm.ScopeMetrics {
		for _, m := range s.Metrics {
			all[m.Name] = m.Data
		}
	}
	return all
}

// serve starts a server on loopback, and says its port.
func serve(t *testing.T, h http.HandlerFunc) (url string, port int) {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL, srv.Listener.Addr().(*net.TCPAddr).Port
}
