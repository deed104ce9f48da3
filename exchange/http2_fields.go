package exchange

import (
	"bytes"

	"golang.org/x/net/http2/hpack"
)

// An http2Block is a block of header fields while its frames come in.
type http2Block struct {
	stream   uint32
	promised uint32 // by PUSH_PROMISE
	ends     bool   // END_STREAM
	coded    []byte
	where    stretch // of all its frames
	unread   bool    // a part is missing, or it is too long
}

// beginBlock begins a block with HEADERS or PUSH_PROMISE.
func (f *http2Half) beginBlock(b *http2Block, fragment []byte, last bool) {
	f.block = b
	f.moreBlock(fragment, last)
}

// moreBlock adds a fragment to the block that has begun.
func (f *http2Half) moreBlock(fragment []byte, last bool) {
	b := f.block
	if b == nil {
		f.fields.lose() // a CONTINUATION of what was lost
		return
	}
	b.where.join(f.where)
	if len(b.coded)+len(fragment) > maxHTTP2Block {
		b.coded, b.unread = nil, true
	}
	if !b.unread {
		b.coded = append(b.coded, fragment...)
	}
	if last {
		f.endBlock()
	}
}

// endBlock decodes the block and hands it on.
func (f *http2Half) endBlock() {
	b := f.block
	f.block = nil
	var list http2List
	if b.unread {
		f.fields.lose()
		list.unknown = true
	} else {
		list = f.fields.decode(b.coded)
	}
	if b.promised != 0 {
		f.h.promise(f, b, list)
		return
	}
	f.h.headers(f, b, list)
}

// An http2List is a decoded block.
type http2List struct {
	fields  []hpack.HeaderField
	size    int
	unknown bool // of some fields name or value, or all, could not be told
	long    bool // fields were left out: it is longer than 1 MiB
}

// get is the value of the first field with a name, empty if there is none.
func (l *http2List) get(name string) string {
	for _, f := range l.fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// http2Fields decodes blocks, also where entries of the dynamic table were never
// seen. New entries stand in front of older ones (RFC 7541 §2.3.3), so that those
// seen have the right index whatever was before them. In the place of what was not
// seen stand entries without a name, as many as the table could hold: they have the
// smallest size that an entry can have, and are evicted first.
type http2Fields struct {
	decoder *hpack.Decoder
	list    *http2List
	allowed uint32
	lost    bool // the table has to be filled with entries that are not known
}

// The sizes of dynamic tables.
const (
	http2DefaultTable = 4_096          // RFC 9113 §6.5.2
	maxHTTP2Table     = 1 << 20        // whoever takes more gets his blocks called unreadable
	http2UnknownTable = 16 << 10       // taken for a table that began before the capture
	emptyEntry        = 32             // RFC 7541 §4.1
	emptyField        = "\x40\x00\x00" // a literal, to be indexed, without name or value
)

func (x *http2Fields) init() {
	x.allowed = http2DefaultTable
	x.renew(http2DefaultTable)
}

// renew begins with an empty table.
func (x *http2Fields) renew(size uint32) {
	x.decoder = hpack.NewDecoder(size, x.emit)
	x.decoder.SetAllowedMaxDynamicTableSize(max(x.allowed, size))
}

// allow says how large the table may become: SETTINGS_HEADER_TABLE_SIZE. The encoder
// says itself when it makes use of that, or must do with less.
func (x *http2Fields) allow(size uint32) {
	x.allowed = max(x.allowed, min(size, maxHTTP2Table))
	x.decoder.SetAllowedMaxDynamicTableSize(x.allowed)
}

// lose says that a block was not decoded.
func (x *http2Fields) lose() { x.lost = true }

// emit takes a field from the decoder.
func (x *http2Fields) emit(f hpack.HeaderField) {
	l := x.list
	l.size += int(f.Size())
	switch {
	case f.Name == "":
		l.unknown = true
	case l.size > maxHTTP2Block:
		l.long = true
		x.decoder.SetEmitEnabled(false)
	default:
		l.fields = append(l.fields, f)
	}
}

// decode decodes a block.
func (x *http2Fields) decode(coded []byte) http2List {
	if x.lost {
		x.fill()
	}
	x.list = new(http2List)
	x.decoder.SetEmitEnabled(true)
	_, err := x.decoder.Write(coded)
	if err == nil {
		err = x.decoder.Close()
	}
	if err != nil {
		x.lost, x.list.unknown = true, true
	}
	return *x.list
}

// fill makes a table of which nothing is known.
func (x *http2Fields) fill() {
	x.lost = false
	x.allowed = maxHTTP2Table
	x.renew(http2UnknownTable)
	x.decoder.SetEmitEnabled(false)
	_, _ = x.decoder.Write(bytes.Repeat([]byte(emptyField), http2UnknownTable/emptyEntry))
	_ = x.decoder.Close()
}
