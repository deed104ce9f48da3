package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"
)

func TestJSONGolden(t *testing.T) {
	golden(t, "page.json", samplePage(t).WriteJSON)
	golden(t, "compare.json", sampleComparison().WriteJSON)
	golden(t, "link.json", linkComparison().WriteJSON)
	golden(t, "sweep.json", sampleSweep().WriteJSON)
	golden(t, "empty-page.json", (&Page{}).WriteJSON)
	golden(t, "empty-compare.json", (&Comparison{}).WriteJSON)
	golden(t, "empty-sweep.json", (&Sweep{}).WriteJSON)
}

// names lists the names of an object, sorted.
func names(t *testing.T, v any) []string {
	t.Helper()
	o, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%T is no object", v)
	}
	return slices.Sorted(maps.Keys(o))
}

func decode(t *testing.T, write func(io.Writer) error) map[string]any {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(b.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Scripts stand on these names.
func TestJSONNames(t *testing.T) {
	compare := decode(t, sampleComparison().WriteJSON)
	row := compare["rows"].([]any)[0].(map[string]any)
	page := decode(t, samplePage(t).WriteJSON)
	link := decode(t, linkComparison().WriteJSON)
	sweep := decode(t, sampleSweep().WriteJSON)
	for _, c := range []struct {
		what   string
		object any
		names  []string
	}{
		{"comparison", compare, []string{"site", "rounds", "rows"}},
		{"row", row, []string{"strategy", "time_ms", "times_ms", "layout_known_ms", "exchanges", "failed", "connections", "reused", "bytes_received", "handshake_ms", "queue_ms"}},
		{"time_ms", row["time_ms"], []string{"median", "low", "high"}},
		{"comparison on a link", link, []string{"link", "certificate"}},
		{"wire", link["rows"].([]any)[0].(map[string]any)["wire"], []string{"packets_up", "packets_down", "bytes_up", "bytes_down", "payload", "overhead", "dropped"}},
		{"sweep", sweep, []string{"site", "link", "rounds", "x", "y", "strategies", "cells", "verdicts", "certificate"}},
		{"axis", sweep["x"], []string{"name", "values"}},
		{"cell", sweep["cells"].([]any)[0].([]any)[0], []string{"times_ms", "best", "margin", "clear", "parallel", "parallel_helps", "failed"}},
		{"page", page, []string{"exchanges", "summary", "moments", "url", "strategy"}},
		{"exchange", page["exchanges"].([]any)[0], []string{"number", "method", "url", "protocol", "status", "start", "duration_ns", "sent", "received", "connection", "nth", "reason", "tries", "spans", "kind", "content_type", "size", "found_in"}},
	} {
		got := names(t, c.object)
		for _, name := range c.names {
			if !slices.Contains(got, name) {
				t.Errorf("%s has no %q: %q", c.what, name, got)
			}
		}
	}
}

// A writer's error comes through, with the rendering's name.
func TestWriteErrors(t *testing.T) {
	broken := errors.New("no space left")
	w := writerFunc(func([]byte) (int, error) { return 0, broken })
	p, c, s := samplePage(t), sampleComparison(), sampleSweep()
	for rendering, err := range map[string]error{
		"text":     p.WriteText(w, Terminal{}),
		"steps":    p.WriteSteps(w, Terminal{}),
		"JSON":     p.WriteJSON(w),
		"HAR":      p.WriteHAR(w),
		"table":    c.WriteText(w, Terminal{}),
		"rows":     c.WriteJSON(w),
		"sweep":    s.WriteText(w, Terminal{}),
		"cells":    s.WriteJSON(w),
		"picture":  s.WriteHTML(w),
		"progress": Progress{}.WriteLive(w, Terminal{}),
	} {
		var e *Error
		if !errors.Is(err, broken) || !errors.As(err, &e) {
			t.Errorf("%s: got %v", rendering, err)
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
