package report

import (
	"fmt"
	"io"
	"time"
)

// Progress says how far the fetching of a page has come. The caller decides how
// often to show it (some 10 times a second is plenty) and reads the clock.
type Progress struct {
	Found, Done, Failed int   // objects; Done counts the failed ones too
	Connections         int   // open now; not shown if 0, which may mean that nobody knows
	Bytes               int64 // received so far
	Elapsed             time.Duration
}

// String is the progress in one line of plain ASCII.
func (p Progress) String() string {
	s := fmt.Sprintf("%d of %s", p.Done, count(p.Found, "object"))
	if p.Failed > 0 {
		s += fmt.Sprintf(", %d failed", p.Failed)
	}
	s += "  " + size(p.Bytes)
	if p.Connections > 0 {
		s += "  " + count(p.Connections, "connection")
	}
	if p.Elapsed > 0 {
		s += fmt.Sprintf("  %s/s", size(int64(float64(p.Bytes)/p.Elapsed.Seconds())))
	}
	return s + "  " + duration(p.Elapsed)
}

// WriteLive writes the progress over what the terminal's line held before. It
// leaves the last column free, so that no terminal begins a new line.
func (p Progress) WriteLive(w io.Writer, t Terminal) error {
	_, err := io.WriteString(w, "\r"+head(p.String(), t.width()-1)+clearToEnd)
	return wrap("progress", err)
}

// WriteLine writes the progress as a line of its own, for what is no terminal.
func (p Progress) WriteLine(w io.Writer) error {
	_, err := io.WriteString(w, p.String()+"\n")
	return wrap("progress", err)
}

// ClearLive takes the line that WriteLive wrote off the terminal.
func ClearLive(w io.Writer) error {
	_, err := io.WriteString(w, "\r"+clearToEnd)
	return wrap("progress", err)
}

const clearToEnd = "\x1b[K" // "erase in line", ECMA-48 §8.3.41
