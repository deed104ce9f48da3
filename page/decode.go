package page

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

const (
	acceptEncoding = "gzip, br, zstd"

	// maxCodings bounds how often content may be coded over.
	maxCodings = 4

	// RFC 9659 §3: "decoders MUST support a Window_Size of up to and including
	// 8 MB" and may refuse more.
	maxZstdWindow = 8 << 20
)

// decode undoes content codings (RFC 9110 §8.4), which stand in the order in
// which they were applied. It reads nothing before the first Read. close must
// be called when the content is no longer read.
func decode(body io.Reader, contentEncoding []string) (content io.Reader, close func(), err error) {
	var codings []string
	for c := range strings.SplitSeq(strings.Join(contentEncoding, ","), ",") {
		if c = strings.ToLower(textproto.TrimString(c)); c != "" && c != "identity" {
			codings = append(codings, c)
		}
	}
	if len(codings) > maxCodings {
		return nil, nil, fmt.Errorf("%d content codings, one over the other", len(codings))
	}
	var closers []func()
	for i := len(codings) - 1; i >= 0; i-- {
		r, err := newDecoder(codings[i], body)
		if err != nil {
			return nil, nil, err
		}
		body = r
		closers = append(closers, r.close)
	}
	return body, func() {
		for _, c := range closers {
			c()
		}
	}, nil
}

// A decoder begins when it is first read, so that an empty body, which a HEAD or
// a 304 leaves, is no broken one.
type decoder struct {
	coding string
	src    io.Reader
	r      io.Reader
	free   func()
	err    error
}

func newDecoder(coding string, src io.Reader) (*decoder, error) {
	switch coding {
	case "gzip", "x-gzip", "br", "zstd":
		return &decoder{coding: coding, src: src}, nil
	}
	return nil, fmt.Errorf("content coding %q is not known", coding)
}

func (d *decoder) Read(p []byte) (int, error) {
	if d.r == nil && d.err == nil {
		d.err = d.named(d.begin())
	}
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.r.Read(p)
	d.err = d.named(err)
	return n, d.err
}

// named says which coding's data ends too early. The other errors say it
// themselves.
func (d *decoder) named(err error) error {
	if err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%s data is cut short: %w", d.coding, err)
	}
	return err
}

// The decoders are pooled: each holds tens of kilobytes, and a page of thousands
// of objects would make as many. In the pool they hold on to no body.
var (
	gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
	brs   = sync.Pool{New: func() any { return brotli.NewReader(nil) }}
	zstds = sync.Pool{New: func() any { return newZstd() }}
)

func newZstd() *zstd.Decoder {
	d, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow)) // fails on wrong options alone
	return d
}

func (d *decoder) begin() error {
	first := make([]byte, 1)
	if _, err := io.ReadFull(d.src, first); err != nil {
		return err // io.EOF: nothing at all
	}
	src := io.MultiReader(strings.NewReader(string(first)), d.src)
	switch d.coding {
	case "br":
		r := brs.Get().(*brotli.Reader)
		d.r, d.free = r, func() { _ = r.Reset(nil); brs.Put(r) }
		return r.Reset(src)
	case "zstd":
		r := zstds.Get().(*zstd.Decoder)
		d.r, d.free = r, func() { _ = r.Reset(nil); zstds.Put(r) }
		return r.Reset(src)
	}
	r := gzips.Get().(*gzip.Reader)
	d.r, d.free = r, func() { _ = r.Reset(strings.NewReader("")); gzips.Put(r) }
	return r.Reset(src)
}

func (d *decoder) close() {
	if d.free != nil {
		d.free()
		d.free, d.err = nil, io.ErrClosedPipe
	}
}
