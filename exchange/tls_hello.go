package exchange

import (
	"crypto/tls"
	"slices"

	"golang.org/x/crypto/cryptobyte"

	"github.com/lingerhttp/linger/flow"
)

// A tlsHello is what ClientHello and ServerHello say, as far as it is of use.
type tlsHello struct {
	client  bool // a ClientHello was read
	server  bool // a ServerHello was read, and it was no HelloRetryRequest
	random  clientRandom
	session []byte       // what the client would resume: a session's ID
	ticket  []byte       // or a ticket
	origin  clientRandom // the handshake that TLS 1.2's master secret comes from

	serverRandom [32]byte
	version      uint16
	suite        uint16
}

// tlsMessages collects the handshake messages of one direction: RFC 8446 §4. Those
// of which nothing is read are counted through.
type tlsMessages struct {
	buf    []byte
	left   int  // of a message that is counted through
	broken bool // a part is missing: where messages begin is not known any more
}

// Handshake types: RFC 8446 §4.
const (
	messageClientHello         = 1
	messageServerHello         = 2
	messageNewSessionTicket    = 4
	messageEndOfEarlyData      = 5
	messageEncryptedExtensions = 8
	messageFinished            = 20
	messageKeyUpdate           = 24

	messageHeader = 4
	maxMessage    = 128 << 10 // of those that are read; they are a few hundred octets
)

// add takes the next bytes, and calls handle for each message that is complete. Of
// those counted through it is not called.
func (m *tlsMessages) add(b []byte, handle func(kind byte, body []byte)) {
	for len(b) > 0 && !m.broken {
		if m.left > 0 {
			n := min(m.left, len(b))
			m.left -= n
			b = b[n:]
			continue
		}
		want := messageHeader
		if len(m.buf) >= messageHeader {
			want += m.length()
		}
		n := min(want-len(m.buf), len(b))
		m.buf = append(m.buf, b[:n]...)
		b = b[n:]
		m.next(handle)
	}
}

func (m *tlsMessages) length() int {
	return int(m.buf[1])<<16 | int(m.buf[2])<<8 | int(m.buf[3])
}

// next looks at what has been collected.
func (m *tlsMessages) next(handle func(kind byte, body []byte)) {
	if len(m.buf) < messageHeader {
		return
	}
	kind, length := m.buf[0], m.length()
	switch kind {
	case messageClientHello, messageServerHello, messageNewSessionTicket, messageEndOfEarlyData, messageEncryptedExtensions, messageFinished, messageKeyUpdate:
		if length <= maxMessage {
			break
		}
		fallthrough
	default:
		m.left, m.buf = length, m.buf[:0]
		return
	}
	if len(m.buf) == messageHeader+length {
		body := m.buf[messageHeader:]
		m.buf = m.buf[:0]
		handle(kind, body)
	}
}

// clientHello reads a ClientHello: RFC 8446 §4.1.2.
func (t *tlsReader) clientHello(body []byte) {
	s := cryptobyte.String(body)
	var version uint16
	var random []byte
	var session, suites, methods, extensions cryptobyte.String
	if !s.ReadUint16(&version) || !s.ReadBytes(&random, 32) || !s.ReadUint8LengthPrefixed(&session) ||
		!s.ReadUint16LengthPrefixed(&suites) || !s.ReadUint8LengthPrefixed(&methods) {
		return
	}
	t.hello.client = true
	t.hello.random = clientRandom(random)
	t.hello.session, t.hello.ticket, t.hello.origin = slices.Clone(session), nil, t.hello.random
	t.info.Offered, t.info.EarlyData = nil, t.info.EarlyData && t.info.Retried
	if !s.ReadUint16LengthPrefixed(&extensions) {
		return
	}
	eachExtension(extensions, func(kind uint16, data cryptobyte.String) {
		switch kind {
		case extensionServerName:
			t.info.ServerName = serverName(data)
		case extensionALPN:
			t.info.Offered = protocols(data)
		case extensionSessionTicket:
			t.hello.ticket = slices.Clone(data)
		case extensionEarlyData:
			t.info.EarlyData = true
		}
	})
}

// Extensions: https://www.iana.org/assignments/tls-extensiontype-values.
const (
	extensionServerName        = 0
	extensionALPN              = 16
	extensionSessionTicket     = 35
	extensionPreSharedKey      = 41
	extensionEarlyData         = 42
	extensionSupportedVersions = 43
)

// eachExtension calls f for each of a list's.
func eachExtension(s cryptobyte.String, f func(kind uint16, data cryptobyte.String)) {
	for !s.Empty() {
		var kind uint16
		var data cryptobyte.String
		if !s.ReadUint16(&kind) || !s.ReadUint16LengthPrefixed(&data) {
			return
		}
		f(kind, data)
	}
}

// serverName reads server_name: RFC 6066 §3.
func serverName(s cryptobyte.String) string {
	var list, name cryptobyte.String
	var kind uint8
	if !s.ReadUint16LengthPrefixed(&list) || !list.ReadUint8(&kind) || kind != 0 || !list.ReadUint16LengthPrefixed(&name) {
		return ""
	}
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return "" // no name of a host
		}
	}
	return string(name)
}

// protocols reads a list of application protocols: RFC 7301 §3.1.
func protocols(s cryptobyte.String) []string {
	var list cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&list) {
		return nil
	}
	var names []string
	for !list.Empty() && len(names) < 32 {
		var name cryptobyte.String
		if !list.ReadUint8LengthPrefixed(&name) {
			break
		}
		names = append(names, string(name))
	}
	return names
}

// helloRetryRequest is the random of a ServerHello that is a HelloRetryRequest: RFC
// 8446 §4.1.3.
var helloRetryRequest = [32]byte{
	0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
	0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
}

// serverHello reads a ServerHello: RFC 8446 §4.1.3.
func (t *tlsReader) serverHello(body []byte) {
	s := cryptobyte.String(body)
	var version, suite uint16
	var method uint8
	var random []byte
	var session, extensions cryptobyte.String
	if !s.ReadUint16(&version) || !s.ReadBytes(&random, 32) || !s.ReadUint8LengthPrefixed(&session) ||
		!s.ReadUint16(&suite) || !s.ReadUint8(&method) {
		return
	}
	psk := false
	if s.ReadUint16LengthPrefixed(&extensions) {
		eachExtension(extensions, func(kind uint16, data cryptobyte.String) {
			switch kind {
			case extensionSupportedVersions:
				data.ReadUint16(&version)
			case extensionPreSharedKey:
				psk = true
			case extensionALPN:
				t.agree(data)
			}
		})
	}
	if [32]byte(random) == helloRetryRequest {
		t.info.Retried = true
		t.early.refused = true // RFC 8446 §4.2.10
		return
	}
	h := &t.hello
	h.server, h.serverRandom, h.version, h.suite = true, [32]byte(random), version, suite
	t.info.Version, t.info.Suite = tlsVersion(version), tls.CipherSuiteName(suite)
	t.info.Resumed = psk
	if version < tls.VersionTLS13 {
		t.session(session)
		return
	}
	for _, half := range t.halfs {
		half.ciphered = true
	}
}

// session takes the session's ID of a ServerHello of TLS 1.2: the client's is echoed
// where the session is resumed.
func (t *tlsReader) session(id []byte) {
	h := &t.hello
	t.info.Resumed = len(id) > 0 && slices.Equal(id, h.session)
	if !t.info.Resumed {
		t.keys.remember(id, h.random)
		return
	}
	for _, name := range [][]byte{h.ticket, h.session} {
		if origin, known := t.keys.from(name); known {
			h.origin = origin
			return
		}
	}
}

// newTicket reads a NewSessionTicket of TLS 1.2: RFC 5077 §3.3.
func (t *tlsReader) newTicket(body []byte) {
	s := cryptobyte.String(body)
	var lifetime uint32
	var ticket cryptobyte.String
	if s.ReadUint32(&lifetime) && s.ReadUint16LengthPrefixed(&ticket) {
		t.keys.remember(ticket, t.hello.origin)
	}
}

// agree takes the protocol that the server chose.
func (t *tlsReader) agree(s cryptobyte.String) {
	if names := protocols(s); len(names) == 1 {
		t.info.ALPN = names[0]
	}
}

// encryptedExtensions reads them: RFC 8446 §4.3.1.
func (t *tlsReader) encryptedExtensions(body []byte) {
	s := cryptobyte.String(body)
	var extensions cryptobyte.String
	if !s.ReadUint16LengthPrefixed(&extensions) {
		return
	}
	eachExtension(extensions, func(kind uint16, data cryptobyte.String) {
		switch kind {
		case extensionALPN:
			t.agree(data)
		case extensionEarlyData:
			t.info.EarlyTaken = true
		}
	})
}

// handshakeIsOver takes note of a direction's Finished.
func (t *tlsReader) handshakeIsOver(h *tlsHalf) {
	if h.finished {
		return
	}
	h.finished = true
	i := t.info
	waits := h.dir == flow.Up || t.hello.version < tls.VersionTLS13 && !h.other().sent
	if h.dir == flow.Up {
		i.UpEnd = h.where.to
	} else {
		i.DownEnd = h.where.to
	}
	if waits {
		i.End, i.EndPacket = h.where.last, h.where.lastPacket
	}
}
