package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// Why strategies took as long as they did: what each spent on which cause.

// A RowCause is what one cause cost of a row's exchanges together, those side by side
// counted each: of one round, the median of all.
type RowCause struct {
	Cause timeline.Cause `json:"cause"`
	MS    float64        `json:"ms"`
	Share float64        `json:"share"` // of the time of all exchanges together, 0 to 1

	// PageMS is its part of the page's own time: each moment is shared evenly by the
	// exchanges under way that did not wait for others.
	PageMS float64 `json:"page_ms"`
}

// cause is what a cause cost of a row.
func (r *Row) cause(c timeline.Cause) RowCause {
	for _, rc := range r.Causes {
		if rc.Cause == c {
			return rc
		}
	}
	return RowCause{Cause: c}
}

// causesOf are the causes of all rows, those first that cost most in all.
func (c *Comparison) causesOf() []timeline.Cause {
	var sums [timeline.NumCauses]float64
	for _, r := range c.Rows {
		for _, rc := range r.Causes {
			if int(rc.Cause) < len(sums) {
				sums[rc.Cause] += rc.MS
			}
		}
	}
	var all []timeline.Cause
	for cause, ms := range sums {
		if ms > 0 {
			all = append(all, timeline.Cause(cause))
		}
	}
	slices.SortStableFunc(all, func(a, b timeline.Cause) int { return cmp.Compare(sums[b], sums[a]) })
	return all
}

// whyCell is the width of "28.2 ms  68 %".
const whyCell = 12

// A whyColumn is a column of the table of causes: a cause, or all that have none.
type whyColumn struct {
	heading string
	width   int
	of      func(*Row) RowCause
}

// whyColumns are as many causes as there is room for, and the rest of them.
func whyColumns(causes []timeline.Cause, room int) (all []whyColumn) {
	for i, cause := range causes {
		col := whyColumn{cause.String(), max(whyCell, len(cause.String())), func(r *Row) RowCause { return r.cause(cause) }}
		need := 1 + col.width
		if i < len(causes)-1 {
			need += 1 + whyCell
		}
		if need > room {
			return append(all, whyColumn{"other", whyCell, func(r *Row) RowCause { return r.restOf(causes[:i]) }})
		}
		room -= 1 + col.width
		all = append(all, col)
	}
	return all
}

// writeWhy writes what each strategy spent on the causes that cost most.
func (c *Comparison) writeWhy(b *bytes.Buffer, t Terminal) {
	causes := c.causesOf()
	if len(causes) == 0 {
		return
	}
	name := len("strategy")
	for _, r := range c.Rows {
		name = max(name, columns(t.encode(clean(r.Strategy))))
	}
	name = max(min(name, t.width()-2*(whyCell+1)), 11)
	shown := whyColumns(causes, t.width()-name)
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, wrapped("Why: the time of all exchanges of a round together, by cause", t.width(), "  ")))
	heading := padRight("strategy", name)
	for _, col := range shown {
		heading += " " + padLeft(col.heading, col.width)
	}
	fmt.Fprintf(b, "%s\n", t.paint(faint, heading))
	for i := range c.Rows {
		b.WriteString(padRight(t.encode(clean(c.Rows[i].Strategy)), name))
		for _, col := range shown {
			b.WriteString(" " + padLeft(col.of(&c.Rows[i]).text(), col.width))
		}
		b.WriteByte('\n')
	}
	for _, note := range c.CauseNotes {
		fmt.Fprintf(b, "%s\n", t.paint(faint, wrapped(t.encode(clean(note)), t.width(), "")))
	}
}

// restOf is what a row spent on other causes than those.
func (r *Row) restOf(causes []timeline.Cause) RowCause {
	var rest RowCause
	for _, rc := range r.Causes {
		if !slices.Contains(causes, rc.Cause) {
			rest.MS, rest.Share = rest.MS+rc.MS, rest.Share+rc.Share
		}
	}
	return rest
}

// text writes what a cause cost and its share, and a dash for nothing.
func (rc RowCause) text() string {
	if !(rc.MS > 0) {
		return "-"
	}
	return millis(rc.MS) + " " + padLeft(percent(rc.Share), 4)
}

// An htmlWhy is the table of causes. Cells and parts are in the order of the causes.
type htmlWhy struct {
	Causes []htmlCause
	Lines  []htmlWhyLine
}

// An htmlWhyLine is a row of it.
type htmlWhyLine struct {
	Strategy string
	Cells    []string
	Parts    []htmlCause // what is not nothing, for the bar
}

// htmlWhy is nil if no causes are known.
func (c *Comparison) htmlWhy() *htmlWhy {
	causes := c.causesOf()
	if len(causes) == 0 {
		return nil
	}
	var w htmlWhy
	for _, cause := range causes {
		w.Causes = append(w.Causes, htmlCause{Cause: cause, Letter: lookOf(cause).letter})
	}
	for i := range c.Rows {
		line := htmlWhyLine{Strategy: c.Rows[i].Strategy}
		for _, cause := range causes {
			rc := c.Rows[i].cause(cause)
			text := strings.Join(strings.Fields(rc.text()), " ")
			line.Cells = append(line.Cells, text)
			if rc.MS > 0 {
				line.Parts = append(line.Parts, htmlCause{Cause: cause, Time: text, Share: min(max(rc.Share, 0), 1) * 100})
			}
		}
		w.Lines = append(w.Lines, line)
	}
	return &w
}
