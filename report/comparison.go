package report

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/lingerhttp/linger/timeline"
)

// A Comparison is what fetching one page under several strategies found.
type Comparison struct {
	Site   string `json:"site"`
	Rounds int    `json:"rounds"`         // how often each strategy fetched the page
	Link   string `json:"link,omitempty"` // the emulated link in one line; empty without one
	Rows   []Row  `json:"rows"`           // ratios and bars stand against the first

	// Verdict is one sentence on what decided.
	Verdict string `json:"verdict"`

	// CauseNotes say how the causes of the rows are known: a sentence each.
	CauseNotes []string `json:"cause_notes,omitempty"`

	// Certificate says in some lines how exact the link was, Defects why that was not
	// enough, if it was not.
	Certificate []string `json:"-"`
	Defects     []string `json:"-"`

	// Exactness is the certificate in figures, for JSON; nil without a link.
	Exactness any `json:"certificate,omitempty"`
}

// A Row is one strategy of a comparison. Counts and sums are those of one round,
// the median of all rounds unless the maker of the row says otherwise.
type Row struct {
	Strategy string    `json:"strategy"`
	Time     Interval  `json:"time_ms"`
	Times    []float64 `json:"times_ms"` // of each round, in the order of the rounds

	// Ratio is this row's median by the first row's. Differs tells whether the
	// difference is significant; it means nothing in the first row.
	Ratio   float64 `json:"ratio"`
	Differs bool    `json:"differs"`

	// LayoutKnown is the moment at which every image's size was known, in
	// milliseconds; zero or less (null in JSON) if it never came.
	LayoutKnown float64 `json:"layout_known_ms"`

	Exchanges     int   `json:"exchanges"`
	Failed        int   `json:"failed"` // objects that did not come, or not whole
	Connections   int   `json:"connections"`
	Reused        int   `json:"reused"`
	BytesReceived int64 `json:"bytes_received"`

	// Sums over all exchanges, in milliseconds, and their shares, 0 to 1, of the
	// time of all exchanges together.
	HandshakeMS    float64 `json:"handshake_ms"`
	QueueMS        float64 `json:"queue_ms"`
	HandshakeShare float64 `json:"handshake_share"`
	QueueShare     float64 `json:"queue_share"`

	// Causes are what was spent on each cause, the largest first; nil if nobody asked.
	Causes []RowCause `json:"causes,omitempty"`

	Wire *Wire `json:"wire,omitempty"` // nil where no emulated link counted packets

	// Sample holds the exchanges of a typical round, for the HTML waterfall.
	Sample []*timeline.Exchange `json:"-"`
}

// MarshalJSON writes null for what is not a number, as a ratio to nothing.
func (r Row) MarshalJSON() ([]byte, error) {
	type plain Row // without this method
	if r.Times == nil {
		r.Times = []float64{}
	}
	return json.Marshal(struct {
		plain
		Ratio       *float64 `json:"ratio"`
		LayoutKnown *float64 `json:"layout_known_ms"`
	}{plain(r), finite(r.Ratio), positive(r.LayoutKnown)})
}

// An Interval is a median and its confidence interval, in milliseconds. Low and
// High are infinite where the rounds were too few to say; JSON says null then.
type Interval struct {
	Median, Low, High float64
}

// MarshalJSON writes null for what is not finite.
func (v Interval) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Median *float64 `json:"median"`
		Low    *float64 `json:"low"`
		High   *float64 `json:"high"`
	}{finite(v.Median), finite(v.Low), finite(v.High)})
}

// spread is the wider half of the interval as a share of the median.
func (v Interval) spread() float64 {
	return max(v.High-v.Median, v.Median-v.Low) / v.Median
}

// text says from where to where the interval reaches.
func (v Interval) text() string {
	if finite(v.Low) == nil || finite(v.High) == nil {
		return "too few rounds to say"
	}
	return millis(v.Low) + " – " + millis(v.High)
}

func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

func positive(f float64) *float64 {
	if !(f > 0) {
		return nil
	}
	return finite(f)
}

// longest is the longest median of all rows, never zero: the scale of the bars.
func (c *Comparison) longest() float64 {
	times := make([]Interval, len(c.Rows))
	for i, r := range c.Rows {
		times[i] = r.Time
	}
	return longest(times)
}

func longest(times []Interval) float64 {
	var longest float64
	for _, v := range times {
		if m := finite(v.Median); m != nil {
			longest = max(longest, *m)
		}
	}
	if longest == 0 {
		return 1
	}
	return longest
}

// onLink tells whether a link counted the packets of any row.
func (c *Comparison) onLink() bool {
	return slices.ContainsFunc(c.Rows, func(r Row) bool { return r.Wire != nil })
}
