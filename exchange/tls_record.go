package exchange

import (
	"crypto/tls"

	"github.com/lingerhttp/linger/flow"
)

// keeps says whether the payload of a record, of which the header is there, is
// wanted.
func (t *tlsReader) keeps(h *tlsHalf) bool {
	switch {
	case h.kind() == recordHandshake:
		return !h.ciphered && !h.message.broken
	case h.kind() != recordData:
		return false
	}
	return t.guess == nil
}

// record handles a record that is complete, but for holes.
func (t *tlsReader) record(h *tlsHalf) {
	switch {
	case !h.ciphered:
		t.clearRecord(h)
	case t.guess != nil:
		t.guessedRecord(h)
	default:
		t.sealedRecord(h)
	}
}

const handshakeMissing = "the TLS handshake, or a part of it, is not in the capture"

// clearRecord handles a record before a direction is sealed.
func (t *tlsReader) clearRecord(h *tlsHalf) {
	switch h.kind() {
	case recordHandshake:
		if h.dir == flow.Up && t.info.Begin == 0 {
			t.info.Begin, t.info.BeginPacket = h.where.first, h.where.firstPacket
		}
		if h.holed {
			h.message.broken = true
			return
		}
		h.message.add(h.buf[recordHeader:], func(kind byte, body []byte) { t.clearMessage(h, kind, body) })
	case recordCCS:
		// TLS 1.3 sends it too, for the sake of middleboxes, and it means nothing there:
		// RFC 8446 §D.4.
		old := t.hello.server && t.hello.version < tls.VersionTLS13
		if old || !t.hello.client {
			h.ciphered = true
		}
	case recordData:
		if t.guess == nil && h.dir == flow.Up && t.info.EarlyData && !t.hello.server {
			t.early.hold(h)
			return
		}
		h.ciphered = true
		if t.guess == nil {
			t.seal(handshakeMissing)
		}
		t.guessedRecord(h)
	}
}

// clearMessage handles a handshake message that was not sealed.
func (t *tlsReader) clearMessage(h *tlsHalf, kind byte, body []byte) {
	switch {
	case kind == messageClientHello && h.dir == flow.Up:
		t.askedAt = h.where.last
		t.clientHello(body)
	case kind == messageServerHello && h.dir == flow.Down && !t.hello.server:
		t.helloAt = h.where.first
		t.serverHello(body)
	case kind == messageNewSessionTicket && h.dir == flow.Down && t.hello.server:
		t.newTicket(body)
	}
}

// sealedRecord handles a record that is to be opened.
func (t *tlsReader) sealedRecord(h *tlsHalf) {
	if why, can := t.canOpen(); !can {
		t.seal(why)
		t.guessedRecord(h)
		return
	}
	if t.hello.version < tls.VersionTLS13 {
		t.open12(h)
		return
	}
	t.open13(h)
}

// canOpen says whether there is what it takes to open records, or else why not, if
// there is anything to say about it.
func (t *tlsReader) canOpen() (why string, can bool) {
	if t.secrets == nil {
		if t.secrets = t.keys.of(t.hello.random); t.secrets == nil {
			t.secrets = t.keys.of(t.hello.origin)
		}
	}
	switch {
	case t.secrets == nil && t.keys != nil && t.keys.Len() > 0:
		return "not decrypted: the key log has no secrets of this connection", false
	case t.secrets == nil:
		return "", false
	}
	if _, known := tlsSuiteOf(t.hello.suite); !known {
		return unopened(t.hello.suite), false
	}
	has := t.secrets.traffic[0] != nil || t.secrets.traffic[1] != nil
	if t.hello.version < tls.VersionTLS13 {
		has = t.secrets.master != nil
	}
	if !has {
		return "not decrypted: the key log has no secrets for this version of TLS", false
	}
	return "", true
}

// plain is about how many bytes are in a record with a payload of n bytes.
func (t *tlsReader) plain(n int) int {
	overhead := 8 + 16
	if t.hello.version >= tls.VersionTLS13 {
		overhead = tlsOverhead13
	} else if s, known := tlsSuiteOf(t.hello.suite); known && !s.explicit {
		overhead = 16
	}
	return max(0, n-overhead)
}
