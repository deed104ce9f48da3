package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteText writes the explanation for a terminal: what the capture holds, where
// the time went, what would save some, what is wrong with the capture, and then a
// line for each exchange that is shown.
func (x *Explanation) WriteText(w io.Writer, t Terminal) error {
	var b bytes.Buffer
	x.writeTitle(&b, t)
	x.writeCauses(&b, t)
	x.writeRemedies(&b, t)
	t.writeSentences(&b, "About the capture:", x.Defects)
	x.writeWaterfall(&b, t)
	_, err := w.Write(b.Bytes())
	return wrap("text", err)
}

func (x *Explanation) writeTitle(b *bytes.Buffer, t Terminal) {
	what := fmt.Sprintf("%s: %s, %s in %s", clean(x.File), count(x.Connections, "connection"),
		count(x.Exchanges, "exchange"), duration(x.Time))
	fmt.Fprintf(b, "%s\n", t.paint(bold, wrapped(t.encode(what), t.width(), "  ")))
	about := packets(x.Packets)
	if !x.Begin.IsZero() {
		about += " since " + x.Begin.Format("2006-01-02 15:04:05.000 MST")
	}
	about += fmt.Sprintf("; %s received, %s sent", size(x.Received.Total()), size(x.Sent.Total()))
	if x.Failed > 0 {
		about += fmt.Sprintf("; %d marked %s", x.Failed, t.glyph("✗", "!"))
	}
	fmt.Fprintf(b, "%s\n", wrapped(about, t.width(), "  "))
	for _, note := range x.Notes {
		fmt.Fprintf(b, "%s\n", t.paint(faint, wrapped(t.encode(clean(note)), t.width(), "  ")))
	}
}

// packets is a number of packets, in words.
func packets(n int64) string {
	if n == 1 {
		return "1 packet"
	}
	return strconv.FormatInt(n, 10) + " packets"
}

// causeWidth is the columns of the longest cause.
const causeWidth = len("receive-window")

// writeCauses writes a bar for each cause and what it means.
func (x *Explanation) writeCauses(b *bytes.Buffer, t Terminal) {
	if len(x.Causes) == 0 {
		return
	}
	heading := "Where the time went, " + duration(x.Spent) + " over all exchanges:"
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, wrapped(heading, t.width(), "  ")))
	for _, c := range x.Causes {
		bar := t.bar(c.Share, min(t.width()-causeWidth-21, 40))
		line := fmt.Sprintf("  %s %s %s %s  %s", t.cause(c.Cause, 1), padRight(c.Cause.String(), causeWidth),
			padLeft(duration(c.Time), 7), padLeft(percent(c.Share), 5), t.paint(lookOf(c.Cause).color, bar))
		fmt.Fprintf(b, "%s\n", strings.TrimRight(line, " "))
		if c.Meaning != "" && c.Time > 0 {
			t.writeIndented(b, 4, faint, clean(c.Meaning))
		}
	}
}

// writeIndented writes clean text in lines that all stand so far from the left.
func (t Terminal) writeIndented(b *bytes.Buffer, by int, color sgr, text string) {
	indent := strings.Repeat(" ", by)
	for line := range strings.SplitSeq(wrapped(t.encode(text), t.width()-by, ""), "\n") {
		fmt.Fprintf(b, "%s%s\n", indent, t.paint(color, line))
	}
}

// writeRemedies writes a sentence for each remedy.
func (x *Explanation) writeRemedies(b *bytes.Buffer, t Terminal) {
	if len(x.Remedies) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, "What would save most:"))
	for i, r := range x.Remedies {
		text := fmt.Sprintf("%d. %s of %s: %s", i+1, duration(r.Time), count(r.Exchanges, "exchange"), clean(r.Advice))
		fmt.Fprintf(b, "  %s\n", wrapped(t.encode(text), t.width()-2, "     "))
	}
}

// writeSentences writes a paragraph for each sentence.
func (t Terminal) writeSentences(b *bytes.Buffer, heading string, sentences []string) {
	if len(sentences) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, wrapped(heading, t.width(), "  ")))
	for _, s := range sentences {
		fmt.Fprintf(b, "  %s %s\n", t.paint(yellow, "!"), wrapped(t.encode(clean(s)), t.width()-4, "    "))
	}
}
