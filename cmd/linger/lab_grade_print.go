package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/lingerhttp/linger/grade"
	"github.com/lingerhttp/linger/timeline"
)

// printGraded prints the scores of all ends.
func printGraded(w io.Writer, g *graded, ends []grade.End) {
	fmt.Fprintf(w, "%d scenarios", g.Scenarios)
	if len(g.Again) > 0 {
		fmt.Fprintf(w, ", played again because the link was late: %s", strings.Join(g.Again, ", "))
	}
	fmt.Fprintln(w)
	if len(g.Late) > 0 {
		fmt.Fprintf(w, "late in every run: %s\n", strings.Join(g.Late, ", "))
	}
	for _, f := range g.Failed {
		fmt.Fprintf(w, "failed: %s\n", f)
	}
	for _, end := range ends {
		if s := g.Scores[end.String()]; s != nil {
			printScore(w, end, s)
			printSavings(w, g.Savings[end.String()])
		}
	}
}

func printScore(w io.Writer, end grade.End, s *grade.Score) {
	marks, macro := s.Marks()
	fmt.Fprintf(w, "\n%s's end: macro-F1 %.3f, right %.1f %%, unknown %.1f %% of %.0f ms\n",
		end, macro, 100*s.Right(), 100*s.Unknown(), millis(s.Total()))
	fmt.Fprintf(w, "sum errors %d, exchanges matched %d of %d, explained besides %d, without a truth %d\n",
		len(s.SumErrors), s.Matched, s.Exchanges, s.Extra, s.Untold)
	for i, text := range s.SumErrors {
		if i == 5 {
			fmt.Fprintln(w, "  …")
			break
		}
		fmt.Fprintf(w, "  %s\n", text)
	}
	fmt.Fprintf(w, "not graded, before the explained exchange begins:%s\n\n", beforeText(s))
	printMarks(w, marks, s.Total())
	printConfusion(w, s)
	printWorst(w, s)
}

func beforeText(s *grade.Score) string {
	var text strings.Builder
	for c, n := range s.Before {
		if n > 0 {
			fmt.Fprintf(&text, " %v %.1f ms", timeline.Cause(c), millis(n))
		}
	}
	if text.Len() == 0 {
		return " nothing"
	}
	return text.String()
}

func printMarks(w io.Writer, marks []grade.Mark, total int64) {
	fmt.Fprintf(w, "%-15s %9s %6s %9s %9s %9s %7s\n", "cause", "true ms", "share", "said ms", "precision", "recall", "F1")
	for _, m := range marks {
		note := ""
		if !m.Counts {
			note = "  too little to count"
		}
		fmt.Fprintf(w, "%-15v %9.1f %5.1f%% %9.1f %9.3f %9.3f %7.3f%s\n",
			m.Cause, millis(m.True), 100*float64(m.True)/float64(max(1, total)), millis(m.Said), m.Precision, m.Recall, m.F1, note)
	}
}

// printConfusion prints what is true in rows and what is said in columns, in ms.
func printConfusion(w io.Writer, s *grade.Score) {
	var columns []int
	for c := range timeline.NumCauses {
		for t := range s.Confusion {
			if s.Confusion[t][c] > 0 {
				columns = append(columns, c)
				break
			}
		}
	}
	fmt.Fprintf(w, "\n%-15s", "true \\ said, ms")
	for _, c := range columns {
		fmt.Fprintf(w, " %8.8s", timeline.Cause(c))
	}
	fmt.Fprintln(w)
	for t, row := range s.Confusion {
		name := "after the end"
		if t < timeline.NumCauses {
			name = timeline.Cause(t).String()
		}
		var sum int64
		for _, n := range row {
			sum += n
		}
		if sum == 0 {
			continue
		}
		fmt.Fprintf(w, "%-15s", name)
		for _, c := range columns {
			fmt.Fprintf(w, " %8s", cellText(row[c]))
		}
		fmt.Fprintln(w)
	}
}

func cellText(n int64) string {
	if n == 0 {
		return "."
	}
	return fmt.Sprintf("%.1f", millis(n))
}

func printWorst(w io.Writer, s *grade.Score) {
	if len(s.Worst) == 0 {
		return
	}
	fmt.Fprintf(w, "\nworst exchanges, and the mistake of most of the time\n")
	for _, m := range s.Worst {
		fmt.Fprintf(w, "scenario %3d exchange %2d (%s #%d): %8.1f of %8.1f ms wrong; %s taken for %v\n",
			m.Scenario, m.Exchange, m.Conn, m.Nth, millis(m.Wrong), millis(m.Of), m.TrueWord(), m.Said)
	}
}

// printSavings prints what remedies save. Errors are in percent of an exchange's time.
// Unsteady exchanges, which take another time when nothing is changed, are counted and
// left out.
func printSavings(w io.Writer, all []grade.Saved) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-17s %9s %9s %8s %12s %12s %8s %8s   %s\n", "remedy", "scenarios", "exchanges", "unsteady",
		"predicted ms", "measured ms", "median %", "p90 %", "of those that save over 5 %: number, median, p90, wrong sign")
	for _, s := range all {
		fmt.Fprintf(w, "%-17s %9d %9d %8d %12.1f %12.1f %8.1f %8.1f   %6d %6.1f %6.1f %4d\n", s.Remedy, s.Scenarios, s.Exchanges, s.Unsteady,
			millis(s.Predicted), millis(s.Measured), 100*s.MedianError, 100*s.P90Error,
			s.Much, 100*s.MuchMedianError, 100*s.MuchP90Error, s.Wrong)
	}
}

// printSides prints what is true of each exchange beside what is said.
func printSides(w io.Writer, f *grade.Facts, end grade.End, truth []*grade.Judged, explained []*timeline.Exchange) {
	fmt.Fprintf(w, "%v\nfrom the %s's end\n", &f.Scenario, end)
	said := make(map[string]*timeline.Exchange)
	for _, x := range explained {
		said[fmt.Sprint(x.Conn.Local, x.Nth)] = x
	}
	for _, j := range truth {
		fmt.Fprintf(w, "\nexchange %d, %v #%d", j.Exchange, j.Conn, j.Nth)
		if j.Problem != "" {
			fmt.Fprintf(w, ": %s\n", j.Problem)
			continue
		}
		var other *grade.Judged
		name := fmt.Sprint(j.Conn, j.Nth)
		if x := said[name]; x != nil {
			other = grade.Said(x)
			fmt.Fprintf(w, ", explained from %.3f ms on, for %.3f ms", millis(other.Start-j.Start), millis(int64(x.Duration)))
		} else {
			fmt.Fprint(w, ", not explained")
		}
		fmt.Fprintf(w, ": %.3f ms\n", millis(j.End()-j.Start))
		printOverlay(w, j, other)
		delete(said, name)
	}
	for name, x := range said {
		fmt.Fprintf(w, "\nexplained, but not known: %s, %s %s\n", name, x.Method, x.URL)
	}
	fmt.Fprintln(w)
}

// printOverlay prints the parts of one exchange. Times are ms since its start.
func printOverlay(w io.Writer, j, x *grade.Judged) {
	grade.Overlay(j, x, func(from, to int64, truth int, said timeline.Cause) {
		trueText, saidText, more := "-", "-", ""
		if truth < timeline.NumCauses {
			trueText = timeline.Cause(truth).String()
		}
		if x != nil {
			for _, s := range x.Spans {
				if s.From <= from && from < s.To {
					saidText = said.String()
					more = sayMore(s, s.From == from)
				}
			}
		}
		mark := " "
		if trueText != saidText && saidText != "-" || saidText == "-" && from >= j.Start && x != nil && from >= x.Start {
			mark = "*"
		}
		fmt.Fprintf(w, "  %s %9.3f %9.3f %9.3f  %-14s %-14s %s\n",
			mark, millis(from-j.Start), millis(to-j.Start), millis(to-from), trueText, saidText, more)
	})
}

// sayMore is the evidence and the note of a stretch, where it begins.
func sayMore(s grade.Stretch, begins bool) string {
	if !begins {
		return ""
	}
	text := ""
	if len(s.Evidence) > 0 {
		text = fmt.Sprintf("%v ", s.Evidence)
	}
	if s.Certainty > 0 {
		text += fmt.Sprintf("%.2f ", s.Certainty)
	}
	return text + s.Note
}

func millis(ns int64) float64 { return float64(ns) / 1e6 }
