package origin

import (
	"fmt"
	"strings"
)

// modernSheets writes the eight style sheets. Base imports reset and type, theme
// imports palette; frame is the iframe's.
func modernSheets() []text {
	return []text{
		sheet("base.css", 14000, baseCSS),
		sheet("reset.css", 6000, "*, *::before, *::after { box-sizing: border-box; }\nbody, h1, h2, h3, p, figure, blockquote { margin: 0; }\n"),
		sheet("type.css", 10000, typeCSS()),
		sheet("theme.css", 16000, themeCSS),
		sheet("palette.css", 9000, ":root { --ink: #1d2430; --paper: #fffdf8; --accent: #9a3412; --line: #d9d4c7; --quiet: #5b6472; }\n"),
		sheet("layout.css", 20000, layoutCSS),
		sheet("cards.css", 22000, cardsCSS),
		sheet("frame.css", 13000, frameCSS),
	}
}

const baseCSS = `@import "reset.css";
@import url(type.css);
body { font-family: system-ui, sans-serif; line-height: 1.5; }
img, video { max-width: 100%; height: auto; }
`

const themeCSS = `@import url("palette.css");
body { color: var(--ink); background: var(--paper); }
a { color: var(--accent); }
header.top { border-bottom: 1px solid var(--line); }
blockquote { color: #fff; background: var(--accent) url('{other-origin}/img/ridge.jpg') center / cover; text-shadow: 0 1px 4px #000; }
footer { background-size: cover; }
footer p { background: rgba(255, 255, 255, .85); padding: 8px; }
`

const layoutCSS = `body { max-width: 1240px; margin: 0 auto; padding: 0 20px; }
header.top { display: flex; align-items: center; justify-content: space-between; gap: 16px; padding: 12px 0; }
header.top nav a { margin-right: 14px; text-decoration: none; }
header.top form { display: flex; align-items: center; gap: 6px; }
main > * { margin: 20px 0; }
.hero p { max-width: 60em; }
.notice { padding: 12px; }
blockquote { padding: 40px; }
.screening { display: grid; grid-template-columns: 2fr 1fr; gap: 20px; }
.gallery { display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; }
.gallery img { width: 100%; }
.voices { display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; }
main { overflow: hidden; }
iframe { float: left; margin-right: 24px; border: 1px solid var(--line); }
.letters { columns: 2; column-gap: 24px; }
.letters p { margin-bottom: 8px; }
footer { padding: 60px 40px; margin-top: 20px; }
`

const cardsCSS = `.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 16px; }
.card { padding: 10px; border: 1px solid var(--line); border-radius: 6px; background: linear-gradient(#fffe, #fffe), url({other-origin}/img/paper.png); }
.card img { width: 100%; border-radius: 4px; display: block; }
.card h3, .card p { padding: 6px; background: rgba(255, 255, 255, .88); }
`

const frameCSS = `body { margin: 12px; font-family: system-ui, sans-serif; color: #1d2430; background: #f1f5f9; }
h2 { margin: 8px 0; }
`

// typeCSS names the fonts, each by a rule of its own.
func typeCSS() string {
	var b strings.Builder
	for _, f := range modernFonts {
		fmt.Fprintf(&b, "@font-face { font-family: \"Linger %s\"; src: url(\"%s/font/%s.ttf\") format(\"truetype\"); font-display: swap; }\n", f.name, otherOrigin, f.name)
	}
	b.WriteString("h1 { font: 40px \"Linger bold\", sans-serif; }\nh2, h3 { font: 20px \"Linger regular\", sans-serif; }\n" +
		"blockquote { font: 24px \"Linger italic\", serif; }\nnav a { font: 16px \"Linger wide\", sans-serif; }\n")
	return b.String()
}

// sheet fills a style sheet up with the classes of a utility framework, few of
// which are ever used, as is usual.
func sheet(name string, size int, s string) text {
	d := dice(size)
	size = sizeWithMarks(s, size)
	for i := 0; len(s)+400 < size; i++ {
		s += fmt.Sprintf(".%s-%d { %s: %dpx; %s: %d.%dem; color: #%06x; }\n",
			d.pick([]string{"mt", "mb", "px", "py", "gap", "w", "h", "lead"}), i,
			d.pick([]string{"margin-top", "padding-left", "gap", "min-width", "border-width"}), d.roll(64),
			d.pick([]string{"line-height", "letter-spacing", "max-width", "text-indent"}), d.roll(9), d.roll(100), d.roll(1<<24))
	}
	return text{name, fillComment(s, "/* ", "*/\n", size)}
}
