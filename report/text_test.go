package report

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/lingerhttp/linger/timeline"
)

// terminals are those that golden files show.
var terminals = map[string]Terminal{
	"40":        {Width: 40},
	"80":        {},
	"80-color":  {Color: true},
	"80-ascii":  {ASCII: true},
	"120":       {Width: 120},
	"200-color": {Width: 200, Color: true},
}

// texts are the renderings for a terminal.
func texts(t testing.TB) map[string]func(io.Writer, Terminal) error {
	return map[string]func(io.Writer, Terminal) error{
		"page":    samplePage(t).WriteText,
		"steps":   samplePage(t).WriteSteps,
		"refused": refusedPage(t).WriteSteps,
		"compare": sampleComparison().WriteText,
		"link":    linkComparison().WriteText,
		"sweep":   sampleSweep().WriteText,
		"line":    lineSweep().WriteText,
	}
}

func TestTextGolden(t *testing.T) {
	for name, write := range texts(t) {
		for suffix, terminal := range terminals {
			t.Run(name+"-"+suffix, func(t *testing.T) {
				golden(t, name+"-"+suffix+".txt", func(w io.Writer) error { return write(w, terminal) })
			})
		}
	}
}

var sgrSequence = regexp.MustCompile("\x1b\\[[0-9]*m")

// Whatever the width: no line is wider, no control character of a server's is
// left, and colour changes nothing but colour.
func TestTextFitsAndIsClean(t *testing.T) {
	for name, write := range texts(t) {
		for width := 32; width <= 210; width++ {
			var plain, colored, ascii bytes.Buffer
			for b, terminal := range map[*bytes.Buffer]Terminal{
				&plain: {Width: width}, &colored: {Width: width, Color: true}, &ascii: {Width: width, ASCII: true},
			} {
				if err := write(b, terminal); err != nil {
					t.Fatal(err)
				}
			}
			if stripped := sgrSequence.ReplaceAllString(colored.String(), ""); stripped != plain.String() {
				t.Errorf("%s at %d: colour changes the text", name, width)
			}
			for line := range strings.Lines(plain.String()) {
				line = strings.TrimSuffix(line, "\n")
				if columns(line) > width {
					t.Errorf("%s at %d: %d columns: %q", name, width, columns(line), line)
				}
				if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
					t.Errorf("%s at %d: %q has a control character", name, width, line)
				}
			}
			if i := strings.IndexFunc(ascii.String(), func(r rune) bool { return r > '~' }); i >= 0 {
				t.Errorf("%s at %d: not ASCII: %q", name, width, ascii.String()[i:i+4])
			}
		}
	}
}

// refusedPage has one exchange, which found no connection.
func refusedPage(t testing.TB) *Page {
	p := samplePage(t)
	p.Entries = p.Entries[9:10]
	return p
}

func TestOneLineAnExchange(t *testing.T) {
	const n = 5000
	p := bigPage(n)
	var b bytes.Buffer
	if err := p.WriteText(&b, Terminal{}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), ".png "); got != n {
		t.Errorf("%d lines for %d exchanges", got, n)
	}
}

func TestAxisPhases(t *testing.T) {
	const s, w, r, none = int(timeline.Send), int(timeline.Wait), int(timeline.Receive), nothing
	legs := func(ls ...leg) *timeline.Exchange { return exchange(1, "http://a/", 20, conn(1), 1, ls...) }
	for _, c := range []struct {
		name string
		e    *timeline.Exchange
		want []int
	}{
		{"phases fill their cells", legs(leg{timeline.Send, 0, 10, ""}, leg{timeline.Wait, 0, 20, ""}, leg{timeline.Receive, 0, 10, ""}),
			[]int{none, none, s, w, w, r, none, none, none, none}},
		{"the largest share of a cell shows", legs(leg{timeline.Send, 0, 2, ""}, leg{timeline.Wait, 0, 5, ""}, leg{timeline.Receive, 0, 3, ""}),
			[]int{none, none, w, none, none, none, none, none, none, none}},
		{"a short phase shows where it is largest", legs(leg{timeline.Wait, 0, 14, ""}, leg{timeline.Receive, 0, 1, ""}, leg{timeline.Send, 0, 5.5, ""}),
			[]int{none, none, w, s, s, none, none, none, none, none}},
		{"no time at all has a cell", legs(leg{timeline.Receive, 0, 0, ""}),
			[]int{none, none, r, none, none, none, none, none, none, none}},
		{"beyond the axis the last cell", func() *timeline.Exchange {
			return exchange(1, "http://a/", 100, conn(1), 1, leg{timeline.Wait, 0, 0, ""})
		}(), []int{none, none, none, none, none, none, none, none, none, w}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := axis{epoch, 100 * time.Millisecond, 10}.phases(c.e)
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		length time.Duration
		cells  int
		want   string
	}{
		{100 * time.Millisecond, 40, "│0      │20     │40     │60     │80 ms"},
		{300 * time.Microsecond, 24, "│0      │0.1    │0.2 ms"},
		{90 * time.Second, 30, "│0              │50 s"},
		{time.Second, 6, "│0 ms"},
		{time.Nanosecond, 12, "│0 ms"},
	} {
		got := axis{epoch, c.length, c.cells}.ticks(Terminal{})
		if columns(got) > c.cells {
			t.Errorf("%v on %d cells: %q is too wide", c.length, c.cells, got)
		}
		if got != c.want {
			t.Errorf("%v on %d cells: got %q, want %q", c.length, c.cells, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text":          "plain text",
		"a\x1b[31mred":        `a\x1b[31mred`,
		"two\r\nlines\ttab":   `two\x0d\x0alines\x09tab`,
		"\x9b31m":             `\x9b31m`,
		"\u009b31m":           `\u009b31m`,
		"abc\u202etxt.exe":    `abc\u202etxt.exe`,
		"zero\u200bwidth":     `zero\u200bwidth`,
		"grüße 日本":            "grüße 日本",
		"broken \xff\xfe end": `broken \xff\xfe end`,
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got, want := cleanURL("http://a/ü\x1b 日"), "http://a/%C3%BC%1B %E6%97%A5"; got != want {
		t.Errorf("cleanURL: got %q, want %q", got, want)
	}
}

func TestColumns(t *testing.T) {
	for in, want := range map[string]int{"": 0, "abc": 3, "日本": 4, "e\u0301": 1, "ü": 1, "│█": 2, "😀": 2} {
		if got := columns(in); got != want {
			t.Errorf("columns(%q) = %d, want %d", in, got, want)
		}
	}
	if got := padRight("日本語", 5); got != "日本 " {
		t.Errorf("padRight cuts through a wide character: %q", got)
	}
}

func TestShortName(t *testing.T) {
	const page = "http://www.example.com/a/"
	for _, c := range []struct {
		url   string
		width int
		want  string
	}{
		{"http://www.example.com/", 20, "/"},
		{"http://www.example.com", 20, "/"},
		{"http://www.example.com/img/logo.png", 20, "/img/logo.png"},
		{"http://www.example.com/a/long/way/to/logo.png", 20, "/a/lon…y/to/logo.png"},
		{"https://www.example.com/x", 30, "https://www.example.com/x"},
		{"http://cdn.example/img/logo.png", 40, "//cdn.example/img/logo.png"},
		{"http://cdn.example/img/logo.png", 20, "//cdn.exampl…ogo.png"},
		{"http://[::1]:80\x1b/", 20, "http://[::1]:80%1B/"},
		{"https://cdn.example/x.png", 40, "//cdn.example/x.png"},
		{"data:image/png", 20, "data:image/png"},
	} {
		if got := (Terminal{}).shortName(c.url, page, c.width); got != c.want {
			t.Errorf("%q in %d: got %q, want %q", c.url, c.width, got, c.want)
		}
	}
}

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.00 ms", 420 * time.Microsecond: "0.42 ms", 9_994 * time.Microsecond: "9.99 ms",
		9_996 * time.Microsecond: "10.0 ms", 99_960 * time.Microsecond: "100 ms",
		999_400 * time.Microsecond: "999 ms", 999_600 * time.Microsecond: "1.00 s",
		83 * time.Second: "83.0 s", 27 * time.Hour: "97200 s",
	} {
		if got := duration(d); got != want || len(got) > 7 {
			t.Errorf("duration(%v) = %q, want %q", d, got, want)
		}
	}
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 9_994: "9.99 kB", 9_996: "10.0 kB",
		999_499: "999 kB", 999_500: "1.00 MB", 1<<63 - 1: "9223 PB",
	} {
		if got := size(n); got != want || len(got) > 7 {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 99_999: "99999", 100_000: "100k", 1_234_567: "1.23M", 1<<63 - 1: "9223P"} {
		if got := tally(n); got != want || len(got) > 5 {
			t.Errorf("tally(%d) = %q, want %q", n, got, want)
		}
	}
}
