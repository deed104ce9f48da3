package page

import (
	"strings"
	"unicode/utf8"

	"github.com/tdewolff/parse/v2/css"
)

// value looks at a token in the value of a declaration.
func (f *cssFinder) value(kind css.TokenType, data []byte) {
	switch {
	case f.font.depth == f.depth && f.property == "src":
		f.font.token(kind, data)
	case f.set.open > 0:
		f.set.token(kind, data)
		if f.set.open == 0 {
			if i := choose(f.set.all); i >= 0 {
				f.image(f.set.all[i].url, "image-set()")
			}
			f.set = imageSet{}
		}
	case kind == css.FunctionToken && isImageSet(data):
		f.set.open = 1
	case kind == css.URLToken:
		f.image(cssURL(kind, data), "url()")
	}
}

// image yields what a property shows. Those that name something else than an
// image did so for browsers that are long gone.
func (f *cssFinder) image(ref, function string) {
	if f.property == "behavior" || f.property == "-moz-binding" {
		return
	}
	what := finding{by: strings.TrimSpace(f.property + " " + function), kind: Image, urgency: urgencyImage}
	what.at(f.base, ref, f.found)
}

func isImageSet(function []byte) bool {
	return strings.EqualFold(string(function), "image-set(") || strings.EqualFold(string(function), "-webkit-image-set(")
}

// An imageSet is an image-set() under way (CSS Images 4 §5).
type imageSet struct {
	open   int // parentheses
	inType bool
	all    []candidate
}

func (s *imageSet) token(kind css.TokenType, data []byte) {
	switch kind {
	case css.FunctionToken:
		s.open++
		s.inType = strings.EqualFold(string(data), "type(")
	case css.LeftParenthesisToken:
		s.open++
	case css.RightParenthesisToken:
		s.open--
		s.inType = false
	case css.URLToken, css.StringToken:
		switch {
		case !s.inType:
			s.all = append(s.all, candidate{url: cssURL(kind, data), density: 1})
		case len(s.all) > 0 && !isImage(cssURL(kind, data)):
			s.all = s.all[:len(s.all)-1]
		}
	case css.DimensionToken:
		if density, ok := number(string(data)); ok && len(s.all) > 0 {
			s.all[len(s.all)-1].density = density
		}
	}
}

// A fontFace is an @font-face rule under way. Of its src descriptors the last
// with a usable format counts, of those within one the first.
type fontFace struct {
	depth int // of its block, 0 if there is none
	url   string

	// Of the src descriptor under way:
	chosen   string // the first usable one
	current  string
	format   string
	inFormat bool
}

func (f *fontFace) token(kind css.TokenType, data []byte) {
	switch kind {
	case css.URLToken:
		f.current = cssURL(kind, data)
	case css.FunctionToken:
		f.inFormat = strings.EqualFold(string(data), "format(")
	case css.RightParenthesisToken:
		f.inFormat = false
	case css.StringToken, css.IdentToken:
		if f.inFormat {
			f.format = strings.ToLower(strings.Trim(string(data), `"'`))
		}
	case css.CommaToken:
		f.endCandidate()
	}
}

func (f *fontFace) endCandidate() {
	if f.chosen == "" && f.current != "" && isFont(f.current, f.format) {
		f.chosen = f.current
	}
	f.current, f.format, f.inFormat = "", "", false
}

func (f *fontFace) endSrc() {
	f.endCandidate()
	if f.chosen != "" {
		f.url = f.chosen
	}
	f.chosen = ""
}

// isFont says whether browsers of today would load the format. Without a hint
// they try; the two dead formats are known by their names.
func isFont(url, format string) bool {
	switch format {
	case "woff2", "woff", "truetype", "opentype", "collection",
		"woff2-variations", "woff-variations", "truetype-variations", "opentype-variations":
		return true
	case "":
		path, _, _ := strings.Cut(url, "#")
		path, _, _ = strings.Cut(path, "?")
		path = strings.ToLower(path)
		return !strings.HasSuffix(path, ".eot") && !strings.HasSuffix(path, ".svg")
	}
	return false
}

// cssURL takes the URL out of a url() or string token.
func cssURL(kind css.TokenType, data []byte) string {
	s := string(data)
	if kind == css.URLToken {
		if i := strings.IndexByte(s, '('); i >= 0 {
			s = s[i+1:]
		}
		s = strings.TrimFunc(strings.TrimSuffix(s, ")"), isSpace)
	}
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		quote := s[:1]
		s = strings.TrimSuffix(s[1:], quote)
	}
	return unescapeCSS(s)
}

// unescapeCSS undoes the escapes of CSS Syntax 3 §4.3.7: a backslash before up
// to six hexadecimal digits and a space, or before any character; before a
// newline in a string it stands for nothing.
func unescapeCSS(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		code, digits := rune(0), 0
		for i++; i < len(s) && digits < 6 && isHex(s[i]); i++ {
			code = code<<4 | rune(hexValue(s[i]))
			digits++
		}
		switch {
		case digits == 0 && i < len(s):
			if s[i] != '\n' && s[i] != '\r' && s[i] != '\f' {
				b.WriteByte(s[i])
			}
			continue
		case digits == 0:
			return b.String()
		case code == 0 || !utf8.ValidRune(code):
			code = utf8.RuneError
		}
		b.WriteRune(code)
		if i >= len(s) || !isSpace(rune(s[i])) {
			i-- // only a space belongs to the escape
		}
	}
	return b.String()
}

func hexValue(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
