package page

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// cut delivers s in pieces whose lengths follow from seed.
type cut struct {
	s    string
	seed uint32
}

func (c *cut) Read(p []byte) (int, error) {
	if c.s == "" {
		return 0, io.EOF
	}
	c.seed = c.seed*1664525 + 1013904223
	n := copy(p, c.s[:min(len(c.s), 1+int(c.seed>>16)%40)])
	c.s = c.s[n:]
	return n, nil
}

// checkFindings checks what holds of whatever is found in any input.
func checkFindings(t *testing.T, in string, find func(io.Reader, func(finding))) []string {
	t.Helper()
	return collect(func(found func(finding)) {
		n := 0
		find(strings.NewReader(in), func(f finding) {
			if n++; n > len(in) {
				t.Fatalf("more findings than bytes in %q", in)
			}
			if (f.url == nil) == (f.err == nil) || f.by == "" || f.kind >= numKinds || f.urgency < 0 || f.urgency > 7 {
				t.Fatalf("finding %+v in %q", f, in)
			}
			if u := f.url; u != nil {
				if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Fragment != "" || len(u.String()) > 4*maxURL ||
					strings.ContainsFunc(u.RequestURI(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
					t.Fatalf("URL %q in %q", u, in)
				}
			}
			found(f)
		})
	})
}

func fuzzFinder(f *testing.F, find func(io.Reader, func(finding))) {
	f.Fuzz(func(t *testing.T, in string, seed uint32) {
		whole := checkFindings(t, in, find)
		for how, r := range map[string]io.Reader{
			"single bytes":                         iotest.OneByteReader(strings.NewReader(in)),
			"pieces":                               &cut{in, seed},
			"an end that comes with the last byte": iotest.DataErrReader(strings.NewReader(in)),
		} {
			if got := collect(func(found func(finding)) { find(r, found) }); !slices.Equal(got, whole) {
				t.Fatalf("%q: found %q as a whole, %q in %s", in, whole, got, how)
			}
		}
	})
}

func FuzzFindHTML(f *testing.F) {
	f.Add(`<base href="//x/y/"><img src=a srcset="b 1x, c 640w" sizes="(min-width:1px) 3px"><picture><source type=image/webp srcset=a></picture>`, uint32(1))
	f.Add(`<link rel="preload icon" as=image imagesrcset="a 2x"><style>@import "a"</style><p style="x:url(a)"><iframe srcdoc="<img src=&quot;a&quot;>">`, uint32(2))
	f.Add(`<video poster=a><source src=b></video><template><script src=a></script></template><noscript><img src="`, uint32(3))
	f.Add("<img src=\"http://[::1\"><img src='\\\\\\x\x00%zz\xff'><!doctype><![CDATA[<?x", uint32(4))
	fuzzFinder(f, func(r io.Reader, found func(finding)) { findHTML(r, testBase, found) })
}

func FuzzFindCSS(f *testing.F) {
	f.Add(`@charset "x"; @import url(a) layer(b) supports(c:d) (min-width:1px), print; @namespace url(n);`, uint32(1))
	f.Add(`@font-face{src:url(a.eot);src:local(x),url("b")format("woff2"),url(c);unicode-range:U+26,u+4??}`, uint32(2))
	f.Add(`a{b:image-set("c"1x type("image/png"),url(d)2x);--e:url(f)}@media not print{g{h:url( "i\29 \
j" )}}/* `, uint32(3))
	f.Add("u+123456789?-a{b:u+??;c:url(d e\\)f);g:url(\\\n)}\x00<!--}-->\"\\", uint32(4))
	fuzzFinder(f, func(r io.Reader, found func(finding)) { findCSS(r, testBase, found) })
}

// Where a token that is too long is cut depends on where it began alone.
func FuzzFindHTMLShortTokens(f *testing.F) {
	f.Add("<p>"+strings.Repeat("x", 200)+"<script><img src=a></script><style>p{b:url(c)}"+strings.Repeat(" ", 90)+"</style><img src=d>", uint32(1))
	fuzzFinder(f, func(r io.Reader, found func(finding)) {
		h := &htmlFinder{base: testBase, found: found}
		h.scan(r, 64)
	})
}
