package linger

import (
	"io"
	"net/http"

	"github.com/lingerhttp/linger/timeline"
)

// An http2Body is the body of a response on a stream. When it ends, is closed or
// fails, it gives the slot back, before the caller can see it.
type http2Body stream

// Timeline implements timeline.Carrier.
func (b *http2Body) Timeline() *timeline.Exchange { return &b.x.Exchange }

// Read implements io.Reader. It returns io.EOF together with the last bytes, if
// they are known to be the last.
func (b *http2Body) Read(p []byte) (int, error) {
	st := (*stream)(b)
	for {
		n, back, by, err := st.handOn(p)
		if back > 0 {
			st.widen(back, by)
		}
		switch {
		case err == io.EOF:
			st.end(nil)
			return n, err
		case err != nil:
			return n, st.finishRead(err)
		case n > 0 || len(p) == 0:
			return n, nil
		}
		<-st.wake
	}
}

// finishRead ends the exchange with what a Read found.
func (st *stream) finishRead(err error) error {
	err = st.end(err)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.result == nil {
		st.result = err
	}
	return st.result
}

// handOn hands on what has come. back and by are how much to give back of the
// connection's window, unless drop has, and of the stream's.
func (st *stream) handOn(p []byte) (n, back int, by uint32, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.closed:
		return 0, 0, 0, ErrBodyClosed
	case st.result != nil:
		return 0, 0, 0, st.result
	case st.data.len() > 0:
		n = copy(p, st.data.unread())
		st.data.skip(n)
		if !st.over {
			back, by = n, st.receive.give(n)
		}
	}
	switch {
	case st.data.len() > 0:
		return n, back, by, nil
	case st.ended && st.err == nil:
		st.takeTrailer()
		return n, back, by, io.EOF
	case n > 0 || len(p) == 0:
		return n, back, by, nil
	}
	return 0, 0, 0, st.err
}

// takeTrailer puts the trailer into the response, when its body is read.
func (st *stream) takeTrailer() {
	for name, values := range st.trailer {
		if st.resp.Trailer == nil {
			st.resp.Trailer = make(http.Header)
		}
		st.resp.Trailer[name] = values
	}
}

// Close implements io.Closer. A stream whose body is not over is reset.
func (b *http2Body) Close() error {
	st := (*stream)(b)
	st.mu.Lock()
	st.closed = true
	st.mu.Unlock()
	st.end(nil)
	st.signal()
	return nil
}

// append puts p behind what is there. coming is how much there will be at least,
// p included, before something else comes.
func (b *buffer) append(p []byte, coming int) {
	if b.w+len(p) > len(b.b) {
		b.grow(len(p), coming)
	}
	b.w += copy(b.b[b.w:], p)
}

// grow makes room for n octets.
func (b *buffer) grow(n, coming int) {
	have := b.len()
	if have+n <= len(b.b) && b.r >= len(b.b)/2 {
		b.w = copy(b.b, b.unread())
		b.r = 0
		return
	}
	bigger := make([]byte, max(have+coming, min(2*len(b.b), have+streamWindow)))
	b.w = copy(bigger, b.unread())
	b.r, b.b = 0, bigger
}
