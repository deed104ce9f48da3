package report

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lingerhttp/linger/timeline"
)

// What comes from elsewhere stays text, in a page that has no scripts at all and
// asks for nothing.
func TestExplanationHTMLEscapes(t *testing.T) {
	x := sampleExplanation(t)
	x.File, x.Notes, x.Remedies[0].Advice, x.Causes[0].Meaning = hostileNote, []string{hostileNote}, hostileNote, hostileNote
	x.Entries[0].Method, x.Entries[0].Problem = hostileNote, hostileNote
	x.Pictures[0].Note, x.Pictures[0].Sender, x.Pictures[0].Again[0].Label = hostileNote, hostileNote, hostileNote
	var b bytes.Buffer
	if err := x.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "\x1b", "ZgotmplZ"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	for _, reference := range regexp.MustCompile(`\b(?:src|href)="[^"]*"|\burl\([^)]*\)|@import`).FindAllString(b.String(), -1) {
		if reference != `href="data:,"` {
			t.Errorf("the page refers to %s", reference)
		}
	}
}

func TestExplanationHTMLInChromium(t *testing.T) {
	x := sampleExplanation(t)
	b := open(t, x.WriteHTML, 1280, 1400)
	if got := b.count("details"); got != len(x.Entries) {
		t.Errorf("%d exchanges, want %d", got, len(x.Entries))
	}
	if got := b.count(".causes tr"); got != timeline.NumCauses {
		t.Errorf("%d causes, want %d", got, timeline.NumCauses)
	}
	colors := eval[int](b, `new Set([...document.querySelectorAll('.span')].map(s => getComputedStyle(s).backgroundColor)).size`)
	if colors != timeline.NumCauses {
		t.Errorf("the spans have %d colours, want %d", colors, timeline.NumCauses)
	}
	if got := b.count(".band"); got != len(x.Pictures[0].Bands) {
		t.Errorf("%d causes are shaded, want %d", got, len(x.Pictures[0].Bands))
	}
	for _, class := range []string{"data", "acks", "windows", "again", "other"} {
		if w := eval[float64](b, `document.querySelector('.sequence .`+class+`').getBBox().width`); w == 0 && class != "other" {
			t.Errorf("nothing is drawn of %s", class)
		}
	}
	shown := func() string {
		return eval[string](b, `[...document.querySelectorAll('.spans')].filter(s => s.offsetParent && s.getBoundingClientRect().height > 0 && s.closest('details').open).map(s => s.innerText).join()`)
	}
	if got := shown(); got != "" {
		t.Errorf("before an exchange is opened, the page shows %q", got)
	}
	b.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.frame()
	if got := shown(); !strings.Contains(got, "packets 17 30 31 32") || !strings.Contains(got, "97 %") {
		t.Errorf("opened, the first exchange shows %q", got)
	}
}

// A narrow window scrolls tables and pictures, never the page.
func TestExplanationNarrowHTMLInChromium(t *testing.T) {
	b := open(t, sampleExplanation(t).WriteHTML, 400, 800)
	if got := eval[int](b, `document.documentElement.scrollWidth`); got > 400 {
		t.Errorf("the page is %d pixels wide in a window of 400", got)
	}
}

// A page can be opened in the light and in the dark: letters can be read on their
// colours (WCAG 2.2, 1.4.3 asks for 4.5).
func TestLettersCanBeRead(t *testing.T) {
	for c := range timeline.Cause(timeline.NumCauses) {
		for _, color := range []string{lookOf(c).light, lookOf(c).dark} {
			ink := luminance(inkOn(color))
			bright, dim := max(ink, luminance(color))+0.05, min(ink, luminance(color))+0.05
			if bright/dim < 4.5 {
				t.Errorf("%v: the letter on %s has a contrast of %.1f", c, color, bright/dim)
			}
		}
	}
}

// eyes are how colours are seen without one of the three kinds of cones, in linear
// RGB: Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of
// Color Vision Deficiency" (2009), severity 1.
var eyes = map[string][3][3]float64{
	"all three": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"no red":    {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"no green":  {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"no blue":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

// Any two causes can be told apart by anybody's eyes, and from the page. Colours are
// 0.02 apart in Oklab where a difference is just seen.
func TestColoursCanBeToldApart(t *testing.T) {
	for _, dark := range []bool{false, true} {
		names, colors := []string{"the page"}, []string{map[bool]string{false: "#fbfbfa", true: "#1a1d21"}[dark]}
		for c := range timeline.Cause(timeline.NumCauses) {
			names = append(names, c.String())
			colors = append(colors, map[bool]string{false: lookOf(c).light, true: lookOf(c).dark}[dark])
		}
		for eye, cones := range eyes {
			for i := range colors {
				for j := range i {
					if d := distance(oklab(colors[i], cones), oklab(colors[j], cones)); d < 0.065 {
						t.Errorf("with %s, dark %v: %s and %s are %.3f apart", eye, dark, names[i], names[j], d)
					}
				}
			}
		}
	}
}

func times(m [3][3]float64, v [3]float64) (w [3]float64) {
	for i := range 3 {
		for j := range 3 {
			w[i] += m[i][j] * v[j]
		}
	}
	return w
}

// oklab is a colour as an eye sees it, in https://bottosson.github.io/posts/oklab/.
func oklab(color string, cones [3][3]float64) [3]float64 {
	v := times(cones, linearRGB(color))
	for i := range v {
		v[i] = min(max(v[i], 0), 1)
	}
	lms := times([3][3]float64{{0.4122214708, 0.5363325363, 0.0514459929}, {0.2119034982, 0.6806995451, 0.1073969566}, {0.0883024619, 0.2817188376, 0.6299787005}}, v)
	for i := range lms {
		lms[i] = math.Cbrt(lms[i])
	}
	return times([3][3]float64{{0.2104542553, 0.7936177850, -0.0040720468}, {1.9779984951, -2.4285922050, 0.4505937099}, {0.0259040371, 0.7827717662, -0.8086757660}}, lms)
}

func distance(a, b [3]float64) float64 {
	return math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2])
}
