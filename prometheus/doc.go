// Package prometheus tells Prometheus what a linger.Transport does: its pool's
// counts, and histograms of its exchanges.
//
//	transport := &linger.Transport{}
//	collector := prometheus.NewCollector(transport, prometheus.Options{})
//	transport.Observe = collector.Observe // before it is used
//	registry.MustRegister(collector)
//
// The number of series is bounded: what others can make up, such as methods,
// paths and status codes, labels nothing, and origins only as far as
// [Options].MaxOrigins allows.
//
// The package is a module of its own: a program that imports linger alone compiles
// nothing of Prometheus.
package prometheus
