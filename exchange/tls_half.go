package exchange

import "github.com/lingerhttp/linger/flow"

// A tlsHalf cuts one direction into records: RFC 8446 §5.1, RFC 5246 §6.2.
type tlsHalf struct {
	dir flow.Dir
	t   *tlsReader

	buf    []byte     // of the record: its header, and its payload if that is kept
	pieces []tlsPiece // where and when the bytes in buf came
	where  stretch    // the record so far
	left   int        // of its payload
	keeps  bool       // its payload
	holed  bool       // a part of it is missing

	begun   bool
	astray  bool // it is not known where the next record begins
	search  *tlsSearch
	gap     *tlsGap // the last hole, until a record behind it opens
	message tlsMessages

	ciphered bool    // records are sealed from here on
	finished bool    // Finished was seen, or passed
	key      *tlsKey // what opens the next record; nil if nothing does
	stage    int     // of key, in TLS 1.3
	dead     bool    // no record is opened any more
	skipped  bool    // records were not opened since key opened one
	failed   int     // records in a row that did not open
	sent     bool    // data

	handEnd int64     // of the handshake so far, where it is guessed
	flight  []tlsSeen // the client's first sealed records, while it is not told which is its Finished

	how     flow.How
	ended   bool
	endedAt int64
}

// A tlsPiece says where the bytes of a record up to end, from the piece before, stand.
type tlsPiece struct {
	end      int
	from, to int64
	at       int64
	packet   int32
}

// Content types: RFC 8446 §5.1. 24 was the heartbeat.
const (
	recordCCS       = 20
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23

	recordHeader = 5
	maxRecord    = 1<<14 + 2048 // "The length MUST NOT exceed 2^14 + 2048 bytes": RFC 5246 §6.2.3
)

func (h *tlsHalf) other() *tlsHalf { return h.t.halfs[h.dir.Other()] }

func (h *tlsHalf) kind() byte { return h.buf[0] }

// length is that of the record's payload.
func (h *tlsHalf) length() int { return int(h.buf[3])<<8 | int(h.buf[4]) }

func (h *tlsHalf) data(c chunk) {
	if h.astray {
		c = h.find(c)
	}
	for len(c.b) > 0 {
		switch {
		case h.search != nil:
			h.searchIn(c)
			return
		case h.astray:
			h.unclear(c)
			return
		case len(h.buf) < recordHeader:
			c = h.readHeader(c)
		default:
			c = h.readPayload(c)
		}
	}
}

// readHeader takes what there is of a record's header.
func (h *tlsHalf) readHeader(c chunk) chunk {
	n := min(recordHeader-len(h.buf), len(c.b))
	if len(h.buf) == 0 {
		h.where, h.pieces = stretch{}, h.pieces[:0]
	}
	h.add(c.first(n))
	c = c.behind(n)
	if len(h.buf) < recordHeader {
		return c
	}
	if !isTLS(h.buf) {
		h.lose()
		return c
	}
	h.begun = true
	h.left, h.holed = h.length(), false
	h.keeps = h.t.keeps(h)
	if h.left == 0 {
		h.done()
	}
	return c
}

// readPayload takes what there is of a record's payload.
func (h *tlsHalf) readPayload(c chunk) chunk {
	n := min(h.left, len(c.b))
	part := c.first(n)
	h.left -= n
	if h.keeps && !h.holed {
		h.add(part)
	} else {
		h.where.add(part)
	}
	if h.left == 0 {
		h.done()
	}
	return c.behind(n)
}

func (h *tlsHalf) add(c chunk) {
	h.buf = append(h.buf, c.b...)
	h.pieces = append(h.pieces, tlsPiece{end: len(h.buf), from: c.from, to: c.to, at: c.at, packet: c.packet})
	h.where.add(c)
}

// done handles a record whose last byte has come.
func (h *tlsHalf) done() {
	h.t.record(h)
	h.buf = h.buf[:0]
}

// missing takes note of what is not in the capture.
func (h *tlsHalf) missing(m hole) {
	inPayload := len(h.buf) >= recordHeader && h.left > 0 && !h.astray
	if !inPayload && h.suppose(m) {
		return
	}
	if !inPayload || m.n < 0 || m.n > int64(h.left) {
		if !h.astray && len(h.buf) == 0 {
			h.where = stretch{from: m.from}
		}
		h.lose()
		return
	}
	h.left -= int(m.n)
	h.holed = true
	h.where.add(chunk{from: m.from, to: m.to, at: m.at, packet: m.packet})
	if h.left == 0 {
		h.done()
	}
}

// lose says that nobody knows where the next record begins.
func (h *tlsHalf) lose() {
	if h.astray {
		h.restartSearch()
		return
	}
	h.astray, h.holed = true, false
	from := h.where.from
	if h.t.guess != nil && len(h.buf) > 0 {
		h.t.guess.record(h.dir, h.where, unknownSize)
	}
	h.buf, h.left = h.buf[:0], 0
	h.message.broken = true
	h.beginSearch(from)
}

// find looks for a record at the start of a chunk, where packets begin, and returns
// the chunk.
func (h *tlsHalf) find(c chunk) chunk {
	if h.search == nil && len(c.b) >= recordHeader && plausibleRecord(c.b) {
		h.astray = false
	}
	return c
}

// plausibleRecord says whether b is likely to begin with a record where nothing says
// so: the version is that of all records since 2008 but the first, and if the next
// one's header is there, it is one, too.
func plausibleRecord(b []byte) bool {
	if len(b) < recordHeader || !isTLS(b) || b[2] != 3 {
		return false
	}
	next := recordHeader + (int(b[3])<<8 | int(b[4]))
	return next >= len(b) || isTLS(b[next:])
}

// unclear takes bytes that are in no record that could be found.
func (h *tlsHalf) unclear(c chunk) {
	switch {
	case h.t.opened != nil:
		h.t.opened.missing(h.dir, hole{from: c.from, to: c.to, n: -1, at: c.at, packet: c.packet})
		return
	case h.t.guess == nil:
		h.t.seal(handshakeMissing)
	}
	var part stretch
	part.add(c)
	h.t.guess.record(h.dir, part, unknownSize)
}

// rest takes what there is of a record that did not end.
func (h *tlsHalf) rest() {
	if h.t.guess != nil && !h.astray && len(h.buf) >= recordHeader && h.left > 0 && h.kind() == recordData {
		h.t.guess.record(h.dir, h.where, h.t.plain(h.length()))
	}
	h.buf = h.buf[:0]
}
