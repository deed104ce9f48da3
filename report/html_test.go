package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// island is the JSON in the page's script element.
var island = regexp.MustCompile(`(?s)<script type="application/json" id="data">(.*?)</script>`)

// What servers say stays text: it ends no element and begins none.
func TestHTMLEscapes(t *testing.T) {
	hostile := samplePage(t)
	hostile.URL, hostile.Strategy = hostileURL, hostileNote
	hostile.Failures = append(hostile.Failures, Failure{URL: hostileURL, Step: hostileNote, Error: hostileNote, Hint: hostileNote})
	comparison := sampleComparison()
	comparison.Site, comparison.Verdict, comparison.Rows[0].Strategy = hostileNote, hostileNote, hostileNote
	comparison.Link, comparison.Certificate, comparison.Rows[0].Wire = hostileNote, []string{hostileNote}, &Wire{}
	comparison.Rows[0].Sample[0].URL = hostileURL
	var page, compare bytes.Buffer
	if err := hostile.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := comparison.WriteHTML(&compare); err != nil {
		t.Fatal(err)
	}
	for name, document := range map[string]string{"page": page.String(), "compare": compare.String()} {
		for _, bad := range []string{"<script>window.pwned", "<img", "\x1b"} {
			if strings.Contains(document, bad) {
				t.Errorf("%s contains %q", name, bad)
			}
		}
		if opened, closed := strings.Count(document, "<script"), strings.Count(document, "</script>"); opened != 2 || closed != 2 {
			t.Errorf("%s has %d script elements begun and %d ended, want 2", name, opened, closed)
		}
		match := island.FindStringSubmatch(document)
		if match == nil {
			t.Fatalf("%s has no data", name)
		}
		var data htmlData
		if err := json.Unmarshal([]byte(match[1]), &data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if data.URL != hostileURL {
			t.Errorf("%s: the data says %q", name, data.URL)
		}
	}
}

// A report opens without a network, years later.
func TestHTMLIsSelfContained(t *testing.T) {
	var b bytes.Buffer
	if err := errors.Join(samplePage(t).WriteHTML(&b), sampleSweep().WriteHTML(&b)); err != nil {
		t.Fatal(err)
	}
	document := island.ReplaceAllString(b.String(), "")
	for _, reference := range regexp.MustCompile(`\b(?:src|href)="[^"]*"|\burl\([^)]*\)|@import|\bfetch\(|XMLHttpRequest`).FindAllString(document, -1) {
		if reference != `href="data:,"` {
			t.Errorf("the page refers to %s", reference)
		}
	}
}

func TestHTMLWithNothing(t *testing.T) {
	var b bytes.Buffer
	if err := (&Page{}).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if err := (&Comparison{Rows: []Row{{}}}).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join((&Sweep{}).WriteHTML(&b), (&Sweep{}).WriteText(&b, Terminal{})); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "</html>"); n != 3 {
		t.Errorf("%d documents ended, want 3", n)
	}
}

func (b *browser) hover(selector string, x, y float64) string {
	b.t.Helper()
	px, py := b.point(selector, x, y)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, px, py))
	b.frame()
	return eval[string](b, `(t => t.hidden ? '' : t.textContent)(document.getElementById('tooltip'))`)
}

func (b *browser) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
	b.frame()
}

func TestHTMLRowsInChromium(t *testing.T) {
	p := samplePage(t)
	b := open(t, p.WriteHTML, 1280, 1000)
	if got := b.count(".row"); got != len(p.Entries) {
		t.Errorf("%d rows, want %d", got, len(p.Entries))
	}
	if got := b.count(".row.failed"); got != 2 {
		t.Errorf("%d failed rows, want 2", got)
	}
	if eval[bool](b, `'pwned' in window`) {
		t.Error("a server's markup was run")
	}
	tooltip := b.hover(".row:nth-child(3)", 0.5, 0.5)
	for _, want := range []string{
		"[2001:db8::10]:50003 → [2001:db8::cd]:443", "TLS 1.3 TLS_AES_128_GCM_SHA256", "new connection: 3 of 6 open",
		"240 B head, 2.10 kB body", "55.0 ms",
	} {
		if !strings.Contains(tooltip, want) {
			t.Errorf("the tooltip does not say %q: %q", want, tooltip)
		}
	}
	if tooltip = b.hover(".row:nth-child(1)", 0.5, 0.5); !strings.Contains(tooltip, "[2001:db8::7]:80: connection refused") {
		t.Errorf("the tooltip hides an attempt: %q", tooltip)
	}
	if tooltip = b.hover("h1", 0.5, 0.5); tooltip != "" {
		t.Errorf("away from the rows the tooltip still says %q", tooltip)
	}
	if !eval[bool](b, `(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v))(document.querySelector('.rows canvas'))`) {
		t.Error("no bar is drawn")
	}
	b.do(chromedp.SetValue(chromedp.CSS("#sort select"), "duration"))
	eval[bool](b, `document.querySelector('#sort select').dispatchEvent(new Event('change'))`)
	b.frame()
	if first := eval[string](b, `document.querySelector('.row .c-number').textContent`); first != "12" {
		t.Errorf("sorted by duration, exchange %s is first, want 12", first)
	}
}

// Each way to move along time changes the axis, and each way back restores it.
func TestHTMLZoomInChromium(t *testing.T) {
	b := open(t, samplePage(t).WriteHTML, 1280, 1000)
	all := b.ticks()
	if !strings.HasPrefix(all, "0 ms 50 ms 100 ms") {
		t.Fatalf("the axis reads %q", all)
	}
	changed := func(how string) {
		t.Helper()
		b.frame()
		if got := b.ticks(); got == all {
			t.Errorf("%s leaves the axis at %q", how, got)
		}
	}
	restored := func(how string) {
		t.Helper()
		b.frame()
		if got := b.ticks(); got != all {
			t.Errorf("%s leaves the axis at %q, want %q", how, got, all)
		}
	}
	b.click(`[data-zoom=in]`)
	changed("the button")
	b.click(`[data-zoom=reset]`)
	restored("the button")

	x, y := b.point(".axis", 0.5, 0.5)
	wheel := func(p *input.DispatchMouseEventParams) { p.DeltaX, p.DeltaY = 1, -400 }
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseWheel, x, y, wheel))
	changed("the wheel")
	b.do(chromedp.MouseClickXY(x, y, chromedp.ClickCount(2)))
	restored("a double click")

	_, y = b.point(".row:nth-child(3)", 0.5, 0.5)
	b.do(chromedp.DragAndDropXY(x, y, x+120, y))
	changed("a drag")
	b.do(chromedp.Focus(chromedp.CSS(".rows")), chromedp.KeyEvent("0"))
	restored("the key 0")
	b.do(chromedp.KeyEvent("+"))
	changed("the key +")
	b.do(chromedp.KeyEvent("-"))
	restored("the key -")
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.frame()
	if got := b.count(".row.selected"); got != 1 {
		t.Errorf("arrow down selects %d rows, want 1", got)
	}
}

func TestHTMLLanesInChromium(t *testing.T) {
	p := samplePage(t)
	b := open(t, p.WriteHTML, 1280, 1000)
	b.click(`[data-view=lanes]`)
	if got := b.count(".lane:not(.none)"); got != p.Summary.Connections {
		t.Errorf("%d lanes, want %d", got, p.Summary.Connections)
	}
	if got := b.count(".row"); got != 0 {
		t.Errorf("%d rows are left", got)
	}
	// Exchanges 5 and 6 overlap on connection 2: its lane has two tracks.
	if one, two := eval[int](b, `document.querySelector('.lane').offsetHeight`), eval[int](b, `document.querySelectorAll('.lane')[1].offsetHeight`); two <= one {
		t.Errorf("the lane of exchanges that overlap is %d pixels high, that of others %d", two, one)
	}
	x, _ := b.point(".axis", 0.02, 0.5)
	_, y := b.point(".lane", 0.5, 0.5)
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y))
	b.frame()
	if got := eval[string](b, `document.getElementById('tooltip').textContent`); !strings.Contains(got, "192.0.2.10:50001 → 198.51.100.7:80") {
		t.Errorf("over the first bar the tooltip says %q", got)
	}
	b.click(`[data-view=rows]`)
	if got := b.count(".row"); got != len(p.Entries) {
		t.Errorf("back from the lanes: %d rows, want %d", got, len(p.Entries))
	}
}

// Of very many exchanges only those in sight are in the document.
func TestHTMLManyInChromium(t *testing.T) {
	const n = 5000
	b := open(t, bigPage(n).WriteHTML, 1280, 900)
	if got := b.count(".row"); got == 0 || got > 100 {
		t.Errorf("%d rows in the document", got)
	}
	eval[bool](b, `(r => { r.scrollTop = r.scrollHeight; return true; })(document.querySelector('.rows'))`)
	b.frame()
	if got := eval[string](b, `[...document.querySelectorAll('.row .c-number')].at(-1).textContent`); got != "5000" {
		t.Errorf("the last row is exchange %s, want 5000", got)
	}
	b.click(`[data-view=lanes]`)
	if got := b.count(".lane"); got != 6 {
		t.Errorf("%d lanes, want 6", got)
	}
}

func TestHTMLCompareInChromium(t *testing.T) {
	c := sampleComparison()
	b := open(t, c.WriteHTML, 1280, 1400)
	if got := b.count(".compare tbody tr"); got != len(c.Rows) {
		t.Errorf("%d rows, want %d", got, len(c.Rows))
	}
	if got := b.count(".strip canvas"); got != len(c.Rows) {
		t.Errorf("%d strips, want %d", got, len(c.Rows))
	}
	if got := b.hover(".strip:nth-child(2) .plot", 0.5, 0.5); !strings.Contains(got, "192.0.2.10:500") {
		t.Errorf("over a strip the tooltip says %q", got)
	}
	axes := func() []string {
		return eval[[]string](b, `[...document.querySelectorAll('.strip .axis')].map(a => a.textContent)`)
	}
	before := axes()
	b.click(`[data-zoom=in]`)
	for i, after := range axes() {
		if after == before[i] || after != axes()[0] {
			t.Errorf("zoomed in, the axis of strip %d reads %q", i, after)
		}
	}
}
