package otel

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
)

// metrics are the instruments: those of exchanges, which are told as they happen,
// and those of the pool, which is asked when somebody collects.
type metrics struct {
	duration httpconv.ClientRequestDuration
	active   httpconv.ClientActiveRequests
	sent     httpconv.ClientRequestBodySize
	received httpconv.ClientResponseBodySize
	phase    metric.Float64Histogram

	stats func() linger.Stats
	pool  metric.Registration

	open                                   httpconv.ClientOpenConnectionsObservable
	dialing, waiting                       metric.Int64ObservableUpDownCounter
	opened, closed, failed, waits, retried metric.Int64ObservableCounter
	waitTime                               metric.Float64ObservableCounter
}

// phaseBounds are the buckets of linger.client.phase.duration in seconds: phases
// are shorter than requests.
var phaseBounds = []float64{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

func newMetrics(meter metric.Meter, stats func() linger.Stats) (*metrics, error) {
	m := &metrics{stats: stats}
	var errs [6]error
	m.duration, errs[0] = httpconv.NewClientRequestDuration(meter)
	m.active, errs[1] = httpconv.NewClientActiveRequests(meter)
	m.sent, errs[2] = httpconv.NewClientRequestBodySize(meter)
	m.received, errs[3] = httpconv.NewClientResponseBodySize(meter)
	m.phase, errs[4] = meter.Float64Histogram("linger.client.phase.duration", metric.WithUnit("s"),
		metric.WithDescription("What the time of requests went to, by phase."), metric.WithExplicitBucketBoundaries(phaseBounds...))
	errs[5] = m.askPool(meter)
	return m, errors.Join(errs[:]...)
}

// askPool makes the instruments of the pool, and has it asked.
func (m *metrics) askPool(meter metric.Meter) error {
	var errs []error
	gauge := func(name, unit, what string) metric.Int64ObservableUpDownCounter {
		i, err := meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
		errs = append(errs, err)
		return i
	}
	counter := func(name, unit, what string) metric.Int64ObservableCounter {
		i, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(what))
		errs = append(errs, err)
		return i
	}
	var err error
	m.open, err = httpconv.NewClientOpenConnectionsObservable(meter)
	m.dialing = gauge("linger.client.connections.dialing", "{connection}", "Connections being opened.")
	m.waiting = gauge("linger.client.requests.waiting", "{request}", "Requests that wait for a connection.")
	m.opened = counter("linger.client.connections.opened", "{connection}", "Connections opened.")
	m.closed = counter("linger.client.connections.closed", "{connection}", "Connections closed, by reason.")
	m.failed = counter("linger.client.dials.failed", "{dial}", "Dials that came to nothing.")
	m.waits = counter("linger.client.requests.waited", "{request}", "Requests that had to wait for a connection.")
	m.retried = counter("linger.client.requests.retried", "{request}", "Requests sent once more, by reason.")
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	m.waitTime, err = meter.Float64ObservableCounter("linger.client.wait.time", metric.WithUnit("s"),
		metric.WithDescription("How long requests waited for connections, together."))
	if err != nil {
		return err
	}
	m.pool, err = meter.RegisterCallback(m.observe, m.open.Inst(), m.dialing, m.waiting, m.opened, m.closed, m.failed, m.waits, m.retried, m.waitTime)
	return err
}

// observe asks the pool. What goes on now is told for each origin; what has
// happened so far only in all, since the pool forgets origins.
func (m *metrics) observe(_ context.Context, o metric.Observer) error {
	s := m.stats()
	for server, c := range byServer(s.Origins) {
		where := server.where()
		count := func(i metric.Int64Observable, n int, more ...attribute.KeyValue) {
			o.ObserveInt64(i, int64(n), metric.WithAttributes(append(more, where...)...))
		}
		count(m.open.Inst(), c.Idle, m.open.AttrConnectionState(httpconv.ConnectionStateIdle))
		count(m.open.Inst(), c.Active, m.open.AttrConnectionState(httpconv.ConnectionStateActive))
		count(m.dialing, c.Dialling)
		count(m.waiting, c.Waiting)
	}
	o.ObserveInt64(m.opened, s.Opened)
	o.ObserveInt64(m.failed, s.DialsFailed)
	o.ObserveInt64(m.waits, s.Waited)
	o.ObserveFloat64(m.waitTime, s.WaitTime.Seconds())
	for reason, n := range s.Closed {
		o.ObserveInt64(m.closed, n, metric.WithAttributes(attribute.String("linger.close.reason", string(reason))))
	}
	for reason, n := range s.Retried {
		o.ObserveInt64(m.retried, n, metric.WithAttributes(attribute.String("linger.retry.reason", string(reason))))
	}
	return nil
}

// byServer sums up what goes on now with each origin, by whatever proxies.
func byServer(origins map[string]linger.Counts) map[subject]linger.Counts {
	sums := make(map[subject]linger.Counts)
	for origin, c := range origins {
		s := subjectOfOrigin(origin)
		sum := sums[s]
		sum.Idle += c.Idle
		sum.Active += c.Active
		sum.Dialling += c.Dialling
		sum.Waiting += c.Waiting
		sums[s] = sum
	}
	return sums
}

// subjectOfOrigin reads what the pool calls an origin: "https://example.com:443",
// "https://example.com:443 by http://proxy:3128", or "by http://proxy:3128" where a
// connection to the proxy serves many origins: then the proxy is the server.
func subjectOfOrigin(origin string) subject {
	origin, _, _ = strings.Cut(strings.TrimPrefix(origin, "by "), " by ")
	u, err := url.Parse(origin)
	if err != nil {
		return subject{address: origin}
	}
	s := subject{scheme: u.Scheme}
	s.address, s.port = server(u)
	return s
}

// began counts a request that was handed over.
func (m *metrics) began(ctx context.Context, s subject) {
	m.active.AddSet(ctx, 1, attribute.NewSet(s.attributes()...))
}

// ended counts what became of it.
func (m *metrics) ended(ctx context.Context, s subject, e *timeline.Exchange, o outcome) {
	m.active.AddSet(ctx, -1, attribute.NewSet(s.attributes()...))
	all := attribute.NewSet(o.attributes(s.attributes())...)
	m.duration.RecordSet(ctx, e.Duration.Seconds(), all)
	m.sent.RecordSet(ctx, e.Sent.Body, all)
	if e.Status > 0 {
		m.received.RecordSet(ctx, e.Received.Body, all)
	}
	for n := range timeline.NumPhases {
		p := timeline.Phase(n)
		if d := e.In(p); d > 0 {
			m.phase.Record(ctx, d.Seconds(), metric.WithAttributes(attribute.String("linger.phase", p.String())))
		}
	}
}
