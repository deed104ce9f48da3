package exchange

import (
	"crypto/tls"

	"github.com/lingerhttp/linger/flow"
)

// Records are opened with a key by their number. A direction of TLS 1.3 goes through
// three stages, each with a key of its own; a record that the key of its stage does
// not open is tried with those of the stages behind, so that a message that is
// missing from the capture does no harm.
const (
	stageEarly = iota
	stageHandshake
	stageTraffic
	numStages
)

// The patience with records that do not open.
const (
	maxSkippedRecords = 64 // numbers that are tried behind a hole
	maxFailedRecords  = 16 // in a row, until a direction is given up
)

// open12 opens a record of TLS 1.2.
func (t *tlsReader) open12(h *tlsHalf) {
	t.makeKey(h)
	switch {
	case h.dead:
		t.unread(h)
	case h.kind() == recordHandshake:
		h.key.seq++
		t.handshakeIsOver(h)
	case h.kind() != recordData:
		h.key.seq++
	case h.holed:
		h.sent = true
		t.holed(h)
	default:
		h.sent = true
		_, plain := h.key.open(h.buf, h.key.seq)
		if plain == nil && h.skipped {
			plain = h.openBehind()
		}
		if plain == nil {
			t.failed(h)
			return
		}
		t.succeeded(h)
		t.feed(h, plain)
	}
}

// open13 opens a record of TLS 1.3.
func (t *tlsReader) open13(h *tlsHalf) {
	if h.kind() != recordData {
		return
	}
	if h.dir == flow.Up && t.info.EarlyData && !t.early.over {
		t.early.hold(h)
		return
	}
	t.makeKey(h)
	switch {
	case h.dead:
		t.unread(h)
		return
	case h.holed:
		t.holed(h)
		return
	}
	kind, plain := t.unseal(h)
	if kind == 0 {
		t.failed(h)
		return
	}
	t.succeeded(h)
	switch kind {
	case recordHandshake:
		h.message.add(plain, func(kind byte, body []byte) { t.sealedMessage(h, kind, body) })
	case recordData:
		h.sent = true
		t.feed(h, plain)
	}
}

// makeKey makes the first key of a direction, if it has none. Where that cannot be
// the direction is dead.
func (t *tlsReader) makeKey(h *tlsHalf) {
	switch {
	case h.key != nil || h.dead:
	case t.hello.version < tls.VersionTLS13:
		suite, _ := tlsSuiteOf(t.hello.suite)
		h.key = newKey12(suite, &t.hello, t.secrets.master, h.dir)
		h.dead = h.key == nil
	default:
		t.firstKey13(h)
	}
}

// firstKey13 is the key of the first stage that there is one for.
func (t *tlsReader) firstKey13(h *tlsHalf) {
	h.stage = stageHandshake
	if h.dir == flow.Up && t.info.EarlyTaken {
		h.stage = stageEarly
	}
	h.message = tlsMessages{}
	for h.key = t.keyOf(h.stage, h.dir); h.key == nil; h.key = t.keyOf(h.stage, h.dir) {
		if h.stage++; h.stage == numStages {
			h.dead = true
			return
		}
	}
}

// keyOf is the first key of a stage, nil if there is none.
func (t *tlsReader) keyOf(stage int, d flow.Dir) *tlsKey {
	suite, _ := tlsSuiteOf(t.hello.suite)
	switch {
	case stage == stageEarly && d == flow.Up:
		return newKey13(suite, t.secrets.early)
	case stage == stageHandshake:
		return newKey13(suite, t.secrets.handshake[d])
	case stage == stageTraffic:
		return newKey13(suite, t.secrets.traffic[d])
	}
	return nil
}

// unseal opens a record with the key that it takes, and makes that the half's. The
// kind is 0 if none does.
func (t *tlsReader) unseal(h *tlsHalf) (kind byte, plain []byte) {
	if kind, plain = h.key.open(h.buf, h.key.seq); kind != 0 {
		return kind, plain
	}
	for stage := h.stage + 1; stage < numStages; stage++ {
		key := t.keyOf(stage, h.dir)
		if key == nil {
			continue
		}
		if kind, plain = key.open(h.buf, 0); kind != 0 {
			h.key, h.stage, h.message = key, stage, tlsMessages{}
			return kind, plain
		}
	}
	if !h.skipped || h.stage != stageTraffic {
		return 0, nil
	}
	if key := h.key.next(); key != nil { // a KeyUpdate may be among what is missing
		if kind, plain = key.open(h.buf, 0); kind != 0 {
			h.key = key
			return kind, plain
		}
	}
	for seq := h.key.seq + 1; seq <= h.key.seq+maxSkippedRecords; seq++ {
		if kind, plain = h.key.open(h.buf, seq); kind != 0 {
			h.key.seq = seq
			return kind, plain
		}
	}
	return 0, nil
}

// openBehind tries numbers behind the next one.
func (h *tlsHalf) openBehind() []byte {
	for seq := h.key.seq + 1; seq <= h.key.seq+maxSkippedRecords; seq++ {
		if _, plain := h.key.open(h.buf, seq); plain != nil {
			h.key.seq = seq
			return plain
		}
	}
	return nil
}

// sealedMessage handles a handshake message of TLS 1.3 that was sealed.
func (t *tlsReader) sealedMessage(h *tlsHalf, kind byte, body []byte) {
	switch {
	case kind == messageEncryptedExtensions && h.dir == flow.Down && h.stage == stageHandshake:
		t.encryptedExtensions(body)
		t.early.release(t, t.info.EarlyTaken)
	case kind == messageEndOfEarlyData && h.dir == flow.Up && h.stage == stageEarly:
		t.enter(h, stageHandshake)
	case kind == messageFinished && h.stage == stageHandshake:
		t.handshakeIsOver(h)
		t.enter(h, stageTraffic)
	case kind == messageKeyUpdate && h.stage == stageTraffic:
		h.key = h.key.next()
	}
}

// enter goes on to a stage. Without a key for it what follows is not read.
func (t *tlsReader) enter(h *tlsHalf, stage int) {
	h.stage = stage
	h.key = t.keyOf(stage, h.dir)
	h.dead = h.key == nil
}

// succeeded takes note of a record that did open.
func (t *tlsReader) succeeded(h *tlsHalf) {
	h.key.seq++
	h.skipped, h.failed, h.gap = false, 0, nil
	if h.stage == stageTraffic {
		t.handshakeIsOver(h)
	}
}

// failed takes note of a record that did not open.
func (t *tlsReader) failed(h *tlsHalf) {
	h.failed++
	duringHandshake := h.key.v13 && !h.finished
	switch {
	case duringHandshake && h.failed <= maxSkippedRecords && (h.stage == stageTraffic || h.dir == flow.Up && t.info.EarlyData):
		// Of the handshake, for which the log has no secret; or 0-RTT data that the
		// server passes over.
		if t.info.EarlyTaken && h.dir == flow.Up {
			t.unread(h)
		}
	case t.opened == nil:
		t.seal("not decrypted: the secrets of the key log do not fit")
		t.guessedRecord(h)
	default:
		h.key.seq++
		h.skipped = true
		t.unread(h)
		if h.failed > maxFailedRecords {
			t.giveUp(h)
		}
	}
}

// giveUp opens no record of a direction any more.
func (t *tlsReader) giveUp(h *tlsHalf) {
	h.dead = true
	t.trouble = "TLS could not be decrypted to the end: bytes are missing from the capture"
}

// unread tells the reader within that a record is missing.
func (t *tlsReader) unread(h *tlsHalf) {
	if t.opened != nil {
		t.opened.missing(h.dir, h.where.hole(-1))
	}
}

// holed handles a record of which a part is not in the capture. What was in it was
// data, except in TLS 1.3 perhaps, where a small one may be a ticket.
func (t *tlsReader) holed(h *tlsHalf) {
	h.key.seq++
	h.skipped = true
	if h.key.v13 && h.stage != stageTraffic {
		h.message.broken = true
		return
	}
	if h.key.v13 {
		h.message = tlsMessages{}
	}
	n := h.dataIn(int64(recordHeader+h.length()), 1)
	t.reader().missing(h.dir, h.where.hole(n))
}

// feed hands what was in a record to the reader within.
func (t *tlsReader) feed(h *tlsHalf, plain []byte) {
	r := t.reader()
	begin := recordHeader // where plain stands in the record
	if h.key.suite.explicit {
		begin += 8
	}
	feedPieces(h.pieces, begin, plain, func(c chunk) { r.data(h.dir, c) })
}

// feedPieces cuts what was in a record at the packets that it came in. A ciphertext
// is as long as what is in it: byte i of that stands at begin + i. What is before and
// behind goes with the first and the last byte.
func feedPieces(pieces []tlsPiece, begin int, plain []byte, f func(chunk)) {
	if len(plain) == 0 {
		return
	}
	first, last := pieces[0], pieces[len(pieces)-1]
	done, start := 0, 0
	for _, p := range pieces {
		end := min(max(0, p.end-begin), len(plain))
		size := int64(p.end - start)
		c := chunk{b: plain[done:end], at: p.at, whole: last.at, packet: p.packet}
		c.from = p.from + (p.to-p.from)*int64(max(0, begin+done-start))/size
		c.to = p.from + (p.to-p.from)*int64(begin+end-start)/size
		start = p.end
		if len(c.b) == 0 {
			continue
		}
		if done == 0 {
			c.from, c.at, c.packet = first.from, first.at, first.packet
		}
		if end == len(plain) {
			c.to = last.to
			if done != 0 {
				c.at, c.packet = last.at, last.packet
			}
		}
		done = end
		f(c)
	}
}
