package page

import (
	"bytes"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"strings"
	"testing"
)

func encodedImages(t *testing.T) map[string]string {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, 70, 50), palette.WebSafe)
	var g, j bytes.Buffer
	if err := gif.Encode(&g, img, nil); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&j, img, nil); err != nil {
		t.Fatal(err)
	}
	// A JPEG as cameras make them: 150 KiB of metadata before the frame.
	segment := "\xff\xe1\xc3\x52" + strings.Repeat("e", 0xc350)
	camera := j.String()[:2] + strings.Repeat(segment, 3) + j.String()[2:]
	return map[string]string{
		"gif": g.String(), "jpeg": j.String(), "camera": camera, "png": pngOf(t, 70, 50),
		// The VP8X head of RFC 9649 §2.7: width and height less one.
		"webp":               "RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x45\x00\x00\x31\x00\x00",
		"svg":                `<?xml version="1.0"?><!-- <b> --><svg xmlns="http://www.w3.org/2000/svg" width="70px" height='50.5'>`,
		"svg with a viewBox": `<svg width="100%" viewBox="0 0 70,50">`,
	}
}

func TestRuler(t *testing.T) {
	for name, in := range encodedImages(t) {
		for _, piece := range []int{1, 100, 1 << 20} {
			if piece == 1 && len(in) > 10_000 {
				continue // would only be slow
			}
			r := &ruler{}
			width, height, enough, read := 0, 0, false, 0
			for rest := in; rest != "" && !enough; {
				n := min(piece, len(rest))
				width, height, enough = r.add([]byte(rest[:n]), n == len(rest))
				rest, read = rest[n:], read+n
			}
			if width != 70 || height != 50 || !enough {
				t.Errorf("%s in pieces of %d: %d × %d after %d bytes", name, piece, width, height, read)
			}
		}
	}
}

// What is no image is held up to a bound, and then let go.
func TestRulerGivesUp(t *testing.T) {
	for _, text := range []string{"x", "<svg ", "\xff\xd8\xff\xe1\x00\x02", "\x00"} {
		r := &ruler{}
		piece := []byte(strings.Repeat(text, 3000))
		for fed := 0; ; fed += len(piece) {
			width, height, enough := r.add(piece, false)
			if width != 0 || height != 0 || len(r.head) > maxHead {
				t.Fatalf("%q is %d × %d, %d bytes held", text, width, height, len(r.head))
			}
			if enough {
				break
			}
			if fed > maxHead {
				t.Fatalf("%q: no end after %d bytes", text, fed)
			}
		}
	}
}

func TestPixels(t *testing.T) {
	for in, want := range map[string]int{
		"10": 10, " 10 ": 10, "10px": 10, "10.9": 10, "10 px": 10, "": 0, "0": 0, "-3": 0, "50%": 0, "2em": 0,
		"auto": 0, "NaN": 0, "Inf": 0, "1e99": 0,
	} {
		if got := pixels(in); got != want {
			t.Errorf("pixels(%q) = %d, want %d", in, got, want)
		}
	}
}
