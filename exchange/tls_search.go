package exchange

import (
	"bytes"

	"github.com/lingerhttp/linger/flow"
)

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
	if !h.ciphered || h.t.guess != nil {
		return
	}
	if _, can := h.t.canOpen(); !can {
		return
	}
	if h.t.makeKey(h); h.dead {
		return
	}
	h.search = &tlsSearch{from: from}
}

// A tlsGap is a hole of which something was supposed.
type tlsGap struct {
	from int64
	seq  uint64 // of the first record that is missing
	told int64  // bytes in clear that were said to be in it
}

// suppose takes a hole at the end of a record, as long as a packet can be, for one
// record of the client: a request. The reader within is told at once then, before
// the response comes. Where that is wrong it is told of the rest when a record is
// found behind it.
func (h *tlsHalf) suppose(m hole) bool {
	const packet = 1460 // octets
	isData := h.key != nil && !h.dead && (!h.key.v13 || h.stage == stageTraffic)
	if h.dir != flow.Up || !isData || h.t.opened == nil || h.astray || len(h.buf) > 0 || h.gap != nil || m.n > packet {
		return false
	}
	n := h.dataIn(m.n, 1)
	if n <= 0 {
		return false
	}
	h.gap = &tlsGap{from: m.from, seq: h.key.seq, told: n}
	h.key.seq++
	h.skipped = true
	m.n = n
	h.t.opened.missing(h.dir, m)
	return true
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
		if key, seq, ok := h.opens(b[:size]); ok {
			h.found(key, seq)
			return
		}
		s.scanned++
	}
	if s.scanned > maxSearchHeld/2 {
		s.held.keep(len(s.held.b) - s.scanned)
		s.scanned = 0
	}
}

// opens says whether b is a record of the direction, with which key and number.
func (h *tlsHalf) opens(b []byte) (key *tlsKey, seq uint64, ok bool) {
	keys := []*tlsKey{h.key}
	switch {
	case h.key.v13 && h.stage == stageTraffic:
		keys = append(keys, h.key.next()) // a KeyUpdate may be among what is missing
	case h.key.v13:
		keys = append(keys, h.t.keyOf(stageTraffic, h.dir))
	}
	for _, k := range keys {
		if k == nil {
			continue
		}
		for seq := k.seq; seq <= k.seq+maxSkippedRecords; seq++ {
			if kind, plain := k.open(b, seq); kind != 0 && plain != nil {
				return k, seq, true
			}
		}
	}
	return nil, 0, false
}

// found goes on with the record at which the search has arrived.
func (h *tlsHalf) found(key *tlsKey, seq uint64) {
	s := h.search
	chunks := s.held.take(s.scanned)
	h.search, h.astray, h.skipped = nil, false, true
	first := chunks[0]
	if !key.v13 || h.stage == stageTraffic {
		lost := hole{from: s.from, to: first.from, n: -1, at: first.at, packet: first.packet}
		if key == h.key {
			lost.n = h.lostIn(lost, seq)
		}
		h.t.reader().missing(h.dir, lost)
	} else if key != h.key {
		h.stage = stageTraffic
	}
	h.key, key.seq = key, seq
	if h.stage == stageTraffic {
		h.message = tlsMessages{} // what is in clear from here begins with a message
	}
	for _, c := range chunks {
		h.data(c)
	}
}

// lostIn is how many bytes of data are missing in a hole behind which the record with
// a number was found, beside those that were told already.
func (h *tlsHalf) lostIn(lost hole, seq uint64) int64 {
	if g := h.gap; g != nil {
		if n := h.dataIn(lost.to-g.from, int64(seq-g.seq)); n >= g.told {
			return n - g.told
		}
		return -1
	}
	return h.dataIn(lost.to-lost.from, int64(seq-h.key.seq))
}

// dataIn is how many bytes of data were in so many records of the direction that were
// not read and took n octets together, -1 if that is not known. What is very small may
// be an alert or a KeyUpdate. In TLS 1.3 the type of a record is sealed: a server's
// first ones may be tickets, later ones hardly are.
func (h *tlsHalf) dataIn(n, records int64) int64 {
	around := int64(recordHeader + h.key.overhead())
	mayBeTickets := h.key.v13 && h.dir == flow.Down && !h.sent && n < records*maxTicketRecord
	if records == 0 || mayBeTickets || n <= records*(around+messageHeader+1) {
		return -1
	}
	return n - records*around
}

// maxTicketRecord is what a record of TLS 1.3 must be longer than to be no ticket,
// unless that holds a client's certificate.
const maxTicketRecord = 600
