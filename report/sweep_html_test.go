package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// What comes from elsewhere stays text, in a page that has no scripts at all.
func TestSweepHTMLEscapes(t *testing.T) {
	s := sampleSweep()
	s.Site, s.Link, s.X.Name, s.Y.Name = hostileNote, hostileNote, hostileNote, hostileNote
	for _, list := range [][]string{s.X.Values, s.Y.Values, s.Strategies, s.Verdicts, s.Certificate} {
		list[0] = hostileNote
	}
	s.Cells[0][0].Best = 0
	var b bytes.Buffer
	if err := s.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "\x1b", "ZgotmplZ"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
}

// tip is what the page tells of the cell that is pointed at or has the focus.
func (b *browser) tip() string {
	b.t.Helper()
	b.frame()
	return eval[string](b, `[...document.querySelectorAll('.tip')].filter(t => t.offsetParent).map(t => t.innerText).join('\n')`)
}

func TestSweepHTMLInChromium(t *testing.T) {
	s := sampleSweep()
	b := open(t, s.WriteHTML, 1200, 1000)
	if got, want := b.count(".cell"), 2*len(s.X.Values)*len(s.Y.Values); got != want {
		t.Errorf("%d cells, want %d", got, want)
	}
	if got, want := b.count(".medians tbody tr"), len(s.X.Values)*len(s.Y.Values); got != want {
		t.Errorf("%d rows of medians, want %d", got, want)
	}
	if got := b.count(".edge-right.edge-below"); got != 2 {
		t.Errorf("the border turns at %d cells, want 2", got)
	}
	backgrounds := eval[int](b, `new Set([...document.querySelectorAll('.cell[class*=" s"]:not(.chance)')].map(c => getComputedStyle(c).backgroundColor)).size`)
	if backgrounds < len(s.winners()) {
		t.Errorf("%d colours for %d winners", backgrounds, len(s.winners()))
	}
	if got := b.tip(); got != "" {
		t.Errorf("before anything is pointed at, the page tells %q", got)
	}
	x, y := b.point(".heat > tbody > tr:nth-child(4) > td:nth-of-type(2)", 0.5, 0.5)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
	got := b.tip()
	for _, want := range []string{"rtt 20 ms, down 20 Mbit/s", "multiplexed", "191 ms", "187 ms – 197 ms"} {
		if !strings.Contains(got, want) {
			t.Errorf("over a cell, no %q in %q", want, got)
		}
	}
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 1, 1), chromedp.KeyEvent(kb.Tab))
	if got = b.tip(); !strings.Contains(got, "rtt 5 ms, down 56 kbit/s") {
		t.Errorf("with the focus on the first cell, the page tells %q", got)
	}
}

// A narrow window scrolls tables, never the page.
func TestNarrowHTMLInChromium(t *testing.T) {
	for name, b := range map[string]*browser{
		"sweep":   open(t, sampleSweep().WriteHTML, 400, 800),
		"line":    open(t, lineSweep().WriteHTML, 400, 800),
		"compare": open(t, linkComparison().WriteHTML, 400, 800),
	} {
		if got := eval[int](b, `document.documentElement.scrollWidth`); got > 400 {
			t.Errorf("%s is %d pixels wide in a window of 400", name, got)
		}
	}
}
