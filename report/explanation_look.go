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
// is the same everywhere; so are the families of the colours: orange before the
// first byte, blue on the wire, green at the server, yellow to brown for windows,
// pink for what small segments wait for, red for losses, grey for lines.
type causeLook struct {
	letter      string
	color       sgr    // on a terminal
	light, dark string // in HTML, on a light and a dark page
}

var causeLooks = [timeline.NumCauses]causeLook{
	timeline.Unknown:       {"?", "38;5;245", "#d5d7da", "#4b4f56"},
	timeline.Queued:        {".", "38;5;249", "#9fa6b1", "#6f7682"},
	timeline.NameLookup:    {"d", "38;5;37", "#2aa5a0", "#2aa5a0"},
	timeline.Handshake:     {"h", "38;5;214", "#f0a23c", "#e8a04a"},
	timeline.SYNRetry:      {"y", "38;5;130", "#a84f00", "#b35c10"},
	timeline.TLSHandshake:  {"t", "38;5;134", "#9352c4", "#a970d8"},
	timeline.Propagation:   {"-", "38;5;117", "#b5d3f5", "#35567f"},
	timeline.Server:        {"s", "38;5;71", "#6cbd74", "#5aa863"},
	timeline.Stall:         {"z", "38;5;28", "#1f6b2e", "#9fdba6"},
	timeline.Transfer:      {"#", "38;5;33", "#3f7edb", "#5c94ea"},
	timeline.Queueing:      {"q", "38;5;25", "#173f86", "#a9c6f7"},
	timeline.SlowStart:     {"w", "38;5;220", "#f2d22e", "#e5c73a"},
	timeline.Congestion:    {"c", "38;5;136", "#b38600", "#a58219"},
	timeline.ReceiveWindow: {"r", "38;5;95", "#6e4f35", "#c9a27e"},
	timeline.Nagle:         {"n", "38;5;211", "#f28cbc", "#ee86b7"},
	timeline.DelayedACK:    {"a", "38;5;162", "#a8226f", "#c0458c"},
	timeline.Loss:          {"x", "38;5;196", "#d62f27", "#f0574d"},
	timeline.HeadOfLine:    {"b", "38;5;240", "#4d545e", "#b9bfc8"},
	timeline.Client:        {"k", "38;5;106", "#8f9f12", "#b8c840"},
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
	var r, g, b int
	if _, err := fmt.Sscanf(color, "#%02x%02x%02x", &r, &g, &b); err != nil {
		return 1
	}
	linear := func(v int) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
