package origin

import (
	"fmt"
	"sync"
)

// Modern returns about the median page of today: 70 objects, 2.5 MB. The HTTP
// Archive's crawl of October 2024 (https://almanac.httparchive.org/en/2024/page-weight)
// found at the median desktop home page 71 requests and 2,652 kB, of which 24
// scripts of 613 kB, images of 1,054 kB, fonts of 131 kB, style sheets of 78 kB
// and 18 kB of HTML, as transferred. Ours are
//
//	 1 document                      24,000 bytes
//	 1 frame                          6,000
//	 8 style sheets, three imported 110,000
//	24 scripts, two of them modules 780,000
//	 4 fonts                        102,000
//	32 images                     1,478,000
//
// before compression, of which text and scripts take much: about 1.8 MB pass to
// a client that takes gzip. Images and fonts are on the second origin, but for
// three.
//
// What a browser chooses is for a screen of single density, 1280 pixels wide;
// other choices are among the [Site.Alternates]. The sizes hold for a site on
// one origin; each naming of the second adds the length of its base URL.
func Modern() *Site { return modern() }

var modern = sync.OnceValue(buildModern)

const (
	html = "text/html; charset=utf-8"
	css  = "text/css; charset=utf-8"
	js   = "text/javascript; charset=utf-8"
)

// The pictures of the modern site, by where they stand in it. The first three
// are on the document's origin.
var (
	modernIcon   = picture{path: "/favicon.png", w: 32, h: 32, bytes: 1600, grain: 4}
	modernLogo   = picture{path: "/img/logo.png", w: 128, h: 48, bytes: 6000, grain: 11}
	modernSearch = picture{path: "/img/search.gif", w: 64, h: 28, bytes: 700, label: "Search"}

	modernHero   = picture{path: "/img/hero.jpg", w: 1200, h: 480, bytes: 235100, grain: 9}
	modernPoster = picture{path: "/img/poster.jpg", w: 800, h: 450, bytes: 110000, grain: 4}
	modernOffer  = picture{path: "/img/offer.jpg", w: 300, h: 250, bytes: 40000, grain: 17}

	modernBackgrounds = []picture{
		{path: "/img/paper.png", w: 128, h: 128, bytes: 12000, grain: 4},
		{path: "/img/ridge.jpg", w: 1200, h: 200, bytes: 70000, grain: 4},
		{path: "/img/stripe.gif", w: 64, h: 64, bytes: 3400, grain: 2},
		{path: "/img/dusk.jpg", w: 900, h: 240, bytes: 66000, grain: 5},
	}
	modernCards = []picture{
		{path: "/img/card01.jpg", w: 360, h: 240, bytes: 38000, grain: 10},
		{path: "/img/card02.jpg", w: 360, h: 240, bytes: 39500, grain: 11},
		{path: "/img/card03.jpg", w: 360, h: 240, bytes: 41000, grain: 12},
		{path: "/img/card04.jpg", w: 360, h: 240, bytes: 42500, grain: 13},
		{path: "/img/card05.jpg", w: 360, h: 240, bytes: 44000, grain: 15},
		{path: "/img/card06.jpg", w: 360, h: 240, bytes: 45500, grain: 17},
		{path: "/img/card07.jpg", w: 360, h: 240, bytes: 46500, grain: 16},
		{path: "/img/card08.jpg", w: 360, h: 240, bytes: 48000, grain: 20},
		{path: "/img/card09.jpg", w: 360, h: 240, bytes: 49500, grain: 20},
		{path: "/img/card10.jpg", w: 360, h: 240, bytes: 51000, grain: 23},
		{path: "/img/card11.jpg", w: 360, h: 240, bytes: 52500, grain: 28},
		{path: "/img/card12.jpg", w: 360, h: 240, bytes: 54000, grain: 34},
	}
	modernGallery = []picture{
		{path: "/img/photo1.jpg", w: 480, h: 320, bytes: 72000, grain: 11},
		{path: "/img/photo2.jpg", w: 480, h: 320, bytes: 72000, grain: 11},
		{path: "/img/photo3.jpg", w: 480, h: 320, bytes: 72000, grain: 12},
		{path: "/img/photo4.jpg", w: 480, h: 320, bytes: 72000, grain: 12},
		{path: "/img/chart1.png", w: 320, h: 200, bytes: 38000, grain: 3},
		{path: "/img/chart2.png", w: 320, h: 200, bytes: 38000, grain: 3},
	}
	modernFaces = []picture{
		{path: "/img/face1.png", w: 64, h: 64, bytes: 4300, grain: 10},
		{path: "/img/face2.png", w: 64, h: 64, bytes: 4300, grain: 10},
		{path: "/img/face3.png", w: 64, h: 64, bytes: 4300, grain: 10},
		{path: "/img/face4.png", w: 64, h: 64, bytes: 4300, grain: 10},
	}

	// For denser screens, and for browsers that know no picture element.
	modernAlternates = []picture{
		{path: "/img/hero-plain.jpg", w: 600, h: 240, bytes: 60000, grain: 8},
		{path: "/img/card01-2x.jpg", w: 720, h: 480, bytes: 120000, grain: 5},
		{path: "/img/card02-640.jpg", w: 640, h: 427, bytes: 100000, grain: 7},
	}
)

// modernCDN is every picture of the page that is on the second origin.
func modernCDN() []picture {
	all := []picture{modernHero, modernPoster, modernOffer}
	for _, group := range [][]picture{modernBackgrounds, modernCards, modernGallery, modernFaces} {
		all = append(all, group...)
	}
	return all
}

// modernFonts are the variants of the one face, each 25,500 bytes.
var modernFonts = []fontStyle{
	{name: "regular"},
	{name: "bold", bold: true},
	{name: "italic", slant: true},
	{name: "wide", wide: true},
}

const modernFontBytes = 25500

func buildModern() *Site {
	s := &Site{Name: "modern", Origins: 2}
	own := drawAll([]picture{modernIcon, modernLogo, modernSearch}, 0)
	cdn := drawAll(modernCDN(), 1)
	s.alternates = drawAll(modernAlternates, 1)
	s.parts = append(s.parts, textPart("/", html, modernPage()))
	for _, sheet := range modernSheets() {
		s.parts = append(s.parts, textPart("/css/"+sheet.name, css, sheet.text))
	}
	for _, script := range modernScripts() {
		s.parts = append(s.parts, textPart("/js/"+script.name, js, script.text))
	}
	for _, style := range modernFonts {
		s.parts = append(s.parts, part{path: "/font/" + style.name + ".ttf", contentType: "font/ttf", origin: 1, body: style.encode(modernFontBytes)})
	}
	s.parts = append(s.parts, own...)
	s.parts = append(s.parts, cdn...)
	s.parts = append(s.parts, textPart("/frame.html", html, modernFrame()))
	s.compress()
	return s
}

// drawAll draws the pictures.
func drawAll(pictures []picture, origin int) []part {
	parts := make([]part, len(pictures))
	inPairs(len(pictures), func(i int) {
		p := pictures[i]
		parts[i] = part{path: p.path, contentType: p.contentType(), origin: origin, body: p.draw()}
	})
	return parts
}

// inPairs does the work of 0 to n-1, two at a time.
func inPairs(n int, work func(i int)) {
	every2nd := func(first int, done *sync.WaitGroup) {
		defer done.Done()
		for i := first; i < n; i += 2 {
			work(i)
		}
	}
	var done sync.WaitGroup
	done.Add(2)
	go every2nd(1, &done)
	every2nd(0, &done)
	done.Wait()
}

// A text is a style sheet or a script.
type text struct{ name, text string }

// names of numbered scripts, as bundlers give them.
func chunkName(i int) string { return fmt.Sprintf("chunk-%02d.js", i+1) }
