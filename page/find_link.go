package page

import "strings"

// link looks at a link element: style sheets, icons, preload, modulepreload.
func (f *htmlFinder) link(a attributes) {
	rel := make(map[string]bool)
	for word := range strings.FieldsFuncSeq(strings.ToLower(a["rel"]), isSpace) {
		rel[word] = true
	}
	applies := mediaMatches(a["media"])
	switch {
	case rel["stylesheet"]:
		if isCSS(a["type"]) && !a.has("disabled") {
			f.yield(sheet("link stylesheet", applies && !rel["alternate"]), a["href"])
		}
	case rel["modulepreload"]:
		if applies {
			f.yield(finding{by: "link modulepreload", kind: Script, urgency: urgencyScript}, a["href"])
		}
	case rel["preload"]:
		if applies {
			f.preload(a)
		}
	case rel["icon"]:
		if applies && (isImage(a["type"]) || strings.Contains(a["type"], "icon")) {
			f.yield(finding{by: "link icon", kind: Icon, urgency: urgencyLate}, a["href"])
		}
	}
}

// sheet is a style sheet. One for other screens, or an alternate one, is fetched
// too, since it may be wanted later; it is late and blocks nothing, as in
// browsers.
func sheet(by string, applies bool) finding {
	if !applies {
		return finding{by: by, kind: Style, urgency: urgencyLate}
	}
	return finding{by: by, kind: Style, urgency: urgencyDocument, blocks: true}
}

// preload fetches what a page will need. The attribute as says what it is;
// without it, or with a word of none of these, browsers fetch nothing.
func (f *htmlFinder) preload(a attributes) {
	what := finding{by: "link preload"}
	href := a["href"]
	switch strings.ToLower(a["as"]) {
	case "style":
		what.kind, what.urgency = Style, urgencyDocument
	case "script":
		what.kind, what.urgency = Script, urgencyScript
	case "font":
		what.kind, what.urgency = Font, urgencyScript
	case "image":
		what.kind, what.urgency = Image, urgencyImage
		href, _ = chooseSrcset(a["imagesrcset"], a["imagesizes"], href)
		if !isImage(a["type"]) {
			return
		}
	case "audio", "video", "track":
		what.kind, what.urgency = Media, urgencyLate
	case "fetch", "document", "worker", "json":
		what.kind, what.urgency = Other, urgencyImage
	default:
		return
	}
	f.yield(what, href)
}
