package report

import (
	"strings"
	"testing"
	"unicode"
)

// Whatever a server sends, the terminal gets printable text that fits.
func FuzzText(f *testing.F) {
	for _, s := range []string{"plain", "http://a/b?c#d", hostileURL, hostileNote, "日本語 e\u0301", "\xff\x00\x9b31m", strings.Repeat("x", 99)} {
		f.Add(s, 20)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = 8 + (width&0xff+0x100)%200
		text := clean(s)
		if i := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("clean leaves %q", text[i:])
		}
		if again := clean(text); again != text {
			t.Errorf("cleaned twice, %q becomes %q", text, again)
		}
		if got := columns(padRight(text, width)); got != width {
			t.Errorf("padRight takes %d columns of %d", got, width)
		}
		if got := columns(padLeft(text, width)); got != width {
			t.Errorf("padLeft takes %d columns of %d", got, width)
		}
		for _, line := range strings.Split(wrapped(text, width, "  "), "\n") {
			if columns(line) > width {
				t.Errorf("wrapped to %d columns: %q", width, line)
			}
		}
		name := (Terminal{}).shortName(s, "http://a/", width)
		if !isPlain(strings.Replace(name, "…", "", 1)) || columns(name) > width {
			t.Errorf("shortName in %d: %q", width, name)
		}
	})
}
