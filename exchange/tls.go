package exchange

import "github.com/lingerhttp/linger/flow"

// A tlsReader reads TLS from both directions of a connection: a handshake, and then
// what keys open, or else what directions and sizes of records tell.
type tlsReader struct {
	tell func(*Exchange)
}

// newTLS makes a reader of TLS. With keys, what it decrypts goes to the reader that
// inner makes, once, when the first bytes in clear are there: alpn is what the
// handshake agreed, empty if nothing, and tell is for that reader's exchanges.
// Each exchange is told with Secure set.
func newTLS(keys *KeyLog, tell func(*Exchange), inner func(alpn string, tell func(*Exchange)) reader) *tlsReader {
	return &tlsReader{tell: tell}
}

func (t *tlsReader) data(d flow.Dir, c chunk) {}

func (t *tlsReader) missing(d flow.Dir, h hole) {}

func (t *tlsReader) end(d flow.Dir, at int64, how flow.How) {}

// isTLS says whether b, possibly short, can be the start of a TLS record. An empty b
// is not.
func isTLS(b []byte) bool { return false }
