package main

// A bar is what linger promises, and where that is measured.
type bar struct {
	text     string
	scenario string
	metric   metric
	against  string  // the contender it is compared with; empty: the figure itself counts
	atLeast  float64 // 0: it is a bar to stay below
	atMost   float64
}

func bars() []bar {
	const main, tls, h2, bulk, idle = "http1/get100/64", "http1-tls/get100/64", "http2-tls/get100/64", "http1/bulk", "http1/idle"
	return []bar{
		{text: "requests per CPU-second", scenario: main, metric: perCPUSecond, against: baseline, atLeast: 2.2},
		{text: "requests per CPU-second", scenario: main, metric: perCPUSecond, against: "fasthttp", atLeast: 0.9},
		{text: "allocations a request", scenario: main, metric: allocsEach, atMost: 12},
		{text: "p99", scenario: main, metric: p99, against: baseline, atMost: 1},
		{text: "requests per CPU-second", scenario: tls, metric: perCPUSecond, against: baseline, atLeast: 1.3},
		{text: "requests per CPU-second", scenario: h2, metric: perCPUSecond, against: baseline, atLeast: 1},
		{text: "rate of a large body", scenario: bulk, metric: rate, against: baseline, atLeast: 1},
		{text: "heap of an idle connection, bytes", scenario: idle, metric: heapEach, atMost: 6 << 10},
		{text: "goroutines of an idle connection", scenario: idle, metric: routinesEach, atMost: 0.01},
	}
}

// A verdict is what a bar came to.
type verdict struct {
	Text     string  `json:"text"`
	Scenario string  `json:"scenario"`
	Against  string  `json:"against,omitempty"`
	AtLeast  float64 `json:"at_least,omitempty"`
	AtMost   float64 `json:"at_most,omitempty"`
	Got      spread  `json:"got"`
	Met      bool    `json:"met"` // by the median
}

// judge holds linger against its bars, as far as they were measured.
func judge(reports []scenarioReport) []verdict {
	var all []verdict
	for _, b := range bars() {
		for _, r := range reports {
			if got, ok := b.measured(r); ok {
				all = append(all, verdict{Text: b.text, Scenario: b.scenario, Against: b.against, AtLeast: b.atLeast, AtMost: b.atMost, Got: got, Met: b.met(got.Median)})
			}
		}
	}
	return all
}

// measured returns the figure of a bar, if the report has it.
func (b bar) measured(r scenarioReport) (spread, bool) {
	own, other := r.row("linger"), r.row(b.against)
	switch {
	case r.Name != b.scenario || own == nil:
		return spread{}, false
	case b.against == "":
		return spreadOf(valuesOf(own.Samples, b.metric)), true
	case other == nil:
		return spread{}, false
	}
	return ratioOf(own.Samples, other.Samples, b.metric)
}

func (b bar) met(got float64) bool {
	if b.atLeast > 0 {
		return got >= b.atLeast
	}
	return got <= b.atMost
}
