package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/lingerhttp/linger/timeline"
)

// How causes look, in text and in HTML.

// A causeLook is how one cause appears. The letter tells it apart without colour, and
// is the same everywhere. So are the families of the colours: gold and brown before
// the first byte, blue on the wire, green at the server, yellow to brown for windows,
// pink for what small segments wait for, red for losses. Also whoever sees two of the
// three primary colours only can tell any two of them apart, if not name them.
type causeLook struct {
	letter      string
	color       sgr    // on a terminal
	light, dark string // in HTML, on a light and a dark page
}

var causeLooks = [timeline.NumCauses]causeLook{
	timeline.Unknown:       {"?", "38;5;245", "#d5d7da", "#4b4f56"},
	timeline.Queued:        {".", "38;5;249", "#87ae9b", "#6c606c"},
	timeline.NameLookup:    {"d", "38;5;37", "#2c92aa", "#2da19e"},
	timeline.Handshake:     {"h", "38;5;214", "#dabb2d", "#ca9a30"},
	timeline.SYNRetry:      {"y", "38;5;130", "#8a5f00", "#a64910"},
	timeline.TLSHandshake:  {"t", "38;5;134", "#825ab3", "#8f60d9"},
	timeline.Propagation:   {"-", "38;5;117", "#aec8fe", "#255683"},
	timeline.Server:        {"s", "38;5;71", "#62cc80", "#6a9068"},
	timeline.Stall:         {"z", "38;5;28", "#017b4c", "#8bf08a"},
	timeline.Transfer:      {"#", "38;5;33", "#5060ef", "#60a6ff"},
	timeline.Queueing:      {"q", "38;5;25", "#1f2579", "#8fbfff"},
	timeline.SlowStart:     {"w", "38;5;220", "#ffd736", "#ede534"},
	timeline.Congestion:    {"c", "38;5;136", "#bb7c00", "#93810e"},
	timeline.ReceiveWindow: {"r", "38;5;95", "#50412e", "#c0b08a"},
	timeline.Nagle:         {"n", "38;5;211", "#f281da", "#f068c0"},
	timeline.DelayedACK:    {"a", "38;5;162", "#981b8d", "#a94aaa"},
	timeline.Loss:          {"x", "38;5;196", "#d92945", "#fa4a6a"},
	timeline.HeadOfLine:    {"b", "38;5;240", "#3e5061", "#bfd8cd"},
	timeline.Client:        {"k", "38;5;106", "#aaa812", "#9ecc4e"},
}

// lookOf is how a cause appears, also one that this program does not know.
func lookOf(c timeline.Cause) causeLook {
	if int(c) >= len(causeLooks) {
		c = timeline.Unknown
	}
	return causeLooks[c]
}

// cause draws n cells of a cause.
func (t Terminal) cause(c timeline.Cause, n int) string {
	l := lookOf(c)
	return t.paint(l.color, strings.Repeat(l.letter, n))
}

// causeStyle is the part of the style sheet that gives each cause its colour.
func causeStyle() template.CSS {
	var light, dark strings.Builder
	for c := range timeline.Cause(timeline.NumCauses) {
		l := lookOf(c)
		fmt.Fprintf(&light, ".c-%v { --c: %s; --t: %s; }\n", c, l.light, inkOn(l.light))
		fmt.Fprintf(&dark, "  .c-%v { --c: %s; --t: %s; }\n", c, l.dark, inkOn(l.dark))
	}
	return template.CSS(light.String() + "@media (prefers-color-scheme: dark) {\n" + dark.String() + "}\n")
}

// inkOn is the colour of a letter on a colour: whichever of black and white has
// more contrast.
func inkOn(color string) string {
	if luminance(color) > 0.179 { // where both have the same: WCAG 2.2
		return "#000000"
	}
	return "#ffffff"
}

// luminance is the relative luminance of a colour, 0 to 1: WCAG 2.2.
func luminance(color string) float64 {
	v := linearRGB(color)
	return 0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2]
}

// linearRGB is a colour such as "#3f7edb" in linear sRGB, each part 0 to 1; black, if
// it is none.
func linearRGB(color string) (v [3]float64) {
	var rgb [3]int
	if _, err := fmt.Sscanf(color, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		return v
	}
	for i, n := range rgb {
		f := float64(n) / 255
		if v[i] = f / 12.92; f > 0.04045 {
			v[i] = math.Pow((f+0.055)/1.055, 2.4)
		}
	}
	return v
}
