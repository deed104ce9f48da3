package linger

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// A requestBody is a request's body on its way out, for one try: it knows
// whether it was touched, and it is closed once, whoever closes it.
type requestBody struct {
	body    io.ReadCloser
	touched atomic.Bool
	once    sync.Once
}

// bodyOf returns the body of a request, nil if it has none.
func bodyOf(req *http.Request) *requestBody {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	return &requestBody{body: req.Body}
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.touched.Store(true)
	return b.body.Read(p)
}

// Close implements io.Closer. Closing none is nothing.
func (b *requestBody) Close() (err error) {
	if b != nil {
		b.touched.Store(true)
		b.once.Do(func() { err = b.body.Close() })
	}
	return err
}

// untouched says whether the body can be sent as it is.
func (b *requestBody) untouched() bool { return b == nil || !b.touched.Load() }
