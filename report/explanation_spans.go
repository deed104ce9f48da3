package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// WriteSpans writes every span of the exchanges that are shown: when it began, how
// long it took, its cause, how sure that is, what shows it and in which packets.
func (x *Explanation) WriteSpans(w io.Writer, t Terminal) error {
	var b bytes.Buffer
	for i, e := range x.Entries {
		if i > 0 {
			b.WriteByte('\n')
		}
		t.writeSpans(&b, e)
	}
	t.writeSentences(&b, "About the capture:", x.Defects)
	_, err := w.Write(b.Bytes())
	return wrap("text", err)
}

func (t Terminal) writeSpans(b *bytes.Buffer, e Explained) {
	title := fmt.Sprintf("%d: %s %s", e.Number, clean(e.Method), cleanURL(e.URL))
	fmt.Fprintf(b, "%s\n", t.paint(bold, wrapped(title, t.width(), "  ")))
	fmt.Fprintf(b, "%s\n", wrapped(t.encode(e.about()), t.width(), "  "))
	if e.Problem != "" {
		mark := t.paint(yellow, "~")
		if e.Failed {
			mark = t.paint(red, t.glyph("✗", "!"))
		}
		fmt.Fprintf(b, "%s %s\n", mark, wrapped(t.encode(clean(e.Problem)), t.width()-2, "  "))
	}
	if e.Inferred {
		fmt.Fprintf(b, "%s\n", wrapped("where its messages begin and end is inferred from directions and record sizes; --keylog FILE would tell", t.width(), "  "))
	}
	fmt.Fprintf(b, "\n%s\n", t.paint(faint, "  "+padLeft("start", 7)+" "+padLeft("time", 7)+"   "+padRight("cause", t.causeColumn())+" "+padLeft("sure", 5)))
	for _, s := range e.Spans {
		t.writeSpan(b, s)
	}
	for _, s := range e.Savings {
		fmt.Fprintf(b, "%s\n", wrapped(fmt.Sprintf("%s would have saved %s", clean(s.Remedy), duration(s.Time)), t.width(), "  "))
	}
}

// about is what an exchange was, and on which connection.
func (e Explained) about() string {
	what := "no response"
	switch {
	case e.Status == 0 && e.Inferred:
		what = "hidden by TLS"
	case e.Status > 0:
		what = strings.TrimSpace(clean(e.Protocol) + " " + strconv.Itoa(e.Status))
	}
	what += fmt.Sprintf(", %s received, %s sent, %s from %s", size(e.Received.Total()), size(e.Sent.Total()),
		duration(e.Duration), e.Start.Format("15:04:05.000000 MST"))
	if e.Conn.Number > 0 {
		what += fmt.Sprintf("; exchange %d on connection %d, %s", e.Nth, e.Conn.Number, Connection(e.Conn))
	}
	return what
}

func (t Terminal) writeSpan(b *bytes.Buffer, s timeline.Span) {
	line := "  " + padLeft(duration(s.Start), 7) + " " + padLeft(duration(s.Duration()), 7) + " " +
		t.cause(s.Cause, 1) + " " + padRight(s.Cause.String(), t.causeColumn()) + " " + padLeft(sure(s.Certainty), 5)
	fmt.Fprintf(b, "%s\n", strings.TrimRight(line, " "))
	if s.Note != "" {
		t.writeIndented(b, 6, plain, clean(s.Note))
	}
	if len(s.Evidence) > 0 {
		t.writeIndented(b, 6, faint, evidence(s.Evidence))
	}
}

// causeColumn is how many columns a cause has beside the figures of its span.
func (t Terminal) causeColumn() int { return min(causeWidth, t.width()-26) }

// sure is a certainty; empty if nobody judged it.
func sure(certainty float64) string {
	if certainty <= 0 {
		return ""
	}
	return percent(certainty)
}

// evidence names packets.
func evidence(packets []int) string {
	word := "packets"
	if len(packets) == 1 {
		word = "packet"
	}
	for _, n := range packets {
		word += " " + strconv.Itoa(n)
	}
	return word
}
