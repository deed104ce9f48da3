package origin

import (
	"fmt"
	"strings"
	"sync"
)

// Classic returns the test site of the 1997 pipelining study: Nielsen, Gettys,
// Baird-Smith, Prud'hommeaux, Lie and Lilley, "Network Performance Effects of
// HTTP/1.1, CSS1, and PNG", SIGCOMM '97,
// https://www.w3.org/Protocols/HTTP/Performance/Pipeline.html. Its site,
// "Microscape", was "a HTML page totaling 42KB with 42 inlined GIF images
// totaling 125KB. […] The embedded images range in size from 70B to 40KB; most
// are small, with 19 images less than 1KB, 7 images between 1KB and 2KB, and 6
// images between 2KB and 3KB."
//
// Ours has 41 images of those sizes, one of the larger ones fewer, and the same
// totals: 43,008 and 128,000 bytes, KB being 1,024 bytes, as the study's own
// sum of 128,287 bytes tells. About half of the img tags say how large their
// image is; of the others a browser knows only when their first bytes arrive.
func Classic() *Site { return classic() }

var classic = sync.OnceValue(buildClassic)

const classicDocument = 42 << 10

// classicPictures are the 41 images: 19 below 1 KB, 7 below 2 KB, 6 below 3 KB,
// 9 above, the largest of 40 KB.
var classicPictures = []picture{
	{path: "/img/spacer.gif", w: 10, h: 10, bytes: 70, flat: true},
	{path: "/img/dot1.gif", w: 12, h: 12, bytes: 82, flat: true},
	{path: "/img/dot2.gif", w: 12, h: 12, bytes: 96, flat: true},
	{path: "/img/rule1.gif", w: 560, h: 4, bytes: 128, flat: true},
	{path: "/img/rule2.gif", w: 560, h: 3, bytes: 151, flat: true},
	{path: "/img/rule3.gif", w: 560, h: 2, bytes: 156, flat: true},
	{path: "/img/dot3.gif", w: 12, h: 12, bytes: 157, flat: true},
	{path: "/img/dot4.gif", w: 12, h: 12, bytes: 165, flat: true},
	{path: "/img/enter.gif", w: 44, h: 18, bytes: 268, label: "Enter"},
	{path: "/img/shop.gif", w: 40, h: 18, bytes: 214, label: "Shop"},
	{path: "/img/search.gif", w: 56, h: 18, bytes: 322, label: "Search"},
	{path: "/img/support.gif", w: 64, h: 18, bytes: 388, label: "Support"},
	{path: "/img/products.gif", w: 74, h: 20, bytes: 451, label: "Products"},
	{path: "/img/solutions.gif", w: 82, h: 20, bytes: 530, label: "Solutions"},
	{path: "/img/developers.gif", w: 90, h: 20, bytes: 612, label: "Developers"},
	{path: "/img/downloads.gif", w: 82, h: 20, bytes: 682, label: "Downloads"},
	{path: "/img/newsroom.gif", w: 74, h: 20, bytes: 743, label: "Newsroom"},
	{path: "/img/jobs.gif", w: 44, h: 20, bytes: 812, label: "Jobs"},
	{path: "/img/icon1.gif", w: 16, h: 16, bytes: 958, grain: 0},

	{path: "/img/icon2.gif", w: 20, h: 20, bytes: 1108, grain: 1},
	{path: "/img/icon3.gif", w: 22, h: 22, bytes: 1216, grain: 2},
	{path: "/img/icon4.gif", w: 24, h: 24, bytes: 1327, grain: 3},
	{path: "/img/icon5.gif", w: 26, h: 26, bytes: 1403, grain: 3},
	{path: "/img/icon6.gif", w: 28, h: 28, bytes: 1548, grain: 5},
	{path: "/img/icon7.gif", w: 30, h: 30, bytes: 1664, grain: 5},
	{path: "/img/icon8.gif", w: 32, h: 30, bytes: 1698, grain: 5},

	{path: "/img/thumb1.gif", w: 48, h: 36, bytes: 2109, grain: 3},
	{path: "/img/thumb2.gif", w: 48, h: 36, bytes: 2244, grain: 4},
	{path: "/img/thumb3.gif", w: 52, h: 38, bytes: 2385, grain: 4},
	{path: "/img/thumb4.gif", w: 52, h: 38, bytes: 2531, grain: 5},
	{path: "/img/thumb5.gif", w: 56, h: 40, bytes: 2688, grain: 5},
	{path: "/img/thumb6.gif", w: 56, h: 42, bytes: 2903, grain: 6},

	{path: "/img/photo1.gif", w: 72, h: 54, bytes: 3210, grain: 2},
	{path: "/img/photo2.gif", w: 80, h: 60, bytes: 3744, grain: 2},
	{path: "/img/photo3.gif", w: 88, h: 66, bytes: 4420, grain: 2},
	{path: "/img/photo4.gif", w: 96, h: 72, bytes: 5312, grain: 3},
	{path: "/img/photo5.gif", w: 112, h: 84, bytes: 6480, grain: 2},
	{path: "/img/photo6.gif", w: 128, h: 96, bytes: 8192, grain: 3},
	{path: "/img/photo7.gif", w: 144, h: 108, bytes: 10240, grain: 3},
	{path: "/img/photo8.gif", w: 160, h: 120, bytes: 13633, grain: 5},
	{path: "/img/banner.gif", w: 468, h: 110, bytes: 40960, grain: 10},
}

func buildClassic() *Site {
	s := &Site{Name: "classic", Origins: 1}
	s.parts = append(s.parts, textPart("/", html, classicPage()))
	s.parts = append(s.parts, drawAll(classicPictures, 0)...)
	s.compress()
	return s
}

// classicPage writes the document as they were written then: in tables.
func classicPage() string {
	p := prose{1997}
	images := classicPictures
	take := func(n int) []picture {
		some := images[:n]
		images = images[n:]
		return some
	}
	var b strings.Builder
	b.WriteString("<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2//EN\">\n<html>\n<head><title>Welcome to Lingerscape</title></head>\n" +
		"<body bgcolor=\"#ffffff\" text=\"#000000\" link=\"#003399\">\n<center>\n")
	marks, buttons, icons, thumbs, photos := take(8), take(10), take(8), take(6), take(9)
	b.WriteString(img(photos[8], true, "Lingerscape") + "<br>\n")
	for i, m := range buttons {
		b.WriteString("<a href=\"#top\">" + img(m, i%2 == 0, m.label) + "</a>\n")
	}
	fmt.Fprintf(&b, "</center>\n%s%s<br>\n", img(marks[0], true, ""), img(marks[3], true, ""))
	b.WriteString("<table width=\"100%\" cellpadding=\"6\"><tr valign=\"top\"><td width=\"70%\">\n")
	for i, m := range photos[:8] {
		fmt.Fprintf(&b, "<h2>%s</h2>\n%s\n<p>%s</p>\n<br clear=\"left\">\n",
			p.title(), strings.Replace(img(m, i%2 == 0, p.title()), "<img", "<img align=\"left\" hspace=\"8\"", 1), p.paragraph(14))
		if i == 2 || i == 5 {
			b.WriteString(img(marks[4+i/3], i == 2, "") + "\n")
		}
	}
	b.WriteString("</td><td bgcolor=\"#eeeeee\">\n")
	for i, m := range icons {
		fmt.Fprintf(&b, "<p>%s <b>%s</b><br>%s</p>\n", img(m, i%2 == 0, ""), p.title(), p.paragraph(3))
	}
	for i, m := range thumbs {
		fmt.Fprintf(&b, "<p>%s<br>%s</p>\n", img(m, i%2 == 1, p.title()), p.paragraph(3))
	}
	b.WriteString("</td></tr></table>\n")
	for i, m := range []picture{marks[1], marks[2], marks[6], marks[7]} {
		fmt.Fprintf(&b, "%s <a href=\"#%d\">%s</a><br>\n", img(m, i%2 == 0, "*"), i, p.title())
	}
	s := b.String()
	closing := "</body>\n</html>\n"
	for len(s)+1200 < classicDocument {
		s += "<p>" + p.paragraph(6) + "</p>\n"
	}
	return fillComment(s, "<!--\n", "-->\n"+closing, classicDocument)
}

// img writes an img element, with or without its size.
func img(p picture, sized bool, alt string) string {
	size := ""
	if sized {
		size = fmt.Sprintf(" width=\"%d\" height=\"%d\"", p.w, p.h)
	}
	return fmt.Sprintf("<img src=\"%s\"%s alt=\"%s\">", p.path, size, alt)
}
