package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	literature "github.com/lingerhttp/linger/repro"
)

// What an experiment brought, in 80 columns: tables, relations, certificates.

const printWidth = 80

func printResult(w io.Writer, r *literature.Result, ascii bool) {
	fmt.Fprintln(w, r.Name)
	wrap(w, "  ", "  ", r.Claim)
	wrap(w, "  ", "  ", r.Source)
	for _, t := range r.Tables {
		fmt.Fprintln(w)
		printTable(w, t)
	}
	fmt.Fprintln(w)
	for _, relation := range r.Relations {
		wrap(w, mark(relation.Holds, ascii)+" ", "  ", fmt.Sprintf("%s: %s (%s)", relation.Text, relation.Got, relation.Want))
	}
	fmt.Fprintln(w)
	printLinks(w, r)
}

// mark says whether a relation holds.
func mark(holds, ascii bool) string {
	switch {
	case ascii && holds:
		return "ok"
	case ascii:
		return "NO"
	case holds:
		return "✓"
	}
	return "✗"
}

// printTable prints labels to the left and numbers to the right.
func printTable(w io.Writer, t literature.Table) {
	wrap(w, "", "", t.Title)
	head := append([]string(nil), t.Labels...)
	for _, c := range t.Columns {
		head = append(head, c.Name)
	}
	lines := [][]string{head}
	for _, row := range t.Rows {
		line := append([]string(nil), row.Labels...)
		for i, v := range row.Values {
			line = append(line, strconv.FormatFloat(v, 'f', t.Columns[i].Digits, 64))
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(head))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, line := range lines {
		fmt.Fprintln(w, "  "+aligned(line, widths, len(t.Labels)))
	}
	for _, note := range t.Notes {
		wrap(w, "  ", "  ", note)
	}
}

// aligned is a line of a table, its first texts to the left and the rest to the right.
func aligned(line []string, widths []int, left int) string {
	var b strings.Builder
	for i, text := range line {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
		if i > 0 {
			b.WriteString("  ")
		}
		if i < left {
			b.WriteString(text + pad)
		} else {
			b.WriteString(pad + text)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// printLinks says how exact the links were.
func printLinks(w io.Writer, r *literature.Result) {
	for _, l := range r.Links {
		fmt.Fprintf(w, "link %s\n", l.Name)
		for line := range strings.SplitSeq(l.Certificate.String(), "\n") {
			wrap(w, "  ", "    ", line)
		}
	}
	if r.Repeated > 0 {
		wrap(w, "", "", count(r.Repeated, "run")+" thrown away and made again, for the link was late")
	}
	if r.Late() {
		wrap(w, "", "", "some links were later than they had to be to the end: the machine is busy, and times above may be too long")
	}
}

// wrap prints words in lines that begin with first and, all but the first, with rest.
func wrap(w io.Writer, first, rest, text string) {
	line := first
	started := false
	for word := range strings.FieldsSeq(text) {
		if started && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > printWidth {
			fmt.Fprintln(w, line)
			line, started = rest, false
		}
		if started {
			line += " "
		}
		line += word
		started = true
	}
	fmt.Fprintln(w, line)
}
