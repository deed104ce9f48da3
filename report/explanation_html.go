package report

import (
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/lingerhttp/linger/timeline"
)

// WriteHTML writes the explanation as one HTML file that needs nothing else, and no
// scripts: what text says, each exchange to be opened for its spans, and the
// pictures.
func (x *Explanation) WriteHTML(w io.Writer) error {
	body := struct {
		*Explanation
		Title, Since string
		Figures      []htmlFigure
		All          string
		Parts        []htmlCause
		Advice       []htmlAdvice
		Lines        []htmlLine
		Ticks        []htmlTick
		Together     bool
		Legend       []htmlCause
		Drawn        []htmlPicture
		Box          map[string]string
		Style        template.CSS
	}{
		Explanation: x, Title: x.File, Since: since(x.Begin),
		Figures: x.figures(), All: duration(x.Spent), Parts: x.htmlCauses(), Advice: x.htmlAdvice(),
		Legend: x.htmlLegend(), Box: pictureBox(),
		Style: template.CSS(asset("explain.css")) + causeStyle(),
	}
	body.Lines, body.Ticks, body.Together = x.htmlLines()
	for i := range x.Pictures {
		body.Drawn = append(body.Drawn, x.Pictures[i].html())
	}
	return execute(w, "explain.html", htmlPage{Title: "linger explain: " + x.File, Body: body})
}

func since(begin time.Time) string {
	if begin.IsZero() {
		return ""
	}
	return begin.Format("2 January 2006, 15:04:05.000 MST")
}

func (x *Explanation) figures() []htmlFigure {
	failed := ""
	if x.Failed > 0 {
		failed = fmt.Sprintf("%d marked ✗", x.Failed)
	}
	return []htmlFigure{
		{"Time", duration(x.Time), "first packet to last"},
		{"Packets", strconv.FormatInt(x.Packets, 10), ""},
		{"Connections", strconv.Itoa(x.Connections), ""},
		{"Exchanges", strconv.Itoa(x.Exchanges), failed},
		{"Received", size(x.Received.Total()), size(x.Received.Header) + " of heads"},
		{"Sent", size(x.Sent.Total()), ""},
	}
}

// An htmlCause is a cause with what it cost and how it looks.
type htmlCause struct {
	Cause                  timeline.Cause
	Letter                 string
	Time, Percent, Meaning string
	Share                  float64 // 0 to 100
}

func (x *Explanation) htmlCauses() []htmlCause {
	var all []htmlCause
	for _, c := range x.Causes {
		all = append(all, htmlCause{c.Cause, lookOf(c.Cause).letter, duration(c.Time), percent(c.Share), c.Meaning, min(c.Share, 1) * 100})
	}
	return all
}

// htmlLegend are the causes that are seen in the lines, in the order of all.
func (x *Explanation) htmlLegend() []htmlCause {
	seen := make(map[timeline.Cause]bool)
	for _, e := range x.Entries {
		for _, s := range e.Spans {
			seen[s.Cause] = true
		}
	}
	var all []htmlCause
	for c := range timeline.Cause(timeline.NumCauses) {
		if seen[c] {
			all = append(all, htmlCause{Cause: c, Letter: lookOf(c).letter})
		}
	}
	return all
}

// An htmlAdvice is a remedy in words.
type htmlAdvice struct{ Saves, Of, Text string }

func (x *Explanation) htmlAdvice() []htmlAdvice {
	var all []htmlAdvice
	for _, r := range x.Remedies {
		all = append(all, htmlAdvice{duration(r.Time), count(r.Exchanges, "exchange"), r.Advice})
	}
	return all
}

// An htmlLine is an exchange of the waterfall, with its spans.
type htmlLine struct {
	Number, Conn, Status, Name, Bytes, Time string
	About, Problem                          string
	Mark                                    string
	Main                                    timeline.Cause
	Spans                                   []htmlSpan
	Saved                                   []string
}

// An htmlSpan is a span. Left and Width are places on the axis, 0 to 100.
type htmlSpan struct {
	Cause                                       timeline.Cause
	Letter, Start, Time, Sure, Note, Shown, Tip string
	Left, Width                                 float64
}

// htmlCells is the resolution at which bars are judged too short to be read.
const htmlCells = 200

func (x *Explanation) htmlLines() (lines []htmlLine, ticks []htmlTick, together bool) {
	a, together := x.axis(htmlCells)
	for _, e := range x.Entries {
		if together {
			a.origin = e.Start
		}
		lines = append(lines, x.htmlLine(a, e))
	}
	if together {
		return lines, a.htmlTicks(0), true
	}
	return lines, a.htmlTicks(a.origin.Sub(x.Begin)), false
}

func (x *Explanation) htmlLine(a axis, e Explained) htmlLine {
	name, _ := x.name(e)
	h := htmlLine{
		Number: strconv.Itoa(e.Number), Conn: "–", Status: "–", Name: name, Bytes: size(e.Received.Total()),
		Time: duration(e.Duration), About: cleanURL(e.URL) + " – " + e.about(), Problem: e.Problem,
		Mark: strings.TrimSpace(e.mark(Terminal{})), Main: e.Main,
	}
	if e.Conn.Number > 0 {
		h.Conn = strconv.Itoa(e.Conn.Number)
	}
	if e.Status > 0 {
		h.Status = strconv.Itoa(e.Status)
	}
	for _, s := range e.Spans {
		h.Spans = append(h.Spans, a.htmlSpan(e, s))
	}
	for _, s := range e.Savings {
		h.Saved = append(h.Saved, s.Remedy+" would have saved "+duration(s.Time))
	}
	return h
}

func (a axis) htmlSpan(e Explained, s timeline.Span) htmlSpan {
	place := func(d time.Duration) float64 {
		return share(e.Start.Sub(a.origin)+d, a.length) * 100
	}
	h := htmlSpan{
		Cause: s.Cause, Letter: lookOf(s.Cause).letter,
		Start: duration(s.Start), Time: duration(s.Duration()), Sure: sure(s.Certainty), Note: s.Note,
		Left: place(s.Start), Width: place(s.End) - place(s.Start),
	}
	h.Tip = fmt.Sprintf("%v: %s", s.Cause, h.Time)
	if s.Note != "" {
		h.Tip += " – " + s.Note
	}
	if len(s.Evidence) > 0 {
		h.Shown = evidence(s.Evidence)
	}
	return h
}

// htmlTicks are round times on an axis that begins at a time of the capture.
func (a axis) htmlTicks(from time.Duration) []htmlTick {
	c := canvas{from: from, length: a.length}
	ticks, name := c.timeTicks()
	unit := name[strings.LastIndexByte(name, ' '):]
	all := make([]htmlTick, 0, len(ticks))
	const width = pictureWidth - pictureLeft - pictureRight
	for _, t := range ticks {
		x, _ := strconv.ParseFloat(t.At, 64)
		all = append(all, htmlTick{units((x - pictureLeft) / width * 100), t.Label + unit})
	}
	return all
}
