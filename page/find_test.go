package page

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
)

var testBase = &url.URL{Scheme: "http", Host: "h", Path: "/d/page"}

// line writes a finding so that a table can hold it: how, what and, of an image,
// its size; ! for what rendering waits for, ~ for what is late.
func (f finding) line() string {
	s := fmt.Sprintf("%s %s", f.by, strings.TrimPrefix(f.address(), "http://h/d/"))
	if f.width > 0 {
		s += fmt.Sprintf(" %dx%d", f.width, f.height)
	}
	if f.err != nil {
		s += " (" + f.err.Error() + ")"
	}
	if f.blocks {
		s += " !"
	}
	if f.urgency == urgencyLate {
		s += " ~"
	}
	return s
}

func collect(find func(found func(finding))) []string {
	var lines []string
	find(func(f finding) { lines = append(lines, f.line()) })
	return lines
}

func htmlLines(r io.Reader) []string {
	return collect(func(found func(finding)) { findHTML(r, testBase, found) })
}

func cssLines(r io.Reader) []string {
	return collect(func(found func(finding)) { findCSS(r, testBase, found) })
}

type findTest struct {
	name, in string
	want     []string
}

func runFindTests(t *testing.T, tests []findTest, find func(io.Reader) []string) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.Join(tt.want, "\n")
			if got := strings.Join(find(strings.NewReader(tt.in)), "\n"); got != want {
				t.Errorf("%s\nfound:\n%s\nwant:\n%s", tt.in, got, want)
			}
			if got := strings.Join(find(iotest.OneByteReader(strings.NewReader(tt.in))), "\n"); got != want {
				t.Errorf("%s\nin single bytes found:\n%s\nwant:\n%s", tt.in, got, want)
			}
		})
	}
}

func TestFindHTML(t *testing.T) {
	runFindTests(t, []findTest{
		{"img", `<img src=a.png><IMG SRC='/b.png'>`, []string{"img src a.png", "img src http://h/b.png"}},
		{"img with size", `<img src=a width=10 height="20px"><img src=b width=10><img src=c width=50% height=3>`,
			[]string{"img src a 10x20", "img src b", "img src c"}},
		{"img entities and spaces", `<img src=" a.png?x=1&amp;y=2 ">`, []string{"img src a.png?x=1&y=2"}},
		{"img newline in URL", "<img src=\"a\n.png\">", []string{"img src a.png"}},
		{"img empty", `<img src=""><img><img src="#x">`, nil},
		{"img lazy", `<img src=a loading=lazy>`, []string{"img src a ~"}},
		{"img other schemes", `<img src="data:image/png;base64,AA"><img src=blob:x><img src="java` + "\t" + `script:x"><img src=about:blank>`, nil},
		{"img srcset densities", `<img src=1.png srcset="2.png 2x, 3.png 3x">`, []string{"img src 1.png"}},
		{"img srcset with 1x", `<img src=0.png srcset="1.png, 2.png 2x">`, []string{"img srcset 1.png"}},
		{"img srcset widths", `<img src=0.png srcset="s.png 640w, m.png 1280w, l.png 2560w">`, []string{"img srcset m.png"}},
		{"img srcset sizes", `<img srcset="s.png 640w, m.png 1280w, l.png 2560w" sizes="(max-width: 600px) 100vw, (min-width: 1000px) 50vw, 33vw">`,
			[]string{"img srcset s.png"}},
		{"img srcset largest", `<img srcset="s.png 64w, m.png 128w">`, []string{"img srcset m.png"}},
		{"img srcset commas", `<img srcset="a,b.png 1x,c.png 2x">`, []string{"img srcset a,b.png"}},
		{"img srcset damaged", `<img src=s srcset="a.png 1q, ,, b.png -1x, c.png 1x 2x">`, []string{"img src s"}},
		{"picture", `<picture><source srcset=a.avif type=image/avif><source srcset=b.webp type=image/webp><source srcset=c.png><img src=d.png width=1 height=2></picture><img src=e.png>`,
			[]string{"picture source b.webp 1x2", "img src e.png"}},
		{"picture media", `<picture><source media="(max-width: 700px)" srcset=s.png><source media="(min-width: 701px)" srcset="l.png, x.png 2x"><img src=d.png></picture>`,
			[]string{"picture source l.png"}},
		{"picture without match", `<picture><source media=print srcset=s.png><img src=d.png></picture>`, []string{"img src d.png"}},
		{"picture without img", `<picture><source srcset=s.png></picture>`, nil},
		{"source alone", `<source src=a srcset=b>`, nil},
		{"style sheet", `<link rel=stylesheet href=a.css><link href=b.css rel="StyleSheet foo" media="screen and (min-width: 100px)">`,
			[]string{"link stylesheet a.css !", "link stylesheet b.css !"}},
		{"style sheet for others", `<link rel=stylesheet href=p.css media=print><link rel="alternate stylesheet" href=a.css><link rel=stylesheet disabled href=d.css><link rel=stylesheet type=text/less href=l>`,
			[]string{"link stylesheet p.css ~", "link stylesheet a.css ~"}},
		{"icon", `<link rel="shortcut icon" href=i.ico type=image/x-icon><link rel=apple-touch-icon href=t.png>`, []string{"link icon i.ico ~"}},
		{"preload", `<link rel=preload as=font href=f.woff2><link rel=preload as=style href=s.css><link rel=preload href=nothing><link rel=preload as=image media=print href=p.png>`,
			[]string{"link preload f.woff2", "link preload s.css"}},
		{"preload image", `<link rel=preload as=image imagesrcset="a.png 640w, b.png 1280w" imagesizes=50vw>`, []string{"link preload a.png"}},
		{"modulepreload", `<link rel=modulepreload href=m.js>`, []string{"link modulepreload m.js"}},
		{"link of no interest", `<link rel=canonical href=c><link rel=prefetch href=p><link href=x>`, nil},
		{"script", `<script src=a.js></script><script type=module src=m.js></script><script nomodule src=old.js></script><script type="text/template" src=t></script>`,
			[]string{"script src a.js", "script src m.js"}},
		{"script content", `<script>document.write("<img src=no.png>")</script><img src=a>`, []string{"img src a"}},
		{"script unclosed", `<script><img src=no.png>`, nil},
		{"input", `<input type=IMAGE src=a.png><input type=text src=b.png>`, []string{"input src a.png"}},
		{"video", `<video poster=p.png src=v.mp4><source src=x.mp4></video>`, []string{"video poster p.png ~"}},
		{"video sources", `<video width=3 height=4 poster=p.png><source src=a.xyz type=video/xyz><source src=b.webm type="video/webm; codecs=vp9"><source src=c.mp4></video>`,
			[]string{"video poster p.png 3x4 ~", "video source b.webm ~"}},
		{"audio", `<audio><source src=a.mp3></audio><audio preload=none><source src=b.mp3></audio>`, []string{"audio source a.mp3 ~"}},
		{"iframe", `<iframe src=f.html><img src=no.png></iframe><iframe src=about:blank></iframe>`, []string{"iframe src f.html"}},
		{"srcdoc", `<iframe src=no.html srcdoc="<img src='a.png'><link rel=stylesheet href=s.css><iframe srcdoc='&lt;img src=deep&gt;'>"></iframe>`,
			[]string{"img src a.png", "link stylesheet s.css"}},
		{"style element", `<style>@import "i.css"; p { background: url(a.png) }</style><style media=print>p{background:url(b.png)}</style>`,
			[]string{"@import i.css !", "background url() a.png"}},
		{"style attribute", `<p style="color:red; background-image: url('a.png')">`, []string{"background-image url() a.png"}},
		{"base", `<img src=a><base target=x><base href="/e/"><base href="/f/"><img src=a>`, []string{"img src a", "img src http://h/e/a"}},
		{"base of another host", `<base href="//cdn"><img src=a><p style="background:url(b)">`, []string{"img src http://cdn/a", "background url() http://cdn/b"}},
		{"base of another scheme", `<base href="data:x"><img src=a>`, []string{"img src a"}},
		{"noscript", `<noscript><img src=no.png></noscript><img src=a>`, []string{"img src a"}},
		{"template", `<template><img src=no.png><template></template><style>p{background:url(no)}</style></template><img src=a>`, []string{"img src a"}},
		{"comment", `<!-- <img src=no.png> --><img src=a><!-- <img src=no>`, []string{"img src a"}},
		{"title and textarea", `<title><img src=no></title><textarea><img src=no></textarea><img src=a>`, []string{"img src a"}},
		{"twice", `<img src=a src=b>`, []string{"img src a"}},
		{"misnested", `<b><p></b><img src=a></p></i></template></picture></video><img src=b`, []string{"img src a"}},
		{"cut in a tag", `<img src=a><img src="b.pn`, []string{"img src a"}},
		{"no URL", `<img src="http://[::1"><img src="http://"><img src="//h:x/">`,
			[]string{`img src http://[::1 (missing ']' in host)`, "img src http:// (no host)", `img src //h:x/ (invalid port ":x" after host)`}},
		{"stray percent and quotes", `<img src='a%zz b".png?q=ü'>`, []string{"img src a%25zz%20b%22.png?q=%C3%BC"}},
		{"backslashes", `<img src="\\cdn\a.png">`, []string{"img src http://cdn/a.png"}},
		{"ports and case", `<img src="HTTP://H:80"><img src=https://x:443/a>`, []string{"img src http://h/", "img src https://x/a"}},
	}, htmlLines)
}

func TestFindCSS(t *testing.T) {
	runFindTests(t, []findTest{
		{"url", `a { background: #fff url(a.png) no-repeat, url("b.png"), url( 'c.png' ) }`,
			[]string{"background url() a.png", "background url() b.png", "background url() c.png"}},
		{"import", `@charset "utf-8"; @import "a.css"; @import url(b.css) screen; @import url("c.css") layer(x) supports(display: grid) (min-width: 9px); @layer l; @import 'd.css' print;`,
			[]string{"@import a.css !", "@import b.css !", "@import c.css !", "@import d.css ~"}},
		{"import without semicolon", `@import "a.css"`, []string{"@import a.css !"}},
		{"import too late", `p{} @import "no.css"; q { @import "no.css"; background: url(a) }`, []string{"background url() a"}},
		{"import after namespace", `@namespace svg url(no.svg); @import "no.css";`, nil},
		{"import damaged", `@import ; @import foo "a.css" {} p { background: url(b) }`, []string{"background url() b"}},
		{"font face", `@font-face { font-family: x; src: url(x.eot); src: local("x"), url("x.eot?#iefix") format("embedded-opentype"), url(x.woff2) format("woff2"), url(x.woff) format("woff") }`,
			[]string{"@font-face src x.woff2"}},
		{"font face without format", `@font-face { src: url(a.svg#f), url(b.ttf) }`, []string{"@font-face src b.ttf"}},
		{"font face with keyword format", `@font-face { src: url(a.x) format(svg), url(b.x) format(truetype) tech(variations) }`, []string{"@font-face src b.x"}},
		{"font face without anything", `@font-face { src: local(x) } p{background:url(a)}`, []string{"background url() a"}},
		{"image-set", `p { background-image: image-set("a.avif" type("image/avif"), "a.png" 1x, url(b.png) 2x); mask: -webkit-image-set(url(c.png) 2dppx, url(d.png) 96dpi) }`,
			[]string{"background-image image-set() a.png", "mask image-set() d.png"}},
		{"media", `@media print { p { background: url(no) } } @media screen and (max-width: 1280px) { p { background: url(a) } } q { background: url(b) }`,
			[]string{"background url() a", "background url() b"}},
		{"nested media", `p { @media (width < 100px) { background: url(no) } background: url(a); &:hover { color: red; background: url(b) } }`,
			[]string{"background url() a", "background url() b"}},
		{"supports", `@supports (display: grid) { p { background: url(a) } } @supports not (display: grid) { p { background: url(no) } }`,
			[]string{"background url() a"}},
		{"page", `@page { background: url(no) } p { background: url(a) }`, []string{"background url() a"}},
		{"keyframes and layers", `@layer x { @keyframes k { from { background: url(a) } } }`, []string{"background url() a"}},
		{"comment", `/* url(no) */ p { background: /* url(no) */ url(a) /*`, []string{"background url() a"}},
		{"fragments and data", `p { filter: url(#f); background: url(data:image/png;base64,AA==); mask: url() }`, nil},
		{"custom property", `:root { --logo: url(a.png) }`, []string{"--logo url() a.png"}},
		{"escapes", `p { background: url(a\ b\28 1\).png); mask: url("\61\000062 c\
d") }`, []string{"background url() a%20b(1).png", "mask url() abcd"}},
		{"dead properties", `p { behavior: url(no.htc); -moz-binding: url(no.xml) }`, nil},
		{"stray braces", `} p { background: url(a) }} q { background: url(b) }`, []string{"background url() a", "background url() b"}},
		{"bad url", `p { background: url(a b); mask: url(c) }`, []string{"mask url() c"}},
		{"unclosed", `p { background: url("a`, []string{"background url() a"}},
		{"comment brackets", `<!-- @import "a.css"; -->`, []string{"@import a.css !"}},
		{"unicode-range", `@font-face { unicode-range: U+0000-00FF, U+4??; src: url(a) }`, []string{"@font-face src a"}},
	}, cssLines)
}

// What stands behind a token that is too long to hold is found all the same.
func TestFindBehindLongTokens(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, in := range map[string]string{
		"text":      "<p>" + long + "<img src=a>",
		"script":    "<script>" + long + "<img src=no></script><img src=a>",
		"comment":   "<!--" + long + "--><img src=a>",
		"attribute": "<p title='" + long + "'><img src=a>",
		"style":     "<style>p{color:" + long + "}</style><img src=a>",
	} {
		got := collect(func(found func(finding)) {
			f := &htmlFinder{base: testBase, found: found}
			f.scan(strings.NewReader(strings.Repeat(in, 40)), 100)
		})
		if want := strings.Repeat("img src a\n", 40); strings.Join(got, "\n")+"\n" != want {
			t.Errorf("behind a long %s: found %q", name, got)
		}
	}
	sheet := "p{background:url(data:" + strings.Repeat("A", 2*maxToken+5) + ")} q{background:url(a)}"
	if got := cssLines(iotest.HalfReader(strings.NewReader(sheet))); len(got) != 1 || got[0] != "background url() a" {
		t.Errorf("behind a long data URL: found %q", got)
	}
}
