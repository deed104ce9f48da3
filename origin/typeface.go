package origin

import (
	"encoding/binary"
	"image"
	"slices"

	"golang.org/x/image/font/basicfont"
)

// A fontStyle is a variant of the sites' typeface: the letters of a terminal,
// each dot a square, as an outline font.
//
// The file is TrueType (Apple's TrueType Reference Manual, chapter 6; ISO/IEC
// 14496-22) with the tables that the sanitizer of Chromium and Firefox asks for.
type fontStyle struct {
	name              string
	bold, slant, wide bool
}

// The grid: a dot is unit by unit of the 1,024 that make an em.
const (
	unit       = 78
	firstRune  = 0x20
	glyphCount = 0x7f - firstRune + 1 // with .notdef, which is glyph 0
)

// A box is a run of dots: a rectangle in font units, y upwards.
type box struct{ left, bottom, right, top int }

// boxes returns the runs of dots of a glyph, row by row.
func (f fontStyle) boxes(glyph int) []box {
	if glyph == 0 {
		return []box{{unit, 0, 5 * unit, 9 * unit}}
	}
	face := basicfont.Face7x13
	mask := face.Mask.(*image.Alpha)
	var list []box
	for y := range face.Height {
		row := (glyph-1)*face.Height + y
		for x := 0; x < face.Width; x++ {
			from := x
			for x < face.Width && mask.AlphaAt(x, row).A != 0 {
				x++
			}
			if x > from {
				list = append(list, f.box(from, x, face.Ascent-y-1))
			}
		}
	}
	return list
}

// box is the run of dots from one column to before another, on a row above the
// baseline. It overlaps its neighbours above and below by a hair, so that no
// light comes through between them.
func (f fontStyle) box(from, to, row int) box {
	b := box{from * unit, row*unit - 2, to * unit, (row+1)*unit + 2}
	if f.bold {
		b.right += unit / 2
	}
	if f.wide {
		b.left, b.right = b.left*5/4, b.right*5/4
	}
	return b
}

func (f fontStyle) advance() int {
	if f.wide {
		return 7 * unit * 5 / 4
	}
	return 7 * unit
}

// lean is how far to the right a point at height y is moved.
func (f fontStyle) lean(y int) int {
	if f.slant {
		return y / 5
	}
	return 0
}

// glyph encodes one outline: a contour of four points on the curve, clockwise,
// for each box.
func (f fontStyle) glyph(n int) []byte {
	boxes := f.boxes(n)
	if len(boxes) == 0 {
		return nil
	}
	var points [][2]int
	var ends []int
	for _, b := range boxes {
		points = append(points,
			[2]int{b.left + f.lean(b.bottom), b.bottom}, [2]int{b.left + f.lean(b.top), b.top},
			[2]int{b.right + f.lean(b.top), b.top}, [2]int{b.right + f.lean(b.bottom), b.bottom})
		ends = append(ends, len(points)-1)
	}
	var xs, ys []int
	for _, p := range points {
		xs, ys = append(xs, p[0]), append(ys, p[1])
	}
	out := words16(len(boxes), slices.Min(xs), slices.Min(ys), slices.Max(xs), slices.Max(ys))
	out = append(out, words16(ends...)...)
	out = append(out, words16(0)...) // no instructions
	for range points {
		out = append(out, 1) // on the curve; both coordinates in two bytes
	}
	out = append(out, words16(deltas(xs)...)...)
	return append(out, words16(deltas(ys)...)...)
}

// deltas is each number less the one before.
func deltas(list []int) []int {
	out := make([]int, len(list))
	before := 0
	for i, v := range list {
		out[i], before = v-before, v
	}
	return out
}

// encode writes the font file of size bytes. What is left over fills a table
// that no program knows.
func (f fontStyle) encode(size int) []byte {
	var glyf, loca []byte
	for n := range glyphCount {
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		glyf = append(glyf, f.glyph(n)...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
	tables := []table{
		{"FILL", nil},
		{"OS/2", f.os2()},
		{"cmap", cmap()},
		{"glyf", glyf},
		{"head", head()},
		{"hhea", f.hhea()},
		{"hmtx", f.hmtx()},
		{"loca", loca},
		{"maxp", append([]byte{0, 1, 0, 0}, words16(glyphCount, 256, 64, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)...)},
		{"name", f.nameTable()},
		{"post", append([]byte{0, 3, 0, 0}, make([]byte, 28)...)},
	}
	if spare := size - len(fontFile(tables)); spare > 0 {
		tables[0].data = remarks(spare)
	}
	return fontFile(tables)
}

// A table of a font file.
type table struct {
	tag  string
	data []byte
}

// fontFile joins tables, which stand in the order of their tags.
func fontFile(tables []table) []byte {
	n := len(tables)
	power, exponent := 1, 0
	for power*2 <= n {
		power, exponent = power*2, exponent+1
	}
	out := append([]byte{0, 1, 0, 0}, words16(n, power*16, exponent, (n-power)*16)...)
	offset := len(out) + 16*n
	var body []byte
	headAt := 0
	for _, t := range tables {
		if t.tag == "head" {
			headAt = offset + len(body)
		}
		out = append(out, t.tag...)
		out = binary.BigEndian.AppendUint32(out, checksum(t.data))
		out = binary.BigEndian.AppendUint32(out, uint32(offset+len(body)))
		out = binary.BigEndian.AppendUint32(out, uint32(len(t.data)))
		body = append(body, t.data...)
		for len(body)%4 != 0 {
			body = append(body, 0)
		}
	}
	out = append(out, body...)
	binary.BigEndian.PutUint32(out[headAt+8:], 0xb1b0afba-checksum(out))
	return out
}

// checksum adds up the file's words, the last filled with zeros.
func checksum(b []byte) uint32 {
	var sum uint32
	for ; len(b) >= 4; b = b[4:] {
		sum += binary.BigEndian.Uint32(b)
	}
	var last [4]byte
	copy(last[:], b)
	return sum + binary.BigEndian.Uint32(last[:])
}

// words16 writes numbers of two bytes each.
func words16(list ...int) []byte {
	b := make([]byte, 0, 2*len(list))
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}
