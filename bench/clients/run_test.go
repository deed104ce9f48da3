package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// smallScale makes the large scenarios small.
func smallScale() scale { return scale{bulkBytes: 1 << 20, idleConns: 20} }

func quick(pattern string) options {
	return options{scenario: regexp.MustCompile(pattern), rounds: 1, duration: time.Millisecond}
}

// TestEveryScenario runs everything once. That each client got as many answers
// as the server gave, and each of them whole, is checked by the run itself.
func TestEveryScenario(t *testing.T) {
	var told []string
	rep, err := compare(t.Context(), quick(""), smallScale(), func(r scenarioReport) error {
		told = append(told, r.Name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := scenarios(smallScale())
	if len(rep.Scenarios) != len(all) || len(told) != len(all) {
		t.Fatalf("%d scenarios reported, %d told, want %d", len(rep.Scenarios), len(told), len(all))
	}
	for i, sc := range all {
		t.Run(sc.name, func(t *testing.T) { checkReport(t, sc, rep.Scenarios[i]) })
	}
	if len(rep.Bars) != len(bars()) {
		t.Errorf("%d bars judged, want %d: %+v", len(rep.Bars), len(bars()), rep.Bars)
	}
}

// checkReport: everyone who can has taken part, and has a figure in each column.
func checkReport(t *testing.T, sc scenario, r scenarioReport) {
	if r.Name != sc.name || r.Skipped != "" {
		t.Fatalf("reported as %q, skipped %q", r.Name, r.Skipped)
	}
	for _, c := range contenders() {
		row := r.row(c.name)
		if (row != nil) != c.takes(sc) {
			t.Errorf("%s: row %v, but takes is %v", c.name, row, c.takes(sc))
			continue
		}
		if row != nil {
			checkRow(t, sc, *row)
		}
	}
}

func checkRow(t *testing.T, sc scenario, row result) {
	if len(row.Samples) != 1 {
		t.Errorf("%s: %d samples, want 1", row.Client, len(row.Samples))
	}
	for _, m := range sc.kind.columns() {
		v, ok := row.Median[m]
		if !ok {
			t.Errorf("%s: no %s", row.Client, m)
		}
		if v <= 0 && slices.Contains([]metric{perSecond, p50, p99, rate}, m) {
			t.Errorf("%s: %s is %v", row.Client, m, v)
		}
	}
}

// TestCountsAreChecked lets somebody else ask the server during a measurement.
func TestCountsAreChecked(t *testing.T) {
	s, err := startServer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	sc := scenarios(smallScale())[0]
	b, err := openBout(contenders()[0], sc, s)
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	inner := b.crew.callers[0].exchange
	b.crew.callers[0].exchange = func() error { return errors.Join(inner(), inner()) }
	if _, err := b.measureWork(sc, s, 0); err == nil || err.Error() != "1 answers, but the server gave 2" {
		t.Errorf("got %v", err)
	}
}

// TestServerGone: when the server ends, so does the run, with an error.
func TestServerGone(t *testing.T) {
	for _, c := range contenders() {
		s, err := startServer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sc := scenarios(smallScale())[1]
		b, err := openBout(c, sc, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		if err := b.measure(t.Context(), sc, s, time.Second); err == nil || !strings.HasPrefix(err.Error(), sc.name+": "+c.name+": ") {
			t.Errorf("%s: got %v", c.name, err)
		}
		b.close()
	}
}

func TestRunPrints(t *testing.T) {
	out := &bytes.Buffer{}
	args := []string{"-scenario", "http1/get100/64", "-rounds", "2", "-duration", "1ms"}
	if err := run(t.Context(), args, out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"http1/get100/64", "CPU µs/req", "\n  linger ", "\n  fasthttp ", "at most 12.0", "×"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if regexp.MustCompile(` \n`).MatchString(out.String()) {
		t.Errorf("a line ends with a space:\n%s", out)
	}
}

func TestRunJSON(t *testing.T) {
	out := &bytes.Buffer{}
	args := []string{"-scenario", "http1/get100/1", "-rounds", "2", "-duration", "1ms", "-json", "-client", "linger",
		"-cpuprofile", t.TempDir() + "/cpu", "-memprofile", t.TempDir() + "/mem"}
	if err := run(t.Context(), args, out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	rows := back.Scenarios[0].Rows
	if len(rows) != 1 || rows[0].Client != "linger" || len(rows[0].Samples) != 2 || back.Rounds != 2 {
		t.Errorf("got %+v", back)
	}
}

func TestWrongUsage(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-scenario", "("}, "-scenario"},
		{[]string{"-scenario", "nothing is called so"}, "none matches"},
		{[]string{"-client", "curl"}, `nobody is called "curl"`},
		{[]string{"-rounds", "0"}, "-rounds is 0"},
		{[]string{"-duration", "1h"}, "-duration is 1h0m0s"},
		{[]string{"more"}, `unexpected argument "more"`},
		{[]string{"-nothing"}, "-nothing"},
	} {
		err := run(t.Context(), tt.args, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err, io.Discard) != 2 {
			t.Errorf("%q: got %v, want %q and code 2", tt.args, err, tt.want)
		}
	}
	if err := run(t.Context(), []string{"-h"}, io.Discard, io.Discard); exitCode(err, io.Discard) != 0 {
		t.Errorf("-h: %v", err)
	}
}
