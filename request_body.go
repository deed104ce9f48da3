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

// handOver makes an untouched body the next try's: the goroutine of the try
// before, which may only now see that it was stopped, can close it no more.
func (b *requestBody) handOver() *requestBody {
	if b == nil {
		return nil
	}
	b.once.Do(func() {})
	return &requestBody{body: b.body}
}
