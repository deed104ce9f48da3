package origin

import (
	"fmt"
	"strings"
)

// Many returns a site of one page with n images, each of 43 bytes and different
// from its neighbours: the cost of the exchanges is all there is to see.
func Many(n int) *Site {
	s := &Site{Name: fmt.Sprintf("many (%d images)", n), Origins: 1}
	var b strings.Builder
	fmt.Fprintf(&b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>%d images</title></head>\n<body>\n", n)
	images := make([]part, n)
	for i := range images {
		path := fmt.Sprintf("/i/%d.gif", i+1)
		fmt.Fprintf(&b, "<img src=\"%s\" width=\"8\" height=\"8\" alt=\"\">\n", path)
		images[i] = part{path: path, contentType: "image/gif", body: dot(i)}
	}
	b.WriteString("</body>\n</html>\n")
	s.parts = append([]part{textPart("/", html, b.String())}, images...)
	s.compress()
	return s
}

// dot is a GIF of a single pixel (GIF89a): header, a palette of two colours, a
// graphic control extension, the image, the trailer.
func dot(i int) []byte {
	d := dice(i)
	c := d.next()
	b := []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00")
	b = append(b, byte(c), byte(c>>8), byte(c>>16), byte(i), byte(i>>8), byte(i>>16))
	b = append(b, "\x21\xf9\x04\x00\x00\x00\x00\x00"...)
	b = append(b, "\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00"...)
	return append(b, "\x02\x02\x44\x01\x00\x3b"...)
}
