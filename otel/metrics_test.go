package otel

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lingerhttp/linger"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A point is one data point: its attributes and its value.
type point struct {
	attrs map[string]any
	value any
}

func points[N int64 | float64](data []metricdata.DataPoint[N]) (all []point) {
	for _, p := range data {
		all = append(all, point{attributes(p.Attributes.ToSlice()), p.Value})
	}
	return all
}

// TestMetricsOfExchanges makes three requests and looks at what was recorded.
func TestMetricsOfExchanges(t *testing.T) {
	url, port := serve(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/404" {
			rw.WriteHeader(404)
		}
		io.WriteString(rw, "hello")
	})
	r := newRig(t, &linger.Transport{}, Options{})
	var took time.Duration
	for range 2 {
		e, err := r.get(context.Background(), "GET", url)
		if err != nil {
			t.Fatal(err)
		}
		took += e.Duration
	}
	if _, err := r.get(context.Background(), "GET", url+"/404"); err != nil {
		t.Fatal(err)
	}
	all := r.collect()
	server := map[string]any{"server.address": "127.0.0.1", "server.port": int64(port), "url.scheme": "http"}
	request := with(server, "http.request.method", "GET")
	answered := with(request, "http.response.status_code", int64(200), "network.protocol.version", "1.1")

	duration := all["http.client.request.duration"].(metricdata.Histogram[float64]).DataPoints
	if len(duration) != 2 {
		t.Fatalf("%d kinds of requests", len(duration))
	}
	for _, p := range duration {
		got := attributes(p.Attributes.ToSlice())
		failed := with(request, "http.response.status_code", int64(404), "network.protocol.version", "1.1", "error.type", "404")
		switch {
		case reflect.DeepEqual(got, answered) && p.Count == 2 && time.Duration(p.Sum*1e9+0.5).Round(time.Microsecond) == took.Round(time.Microsecond):
		case reflect.DeepEqual(got, failed) && p.Count == 1:
		default:
			t.Errorf("%d requests took %v s, not %v: %v", p.Count, p.Sum, took, got)
		}
		if want := []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}; !slices.Equal(p.Bounds, want) {
			t.Errorf("buckets %v", p.Bounds)
		}
	}
	var received int64
	for _, p := range all["http.client.response.body.size"].(metricdata.Histogram[int64]).DataPoints {
		received += p.Sum
	}
	if received != 3*int64(len("hello")) {
		t.Errorf("received %d octets", received)
	}
	want := []point{{request, int64(0)}}
	if got := points(all["http.client.active_requests"].(metricdata.Sum[int64]).DataPoints); !reflect.DeepEqual(got, want) {
		t.Errorf("active: %v, not %v", got, want)
	}
	phases := make(map[any]uint64)
	for _, p := range all["linger.client.phase.duration"].(metricdata.Histogram[float64]).DataPoints {
		phases[attributes(p.Attributes.ToSlice())["linger.phase"]] = p.Count
	}
	if phases["connect"] != 1 || phases["wait"] != 3 || phases["dns"] != 0 {
		t.Errorf("phases %v", phases)
	}
}

// with is a copy of attributes with more.
func with(attrs map[string]any, more ...any) map[string]any {
	m := make(map[string]any)
	for k, v := range attrs {
		m[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

// TestActiveRequests counts a request until its body has been read.
func TestActiveRequests(t *testing.T) {
	url, _ := serve(t, func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "hello") })
	r := newRig(t, &linger.Transport{}, Options{Phases: PhaseNone})
	req, _ := http.NewRequest("GET", url, nil)
	resp, err := r.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	active := func() any {
		return points(r.collect()["http.client.active_requests"].(metricdata.Sum[int64]).DataPoints)[0].value
	}
	if n := active(); n != int64(1) || len(r.spans.GetSpans()) != 0 {
		t.Errorf("%v requests with the body unread, %d spans", n, len(r.spans.GetSpans()))
	}
	io.Copy(io.Discard, resp.Body)
	if n := active(); n != int64(0) || len(r.spans.GetSpans()) != 1 {
		t.Errorf("%v requests at the body's end, %d spans", n, len(r.spans.GetSpans()))
	}
	resp.Body.Close()
}

// TestMetricsOfThePool: every count of Stats is told once, under its name.
func TestMetricsOfThePool(t *testing.T) {
	stats := linger.Stats{
		Counts: linger.Counts{
			Opened: 7, DialsFailed: 2, Waited: 5, WaitTime: 1500 * time.Millisecond,
			Closed:  map[linger.CloseReason]int64{linger.CloseIdle: 3, linger.CloseAge: 1},
			Retried: map[linger.RetryReason]int64{linger.RetryLost: 4},
		},
		Origins: map[string]linger.Counts{
			"https://example.com:443": {Open: 4, Idle: 2, Active: 1, Dialling: 6, Waiting: 8},
			"http://[::1]:8080":       {},

			"https://example.com:443 by http://proxy:3128": {Open: 1, Idle: 1, Waiting: 1},
		},
	}
	reader := metric.NewManualReader()
	m, err := newMetrics(metric.NewMeterProvider(metric.WithReader(reader)).Meter(scope), func() linger.Stats { return stats })
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, reader: reader}
	all := r.collect()
	example := map[string]any{"server.address": "example.com", "server.port": int64(443), "url.scheme": "https"}
	local := map[string]any{"server.address": "::1", "server.port": int64(8080), "url.scheme": "http"}
	const state = "http.connection.state"
	for name, want := range map[string][]point{
		"http.client.open_connections": {
			{with(example, state, "idle"), int64(3)}, {with(example, state, "active"), int64(1)},
			{with(local, state, "idle"), int64(0)}, {with(local, state, "active"), int64(0)},
		},
		"linger.client.connections.dialing": {{example, int64(6)}, {local, int64(0)}},
		"linger.client.requests.waiting":    {{example, int64(9)}, {local, int64(0)}},
		"linger.client.connections.opened":  {{with(nil), int64(7)}},
		"linger.client.dials.failed":        {{with(nil), int64(2)}},
		"linger.client.requests.waited":     {{with(nil), int64(5)}},
		"linger.client.wait.time":           {{with(nil), 1.5}},
		"linger.client.connections.closed":  {{with(nil, "linger.close.reason", "idle"), int64(3)}, {with(nil, "linger.close.reason", "age"), int64(1)}},
		"linger.client.requests.retried":    {{with(nil, "linger.retry.reason", "connection lost"), int64(4)}},
	} {
		checkPoints(t, name, all[name], want)
	}
	if err := m.pool.Unregister(); err != nil {
		t.Error(err)
	}
	if left := r.collect(); len(left) != 0 {
		t.Errorf("after Close there are still %v", left)
	}
}

func checkPoints(t *testing.T, name string, data metricdata.Aggregation, want []point) {
	t.Helper()
	var got []point
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		got = points(d.DataPoints)
	case metricdata.Sum[float64]:
		got = points(d.DataPoints)
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(p point) bool { return reflect.DeepEqual(p, w) }) {
			t.Errorf("%s: no %v in %v", name, w, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d points, not %d: %v", name, len(got), len(want), got)
	}
}

// TestOpenConnections looks at a real pool.
func TestOpenConnections(t *testing.T) {
	url, port := serve(t, func(http.ResponseWriter, *http.Request) {})
	r := newRig(t, &linger.Transport{}, Options{})
	if _, err := r.get(context.Background(), "GET", url); err != nil {
		t.Fatal(err)
	}
	where := map[string]any{"server.address": "127.0.0.1", "server.port": int64(port), "url.scheme": "http"}
	checkPoints(t, "http.client.open_connections", r.collect()["http.client.open_connections"], []point{
		{with(where, "http.connection.state", "idle"), int64(1)}, {with(where, "http.connection.state", "active"), int64(0)},
	})
	checkPoints(t, "linger.client.connections.opened", r.collect()["linger.client.connections.opened"], []point{{with(nil), int64(1)}})
	r.CloseIdleConnections()
	checkPoints(t, "linger.client.connections.closed", r.collect()["linger.client.connections.closed"], []point{
		{with(nil, "linger.close.reason", string(linger.CloseByCaller)), int64(1)},
	})
}

// TestSubjectOfOrigin reads what the pool calls an origin.
func TestSubjectOfOrigin(t *testing.T) {
	for origin, want := range map[string]subject{
		"https://example.com:443":     {scheme: "https", address: "example.com", port: 443},
		"http://[fe80::1]:80":         {scheme: "http", address: "fe80::1", port: 80},
		"https://a:443 by http://p:1": {scheme: "https", address: "a", port: 443},
		"by http://p:3128":            {scheme: "http", address: "p", port: 3128},
		"http://[broken":              {address: "http://[broken"},
	} {
		if got := subjectOfOrigin(origin); got != want {
			t.Errorf("%s: %+v, not %+v", origin, got, want)
		}
	}
}
