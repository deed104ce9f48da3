package page

import (
	"bytes"
	"image"
	_ "image/gif"  // sizes
	_ "image/jpeg" // that can
	_ "image/png"  // be told
	"io"
	"strconv"
	"strings"

	_ "golang.org/x/image/webp" // from first bytes
	"golang.org/x/net/html"
)

// maxHead is how much of an image is held to find its size in. A JPEG has it
// behind its metadata, which may be a thumbnail and a colour profile.
const maxHead = 256 << 10

// A ruler finds the size of an image in its first bytes, as they arrive.
type ruler struct {
	head []byte
	next int // how long head must be for the next try
}

// add takes the next piece; last says that none will follow. It returns the
// size once it is known; enough says that further pieces would not help.
func (r *ruler) add(p []byte, last bool) (width, height int, enough bool) {
	r.head = append(r.head, p[:min(len(p), maxHead-len(r.head))]...)
	last = last || len(r.head) == maxHead
	if len(r.head) < r.next && !last {
		return 0, 0, false
	}
	// Each try begins at the first byte: with pieces of one byte, trying at
	// each would read the head a hundred thousand times over.
	r.next = len(r.head) + min(len(r.head)/16, 1024)
	width, height = imageSize(r.head)
	return width, height, last || width > 0 && height > 0
}

func imageSize(head []byte) (width, height int) {
	if c, _, err := image.DecodeConfig(bytes.NewReader(head)); err == nil {
		return c.Width, c.Height
	}
	return svgSize(head)
}

// svgSize reads the size from the svg element: its width and height if they are
// plain numbers or pixels, else those of its viewBox.
func svgSize(head []byte) (width, height int) {
	if !bytes.Contains(head, []byte("<svg")) {
		return 0, 0
	}
	z := html.NewTokenizer(io.LimitReader(bytes.NewReader(head), maxHead))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return 0, 0
		case html.StartTagToken, html.SelfClosingTagToken:
			if t := z.Token(); t.Data == "svg" {
				return svgAttributes(t)
			}
		}
	}
}

func svgAttributes(t html.Token) (width, height int) {
	var box []string
	for _, a := range t.Attr {
		switch a.Key {
		case "width":
			width = pixels(a.Val)
		case "height":
			height = pixels(a.Val)
		case "viewbox":
			box = strings.FieldsFunc(a.Val, func(r rune) bool { return r == ' ' || r == ',' })
		}
	}
	if len(box) == 4 && (width == 0 || height == 0) {
		width, height = pixels(box[2]), pixels(box[3])
	}
	return width, height
}

// pixels reads a length in pixels, rounded down; 0 if it is anything else.
func pixels(s string) int {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "px"))
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 1 && f < 1<<30) {
		return 0
	}
	return int(f)
}
