package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// WriteText writes the comparison for a terminal: a line for each strategy with
// a bar for its time, what it spent on which cause, then the verdict, then how exact the link was.
func (c *Comparison) WriteText(w io.Writer, t Terminal) error {
	var b bytes.Buffer
	title := fmt.Sprintf("%s, %s", clean(c.Site), count(c.Rounds, "round"))
	t.writeTitle(&b, title, c.Link)
	c.table(&b, t)
	for _, r := range c.Rows {
		if r.Failed > 0 {
			text := fmt.Sprintf("%s: %s failed", clean(r.Strategy), count(r.Failed, "object"))
			fmt.Fprintf(&b, "%s %s\n", t.paint(red, t.glyph("✗", "!")), wrapped(t.encode(text), t.width()-2, "  "))
		}
	}
	c.writeWhy(&b, t)
	if c.Verdict != "" {
		fmt.Fprintf(&b, "\n%s\n", wrapped(t.encode(clean(c.Verdict)), t.width(), ""))
	}
	t.writeCertificate(&b, c.Certificate, c.Defects)
	_, err := w.Write(b.Bytes())
	return wrap("text", err)
}

// writeTitle writes a clean title and, below it, the link if there is one.
func (t Terminal) writeTitle(b *bytes.Buffer, title, link string) {
	fmt.Fprintf(b, "%s\n", t.paint(bold, wrapped(t.encode(title), t.width(), "  ")))
	if link != "" {
		fmt.Fprintf(b, "%s\n", wrapped(t.encode(clean(link)), t.width(), "  "))
	}
}

// writeCertificate says how exact the link was, and warns where that was not enough.
func (t Terminal) writeCertificate(b *bytes.Buffer, lines, defects []string) {
	if len(lines)+len(defects) > 0 {
		b.WriteByte('\n')
	}
	for _, line := range lines {
		fmt.Fprintf(b, "%s\n", t.paint(faint, wrapped(t.encode(clean(line)), t.width(), "")))
	}
	for _, d := range defects {
		fmt.Fprintf(b, "%s\n", t.paint(yellow, "! late: "+wrapped(t.encode(clean(d)), t.width()-8, "  ")))
	}
}

func (c *Comparison) table(b *bytes.Buffer, t Terminal) {
	name := len("strategy")
	for _, r := range c.Rows {
		name = max(name, columns(t.encode(clean(r.Strategy))))
	}
	shown := c.shown(t, name)
	room := t.width()
	for _, col := range shown {
		room -= 1 + col.width
	}
	name = min(name, max(room, 11))
	room -= name
	heading := padRight("strategy", name)
	var notes []string
	for _, col := range shown {
		heading += " " + padLeft(t.glyph(col.heading, asciiMarks.Replace(col.heading)), col.width)
		if col.note != "" {
			notes = append(notes, t.glyph(col.note, asciiMarks.Replace(col.note)))
		}
	}
	room = min(room-1, 60)
	fmt.Fprintf(b, "%s\n", t.paint(faint, heading))
	for i, r := range c.Rows {
		b.WriteString(padRight(t.encode(clean(r.Strategy)), name))
		for _, col := range shown {
			b.WriteString(" " + padLeft(col.cell(t, r, i == 0), col.width))
		}
		if bar := t.bar(r.Time.Median/c.longest(), room); bar != "" {
			b.WriteString(" " + t.paint(looks[timeline.Receive].color, bar))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "%s\n", t.paint(faint, wrapped(strings.Join(notes, "; "), t.width(), "")))
}
