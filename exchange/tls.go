package exchange

import (
	"crypto/tls"
	"strings"

	"github.com/lingerhttp/linger/flow"
)

// A tlsReader reads TLS from both directions of a connection. A tlsHalf cuts one
// direction into records. Those in clear are a handshake, which is read for what it
// says. The others are opened, if there are keys, and what is in them goes to the
// reader of that; or else a tlsGuess tells exchanges from directions and sizes.
type tlsReader struct {
	keys  *KeyLog
	tell  func(*Exchange)
	inner func(alpn string, tell func(*Exchange)) reader

	halfs            [2]*tlsHalf
	info             *TLS
	hello            tlsHello // what the client said, and what the server chose
	askedAt, helloAt int64    // when the ClientHello ended, and the ServerHello began

	secrets *secrets
	sealed  string    // why records are not opened; empty while they are, or it is not known
	guess   *tlsGuess // where they are not
	opened  reader    // what reads that which was in them; nil before there was any

	early   tlsEarly
	trouble string // a sentence for all exchanges from here
	ended   int    // directions
}

// newTLS makes a reader of TLS. With keys, what it decrypts goes to the reader that
// inner makes, once, when the first bytes in clear are there: alpn is what the
// handshake agreed, empty if nothing, and tell is for that reader's exchanges.
// Each exchange is told with Secure set.
//
// Bytes of a record are handed on when the whole record is there, but with the
// times and places at which they came in: a message's First and Last are when its
// records began and ended to be there.
func newTLS(keys *KeyLog, tell func(*Exchange), inner func(alpn string, tell func(*Exchange)) reader) *tlsReader {
	t := &tlsReader{keys: keys, tell: tell, inner: inner, info: new(TLS)}
	for d := range t.halfs {
		t.halfs[d] = &tlsHalf{dir: flow.Dir(d), t: t}
	}
	return t
}

func (t *tlsReader) data(d flow.Dir, c chunk) { t.halfs[d&1].data(c) }

func (t *tlsReader) missing(d flow.Dir, h hole) { t.halfs[d&1].missing(h) }

func (t *tlsReader) end(d flow.Dir, at int64, how flow.How) {
	t.ended++
	h := t.halfs[d&1]
	h.giveUpSearch()
	if t.opened != nil {
		t.opened.end(d, at, how)
		return
	}
	h.how, h.ended, h.endedAt = how, true, at
	if t.ended < 2 {
		return
	}
	for _, h := range t.halfs {
		h.rest()
	}
	if t.guess != nil {
		t.guess.end()
	}
}

// tellOpened tells an exchange that the reader of what was opened has found.
func (t *tlsReader) tellOpened(e *Exchange) {
	e.Secure = t.info
	if t.trouble != "" && !e.Response.Complete {
		e.Problem = sentences(t.trouble, e.Problem)
	}
	t.tell(e)
}

// sentences joins what there is.
func sentences(all ...string) string {
	var said []string
	for _, s := range all {
		if s != "" {
			said = append(said, s)
		}
	}
	return strings.Join(said, "; ")
}

// reader is the reader of what was opened.
func (t *tlsReader) reader() reader {
	if t.opened == nil {
		t.info.Decrypted = true
		t.opened = t.inner(t.info.ALPN, t.tellOpened)
		for d, h := range t.halfs {
			if h.ended {
				t.opened.end(flow.Dir(d), h.endedAt, h.how)
			}
		}
	}
	return t.opened
}

// seal gives up opening records, before any was: what follows is guessed.
func (t *tlsReader) seal(why string) {
	if t.guess != nil {
		return
	}
	t.sealed = why
	t.guess = newTLSGuess(t)
	t.early.release(t, false)
}

// isTLS says whether b, possibly short, can be the start of a TLS record. An empty b
// is not.
func isTLS(b []byte) bool {
	switch {
	case len(b) == 0:
		return false
	case b[0] < recordCCS || b[0] > recordData:
		return false
	case len(b) > 1 && b[1] != 3, len(b) > 2 && b[2] > 4:
		return false
	case len(b) > 4 && int(b[3])<<8|int(b[4]) > maxRecord:
		return false
	}
	return true
}

// tlsVersion is "TLS 1.3".
func tlsVersion(v uint16) string {
	if v == 0 {
		return ""
	}
	return tls.VersionName(v)
}
