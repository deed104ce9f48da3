package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/lingerhttp/linger/report"
	"github.com/lingerhttp/linger/timeline"
)

// A look is the colours of causes. They are those of the report, which has each twice:
// on a light page, then on a dark one.
type look struct{ light, dark map[string]ink }

// An ink is a colour and that of text on it.
type ink struct{ fill, text string }

var causeColour = regexp.MustCompile(`\.c-([a-z-]+) \{ --c: (#[0-9a-f]{6}); --t: (#[0-9a-f]{6}); \}`)

func newLook() (*look, error) {
	var page bytes.Buffer
	if err := new(report.Explanation).WriteHTML(&page); err != nil {
		return nil, err
	}
	l := &look{light: make(map[string]ink), dark: make(map[string]ink)}
	for _, m := range causeColour.FindAllStringSubmatch(page.String(), -1) {
		to := l.light
		if _, again := to[m[1]]; again {
			to = l.dark
		}
		to[m[1]] = ink{m[2], m[3]}
	}
	if len(l.light) != timeline.NumCauses || len(l.dark) != timeline.NumCauses {
		return nil, errors.New("the report has no colours of causes where they were looked for")
	}
	return l, nil
}

// The colours of all else.
const (
	lightPage = `--page:#fff;--ink:#1c1e21;--quiet:#676c75;--line:#dfe1e5;--bad:#c4302b;--set:#2b66c9;--else:#9aa0aa`
	darkPage  = `--page:#0d1117;--ink:#e4e6ea;--quiet:#959ba6;--line:#2e3238;--bad:#ff7b72;--set:#79a9f5;--else:#6a707b`
	classes   = `rect.page{fill:var(--page)}
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;fill:var(--ink)}
.q{fill:var(--quiet)}.m{text-anchor:middle}.e{text-anchor:end}
path{fill:none;stroke:var(--ink);stroke-width:1.6}
.end{stroke:var(--quiet);stroke-width:2}.tick{stroke:var(--line);stroke-width:1}
.ack{stroke:var(--quiet);stroke-width:1}.set{stroke:var(--set)}.else{stroke:var(--else);stroke-width:1.4}
.bad{stroke:var(--bad);stroke-width:2}.unseen{stroke-dasharray:2 4}`
)

// style is the style sheet of a picture.
func (l *look) style() string {
	part := func(page string, of map[string]ink) string {
		text := "svg{" + page + "}"
		for c := range timeline.Cause(timeline.NumCauses) {
			i := of[c.String()]
			text += fmt.Sprintf(".c-%v{fill:%s}.t-%v{fill:%s}", c, i.fill, c, i.text)
		}
		return text
	}
	sheet := []string{classes, part(lightPage, l.light), "@media(prefers-color-scheme:dark){" + part(darkPage, l.dark) + "}"}
	return "<style>" + strings.Join(sheet, "\n") + "</style>"
}
