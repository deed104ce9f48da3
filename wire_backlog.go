package linger

import "sync"

// A backlog is what a wire was to write and its socket did not take at once. Who
// writes on such a wire never waits, not through TLS either, and afterwards sees
// to it that the rest is drained.
type backlog struct {
	mu       sync.Mutex
	rest     []byte // guarded by mu
	draining bool   // guarded by mu: somebody writes what was in rest
}

// write writes p as far as the socket takes it, and keeps the rest.
func (b *backlog) write(w *wire, p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	if !b.draining && len(b.rest) == 0 {
		var err error
		if n, err = w.send.write(w.raw, p, false); err != nil {
			return n, w.opError("write", err)
		}
	}
	b.rest = append(b.rest, p[n:]...)
	return len(p), nil
}

// any says whether there is a rest that nobody drains. A nil one has none.
func (b *backlog) any() bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.draining && len(b.rest) > 0
}

// drain writes what is left, by a function that may wait. A nil one has nothing.
func (b *backlog) drain(write func([]byte) error) error {
	for p := b.take(); p != nil; p = b.take() {
		if err := write(p); err != nil {
			return err
		}
	}
	return nil
}

// take takes what is left, nil if nothing is.
func (b *backlog) take() []byte {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.rest
	b.rest, b.draining = nil, len(p) > 0
	return p
}
