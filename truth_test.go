package linger

import (
	"io"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What an error says of a request, and an answer of its body, is true.

// TestHTTP2GuessedIsNotCertain: a stream that was begun before the server's limit
// was known, and is reset with PROTOCOL_ERROR, is sent again as one too many. It
// may have been applied all the same, and the error says so.
func TestHTTP2GuessedIsNotCertain(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	srv := serve(t, func(p *peer) {
		h := &h2peer{peer: p, Framer: http2.NewFramer(p, p.in)}
		h.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		io.CopyN(io.Discard, p.in, prefaceSize)
		r := h.wantRequest()
		h.WriteSettings()
		h.WriteRSTStream(r.id, http2.ErrCodeProtocol)
		h.waitForEnd()
	})
	a := w.get(srv.url)
	if a.err == nil || !sentOf(a.err) || a.e.Tries < 2 {
		t.Errorf("%v after %d tries, sent: %v", a.err, a.e.Tries, sentOf(a.err))
	}
}

// TestHTTP2BodyOfNoLength: "A request or response is also malformed if the value
// of a Content-Length header field does not equal the sum of the DATA frame
// payload lengths", https://www.rfc-editor.org/rfc/rfc9113#section-8.1.1. So it is
// when the field says 0 and all of it is there at once.
func TestHTTP2BodyOfNoLength(t *testing.T) {
	w := watch(t, named(t, "multiplexed"))
	srv := serveH2(t, 0, func(h *h2peer) {
		r := h.wantRequest()
		h.headers(r.id, false, ":status", "200", "content-length", "0")
		h.WriteData(r.id, true, []byte("more"))
		h.waitForEnd()
	})
	for range 20 {
		if a := w.get(srv.url); a.err == nil || !sentOf(a.err) {
			t.Fatalf("%d %q, %v", a.status, a.body, a.err)
		}
		w.CloseIdleConnections()
	}
}
