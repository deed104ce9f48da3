package linger

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// A requestBody is a request's body on its way out, for one try. It is closed
// once, whoever closes it, and not read after that. A nil one is no body.
type requestBody struct {
	body io.ReadCloser

	mu      sync.Mutex
	touched bool // guarded by mu: it was read or closed
	over    bool // guarded by mu: it was closed, or is the next try's
}

// bodyOf returns the body of a request, nil if it has none.
func bodyOf(req *http.Request) *requestBody {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	return &requestBody{body: req.Body}
}

var errBodyOver = errors.New("read of a request body that was closed")

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	if !b.touch(false) {
		return 0, errBodyOver
	}
	return b.body.Read(p)
}

// Close implements io.Closer.
func (b *requestBody) Close() error {
	if b == nil || !b.touch(true) {
		return nil
	}
	return b.body.Close()
}

// touch notes that the body is read, or closed for good. It reports whether it
// still may be.
func (b *requestBody) touch(last bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return false
	}
	b.touched, b.over = true, last
	return true
}

// reclaim makes an untouched body the next try's, and reports whether it is
// untouched. The goroutine of the try before, which may only now see that it was
// stopped, can read and close it no more.
func (b *requestBody) reclaim() (*requestBody, bool) {
	if b == nil {
		return nil, true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.touched {
		return b, false
	}
	b.over = true
	return &requestBody{body: b.body}, true
}
