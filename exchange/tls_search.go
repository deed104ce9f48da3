package exchange

import "bytes"

// A tlsSearch looks for a record behind a hole, anywhere in the bytes: what opens
// with the key of its direction, by one of the numbers that may be next, is one.
type tlsSearch struct {
	from    int64 // where the bytes begin that are not read
	held    held
	scanned int // of what is held
	tries   int
}

const (
	maxSearchTries = 64       // of what looks like a record, behind one hole
	maxSearchHeld  = 64 << 10 // octets
)

// recordMark is how each record of data begins, in TLS 1.2 and in 1.3.
var recordMark = []byte{recordData, 3, 3}

// beginSearch looks for records, if those of the direction are being opened.
func (h *tlsHalf) beginSearch(from int64) {
	if !h.ciphered || h.dead || h.t.guess != nil || h.t.secrets == nil {
		return
	}
	if h.key == nil {
		return
	}
	h.search = &tlsSearch{from: from}
}

// restartSearch forgets what is held: more is missing behind it.
func (h *tlsHalf) restartSearch() {
	if s := h.search; s != nil {
		s.held.drop()
		s.scanned = 0
	}
}

// giveUpSearch tells the reader within what was searched through.
func (h *tlsHalf) giveUpSearch() {
	s := h.search
	if s == nil {
		return
	}
	h.search = nil
	h.t.giveUp(h)
	if h.t.opened == nil {
		return
	}
	lost := hole{from: s.from, to: s.from, n: -1}
	for _, c := range s.held.take(0) {
		lost.to, lost.at, lost.packet = c.to, c.at, c.packet
	}
	h.t.opened.missing(h.dir, lost)
}

// searchIn takes bytes behind a hole.
func (h *tlsHalf) searchIn(c chunk) {
	s := h.search
	s.held.add(c)
	for {
		b := s.held.b[s.scanned:]
		i := bytes.Index(b, recordMark)
		if i < 0 {
			s.scanned = max(s.scanned, len(s.held.b)-len(recordMark)+1)
			break
		}
		s.scanned += i
		b = b[i:]
		if len(b) < recordHeader {
			break
		}
		size := recordHeader + (int(b[3])<<8 | int(b[4]))
		if size > recordHeader+maxRecord {
			s.scanned++
			continue
		}
		if len(b) < size {
			break
		}
		if s.tries++; s.tries > maxSearchTries {
			h.giveUpSearch()
			return
		}
		if skipped, ok := h.opens(b[:size]); ok {
			h.found(skipped)
			return
		}
		s.scanned++
	}
	if s.scanned > maxSearchHeld/2 {
		s.held.keep(len(s.held.b) - s.scanned)
		s.scanned = 0
	}
}

// opens says whether b is a record of the direction, and how many before it are
// missing.
func (h *tlsHalf) opens(b []byte) (skipped int, ok bool) {
	for skipped := range maxSkippedRecords + 1 {
		if kind, plain := h.key.open(b, h.key.seq+uint64(skipped)); kind != 0 && plain != nil {
			return skipped, true
		}
	}
	return 0, false
}

// found goes on with the record at which the search has arrived.
func (h *tlsHalf) found(skipped int) {
	s := h.search
	chunks := s.held.take(s.scanned)
	h.search, h.astray, h.skipped = nil, false, true
	h.key.seq += uint64(skipped)
	first := chunks[0]
	if !h.key.v13 || h.stage == stageTraffic {
		lost := hole{from: s.from, to: first.from, at: first.at, packet: first.packet}
		lost.n = lost.to - lost.from - int64(skipped*(recordHeader+h.key.overhead()))
		if lost.n < 0 {
			lost.n = -1
		}
		h.t.reader().missing(h.dir, lost)
	} else {
		h.message.broken = true
	}
	for _, c := range chunks {
		h.data(c)
	}
}
