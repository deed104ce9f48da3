package page

import (
	"fmt"
	"io"
	"net/url"
	"strings"
)

// A meter is a body as it is received. It counts for the page's bound, for the
// progress and for a foreign timeline.
type meter struct {
	loader   *loader
	task     *task
	recorder *recorder
	body     io.Reader
	err      error // what ended it, if not io.EOF
}

func (m *meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.body.Read(p)
	if n > 0 {
		if m.recorder != nil {
			m.recorder.count(n)
		}
		m.loader.tell(Received, m.task.Object, n)
		if m.loader.received.Add(int64(n)) > m.loader.maxBytes() && (err == nil || err == io.EOF) {
			err = fmt.Errorf("%w: more than %d in all", ErrTooManyBytes, m.loader.maxBytes())
		}
	}
	if err != nil && err != io.EOF {
		m.err = err
	}
	return n, err
}

// consume reads the body of the final response to its end, finding what it
// names on the way.
func (l *loader) consume(t *task, resp *reply) error {
	t.answered = l.now()
	t.Status = resp.StatusCode
	t.ContentType = resp.Header.Get("Content-Type")
	t.Encoding = strings.Join(resp.Header.Values("Content-Encoding"), ", ")
	if t.Kind == Document && t.level == 0 {
		l.page.URL = printable(resp.url)
	}
	l.tell(Answered, t.Object, 0)

	wire := &meter{loader: l, task: t, recorder: resp.recorder, body: resp.Body}
	step, err := l.read(t, resp, wire)
	l.end(t, resp, wire.err)
	switch {
	case wire.err != nil:
		step, err = StepBody, wire.err
	case err == nil:
		return nil
	}
	return &Error{URL: t.URL, Step: step, Err: err}
}

// read takes the content out of the body, and says which step failed.
func (l *loader) read(t *task, resp *reply, wire *meter) (Step, error) {
	content, closeDecoders, err := decode(wire, resp.Header.Values("Content-Encoding"))
	if err != nil {
		return StepDecode, err
	}
	defer closeDecoders()
	tap := &tap{content: content, task: t, now: l.now}
	if t.Kind == Image || t.Kind == Icon || hasType(t.ContentType, "image/") {
		tap.ruler = &ruler{}
	}
	if l.Sink != nil {
		tap.sink, tap.saveErr = l.Sink(t.Object)
	}
	l.scan(t, resp.url, tap)
	if tap.err == nil {
		// Decoders may stop before the end of the body; the connection can be
		// used again only behind it.
		_, _ = io.Copy(io.Discard, io.LimitReader(wire, maxDrained)) // wire keeps the error
	}
	tap.closeSink()
	if tap.err != nil {
		return StepDecode, tap.err
	}
	return StepSave, tap.saveErr
}

// scan reads the content to its end, and issues what it names before each read
// that might wait.
func (l *loader) scan(t *task, base *url.URL, tap *tap) {
	var batch []*task
	flush := func() {
		if len(batch) == 0 {
			return
		}
		l.issue(batch)
		batch = nil
	}
	found := func(f finding) {
		if n := l.found(t, base, f); n != nil {
			batch = append(batch, n)
		}
	}
	html := isHTML(t.ContentType)
	switch {
	case l.NoObjects:
	case (t.Kind == Document || t.Kind == Frame) && (html || t.ContentType == ""):
		tap.before = flush
		findHTML(tap, base, found)
	case t.Kind == Style && t.Status/100 == 2 && !html:
		// Browsers refuse a sheet that calls itself HTML, mostly an error page.
		tap.before = flush
		findCSS(tap, base, found)
	}
	_, _ = io.Copy(io.Discard, tap) // what no finder has read; tap keeps the error
	flush()
}

func isHTML(contentType string) bool {
	return hasType(contentType, "text/html") || hasType(contentType, "application/xhtml+xml")
}

func hasType(contentType, prefix string) bool {
	return len(contentType) >= len(prefix) && strings.EqualFold(contentType[:len(prefix)], prefix)
}
