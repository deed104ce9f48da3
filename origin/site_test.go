package origin

import (
	"bytes"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/image/font/sfnt"
)

func objectsOf(t *testing.T, s *Site, second string) []Object {
	t.Helper()
	objects, err := s.Objects(second)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// kind is the part of a content type before the slash, and text's second part.
func kind(o Object) string {
	before, after, _ := strings.Cut(strings.TrimSuffix(o.Type, "; charset=utf-8"), "/")
	if before == "text" {
		return after
	}
	return before
}

// The figures of the study: see Classic.
func TestClassicFigures(t *testing.T) {
	var below [4]int // images below 1, 2 and 3 KB, and above
	least, most, sum := int64(1<<20), int64(0), int64(0)
	objects := objectsOf(t, Classic(), "")
	if objects[0].Size != 42<<10 {
		t.Errorf("the document has %d bytes", objects[0].Size)
	}
	for _, o := range objects[1:] {
		below[min(o.Size/1024, 3)]++
		least, most, sum = min(least, o.Size), max(most, o.Size), sum+o.Size
	}
	if below != [4]int{19, 7, 6, 9} || sum != 125<<10 || least != 70 || most != 40<<10 {
		t.Errorf("images by KB: %v, %d to %d bytes, %d in all", below, least, most, sum)
	}
	doc := bytesOf(t, objects[0])
	if all, sized := bytes.Count(doc, []byte("<img ")), bytes.Count(doc, []byte(" width=")); all != 41 || sized < 18 || sized > 26 {
		t.Errorf("%d images, of which about %d say their size", all, sized)
	}
}

// The figures of the median page: see Modern.
func TestModernFigures(t *testing.T) {
	type figures struct {
		objects int
		bytes   int64
	}
	got := make(map[string]figures)
	var all figures
	for _, o := range objectsOf(t, Modern(), "") {
		f := got[kind(o)]
		got[kind(o)] = figures{f.objects + 1, f.bytes + o.Size}
		all = figures{all.objects + 1, all.bytes + o.Size}
	}
	want := map[string]figures{
		"html": {2, 30000}, "css": {8, 110000}, "javascript": {24, 780000}, "font": {4, 102000}, "image": {32, 1478000},
	}
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %+v, want %+v", k, got[k], w)
		}
	}
	if all != (figures{70, 2500000}) {
		t.Errorf("in all: %+v", all)
	}
}

// Every image decodes, and is as heavy as it is by its pixels, not its padding.
func TestPictures(t *testing.T) {
	for _, o := range append(append(objectsOf(t, Classic(), ""), objectsOf(t, Modern(), "")...), Modern().Alternates("")...) {
		if kind(o) != "image" {
			continue
		}
		b := bytesOf(t, o)
		_, format, err := image.Decode(bytes.NewReader(b))
		if err != nil || "image/"+format != o.Type {
			t.Errorf("%s: %s, %v", o.Path, format, err)
		}
		if _, _, err := image.DecodeConfig(bytes.NewReader(b[:min(len(b), 1024)])); err != nil {
			t.Errorf("%s: its first bytes do not tell its size: %v", o.Path, err)
		}
		if pad := strings.Count(string(b), remark) * len(remark); o.Size >= 1024 && int64(pad) > o.Size/10 {
			t.Errorf("%s: %d of %d bytes are padding", o.Path, pad, o.Size)
		}
	}
}

// Comments of any length keep a picture whole.
func TestFill(t *testing.T) {
	for _, ext := range []string{".gif", ".png", ".jpg"} {
		p := picture{path: "/x" + ext, w: 20, h: 10, grain: 5}
		bare := p.encode(5)
		for spare := commentRoom; spare < 1200; spare++ {
			p.bytes = len(bare) + spare
			b := p.fill(bare)
			if len(b) != p.bytes {
				t.Fatalf("%s with %d more has %d bytes, not %d", ext, spare, len(b), p.bytes)
			}
			if _, _, err := image.Decode(bytes.NewReader(b)); err != nil {
				t.Fatalf("%s with %d more: %v", ext, spare, err)
			}
		}
	}
	for _, n := range []int{59999, 60000, 60001, 60004, 120001} {
		if got := len(jpegComment(n)); got != n {
			t.Errorf("a JPEG comment of %d bytes has %d", n, got)
		}
	}
}

func TestFonts(t *testing.T) {
	for _, style := range modernFonts {
		b := style.encode(modernFontBytes)
		f, err := sfnt.Parse(b)
		if err != nil || len(b) != modernFontBytes || checksum(b) != 0xb1b0afba {
			t.Fatalf("%s: %d bytes, %v", style.name, len(b), err)
		}
		var buf sfnt.Buffer
		for r := rune(0x21); r < 0x7f; r++ {
			glyph, err := f.GlyphIndex(&buf, r)
			if err != nil || int(glyph) != int(r)-firstRune+1 {
				t.Fatalf("%s: %q is glyph %d, %v", style.name, r, glyph, err)
			}
			if outline, err := f.LoadGlyph(&buf, glyph, 1024<<6, nil); err != nil || len(outline) == 0 {
				t.Errorf("%s: %q has %d segments, %v", style.name, r, len(outline), err)
			}
		}
	}
}

// The same bytes in every run, and to everybody.
func TestGeneratedAlike(t *testing.T) {
	for _, pair := range [][2]*Site{{Classic(), buildClassic()}, {Modern(), buildModern()}} {
		one, two := objectsOf(t, pair[0], "http://b"), objectsOf(t, pair[1], "http://b/")
		for i := range one {
			if !bytes.Equal(bytesOf(t, one[i]), bytesOf(t, two[i])) {
				t.Errorf("%s: %s differs", pair[0].Name, one[i].Path)
			}
		}
	}
}

var reference = regexp.MustCompile(`(?:src|href|poster)="([^"#]+)"|url\(["']?([^"')]+)|@import "([^"]+)"|from "./([^"]+)"|srcset="([^"]+)"`)

// Whatever a site's text names is there, and everything there is named.
func TestReferences(t *testing.T) {
	for _, s := range []*Site{Classic(), Modern(), Many(7)} {
		const second = "http://cdn.test"
		all := append(objectsOf(t, s, second), s.Alternates(second)...)
		there := make(map[string]bool) // by URL: has it been named
		for _, o := range all {
			there[strings.Repeat(second, o.Origin)+o.Path] = o.Path == "/"
		}
		for _, o := range all {
			if !isText(o.Type) {
				continue
			}
			for _, groups := range reference.FindAllStringSubmatch(string(bytesOf(t, o)), -1) {
				for url := range strings.SplitSeq(strings.Join(groups[1:], ""), ", ") {
					url, _, _ = strings.Cut(url, " ")
					if url == second+"/" { // a preconnect
						continue
					}
					if !strings.Contains(url, "/") {
						url = o.Path[:strings.LastIndex(o.Path, "/")+1] + url
					}
					if _, ok := there[url]; !ok {
						t.Errorf("%s: %s names %s, which is not there", s.Name, o.Path, url)
					}
					there[url] = true
				}
			}
		}
		for url, named := range there {
			if !named {
				t.Errorf("%s: nothing names %s", s.Name, url)
			}
		}
	}
}

// What is written to a directory and served from there is the same site.
func TestWriteToAndDir(t *testing.T) {
	dir := t.TempDir()
	if err := Modern().WriteTo(dir, ""); err != nil {
		t.Fatal(err)
	}
	site, err := Dir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Config{Site: site})
	c := clientOfServer(t, s, "http1")
	for _, o := range append(objectsOf(t, Modern(), ""), Modern().Alternates("")...) {
		resp, body, err := get(t, c, s.Bases()[0]+o.Path)
		if err != nil || resp.StatusCode != 200 || !bytes.Equal(body, bytesOf(t, o)) {
			t.Errorf("%s: %s, %d bytes of %d, %v", o.Path, resp.Status, len(body), o.Size, err)
		}
	}
	paths, err := site.Paths()
	if err != nil || len(paths) != 70+len(Modern().Alternates("")) {
		t.Errorf("%d paths, %v", len(paths), err)
	}
}

// Nothing outside of the directory, and nothing but files.
func TestDirKeepsInside(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "site")
	if err := os.MkdirAll(filepath.Join(inside, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"secret": "no", "site/a.txt": "yes", "site/sub/index.html": "<p>sub", "site/my-index.html": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret", filepath.Join(inside, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	for path, want := range map[string]string{
		"/a.txt": "yes", "/sub/": "<p>sub", "/sub/index.html": "<p>sub", "/my-index.html": "mine",
		"/": "", "/sub": "", "/link": "", "/../secret": "", "/sub/../../secret": "", "/none": "", "/a.txt/": "", "//a.txt\x00": "",
	} {
		o, ok := findFile(inside, path)
		if ok != (want != "") {
			t.Errorf("%q is there: %v", path, ok)
		} else if ok && string(bytesOf(t, o)) != want {
			t.Errorf("%q is %q", path, bytesOf(t, o))
		}
	}
	if objects, err := listDir(inside); err != nil || len(objects) != 3 {
		t.Errorf("%d objects, %v", len(objects), err)
	}
}

// A body of any size passes, reads the same from any place, and ends.
func TestBig(t *testing.T) {
	const size = 3<<20 + 7
	s := start(t, Config{Site: Big(size)})
	_, body, err := get(t, clientOfServer(t, s, "http1"), s.URL())
	if err != nil || !bytes.Equal(body, bytesOf(t, s.Objects()[0])) || len(body) != size {
		t.Fatalf("%d bytes, %v", len(body), err)
	}
	o := objectsOf(t, Big(10<<30), "")[0]
	r, err := o.Open()
	if err != nil {
		t.Fatal(err)
	}
	if at, err := r.Seek(-5, io.SeekEnd); err != nil || at != 10<<30-5 {
		t.Fatal(at, err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 5 {
		t.Errorf("%d bytes are left 5 before the end, %v", len(rest), err)
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("there is something before the start")
	}
	if _, err := r.Seek(1<<20, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 1000)
	if _, err := io.ReadFull(r, part); err != nil || !bytes.Equal(part, body[1<<20:1<<20+1000]) {
		t.Errorf("the bytes at 1 MiB differ, %v", err)
	}
}

func TestMany(t *testing.T) {
	objects := objectsOf(t, Many(5000), "")
	seen := make(map[string]bool)
	for _, o := range objects[1:] {
		b := bytesOf(t, o)
		seen[string(b)] = true
		if _, _, err := image.Decode(bytes.NewReader(b)); err != nil || len(b) != 43 {
			t.Fatalf("%s: %d bytes, %v", o.Path, len(b), err)
		}
	}
	if len(objects) != 5001 || len(seen) != 5000 {
		t.Errorf("%d objects, %d of them different images", len(objects), len(seen))
	}
}

func BenchmarkModern(b *testing.B) {
	for b.Loop() {
		buildModern()
	}
}

func BenchmarkClassic(b *testing.B) {
	for b.Loop() {
		buildClassic()
	}
}
