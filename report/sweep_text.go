package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteText writes the sweep for a terminal: who is fastest on each link, what
// parallel connections gain there, the verdicts, then how exact the links were.
func (s *Sweep) WriteText(w io.Writer, t Terminal) error {
	var b bytes.Buffer
	t.writeTitle(&b, fmt.Sprintf("%s, %s of each strategy on each link", clean(s.Site), count(s.Rounds, "round")), s.Link)
	s.writeWinners(&b, t)
	if s.knowsParallel() {
		t.writeHeading(&b, "Parallel connections: time of persistent6 by time of persistent; below 1 they help, ~ where that may be chance")
		g := s.table(t, 1, parallelText)
		if g.width() <= t.width() {
			g.write(&b, t)
		} else {
			s.writeList(&b, t, parallelText)
		}
	}
	for _, verdict := range s.Verdicts {
		fmt.Fprintf(&b, "\n%s\n", wrapped(t.encode(clean(verdict)), t.width(), ""))
	}
	t.writeCertificate(&b, s.Certificate, s.Defects)
	_, err := w.Write(b.Bytes())
	return wrap("text", err)
}

func (t Terminal) writeHeading(b *bytes.Buffer, text string) {
	fmt.Fprintf(b, "\n%s\n", t.paint(bold, wrapped(text, t.width(), "")))
}

// writeWinners writes who is fastest where: in a table, with names as long as
// there is room for, or else in a list.
func (s *Sweep) writeWinners(b *bytes.Buffer, t Terminal) {
	t.writeHeading(b, "Fastest, and how many times as long the second took; ~ where that may be chance")
	names := s.winners()
	longest := 0
	for i, name := range names {
		names[i] = t.encode(clean(name))
		longest = max(longest, columns(names[i]))
	}
	for n := longest + 1; n >= min(longest, 4); n-- {
		g := s.table(t, 2, func(t Terminal, c SweepCell) cellText { return s.winnerText(t, c, n) })
		if g.width() > t.width() {
			continue
		}
		short, cut := make(map[string]bool), []string{}
		for _, name := range names {
			brief := shortStrategy(name, n)
			short[brief] = true
			if brief != name {
				cut = append(cut, brief+": "+name)
			}
		}
		if len(short) < len(names) {
			break // two of them would look the same
		}
		g.write(b, t)
		if len(cut) > 0 {
			fmt.Fprintf(b, "%s\n", t.paint(faint, wrapped(strings.Join(cut, ", "), t.width(), "")))
		}
		return
	}
	s.writeList(b, t, func(t Terminal, c SweepCell) cellText { return s.winnerText(t, c, 0) })
}

// winners are the strategies that win anywhere, in the order of the strategies.
func (s *Sweep) winners() []string {
	var all []string
	for i, name := range s.Strategies {
		wins := func(c SweepCell) bool { return !c.Failed && c.Best == i }
		if slices.ContainsFunc(s.Cells, func(row []SweepCell) bool { return slices.ContainsFunc(row, wins) }) {
			all = append(all, name)
		}
	}
	return all
}

// shortStrategy cuts a name to so many columns, but not the number at its end,
// which tells it apart.
func shortStrategy(name string, n int) string {
	if columns(name) <= n {
		return name
	}
	word := strings.TrimRight(name, "0123456789")
	number := head(name[len(word):], n-1)
	return head(word, n-len(number)) + number
}

// winnerText names the winner in n columns, or in as many as it takes if n is 0.
func (s *Sweep) winnerText(t Terminal, c SweepCell, n int) cellText {
	best := s.winner(c)
	if best == "" {
		return cellText{"failed", red}
	}
	name := t.encode(clean(best))
	if n == 0 {
		name += " "
	} else {
		name = padRight(shortStrategy(name, n), n)
	}
	if positive(c.Margin) == nil {
		return cellText{name, plain}
	}
	margin := digits(c.Margin) + t.glyph("×", "x")
	if !c.Clear {
		return cellText{name + padLeft("~"+margin, 6), faint}
	}
	return cellText{name + padLeft(margin, 6), plain}
}

// parallelText writes what parallel connections gain.
func parallelText(_ Terminal, c SweepCell) cellText {
	switch {
	case positive(c.Parallel) == nil:
		return cellText{" -", faint}
	case c.Parallel < 1 && !c.ParallelHelps:
		return cellText{"~" + digits(c.Parallel), faint}
	}
	return cellText{" " + digits(c.Parallel), plain}
}
