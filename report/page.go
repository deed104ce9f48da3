// Package report renders what was found: a page fetched under one strategy
// ([Page]), several strategies side by side ([Comparison]) or that on every link
// of a grid ([Sweep]), as text for a terminal, as one self-contained HTML file, as
// JSON and, of a page, as HAR 1.2.
//
// It lays out and formats a value that somebody else worked out; it measures
// nothing, reads no clock and keeps no state. What came from servers (URLs,
// notes, errors, header fields) is never trusted: no control character of
// theirs reaches a terminal and no markup of theirs reaches a browser.
package report

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// A Page is what fetching a page found.
type Page struct {
	// URL is the page's address, after redirects.
	URL      string `json:"url"`
	Strategy string `json:"strategy"`

	// Start is where the time axis begins; if zero, at the first exchange.
	Start   time.Time `json:"start"`
	Moments Moments   `json:"moments"`

	// Entries are shown in the order given, which should be that of their start.
	Entries  []Entry         `json:"exchanges"`
	Summary  timeline.Totals `json:"summary"`
	Failures []Failure       `json:"failures"`

	// Version is that of linger, for HAR's creator; if empty, "devel".
	Version string `json:"-"`
}

// An Entry is one exchange of a page and what the page knows about it.
type Entry struct {
	*timeline.Exchange // never nil

	Kind        string `json:"kind"`         // "document", "style", "script", "image", …
	ContentType string `json:"content_type"` // as the response said it
	Size        int64  `json:"size"`         // of the body after content decoding, in bytes
	FoundIn     string `json:"found_in"`     // the URL of what names this one; empty for the document

	// Location is where a redirect led to, else empty.
	Location string `json:"location,omitempty"`

	// The heads as they were sent and received; nil if unknown.
	RequestHeader  http.Header `json:"-"`
	ResponseHeader http.Header `json:"-"`
}

// Moments are what a person feels of a page, each since Page.Start. Zero or less
// means that the moment never came; JSON says null then, and else milliseconds.
type Moments struct {
	FirstByte        time.Duration // of the document
	DocumentComplete time.Duration
	LayoutKnown      time.Duration // the size of every image is known
	FirstImage       time.Duration // complete
	Complete         time.Duration // everything
}

// MarshalJSON writes the moments in milliseconds.
func (m Moments) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		FirstByte        *float64 `json:"first_byte_ms"`
		DocumentComplete *float64 `json:"document_complete_ms"`
		LayoutKnown      *float64 `json:"layout_known_ms"`
		FirstImage       *float64 `json:"first_image_ms"`
		Complete         *float64 `json:"complete_ms"`
	}{
		positive(ms(m.FirstByte)),
		positive(ms(m.DocumentComplete)),
		positive(ms(m.LayoutKnown)),
		positive(ms(m.FirstImage)),
		positive(ms(m.Complete)),
	})
}

// A moment is one of the moments with the words a reader sees.
type moment struct {
	Label string
	At    time.Duration
}

// list returns the moments in the order in which they usually come.
func (m Moments) list() []moment {
	return []moment{
		{"first byte", m.FirstByte},
		{"document complete", m.DocumentComplete},
		{"layout known", m.LayoutKnown},
		{"first image", m.FirstImage},
		{"complete", m.Complete},
	}
}

// A Failure is one line on something that could not be fetched.
type Failure struct {
	URL   string `json:"url"`
	Step  string `json:"step"`  // which step failed: "dns", "connect", "tls", …
	Error string `json:"error"` // what happened at that step, and why: it names the step too
	Hint  string `json:"hint"`  // what may help; may be empty
}

// failures returns p.Failures and, after them, the failed exchanges of which
// those do not speak, so that no rendering loses one. A failure speaks of what
// its URL was redirected to as well.
func (p *Page) failures() []Failure {
	all := p.Failures
	known := make(map[string]bool)
	for _, f := range p.Failures {
		known[f.URL] = true
	}
	for _, e := range p.Entries {
		if known[e.URL] && e.Location != "" {
			known[e.Location] = true
		}
		if e.Error != "" && !known[e.URL] {
			all = append(all[:len(all):len(all)], Failure{URL: e.URL, Step: lastPhase(e.Exchange).String(), Error: e.Error})
		}
	}
	return all
}

// lastPhase is what the client was doing when the exchange ended.
func lastPhase(e *timeline.Exchange) timeline.Phase {
	if len(e.Spans) == 0 {
		return timeline.Queue
	}
	return e.Spans[len(e.Spans)-1].Phase
}

// extent returns where the time axis of some exchanges begins and how long it
// must be to hold them. A zero start means the first exchange's.
func extent(start time.Time, entries []*timeline.Exchange) (time.Time, time.Duration) {
	var end time.Time
	first := start
	for _, e := range entries {
		if first.IsZero() || e.Start.Before(first) {
			first = e.Start
		}
		if at := e.Start.Add(e.Duration); at.After(end) {
			end = at
		}
	}
	if !end.After(first) {
		return first, time.Millisecond
	}
	return first, end.Sub(first)
}

// exchanges returns the page's exchanges without what the page adds.
func (p *Page) exchanges() []*timeline.Exchange {
	all := make([]*timeline.Exchange, len(p.Entries))
	for i, e := range p.Entries {
		all[i] = e.Exchange
	}
	return all
}
