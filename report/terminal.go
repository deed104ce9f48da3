package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lingerhttp/linger/timeline"
)

// A Terminal is what text is rendered for. The zero value is 80 columns without
// colour, which suits a file.
type Terminal struct {
	Width int  // columns; default 80, and at least 32
	Color bool // the terminal knows ANSI colours
	ASCII bool // the terminal shows nothing but ASCII
}

func (t Terminal) width() int {
	if t.Width <= 0 {
		return 80
	}
	return max(t.Width, 32)
}

// An sgr is the parameter of ANSI's "select graphic rendition" (ECMA-48 §8.3.117).
type sgr string

const (
	plain  sgr = ""
	bold   sgr = "1"
	faint  sgr = "2"
	red    sgr = "31"
	yellow sgr = "33"
)

// paint colours text that is clean already.
func (t Terminal) paint(color sgr, text string) string {
	if !t.Color || color == plain || text == "" {
		return text
	}
	return "\x1b[" + string(color) + "m" + text + "\x1b[0m"
}

// glyph returns the Unicode text, or the ASCII one where only that can be shown.
func (t Terminal) glyph(unicode, ascii string) string {
	if t.ASCII {
		return ascii
	}
	return unicode
}

// A look is how a phase appears: the character tells it apart without colour.
type look struct {
	unicode, ascii string
	color          sgr
}

var looks = [timeline.NumPhases]look{
	timeline.Queue:   {"·", ".", "90"},
	timeline.DNS:     {"d", "d", "36"},
	timeline.Connect: {"c", "c", "33"},
	timeline.TLS:     {"t", "t", "35"},
	timeline.Send:    {">", ">", bold},
	timeline.Wait:    {"░", "-", "32"},
	timeline.Receive: {"█", "#", "34"},
}

// phase draws n cells of a phase.
func (t Terminal) phase(p timeline.Phase, n int) string {
	l := looks[p]
	return t.paint(l.color, strings.Repeat(t.glyph(l.unicode, l.ascii), n))
}

// legend says which character stands for which phase, as many as fit a line.
func (t Terminal) legend() string {
	var lines []string
	var line string
	used := 0
	for p := range timeline.Phase(timeline.NumPhases) {
		word := p.String()
		if used > 0 && used+len(word)+4 > t.width() {
			lines = append(lines, line)
			line, used = "", 0
		}
		if used > 0 {
			line, used = line+"  ", used+2
		}
		line += t.phase(p, 1) + " " + word
		used += 2 + len(word)
	}
	return strings.Join(append(lines, line), "\n")
}

var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar draws a share, 0 to 1, of so many cells, to the eighth of a cell; what is
// more than nothing shows.
func (t Terminal) bar(share float64, cells int) string {
	if !(share > 0) || cells <= 0 {
		return ""
	}
	share = min(share, 1)
	if t.ASCII {
		return strings.Repeat("#", max(1, int(share*float64(cells)+0.5)))
	}
	n := max(1, int(share*float64(cells)*8+0.5))
	return strings.Repeat("█", n/8) + eighths[n%8]
}

// encode spells clean text with what the terminal can show.
func (t Terminal) encode(s string) string {
	if !t.ASCII {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
