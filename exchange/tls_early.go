package exchange

import "slices"

// A tlsEarly holds the records that a client sent before it heard of the server, 0-RTT
// data (RFC 8446 §2.3), until the server has said whether it takes them. Data that it
// does not take is sent again.
type tlsEarly struct {
	refused bool
	over    bool // it is known
	records []tlsHeld
	bytes   int
	lost    bool // there were more than could be held, or a part was missing
}

// A tlsHeld is a record that is held.
type tlsHeld struct {
	buf    []byte
	pieces []tlsPiece
	where  stretch
}

// maxEarly is how many octets of records are held. Servers take 16 KiB, as a rule.
const maxEarly = 128 << 10

// hold takes a record.
func (e *tlsEarly) hold(h *tlsHalf) {
	const each = 200 // what a record takes beside its octets
	if h.holed || e.bytes+len(h.buf)+each > maxEarly {
		e.lost = true
		return
	}
	e.bytes += len(h.buf) + each + len(h.pieces)*40
	e.records = append(e.records, tlsHeld{slices.Clone(h.buf), slices.Clone(h.pieces), h.where})
}

// release opens what was held, or has it guessed at, when it is known what became of
// it: it was taken, or passed over.
func (e *tlsEarly) release(t *tlsReader, taken bool) {
	if e.over {
		return
	}
	e.over = true
	records := e.records
	e.records = nil
	up := t.halfs[0]
	if t.guess == nil && taken && e.lost {
		t.reader().missing(up.dir, up.where.hole(-1))
	}
	refused := e.refused || t.hello.server && !t.info.Resumed // RFC 8446 §4.2.10: with the key that the client offered first
	if !taken && (t.guess == nil || refused) {
		return
	}
	buf, pieces, where := up.buf, up.pieces, up.where // the client may be amid a record
	for _, r := range records {
		up.buf, up.pieces, up.where = r.buf, r.pieces, r.where
		if t.guess != nil {
			t.guess.record(up.dir, up.where, t.plain(up.length()))
			continue
		}
		up.holed = false
		t.open13(up)
	}
	up.buf, up.pieces, up.where = buf, pieces, where
}
