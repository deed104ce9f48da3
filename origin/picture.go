package origin

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"path"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// A picture says what an image of a site is to be: the format is the path's
// extension, the bytes are exact.
type picture struct {
	path  string
	w, h  int
	bytes int

	// grain is how noisy a scene begins (see scene.grain). A picture that turns
	// out too heavy is made again with less; what then remains up to its bytes
	// is a comment in the file.
	grain int

	label string // a button with this text, instead of a scene
	flat  bool   // one colour, such as a rule or a spacer, instead of a scene
}

// commentRoom is the least number of bytes that a comment takes in the greediest
// of the three formats: a tEXt chunk with its keyword.
const commentRoom = 12 + len(commentKey)

const commentKey = "Comment\x00"

// draw encodes the picture. Its path is its seed.
func (p picture) draw() []byte {
	for grain := p.grain; ; grain-- {
		b := p.encode(grain)
		if spare := p.bytes - len(b); spare == 0 || spare >= commentRoom || grain <= 0 {
			return p.fill(b)
		}
	}
}

// contentType goes by the extension, as everything about the format does.
func (p picture) contentType() string {
	switch path.Ext(p.path) {
	case ".jpg":
		return "image/jpeg"
	case ".png":
		return "image/png"
	}
	return "image/gif"
}

func (p picture) seed() uint64 { return uint64(crc32.ChecksumIEEE([]byte(p.path))) }

func (p picture) encode(grain int) []byte {
	var b bytes.Buffer
	switch path.Ext(p.path) {
	case ".jpg":
		// jpeg.Encode, and the two below, fail only if the writer does or the
		// image is too large for the format; neither can be.
		_ = jpeg.Encode(&b, newScene(p.seed(), p.w, p.h, grain).ycbcr(), &jpeg.Options{Quality: 88})
	case ".png":
		e := png.Encoder{CompressionLevel: png.BestSpeed}
		_ = e.Encode(&b, p.paint(grain))
	default:
		img := p.paint(grain)
		_ = gif.EncodeAll(&b, &gif.GIF{
			Image: []*image.Paletted{img}, Delay: []int{0},
			Config: image.Config{ColorModel: img.Palette, Width: p.w, Height: p.h},
		})
	}
	return b.Bytes()
}

// paint draws what is to be paletted.
func (p picture) paint(grain int) *image.Paletted {
	switch d := dice(p.seed()); {
	case p.label != "":
		return button(p.label, p.w, p.h, tint(float64(d.roll(360)), .7, .6))
	case p.flat:
		c := tint(float64(d.roll(360)), .5, .7)
		return image.NewPaletted(image.Rect(0, 0, p.w, p.h), color.Palette{c, color.White})
	}
	return newScene(p.seed(), p.w, p.h, grain).paletted()
}

// button draws a bevelled button with a label in the middle.
func button(label string, w, h int, face color.NRGBA) *image.Paletted {
	light, dark := shaded(face, shades-1), shaded(face, 4)
	r := image.Rect(0, 0, w, h)
	img := image.NewPaletted(r, color.Palette{face, light, dark, color.White})
	draw.Draw(img, r, image.NewUniform(dark), image.Point{}, draw.Src)
	draw.Draw(img, image.Rect(0, 0, w-1, h-1), image.NewUniform(light), image.Point{}, draw.Src)
	draw.Draw(img, r.Inset(1), image.NewUniform(face), image.Point{}, draw.Src)
	d := font.Drawer{Dst: img, Src: image.White, Face: basicfont.Face7x13}
	d.Dot = fixed.P((w-7*len(label))/2, h/2+4)
	d.DrawString(label)
	return img
}

// fill brings the encoded image to the picture's bytes by a comment, just before
// its end: what a client must see to know the image's size stays in front.
func (p picture) fill(b []byte) []byte {
	spare := p.bytes - len(b)
	if spare <= 0 {
		return b
	}
	var end int
	var comment []byte
	switch path.Ext(p.path) {
	case ".jpg":
		end, comment = 2, jpegComment(spare) // the EOI marker
	case ".png":
		end, comment = 12, pngComment(spare) // the IEND chunk
	default:
		end, comment = 1, gifComment(spare) // the trailer
	}
	at := len(b) - end
	return bytes.Join([][]byte{b[:at], comment, b[at:]}, nil)
}

// remark is the text that comments repeat.
const remark = "A picture for linger to fetch; these words make it as heavy as it is to be. "

func remarks(n int) []byte {
	return []byte(strings.Repeat(remark, n/len(remark)+1)[:n])
}

// jpegComment makes COM segments of n bytes in all (ITU-T T.81, B.2.4.5). No
// segment is left that would be shorter than its own head.
func jpegComment(n int) []byte {
	var b []byte
	for n > 0 {
		k := min(n, 60000)
		if n-k > 0 && n-k < 4 {
			k -= 4
		}
		b = append(b, 0xff, 0xfe)
		b = binary.BigEndian.AppendUint16(b, uint16(k-2))
		b = append(b, remarks(k-4)...)
		n -= k
	}
	return b
}

// pngComment makes a tEXt chunk of n bytes (PNG, third edition, 11.3.3.2).
func pngComment(n int) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(n-12))
	b = append(b, "tEXt"+commentKey...)
	b = append(b, remarks(n-commentRoom)...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// gifComment makes comment extensions of n bytes in all (GIF89a, 24): a head of
// two bytes, one block with its length before it, a terminator.
func gifComment(n int) []byte {
	var b []byte
	for n > 0 {
		k := min(n, 2+1+255+1)
		if n-k > 0 && n-k < 5 {
			k -= 5
		}
		text := remarks(k - 4)
		b = append(b, 0x21, 0xfe, byte(len(text)))
		b = append(append(b, text...), 0)
		n -= k
	}
	return b
}
