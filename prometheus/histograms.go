package prometheus

import (
	"github.com/lingerhttp/linger/timeline"
	api "github.com/prometheus/client_golang/prometheus"
)

// histograms are what Observe writes to. Their labels are known beforehand, so each
// series is looked up once, here, and Observe does not search.
type histograms struct {
	vectors  []api.Collector
	duration [len(outcomes)]api.Observer
	phases   [timeline.NumPhases]api.Observer

	sentHeader, sentBody, receivedHeader, receivedBody api.Counter
}

// outcomes are what an exchange may come to: the class of its status code (RFC
// 9110 §15), or none.
var outcomes = [...]string{"failed", "1xx", "2xx", "3xx", "4xx", "5xx", "other"}

// outcomeOf is an exchange's place in outcomes.
func outcomeOf(e *timeline.Exchange) int {
	switch class := e.Status / 100; {
	case e.Error != "":
		return 0
	case class >= 1 && class <= 5:
		return class
	}
	return len(outcomes) - 1
}

func newHistograms(o Options) (h histograms) {
	vector := func(name, help, label string) *api.HistogramVec {
		v := api.NewHistogramVec(api.HistogramOpts{Namespace: o.Namespace, Name: name, Help: help, ConstLabels: o.Labels, Buckets: o.Buckets}, []string{label})
		h.vectors = append(h.vectors, v)
		return v
	}
	octets := func(name, help string) (header, body api.Counter) {
		v := api.NewCounterVec(api.CounterOpts{Namespace: o.Namespace, Name: name, Help: help, ConstLabels: o.Labels}, []string{"part"})
		h.vectors = append(h.vectors, v)
		return v.WithLabelValues("header"), v.WithLabelValues("body")
	}
	duration := vector("exchange_duration_seconds", "Time from a request's start to the last byte of its answer, by what came of it.", "outcome")
	for i, outcome := range outcomes {
		h.duration[i] = duration.WithLabelValues(outcome)
	}
	phases := vector("phase_duration_seconds", "What the time of exchanges went to, by phase.", "phase")
	for p := range h.phases {
		h.phases[p] = phases.WithLabelValues(timeline.Phase(p).String())
	}
	h.sentHeader, h.sentBody = octets("sent_bytes_total", "Octets of requests, on the wire.")
	h.receivedHeader, h.receivedBody = octets("received_bytes_total", "Octets of answers, on the wire.")
	return h
}

// Observe counts an exchange that has ended. It is for Transport.Observe, and for
// linger.WithObserve.
func (h *histograms) Observe(e *timeline.Exchange) {
	h.duration[outcomeOf(e)].Observe(e.Duration.Seconds())
	for p, phase := range h.phases {
		if d := e.In(timeline.Phase(p)); d > 0 {
			phase.Observe(d.Seconds())
		}
	}
	h.sentHeader.Add(float64(e.Sent.Header))
	h.sentBody.Add(float64(e.Sent.Body))
	h.receivedHeader.Add(float64(e.Received.Header))
	h.receivedBody.Add(float64(e.Received.Body))
}

func (h *histograms) Describe(out chan<- *api.Desc) {
	for _, v := range h.vectors {
		v.Describe(out)
	}
}

func (h *histograms) Collect(out chan<- api.Metric) {
	for _, v := range h.vectors {
		v.Collect(out)
	}
}
