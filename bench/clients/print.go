package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
)

// titles are the headings of the columns.
var titles = map[metric]string{
	perSecond:    "req/s",
	cpuEach:      "CPU µs/req",
	allocsEach:   "allocs/req",
	bytesEach:    "B/req",
	p50:          "p50 µs",
	p99:          "p99 µs",
	rate:         "MiB/s",
	cpuPerGiB:    "CPU ms/GiB",
	heapEach:     "heap B/conn",
	stackEach:    "stack B/conn",
	routinesEach: "goroutines/conn",
}

// printTable prints one scenario: each figure and, behind it, its ratio to the
// baseline.
func printTable(w io.Writer, r scenarioReport) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s", r.Name)
	if r.Skipped != "" {
		fmt.Fprintf(&b, "  not run: %s", r.Skipped)
	}
	for _, m := range r.columns {
		fmt.Fprintf(&b, "%*s", columnWidth, titles[m]+"       ")
	}
	b.WriteString("\n")
	for _, res := range r.Rows {
		fmt.Fprintf(&b, "  %-20s", res.Client)
		for _, m := range r.columns {
			fmt.Fprintf(&b, "%*s %6s", columnWidth-7, figure(res.Median[m]), times(res, m))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, trailing.ReplaceAllString(b.String(), "\n"))
	return err
}

// trailing spaces end a line whose last column has no ratio.
var trailing = regexp.MustCompile(` +\n`)

const columnWidth = 18

// figure prints three digits or more.
func figure(v float64) string {
	switch {
	case math.Abs(v) < 0.005:
		return "0" // and no -0.00
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// times prints a ratio to the baseline, nothing where there is none.
func times(res result, m metric) string {
	r, ok := res.Ratio[m]
	switch {
	case !ok || res.Client == baseline:
		return ""
	}
	return figure(r.Median) + "×"
}

// printBars prints what linger promises and what it came to, as the median and
// the range over the rounds.
func printBars(w io.Writer, verdicts []verdict) error {
	var b strings.Builder
	for _, v := range verdicts {
		wanted, word := fmt.Sprintf("at most %s", figure(v.AtMost)), "missed"
		if v.AtLeast > 0 {
			wanted = fmt.Sprintf("at least %s", figure(v.AtLeast))
		}
		if v.Against != "" {
			wanted += " × " + v.Against
		}
		if v.Met {
			word = "met"
		}
		got := fmt.Sprintf("%s (%s to %s)", figure(v.Got.Median), figure(v.Got.Low), figure(v.Got.High))
		fmt.Fprintf(&b, "%-7s %-20s %-34s %-25s got %s\n", word, v.Scenario, v.Text, wanted, got)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func printJSON(w io.Writer, r report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
