package report

import (
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// WriteHTML writes the comparison as one HTML file that needs nothing else: the
// table, and the waterfall of each row's sample on one time scale.
func (c *Comparison) WriteHTML(w io.Writer) error {
	data := htmlData{Length: 1}
	rows := make([]htmlRow, len(c.Rows))
	for i, r := range c.Rows {
		origin, length := extent(time.Time{}, r.Sample)
		data.Length = max(data.Length, ms(length))
		sample := r.Sample
		if sample == nil {
			sample = []*timeline.Exchange{}
		} else if data.URL == "" {
			data.URL = sample[0].URL
		}
		data.Charts = append(data.Charts, htmlChart{r.Strategy, sample, offsets(origin, sample), []htmlMoment{}})
		rows[i] = c.htmlRow(r, i == 0)
	}
	return render(w, "compare.html", "linger compare: "+c.Site, data, struct {
		*Comparison
		Rounds string
		Lines  []htmlRow
		Wires  []htmlWire
		Why    *htmlWhy
		Style  template.CSS
	}{c, count(c.Rounds, "round"), rows, c.htmlWires(), c.htmlWhy(), causeStyle()})
}

// An htmlRow is a line of the comparison's table. Bar, Low and High are places
// on the scale of the longest median or interval, 0 to 100.
type htmlRow struct {
	Row
	Median, Interval, RatioText, Layout, Bytes, Handshake, Queue string
	Bar, Low, High                                               float64
	First                                                        bool
}

func (c *Comparison) htmlRow(r Row, first bool) htmlRow {
	scale := c.longest()
	for _, other := range c.Rows {
		if high := finite(other.Time.High); high != nil {
			scale = max(scale, *high)
		}
	}
	place := func(f float64) float64 {
		if finite(f) == nil {
			return 0
		}
		return min(max(f/scale*100, 0), 100)
	}
	h := htmlRow{
		Row: r, First: first,
		Median: millis(r.Time.Median), Interval: r.Time.text(), RatioText: ratio(r, first),
		Layout: momentText(r.LayoutKnown), Bytes: size(r.BytesReceived),
		Handshake: percent(r.HandshakeShare), Queue: percent(r.QueueShare),
		Bar: place(r.Time.Median),
	}
	if finite(r.Time.Low) != nil && finite(r.Time.High) != nil {
		h.Low, h.High = place(r.Time.Low), place(r.Time.High)
	}
	return h
}

// An htmlWire is a line of the table of what the link saw. Bars are places on
// the scale of the most bytes, 0 to 100.
type htmlWire struct {
	Strategy              string
	PayloadBar, HeaderBar float64
	Cells                 []string // of the columns after the bar
}

func (c *Comparison) htmlWires() []htmlWire {
	var most int64 = 1
	for _, r := range c.Rows {
		if r.Wire != nil {
			most = max(most, r.Wire.bytes())
		}
	}
	var all []htmlWire
	for _, r := range c.Rows {
		if r.Wire == nil {
			continue
		}
		w, bar := r.Wire, float64(r.Wire.bytes())/float64(most)*100
		headers := min(max(w.Overhead, 0), 1) * bar
		all = append(all, htmlWire{r.Strategy, bar - headers, headers, []string{
			size(w.bytes()), percent(w.Overhead), fmt.Sprint(w.PacketsUp), fmt.Sprint(w.PacketsDown),
			size(w.BytesUp), size(w.BytesDown), fmt.Sprint(w.Dropped),
		}})
	}
	return all
}
