package prometheus

import (
	"github.com/lingerhttp/linger"
	api "github.com/prometheus/client_golang/prometheus"
)

// Options are what a Collector may be told. The zero Options work.
type Options struct {
	// Namespace begins the name of each metric. "" means "linger".
	Namespace string

	// Labels are put on every metric: to tell Transports apart that are registered
	// side by side.
	Labels api.Labels

	// MaxOrigins is for how many origins what goes on now is told one by one, in a
	// label "origin": those with the most connections and waiters; the rest count
	// together as "other". 0 means none: there is no such label.
	MaxOrigins int

	// Buckets are the upper bounds of the histograms in seconds. nil means from 100
	// µs to 10 s.
	Buckets []float64
}

var defaultBuckets = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

// A Collector is a prometheus.Collector of one Transport.
type Collector struct {
	stats      func() linger.Stats
	maxOrigins int

	// What goes on now, by origin if that is wanted.
	connections, dialing, waiting *api.Desc
	protocols                     *api.Desc

	// What has happened so far.
	opened, closed, failed, exchanges, waits, waitTime, retries *api.Desc

	histograms
}

// NewCollector returns a Collector of t's pool. Exchanges are counted by Observe.
// The metrics, each with "linger_" before it:
//
//	connections                  state: idle, active, closing; origin, if wanted
//	connections_dialing          origin, if wanted
//	exchanges_waiting            origin, if wanted
//	protocol_connections         protocol
//	connections_opened_total
//	connections_closed_total     reason
//	dials_failed_total
//	exchanges_total              put on a connection
//	waits_total                  exchanges that had to wait for a connection
//	wait_seconds_total           how long, together
//	retries_total                reason
//	exchange_duration_seconds    outcome: 1xx to 5xx, other, failed
//	phase_duration_seconds       phase
//	sent_bytes_total             part: header, body; on the wire
//	received_bytes_total         part
func NewCollector(t *linger.Transport, o Options) *Collector {
	return newCollector(t.Stats, o)
}

func newCollector(stats func() linger.Stats, o Options) *Collector {
	if o.Namespace == "" {
		o.Namespace = "linger"
	}
	if o.Buckets == nil {
		o.Buckets = defaultBuckets
	}
	desc := func(name, help string, labels ...string) *api.Desc {
		return api.NewDesc(api.BuildFQName(o.Namespace, "", name), help, labels, o.Labels)
	}
	origin := []string{"origin"}
	if o.MaxOrigins <= 0 {
		origin = nil
	}
	return &Collector{
		stats:       stats,
		maxOrigins:  o.MaxOrigins,
		connections: desc("connections", "Open connections.", append([]string{"state"}, origin...)...),
		dialing:     desc("connections_dialing", "Connections being opened.", origin...),
		waiting:     desc("exchanges_waiting", "Exchanges that wait for a connection.", origin...),
		protocols:   desc("protocol_connections", "Open connections of each protocol.", "protocol"),
		opened:      desc("connections_opened_total", "Connections opened."),
		closed:      desc("connections_closed_total", "Connections closed, by reason.", "reason"),
		failed:      desc("dials_failed_total", "Dials that came to nothing."),
		exchanges:   desc("exchanges_total", "Exchanges put on a connection."),
		waits:       desc("waits_total", "Exchanges that had to wait for a connection."),
		waitTime:    desc("wait_seconds_total", "How long exchanges waited for a connection, together."),
		retries:     desc("retries_total", "Exchanges put on a connection once more, by reason.", "reason"),
		histograms:  newHistograms(o),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(out chan<- *api.Desc) {
	for _, d := range []*api.Desc{c.connections, c.dialing, c.waiting, c.protocols, c.opened, c.closed,
		c.failed, c.exchanges, c.waits, c.waitTime, c.retries} {
		out <- d
	}
	c.histograms.Describe(out)
}

// Collect implements prometheus.Collector: it asks the pool once.
func (c *Collector) Collect(out chan<- api.Metric) {
	s := c.stats()
	if c.maxOrigins <= 0 {
		c.collectNow(out, s.Counts)
	}
	for _, o := range largest(s.Origins, c.maxOrigins) {
		c.collectNow(out, o.counts, o.name)
	}
	for protocol, n := range s.Protocols {
		out <- gauge(c.protocols, n, protocol)
	}
	// The pool forgets origins: only sums over all of them never shrink.
	out <- counter(c.opened, float64(s.Opened))
	out <- counter(c.failed, float64(s.DialsFailed))
	out <- counter(c.exchanges, float64(s.Exchanges))
	out <- counter(c.waits, float64(s.Waited))
	out <- counter(c.waitTime, s.WaitTime.Seconds())
	for reason, n := range s.Closed {
		out <- counter(c.closed, float64(n), string(reason))
	}
	for reason, n := range s.Retried {
		out <- counter(c.retries, float64(n), string(reason))
	}
	c.histograms.Collect(out)
}

// collectNow tells what goes on now, for one origin or for all.
func (c *Collector) collectNow(out chan<- api.Metric, n linger.Counts, origin ...string) {
	state := func(word string) []string { return append([]string{word}, origin...) }
	out <- gauge(c.connections, n.Idle, state("idle")...)
	out <- gauge(c.connections, n.Active, state("active")...)
	out <- gauge(c.connections, n.Open-n.Idle-n.Active, state("closing")...)
	out <- gauge(c.dialing, n.Dialling, origin...)
	out <- gauge(c.waiting, n.Waiting, origin...)
}

func gauge(d *api.Desc, n int, labels ...string) api.Metric {
	return api.MustNewConstMetric(d, api.GaugeValue, float64(n), labels...)
}

func counter(d *api.Desc, n float64, labels ...string) api.Metric {
	return api.MustNewConstMetric(d, api.CounterValue, n, labels...)
}
