package page

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// maxToken bounds the tag, comment or piece of text that a finder holds. A
// longer one is cut: of an overlong tag nothing is found, script and style go
// on in the next piece.
const maxToken = 1 << 20

// findHTML yields what a document names, as soon as its tag has arrived. It
// reads content up to its end or its first error.
//
// It reads tokens, not a tree, as preload scanners do: misnested tags do it no
// harm.
func findHTML(content io.Reader, base *url.URL, found func(finding)) {
	f := &htmlFinder{base: base, found: found}
	f.scan(content, maxToken)
}

type htmlFinder struct {
	base    *url.URL
	based   bool // a base element was there
	found   func(finding)
	srcdocs int // within how many srcdoc attributes this is

	z         *html.Tokenizer
	raw       string // the element whose text is under way: script, style, …
	style     *cssFinder
	templates int // how many are open; nothing in them is fetched

	inPicture bool
	picture   string // what the picture's sources choose, "" if nothing so far
	inMedia   string // "video" or "audio" if within one whose source is wanted
}

func (f *htmlFinder) scan(content io.Reader, limit int) {
	f.z = html.NewTokenizer(content)
	for {
		f.z.SetMaxBuf(limit)
		f.tokens()
		if !errors.Is(f.z.Err(), html.ErrBufferExceeded) {
			f.endStyle(errors.Is(f.z.Err(), io.EOF))
			return
		}
		content = f.resume(content)
	}
}

// resume goes on behind a token that was too long, in a new tokenizer, within
// the same script or style. It returns the content that is left.
func (f *htmlFinder) resume(content io.Reader) io.Reader {
	left := bytes.NewReader(bytes.Clone(f.z.Buffered())) // the buffer is the old tokenizer's
	if f.raw == "" {
		content = io.MultiReader(left, content)
		f.z = html.NewTokenizer(content)
		return content
	}
	content = io.MultiReader(strings.NewReader("<"+f.raw+">"), left, content)
	f.z = html.NewTokenizer(content)
	f.z.Next() // the tag, which puts it into the right state
	return content
}

func (f *htmlFinder) tokens() {
	for {
		switch f.z.Next() {
		case html.ErrorToken:
			return
		case html.TextToken:
			if f.style != nil {
				f.style.Write(f.z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			f.raw = ""
			f.start()
		case html.EndTagToken:
			f.raw = ""
			name, _ := f.z.TagName()
			f.end(string(name))
		case html.CommentToken, html.DoctypeToken:
		}
	}
}

// attributes are those of one tag, by name; the first of a name counts.
type attributes map[string]string

func (a attributes) has(name string) bool { _, ok := a[name]; return ok }

func (f *htmlFinder) attributes() attributes {
	a := make(attributes)
	for more := true; more; {
		var key, value []byte
		key, value, more = f.z.TagAttr()
		if _, twice := a[string(key)]; !twice {
			a[string(key)] = string(value)
		}
	}
	return a
}

func (f *htmlFinder) start() {
	tag, hasAttributes := f.z.TagName()
	name := string(tag)
	var a attributes
	if hasAttributes {
		a = f.attributes()
	}
	switch name {
	case "iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "textarea", "title", "xmp":
		f.raw = name // as the tokenizer does
	case "template":
		f.templates++
	}
	if f.templates > 0 {
		return
	}
	f.element(name, a)
	if css := a["style"]; strings.Contains(css, "(") {
		findDeclarations(css, f.base, f.found)
	}
}

func (f *htmlFinder) end(name string) {
	switch name {
	case "style":
		f.endStyle(true)
	case "template":
		f.templates = max(f.templates-1, 0)
	case "picture":
		f.inPicture, f.picture = false, ""
	case "video", "audio":
		f.inMedia = ""
	}
}

func (f *htmlFinder) endStyle(whole bool) {
	if f.style != nil && whole {
		f.style.Close()
	}
	f.style = nil
}

// element looks at one start tag.
func (f *htmlFinder) element(name string, a attributes) {
	switch name {
	case "base":
		f.rebase(a)
	case "link":
		f.link(a)
	case "style":
		if isCSS(a["type"]) && mediaMatches(a["media"]) {
			f.style = newCSSFinder(f.base, f.found)
		}
	case "script":
		if a["src"] != "" && !a.has("nomodule") && isScript(a["type"]) {
			f.yield(finding{by: "script src", kind: Script, urgency: urgencyScript}, a["src"])
		}
	case "img":
		f.img(a)
	case "input":
		if strings.EqualFold(strings.TrimSpace(a["type"]), "image") {
			f.yield(sized(finding{by: "input src", kind: Image, urgency: urgencyImage, layout: true}, a), a["src"])
		}
	case "picture":
		f.inPicture, f.picture = true, ""
	case "source":
		f.source(a)
	case "video", "audio":
		f.media(name, a)
	case "iframe":
		f.frame(a)
	}
}

func (f *htmlFinder) yield(what finding, ref string) { what.at(f.base, ref, f.found) }

// rebase takes the first base element with an href; what came before it was
// resolved without.
func (f *htmlFinder) rebase(a attributes) {
	if f.based || !a.has("href") {
		return
	}
	f.based = true
	if u, err := resolve(f.base, a["href"]); err == nil && u != nil {
		f.base = u
	}
}

func (f *htmlFinder) img(a attributes) {
	src, by := a["src"], "img src"
	if chosen, fromSet := chooseSrcset(a["srcset"], a["sizes"], src); fromSet {
		src, by = chosen, "img srcset"
	}
	if f.picture != "" {
		src, by = f.picture, "picture source"
		f.picture = ""
	}
	what := finding{by: by, kind: Image, urgency: urgencyImage, layout: true}
	if strings.EqualFold(a["loading"], "lazy") {
		what.urgency = urgencyLate
	}
	f.yield(sized(what, a), src)
}

// sized adds the size that attributes state, if they state both sides.
func sized(what finding, a attributes) finding {
	if w, h := pixels(a["width"]), pixels(a["height"]); w > 0 && h > 0 {
		what.width, what.height = w, h
	}
	return what
}

// source is a choice within picture, video or audio: the first that this
// screen and the formats known here allow is taken. AVIF is not known, since
// its size could not be told.
func (f *htmlFinder) source(a attributes) {
	switch {
	case f.inPicture:
		if f.picture == "" && mediaMatches(a["media"]) && isImage(a["type"]) {
			f.picture, _ = chooseSrcset(a["srcset"], a["sizes"], "")
		}
	case f.inMedia != "":
		if a["src"] == "" || !isMedia(a["type"]) || !mediaMatches(a["media"]) {
			return
		}
		f.yield(finding{by: f.inMedia + " source", kind: Media, urgency: urgencyLate}, a["src"])
		f.inMedia = "" // the others are for players that cannot play this one
	}
}

// media looks at video and audio. What their src names is left to the player,
// as preload scanners do; a source element is fetched whole unless
// preload=none. A src makes the sources idle.
func (f *htmlFinder) media(name string, a attributes) {
	f.inMedia = ""
	if !a.has("src") && !strings.EqualFold(a["preload"], "none") {
		f.inMedia = name
	}
	if name == "video" {
		f.yield(sized(finding{by: "video poster", kind: Image, urgency: urgencyLate, layout: true}, a), a["poster"])
	}
}

// frame looks at an iframe. A srcdoc stands in for src, and is scanned as if it
// were part of this document, save that its images move nothing outside of it;
// one within another is not.
func (f *htmlFinder) frame(a attributes) {
	doc, inline := a["srcdoc"]
	if !inline {
		f.yield(finding{by: "iframe src", kind: Frame, urgency: urgencyFrame}, a["src"])
		return
	}
	if f.srcdocs > 0 {
		return
	}
	inner := &htmlFinder{base: f.base, srcdocs: f.srcdocs + 1, found: func(what finding) {
		what.blocks, what.layout = false, false
		f.found(what)
	}}
	inner.scan(strings.NewReader(doc), maxToken)
}

// isCSS, isScript, isImage and isMedia say whether a type attribute names what
// a browser would use there. Nothing at all is fine.

func isCSS(t string) bool { return t == "" || strings.EqualFold(bareType(t), "text/css") }

func isScript(t string) bool {
	switch bareType(t) {
	case "", "module", "text/javascript", "application/javascript", "application/x-javascript",
		"text/ecmascript", "application/ecmascript", "text/jscript", "text/livescript", "text/x-javascript":
		return true
	}
	return false
}

func isImage(t string) bool {
	switch bareType(t) {
	case "", "image/png", "image/apng", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/svg+xml":
		return true
	}
	return false
}

func isMedia(t string) bool {
	switch bareType(t) {
	case "", "video/mp4", "video/webm", "video/ogg", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/webm",
		"audio/wav", "audio/wave", "audio/x-wav", "audio/aac", "audio/flac", "application/ogg":
		return true
	}
	return false
}

// bareType is a media type in lower case without parameters.
func bareType(t string) string {
	t, _, _ = strings.Cut(t, ";")
	return strings.ToLower(strings.TrimSpace(t))
}
