package report

import (
	"bytes"
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
