package linger

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

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

// TestDeafPeerOverTLS: whoever gives up on a server that has stopped reading, and
// whoever closes the Transport then, does not wait for TLS to say goodbye to it:
// crypto/tls gives that five seconds.
func TestDeafPeerOverTLS(t *testing.T) {
	for _, name := range []string{"persistent", "pipelined", "multiplexed"} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, named(t, name), func(t *testing.T, w *watched) {
				server, client := certified(name == "multiplexed")
				w.TLSClientConfig = client
				over := make(chan bool)
				piped(w, func(p *peer) {
					secured := tls.Server(p.Conn, server)
					secured.Read(make([]byte, prefaceSize)) // and no more
					<-over
				})
				ctx, giveUp := context.WithCancelCause(t.Context())
				req := request(t, "POST", "https://peer/", strings.Repeat("x", 1<<20))
				done := w.start(req.WithContext(ctx))[0]
				begin := time.Now()
				giveUp(errChanged)
				if a := <-done; !errors.Is(a.err, errChanged) {
					t.Error(a.err)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("giving up took %v", took)
				}
				begin = time.Now()
				w.Close()
				if took := time.Since(begin); took > time.Second {
					t.Errorf("Close took %v", took)
				}
				close(over)
			})
		})
	}
}
