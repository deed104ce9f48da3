package linger

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/lingerhttp/linger/timeline"
)

// Transparent gzip: asked for where the caller does not say what it accepts, and
// decoded on the way to it, above whatever protocol carried it. What the
// timeline counts are the bytes on the wire.

// asksForGzip decides whether a request says "Accept-Encoding: gzip" of itself. A
// part of a gzipped body cannot be decoded, and the answer to HEAD has none.
func (t *Transport) asksForGzip(req *http.Request) bool {
	return !t.DisableCompression && len(req.Header["Accept-Encoding"]) == 0 &&
		len(req.Header["Range"]) == 0 && req.Method != http.MethodHead
}

// decoded returns the response as the caller gets it: if linger had asked for
// gzip and got it, without a word of it but Uncompressed.
func (x *exchange) decoded(resp *http.Response) *http.Response {
	if !x.gzip || resp.ContentLength == 0 || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return resp
	}
	if _, none := resp.Body.(endedBody); none {
		return resp
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
	resp.Body = &gzipBody{x: x, wire: resp.Body}
	return resp
}

// A gzipBody decodes a response's body. Its reader is made by the first Read: the
// caller may never read.
type gzipBody struct {
	x    *exchange
	wire io.ReadCloser // as it comes from the connection

	mu  sync.Mutex   // held by Read, and by Close to let go of what follows
	z   *gzip.Reader // from gzips; nil before the first Read and after the last
	err error        // what every further Read returns
}

// Timeline implements timeline.Carrier.
func (b *gzipBody) Timeline() *timeline.Exchange { return &b.x.Exchange }

// Read implements io.Reader. An error of the connection is returned as it is;
// one of the coding is an *Error.
func (b *gzipBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	if b.z == nil {
		z := gzips.Get().(*gzip.Reader)
		b.z = z
		if err := z.Reset(b.wire); err != nil {
			return 0, b.failLocked(err)
		}
	}
	n, err := b.z.Read(p)
	if err != nil {
		err = b.failLocked(err)
	}
	return n, err
}

// failLocked ends the reading. gzip.Reader passes on what the connection's body
// returned: that tells its own step.
func (b *gzipBody) failLocked(err error) error {
	if err != io.EOF && !errors.As(err, new(*Error)) {
		err = b.x.bodyFault(err)
	}
	b.err = err
	b.letGoLocked()
	return err
}

func (b *gzipBody) letGoLocked() {
	if b.z != nil {
		_ = b.z.Reset(eof{}) // keeps nothing of this body
		gzips.Put(b.z)
		b.z = nil
	}
}

// Close implements io.Closer. A Read under way is ended by closing the body below
// it first.
func (b *gzipBody) Close() error {
	err := b.wire.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letGoLocked()
	if b.err == nil || b.err == io.EOF {
		b.err = b.x.bodyFault(ErrBodyClosed)
	}
	return err
}

var gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
func (eof) ReadByte() (byte, error)  { return 0, io.EOF }
