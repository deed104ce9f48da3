package main

import (
	"runtime"
	"slices"
)

// A report is what a run found.
type report struct {
	Go         string           `json:"go"`
	CPUs       int              `json:"cpus"`
	Rounds     int              `json:"rounds"`
	DurationMS float64          `json:"duration_ms"`
	Scenarios  []scenarioReport `json:"scenarios"`
	Bars       []verdict        `json:"bars"`
}

func newReport(o options) report {
	return report{Go: runtime.Version(), CPUs: runtime.NumCPU(), Rounds: o.rounds, DurationMS: micros(o.duration) / 1000}
}

// A scenarioReport is what one scenario gave.
type scenarioReport struct {
	Name    string   `json:"name"`
	Skipped string   `json:"skipped,omitempty"` // why it was not run
	Rows    []result `json:"rows"`

	columns []metric
}

// A result is what one contender gave: the medians of its rounds, and of the
// rounds' ratios to the baseline.
type result struct {
	Client  string            `json:"client"`
	Median  sample            `json:"median"`
	Ratio   map[metric]spread `json:"ratio,omitempty"`
	Samples []sample          `json:"rounds"`
}

// A spread is the median of several figures, the lowest and the highest.
type spread struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

func summarize(sc scenario, bouts []*bout) scenarioReport {
	r := scenarioReport{Name: sc.name, columns: sc.kind.columns()}
	for _, b := range bouts {
		res := result{Client: b.contender.name, Samples: b.samples, Median: make(sample)}
		for m := range b.samples[0] {
			res.Median[m] = spreadOf(valuesOf(b.samples, m)).Median
		}
		r.Rows = append(r.Rows, res)
	}
	base := r.row(baseline)
	for i := range r.Rows {
		if base != nil {
			r.Rows[i].Ratio = ratios(r.Rows[i].Samples, base.Samples)
		}
	}
	return r
}

// row returns a contender's result, nil if it did not take part.
func (r *scenarioReport) row(client string) *result {
	i := slices.IndexFunc(r.Rows, func(res result) bool { return res.Client == client })
	if i < 0 {
		return nil
	}
	return &r.Rows[i]
}

func valuesOf(samples []sample, m metric) []float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, s[m])
	}
	return values
}

// ratios compares samples round by round, so that what disturbed a whole round
// cancels out. A metric of which the other has nothing has no ratio.
func ratios(a, b []sample) map[metric]spread {
	all := make(map[metric]spread)
	for m := range a[0] {
		if r, ok := ratioOf(a, b, m); ok {
			all[m] = r
		}
	}
	return all
}

func ratioOf(a, b []sample, m metric) (spread, bool) {
	var values []float64
	for i := range a {
		if b[i][m] <= 0 {
			return spread{}, false
		}
		values = append(values, a[i][m]/b[i][m])
	}
	return spreadOf(values), true
}

// spreadOf sorts a copy of the values, of which there is at least one.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Low: sorted[0], High: sorted[n-1]}
}
