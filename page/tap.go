package page

import (
	"io"
	"time"
)

// A tap is the decoded content of an object on its way to a finder. It hands
// each piece to the sink and, for an image, to the ruler.
type tap struct {
	content io.Reader
	task    *task
	now     func() time.Time
	before  func() // called before each read, which may wait; may be nil
	ruler   *ruler // nil once the size is known, and for what is no image
	sink    io.WriteCloser
	saveErr error
	err     error // what ended the content, if not io.EOF
}

func (t *tap) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	if t.before != nil {
		t.before()
	}
	n, err := t.content.Read(p)
	t.task.Size += int64(n)
	if n > 0 {
		t.save(p[:n])
	}
	t.measure(p[:n], err != nil)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

// save writes to the sink. A sink that failed gets no more; the rest of the
// content is still read and scanned.
func (t *tap) save(p []byte) {
	if t.sink == nil || t.saveErr != nil {
		return
	}
	_, t.saveErr = t.sink.Write(p)
}

func (t *tap) closeSink() {
	if t.sink == nil {
		return
	}
	if err := t.sink.Close(); t.saveErr == nil {
		t.saveErr = err
	}
}

func (t *tap) measure(p []byte, last bool) {
	if t.ruler == nil {
		return
	}
	width, height, enough := t.ruler.add(p, last)
	if width > 0 && height > 0 {
		t.task.Width, t.task.Height = width, height
		t.task.sized = t.now()
	}
	if enough {
		t.ruler = nil
	}
}
