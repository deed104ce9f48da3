package origin

import (
	"fmt"
	"strings"
)

const (
	modernDocument   = 24000
	modernFrameBytes = 6000
)

const modernHead = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Linger Weekly: where the milliseconds go</title>
<link rel="preconnect" href="{other-origin}/">
<link rel="icon" type="image/png" href="/favicon.png">
<link rel="preload" as="font" type="font/ttf" crossorigin href="{other-origin}/font/bold.ttf">
<link rel="stylesheet" href="/css/base.css">
<link rel="stylesheet" href="/css/theme.css">
<link rel="stylesheet" href="/css/layout.css">
<link rel="stylesheet" href="/css/cards.css">
<link rel="modulepreload" href="/js/app.mjs">
<link rel="modulepreload" href="/js/store.mjs">
<script src="/js/runtime.js"></script>
<script defer src="/js/vendor.js"></script>
<script async src="/js/analytics.js"></script>
<script async src="/js/consent.js"></script>
<script defer src="/js/search.js"></script>
<script type="module" src="/js/app.mjs"></script>
<style>
.notice { border-top: 12px solid transparent; background: #fff8e6 url("{other-origin}/img/stripe.gif") repeat-x; background-size: 24px 12px; background-origin: border-box; }
</style>
</head>
<body>
`

// modernPage writes the document: a magazine's front page.
func modernPage() string {
	p := prose{2026}
	var b strings.Builder
	b.WriteString(modernHead)
	b.WriteString("<header class=\"top\">" + img(modernLogo, true, "Linger Weekly") + "\n<nav>")
	for _, word := range []string{"News", "Measurements", "Protocols", "Field notes", "Letters"} {
		fmt.Fprintf(&b, "<a href=\"#%s\">%s</a> ", strings.ToLower(word), word)
	}
	b.WriteString("</nav>\n<form role=\"search\" action=\"/\"><input type=\"search\" name=\"q\" aria-label=\"Search\">" +
		"<input type=\"image\" src=\"/img/search.gif\" alt=\"Search\"></form></header>\n<main>\n")
	fmt.Fprintf(&b, "<section class=\"hero\"><picture><source type=\"image/jpeg\" srcset=\"%s%s\">"+
		"<img src=\"%s%s\" width=\"1200\" height=\"480\" alt=\"Hills at daybreak\"></picture>\n<h1>Where the milliseconds go</h1>\n<p>%s</p></section>\n",
		otherOrigin, modernHero.path, otherOrigin, modernAlternates[0].path, p.paragraph(3))
	fmt.Fprintf(&b, "<p class=\"notice\">%s</p>\n", p.paragraph(2))
	modernCardList(&b, &p)
	fmt.Fprintf(&b, "<blockquote>%s</blockquote>\n", p.paragraph(2))
	fmt.Fprintf(&b, "<section class=\"screening\"><video controls preload=\"none\" width=\"800\" height=\"450\" poster=\"%s%s\"></video>\n<div><h2>%s</h2><p>%s</p></div></section>\n",
		otherOrigin, modernPoster.path, p.title(), p.paragraph(5))
	b.WriteString("<section class=\"gallery\">\n")
	for _, m := range modernGallery {
		fmt.Fprintf(&b, "<figure><img loading=\"lazy\" src=\"%s%s\" alt=\"%s\"><figcaption>%s</figcaption></figure>\n", otherOrigin, m.path, p.title(), p.sentence())
	}
	b.WriteString("</section>\n<section class=\"voices\">\n")
	for i, m := range modernFaces {
		m.path = otherOrigin + m.path
		fmt.Fprintf(&b, "<article>%s<p>%s</p></article>\n", img(m, i%2 == 0, ""), p.paragraph(2))
	}
	b.WriteString("</section>\n<iframe src=\"/frame.html\" width=\"340\" height=\"420\" title=\"An offer\"></iframe>\n")
	end := modernEnd(&p)
	modernLetters(&b, &p, len(end))
	return fillPage(b.String()+end, modernDocument)
}

// modernLetters writes as much text as fits into the document before its end.
func modernLetters(b *strings.Builder, p *prose, end int) {
	b.WriteString("<section class=\"letters\">\n")
	for b.Len()+end+1000 < sizeWithMarks(b.String(), modernDocument) {
		fmt.Fprintf(b, "<p>%s</p>\n", p.paragraph(5))
	}
	b.WriteString("</section>\n")
}

// modernEnd writes what follows the letters.
func modernEnd(p *prose) string {
	var b strings.Builder
	fmt.Fprintf(&b, "</main>\n<footer style=\"background-image: url(%s%s)\"><p>%s</p></footer>\n", otherOrigin, modernBackgrounds[3].path, p.paragraph(4))
	for i := range modernChunks {
		fmt.Fprintf(&b, "<script defer src=\"/js/%s\"></script>\n", chunkName(i))
	}
	return b.String()
}

// modernCardList writes the cards: some say how large they are, some offer
// alternatives, some do neither.
func modernCardList(b *strings.Builder, p *prose) {
	b.WriteString("<section class=\"cards\">\n")
	for i, m := range modernCards {
		extra := ""
		switch i {
		case 0:
			extra = fmt.Sprintf(" srcset=\"%s%s 1x, %s%s 2x\"", otherOrigin, m.path, otherOrigin, modernAlternates[1].path)
		case 1:
			extra = fmt.Sprintf(" srcset=\"%s%s 360w, %s%s 640w\" sizes=\"360px\"", otherOrigin, m.path, otherOrigin, modernAlternates[2].path)
		}
		if i%3 != 2 {
			extra += fmt.Sprintf(" width=\"%d\" height=\"%d\"", m.w, m.h)
		}
		fmt.Fprintf(b, "<article class=\"card\"><img src=\"%s%s\"%s alt=\"\"><h3>%s</h3><p>%s</p></article>\n",
			otherOrigin, m.path, extra, p.title(), p.paragraph(4))
	}
	b.WriteString("</section>\n")
}

// modernFrame writes the document in the iframe.
func modernFrame() string {
	p := prose{340}
	offer := modernOffer
	offer.path = otherOrigin + offer.path
	return fillPage("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>An offer</title>\n"+
		"<link rel=\"stylesheet\" href=\"/css/frame.css\"></head>\n<body>\n"+img(offer, true, "Three hills")+
		"\n<h2>Hills, at a price</h2>\n<p>"+p.paragraph(2)+"</p>\n", modernFrameBytes)
}

// fillPage ends a document such that it has size bytes when it is on one origin.
func fillPage(s string, size int) string {
	return fillComment(s, "<!--\n", "-->\n</body>\n</html>\n", sizeWithMarks(s, size))
}

// sizeWithMarks is how long a text is that has size bytes once its marks of the
// other origin are gone.
func sizeWithMarks(s string, size int) int {
	return size + strings.Count(s, otherOrigin)*len(otherOrigin)
}
