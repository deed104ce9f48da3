package page

import (
	"io"
	"net/url"
	"strings"

	"github.com/tdewolff/parse/v2"
	"github.com/tdewolff/parse/v2/css"
)

// findCSS yields what a style sheet names, as it arrives. It reads content up to
// its end or its first error.
func findCSS(content io.Reader, base *url.URL, found func(finding)) {
	f := newCSSFinder(base, found)
	if _, err := io.Copy(f, content); err == nil {
		f.Close()
	}
}

// findDeclarations yields what a style attribute names.
func findDeclarations(s string, base *url.URL, found func(finding)) {
	f := newCSSFinder(base, found)
	f.depth = 1 // as within a rule
	io.WriteString(f, s)
	f.Close()
}

// A cssFinder reads the tokens of a style sheet (CSS Syntax 3 §4), which may
// arrive in pieces of any size.
//
// It knows rules and declarations by their semicolons and braces alone. What
// stands in rules for other screens is left out, @supports counts as
// supported unless it begins with "not".
type cssFinder struct {
	base  *url.URL
	found func(finding)

	buf  []byte // what no settled token covers yet
	next int    // how long buf must be for the next try

	depth    int  // braces open
	skip     int  // depth of a block that does not apply, 0 if within none
	started  bool // the statement under way has begun
	noImport bool // a rule was there that ends the imports

	at       string // the statement's at-keyword, with its @
	prelude  strings.Builder
	imported string // URL of an @import
	property string // of the declaration under way

	set  imageSet
	font fontFace
}

func newCSSFinder(base *url.URL, found func(finding)) *cssFinder {
	return &cssFinder{base: base, found: found}
}

// settled says whether a token stands, whatever follows the left bytes behind
// it that have arrived: the lexer looks that far at most to tell its end.
func settled(kind css.TokenType, data []byte, left int) bool {
	switch kind {
	case css.SemicolonToken, css.ColonToken, css.CommaToken, css.LeftBraceToken, css.RightBraceToken,
		css.LeftParenthesisToken, css.RightParenthesisToken, css.LeftBracketToken, css.RightBracketToken:
		return true
	case css.StringToken, css.BadStringToken, css.URLToken, css.BadURLToken:
		return left > 0 // else its end may be that of the piece
	case css.IdentToken, css.UnicodeRangeToken:
		if data[0] == 'u' || data[0] == 'U' {
			return left > 20 // U+123456-789ABC, which may turn out to be none
		}
	}
	return left > 4 // -->, <!--, 1e+2, an escape
}

// Write takes a piece. Tokens that a later piece might still change wait for
// it. It never fails.
func (f *cssFinder) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxToken-len(f.buf))
		f.buf = append(f.buf, rest[:n]...)
		rest = rest[n:]
		full := len(f.buf) == maxToken
		if !full && len(f.buf) < f.next {
			continue
		}
		if f.lex(false, -1); full && len(f.buf) == maxToken {
			f.lex(true, 1) // one token fills it: it is cut
		}
	}
	return len(p), nil
}

// Close ends the sheet. It never fails.
func (f *cssFinder) Close() error {
	f.lex(true, -1)
	f.endStatement()
	return nil
}

// lex takes tokens off the front of buf: those that are settled or, at the end
// of the sheet, all; at most limit of them unless it is negative.
func (f *cssFinder) lex(end bool, limit int) {
	in := parse.NewInputBytes(f.buf)
	lexer := css.NewLexer(in)
	done := 0
	for ; limit != 0; limit-- {
		kind, data := lexer.Next()
		if kind == css.ErrorToken || !end && !settled(kind, data, len(f.buf)-in.Offset()) {
			break
		}
		f.token(kind, data)
		done = in.Offset()
	}
	in.Restore()
	f.next = 0
	if done == 0 && len(f.buf) > 4096 {
		f.next = 2 * len(f.buf) // a long token is not read again for each piece
	}
	f.buf = append(f.buf[:0], f.buf[done:]...)
}

func (f *cssFinder) token(kind css.TokenType, data []byte) {
	switch kind {
	case css.CommentToken, css.CDOToken, css.CDCToken:
		return
	case css.WhitespaceToken:
		f.addPrelude(" ")
		return
	case css.LeftBraceToken:
		f.openBlock()
		return
	case css.RightBraceToken:
		f.closeBlock()
		return
	case css.SemicolonToken:
		f.endStatement()
		return
	}
	if !f.started {
		f.started = true
		f.begin(kind, data)
		return
	}
	switch {
	case f.at == "@import" && f.imported == "" && (kind == css.URLToken || kind == css.StringToken):
		f.imported = cssURL(kind, data)
	case f.at != "":
		f.addPrelude(string(data))
	case f.depth > 0 && f.skip == 0:
		f.value(kind, data)
	}
}

// begin looks at the first token of a statement.
func (f *cssFinder) begin(kind css.TokenType, data []byte) {
	switch kind {
	case css.AtKeywordToken:
		f.at = strings.ToLower(string(data))
	case css.IdentToken, css.CustomPropertyNameToken:
		f.property = strings.ToLower(string(data))
	}
}

// addPrelude keeps what stands between an at-keyword and its block or
// semicolon, up to more than any sensible condition takes.
func (f *cssFinder) addPrelude(s string) {
	const most = 4096
	if f.at != "" && f.prelude.Len()+len(s) <= most {
		f.prelude.WriteString(s)
	}
}

func (f *cssFinder) openBlock() {
	f.depth++
	f.noImport = true
	if f.skip == 0 && !f.applies() {
		f.skip = f.depth
	}
	if f.skip == 0 && f.at == "@font-face" {
		f.font = fontFace{depth: f.depth}
	}
	f.reset()
}

// applies says whether the block of the statement under way is of any use to
// the screen that pages are loaded for.
func (f *cssFinder) applies() bool {
	prelude := strings.TrimSpace(f.prelude.String())
	switch f.at {
	case "@media":
		return mediaMatches(prelude)
	case "@supports":
		return !strings.HasPrefix(strings.ToLower(prelude), "not")
	case "@page":
		return false
	}
	return true
}

func (f *cssFinder) closeBlock() {
	f.endStatement()
	if f.depth == 0 {
		return // a stray brace
	}
	if f.depth == f.skip {
		f.skip = 0
	}
	if f.depth == f.font.depth {
		if f.font.url != "" {
			what := finding{by: "@font-face src", kind: Font, urgency: urgencyScript}
			what.at(f.base, f.font.url, f.found)
		}
		f.font = fontFace{}
	}
	f.depth--
}

// endStatement ends a declaration, or an at-rule without a block.
func (f *cssFinder) endStatement() {
	if !f.started {
		return
	}
	if f.font.depth > 0 && f.property == "src" {
		f.font.endSrc()
	}
	switch f.at {
	case "":
	case "@import":
		if f.depth == 0 && !f.noImport && f.imported != "" {
			what := sheet("@import", importApplies(f.prelude.String()))
			what.at(f.base, f.imported, f.found)
		}
	case "@charset", "@layer": // CSS Cascade 5 §2: these may stand before imports
	default:
		f.noImport = true
	}
	f.reset()
}

func (f *cssFinder) reset() {
	f.started, f.at, f.imported, f.property = false, "", "", ""
	f.prelude.Reset()
	f.set = imageSet{}
}

// importApplies reads what follows the URL of an @import: a layer, a condition
// on what is supported, which counts as fulfilled, and media queries.
func importApplies(rest string) bool {
	rest = strings.ToLower(strings.TrimSpace(rest))
	for _, word := range []string{"layer", "supports"} {
		after, ok := strings.CutPrefix(rest, word)
		if !ok {
			continue
		}
		if strings.HasPrefix(after, "(") {
			after = afterParenthesis(after)
		}
		rest = strings.TrimSpace(after)
	}
	return mediaMatches(rest)
}

// afterParenthesis returns what follows the parenthesis that s begins with.
func afterParenthesis(s string) string {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return s[i+1:]
			}
		}
	}
	return ""
}
