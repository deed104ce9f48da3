package origin

import "encoding/binary"

// The small tables of the font file, in the order of their fields.

const (
	ascent  = 11 * unit
	descent = 2 * unit
	boxMax  = 10 * unit // as wide as any glyph becomes
)

func head() []byte {
	b := []byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x5f, 0x0f, 0x3c, 0xf5}
	b = append(b, words16(3, 1024)...) // baseline and left bearing at 0; units of an em
	b = append(b, make([]byte, 16)...) // created and modified: in 1904
	b = append(b, words16(0, -descent-2, boxMax, ascent+2)...)
	return append(b, words16(0, 8, 2, 1, 0)...) // plain; 8 px at least; left to right; long offsets
}

func (f fontStyle) hhea() []byte {
	b := append([]byte{0, 1, 0, 0}, words16(ascent, -descent, 0, f.advance(), 0, 0, boxMax, 1, 0, 0)...)
	return append(b, words16(0, 0, 0, 0, 0, glyphCount)...)
}

// hmtx gives each glyph its advance and left side bearing.
func (f fontStyle) hmtx() []byte {
	var b []byte
	for n := range glyphCount {
		bearing := 0
		for i, x := range f.boxes(n) {
			if left := x.left + f.lean(x.bottom); i == 0 || left < bearing {
				bearing = left
			}
		}
		b = append(b, words16(f.advance(), bearing)...)
	}
	return b
}

func (f fontStyle) os2() []byte {
	weight, selection := 400, 0x40
	if f.bold {
		weight, selection = 700, 0x20
	}
	if f.slant {
		selection = 0x01
	}
	b := words16(4, f.advance(), weight, 5, 0)
	b = append(b, words16(512, 512, 0, 100, 512, 512, 0, 400, 50, 300, 0)...) // subscript, superscript, strikeout, class
	b = append(b, make([]byte, 10+16)...)                                     // PANOSE, Unicode ranges
	b = append(b, "LNGR"...)
	b = append(b, words16(selection, firstRune, 0x7e, ascent, -descent, 0, ascent, descent)...)
	b = binary.BigEndian.AppendUint32(b, 1) // code page 1252
	b = binary.BigEndian.AppendUint32(b, 0)
	return append(b, words16(6*unit, 9*unit, 0, firstRune, 1)...)
}

// cmap maps the printable characters of ASCII to the glyphs from 1 on: format 4
// with one segment and the last.
func cmap() []byte {
	b := words16(0, 1, 3, 1, 0, 12) // one subtable, Windows, Unicode
	return append(b, words16(
		4, 32, 0, 4, 4, 1, 0, // format, length, language, search fields
		0x7e, 0xffff, 0, // ends
		firstRune, 0xffff, // starts
		1-firstRune, 1, // deltas
		0, 0, // no glyph lists
	)...)
}

// nameTable names the family, style, full name and PostScript name.
func (f fontStyle) nameTable() []byte {
	names := []struct {
		id   int
		text string
	}{{1, "Linger"}, {2, f.name}, {4, "Linger " + f.name}, {6, "Linger-" + f.name}}
	records := words16(0, len(names), 6+12*len(names))
	var text []byte
	for _, n := range names {
		var utf16 []byte
		for _, r := range n.text {
			utf16 = binary.BigEndian.AppendUint16(utf16, uint16(r))
		}
		records = append(records, words16(3, 1, 0x409, n.id, len(utf16), len(text))...)
		text = append(text, utf16...)
	}
	return append(records, text...)
}
