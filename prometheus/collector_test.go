package prometheus

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/timeline"
	api "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

var stats = linger.Stats{
	Counts: linger.Counts{
		Open: 12, Idle: 5, Active: 4, Dialling: 3, Waiting: 9,
		Exchanges: 100, Opened: 17, DialsFailed: 2, Waited: 50, WaitTime: 1500 * time.Millisecond,
		Closed:    map[linger.CloseReason]int64{linger.CloseIdle: 3, linger.CloseIdleLimit: 1},
		Retried:   map[linger.RetryReason]int64{linger.RetryLost: 4},
		Protocols: map[string]int{"HTTP/1.1": 11, "HTTP/2.0": 1},
	},
	Origins: map[string]linger.Counts{
		"https://a:443": {Open: 8, Idle: 4, Active: 2, Waiting: 9},
		"https://b:443": {Open: 2, Idle: 1, Active: 1},
		"https://c:443": {Open: 2, Active: 1, Dialling: 3},
	},
}

// inAll is what is the same with and without origins.
const inAll = `
# HELP linger_connections_closed_total Connections closed, by reason.
# TYPE linger_connections_closed_total counter
linger_connections_closed_total{reason="idle"} 3
linger_connections_closed_total{reason="idle limit"} 1
# HELP linger_connections_opened_total Connections opened.
# TYPE linger_connections_opened_total counter
linger_connections_opened_total 17
# HELP linger_dials_failed_total Dials that came to nothing.
# TYPE linger_dials_failed_total counter
linger_dials_failed_total 2
# HELP linger_exchanges_total Exchanges put on a connection.
# TYPE linger_exchanges_total counter
linger_exchanges_total 100
# HELP linger_protocol_connections Open connections of each protocol.
# TYPE linger_protocol_connections gauge
linger_protocol_connections{protocol="HTTP/1.1"} 11
linger_protocol_connections{protocol="HTTP/2.0"} 1
# HELP linger_retries_total Exchanges put on a connection once more, by reason.
# TYPE linger_retries_total counter
linger_retries_total{reason="connection lost"} 4
# HELP linger_wait_seconds_total How long exchanges waited for a connection, together.
# TYPE linger_wait_seconds_total counter
linger_wait_seconds_total 1.5
# HELP linger_waits_total Exchanges that had to wait for a connection.
# TYPE linger_waits_total counter
linger_waits_total 50
`

var poolMetrics = []string{
	"linger_connections", "linger_connections_dialing", "linger_exchanges_waiting", "linger_protocol_connections",
	"linger_connections_opened_total", "linger_connections_closed_total", "linger_dials_failed_total",
	"linger_exchanges_total", "linger_waits_total", "linger_wait_seconds_total", "linger_retries_total",
}

func TestPool(t *testing.T) {
	c := newCollector(func() linger.Stats { return stats }, Options{})
	want := inAll + `
# HELP linger_connections Open connections.
# TYPE linger_connections gauge
linger_connections{state="active"} 4
linger_connections{state="closing"} 3
linger_connections{state="idle"} 5
# HELP linger_connections_dialing Connections being opened.
# TYPE linger_connections_dialing gauge
linger_connections_dialing 3
# HELP linger_exchanges_waiting Exchanges that wait for a connection.
# TYPE linger_exchanges_waiting gauge
linger_exchanges_waiting 9
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), poolMetrics...); err != nil {
		t.Error(err)
	}
}

// TestPoolByOrigin: however many origins there are, there are as many series as
// was asked for, and they add up to the whole.
func TestPoolByOrigin(t *testing.T) {
	c := newCollector(func() linger.Stats { return stats }, Options{MaxOrigins: 1, Labels: api.Labels{"client": "x"}})
	want := `
# HELP linger_connections Open connections.
# TYPE linger_connections gauge
linger_connections{client="x",origin="https://a:443",state="active"} 2
linger_connections{client="x",origin="https://a:443",state="closing"} 2
linger_connections{client="x",origin="https://a:443",state="idle"} 4
linger_connections{client="x",origin="other",state="active"} 2
linger_connections{client="x",origin="other",state="closing"} 1
linger_connections{client="x",origin="other",state="idle"} 1
# HELP linger_connections_dialing Connections being opened.
# TYPE linger_connections_dialing gauge
linger_connections_dialing{client="x",origin="https://a:443"} 0
linger_connections_dialing{client="x",origin="other"} 3
# HELP linger_exchanges_waiting Exchanges that wait for a connection.
# TYPE linger_exchanges_waiting gauge
linger_exchanges_waiting{client="x",origin="https://a:443"} 9
linger_exchanges_waiting{client="x",origin="other"} 0
`
	if err := testutil.CollectAndCompare(c, strings.NewReader(want), "linger_connections", "linger_connections_dialing", "linger_exchanges_waiting"); err != nil {
		t.Error(err)
	}
}

func TestLargest(t *testing.T) {
	few := map[string]linger.Counts{"a": {Open: 1}, "b": {Waiting: 3}, "c": {Dialling: 1}, "d": {Open: 1, Idle: 1}}
	for _, tt := range []struct {
		n    int
		want string
	}{
		{0, ""}, {1, "b other"}, {2, "b a other"}, {3, "b a c other"}, {4, "b a c d"}, {9, "b a c d"},
	} {
		var names []string
		open := 0
		for _, o := range largest(few, tt.n) {
			names = append(names, o.name)
			open += o.counts.Open
		}
		if got := strings.Join(names, " "); got != tt.want || (tt.n > 0 && open != 2) {
			t.Errorf("%d: %q with %d open, not %q with 2", tt.n, got, open, tt.want)
		}
	}
}

// TestNames holds the names against Prometheus's own rules, and the whole against
// a registry's.
func TestNames(t *testing.T) {
	registry := api.NewPedanticRegistry()
	for _, client := range []string{"x", "y"} {
		registry.MustRegister(newCollector(func() linger.Stats { return stats }, Options{MaxOrigins: 2, Labels: api.Labels{"client": client}}))
	}
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", err, problems)
	}
}

// TestObserve puts exchanges into their series.
func TestObserve(t *testing.T) {
	c := newCollector(func() linger.Stats { return stats }, Options{Namespace: "mine", Buckets: []float64{0.01, 0.1}})
	start := time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	exchange := func(status int, waited time.Duration, err error) {
		e := &timeline.Exchange{Status: status, Start: start, Sent: timeline.Bytes{Header: 10, Body: 1}, Received: timeline.Bytes{Header: 20, Body: 300}}
		e.Enter(timeline.Wait, timeline.Unknown, start)
		e.Finish(start.Add(waited), err)
		c.Observe(e)
	}
	exchange(200, 5*time.Millisecond, nil)
	exchange(204, 50*time.Millisecond, nil)
	exchange(503, time.Second, nil)
	exchange(200, time.Second, io.ErrUnexpectedEOF)
	exchange(999, 0, nil)
	got := values(t, c)
	for name, want := range map[string]float64{
		`mine_exchange_duration_seconds{2xx}`:    2,
		`mine_exchange_duration_seconds{5xx}`:    1,
		`mine_exchange_duration_seconds{failed}`: 1,
		`mine_exchange_duration_seconds{other}`:  1,
		`mine_exchange_duration_seconds{3xx}`:    0,
		`mine_phase_duration_seconds{wait}`:      4,
		`mine_phase_duration_seconds{dns}`:       0,
		`mine_sent_bytes_total{header}`:          50,
		`mine_sent_bytes_total{body}`:            5,
		`mine_received_bytes_total{header}`:      100,
		`mine_received_bytes_total{body}`:        1500,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, not %v", name, v, want)
		}
	}
}

// values reads each series that has one label: a counter's value, a histogram's count.
func values(t *testing.T, c api.Collector) map[string]float64 {
	t.Helper()
	registry := api.NewPedanticRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if len(m.GetLabel()) != 1 {
				continue
			}
			name := fmt.Sprintf("%s{%s}", f.GetName(), m.GetLabel()[0].GetValue())
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

// TestOutcomes: no status code that a server makes up makes a series.
func TestOutcomes(t *testing.T) {
	got := make(map[int]string)
	for _, status := range []int{0, 99, 101, 200, 299, 304, 404, 599, 600, 999} {
		got[status] = outcomes[outcomeOf(&timeline.Exchange{Status: status})]
	}
	want := map[int]string{0: "other", 99: "other", 101: "1xx", 200: "2xx", 299: "2xx", 304: "3xx", 404: "4xx", 599: "5xx", 600: "other", 999: "other"}
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestTransport watches a real one.
func TestTransport(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "hello") }))
	defer srv.Close()
	transport := &linger.Transport{}
	defer transport.Close()
	c := NewCollector(transport, Options{})
	transport.Observe = c.Observe
	resp, err := (&http.Client{Transport: transport}).Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	got := values(t, c)
	for name, want := range map[string]float64{
		"linger_connections{idle}":              1,
		"linger_connections{closing}":           0,
		"linger_exchange_duration_seconds{2xx}": 1,
		"linger_received_bytes_total{body}":     5,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, not %v", name, v, want)
		}
	}
}
