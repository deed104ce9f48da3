package page

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A loader is one call of Load.
type loader struct {
	Options
	ctx     context.Context
	rt      http.RoundTripper
	jar     http.CookieJar
	now     func() time.Time
	origin  *url.URL // as given: what Options.Header may be told to
	foreign *foreign

	received   atomic.Int64 // bytes of bodies
	progressMu sync.Mutex   // one call of Progress at a time

	wg sync.WaitGroup // the goroutines of issue

	mu sync.Mutex
	// mu guards what follows, and of each task the fields that say so.
	page  *Page
	tasks []*task // those of page.Objects, in the same order
	seen  map[string]*task
	tail  chan struct{} // closed when the last task issued so far was requested
}

// A task is an object and what the loader knows about it. It belongs to the
// goroutine that runs it, save for the fields that loader.mu guards.
type task struct {
	*Object
	url      *url.URL
	referrer *url.URL // final URL of what names it; nil for the document
	urgency  int
	level    int // 0 for the document and its objects, 1 for those of its frames

	turn      <-chan struct{} // closed when those issued before were requested
	requested chan struct{}   // closed when this one was; nil for the document

	answered, sized, done time.Time

	// Guarded by loader.mu until all have ended.
	blocking bool    // rendering waits for it
	measure  bool    // takes part in layout, and nothing but its bytes tell its size
	imports  []*task // sheets that this sheet imports for the screen
}

// whole says that the object came, and is what was asked for.
func (t *task) whole() bool { return t.Err == nil && t.Status >= 200 && t.Status < 300 }

func (t *task) sizeKnown() time.Time {
	if t.sized.IsZero() {
		return t.done
	}
	return t.sized
}

func newLoader(ctx context.Context, rt http.RoundTripper, o Options) *loader {
	l := &loader{
		Options: o, ctx: ctx, rt: rt, jar: o.jar(), now: o.now(),
		foreign: newForeign(o.now()), seen: make(map[string]*task),
	}
	l.page = &Page{Start: l.now()}
	l.tail = make(chan struct{})
	close(l.tail)
	return l
}

// begin lists the document.
func (l *loader) begin(document *task) {
	l.mu.Lock()
	l.page.URL = printable(document.url)
	l.admitLocked(document)
	l.mu.Unlock()
	l.tell(Found, document.Object, 0)
}

// admitLocked lists the object. It returns false if the page is full. The first
// that found it full is listed with its error.
func (l *loader) admitLocked(t *task) bool {
	if len(l.tasks) >= l.maxObjects() {
		l.page.LeftOut++
		if l.page.LeftOut > 1 {
			return false
		}
		t.Err = &Error{URL: t.URL, Step: StepFind, Err: ErrTooManyObjects}
	}
	if t.url != nil {
		l.seen[t.URL] = t
	}
	l.page.Objects = append(l.page.Objects, t.Object)
	l.tasks = append(l.tasks, t)
	return true
}

// found takes a finding in the content of from, whose final URL is base. It
// returns the new object, nil if there is none to request.
func (l *loader) found(from *task, base *url.URL, f finding) *task {
	t := &task{url: f.url, referrer: base, urgency: f.urgency, level: from.level}
	if f.kind == Frame {
		t.level++
	}
	if t.level > l.frames() {
		return nil
	}
	l.mu.Lock()
	if l.knownLocked(from, f) {
		l.mu.Unlock()
		return nil
	}
	t.Object = &Object{URL: f.address(), FoundIn: from.URL, By: f.by, Kind: f.kind, Width: f.width, Height: f.height}
	if f.err != nil {
		t.Err = &Error{URL: t.URL, Step: StepURL, Err: f.err}
	}
	admitted := l.admitLocked(t)
	t.markLocked(from, f)
	l.mu.Unlock()
	if !admitted {
		return nil
	}
	l.tell(Found, t.Object, 0)
	if t.Err != nil {
		t.done = l.now()
		l.tell(Done, t.Object, 0)
		return nil
	}
	return t
}

// knownLocked says whether the object is listed already, and notes what else it
// is now known to be for.
func (l *loader) knownLocked(from *task, f finding) bool {
	if f.url == nil {
		return false
	}
	t := l.seen[printable(f.url)]
	if t != nil {
		t.markLocked(from, f)
	}
	return t != nil
}

func (t *task) markLocked(from *task, f finding) {
	if from.level > 0 {
		return // what a frame shows moves nothing outside of it
	}
	t.blocking = t.blocking || f.blocks && from.Kind == Document
	t.measure = t.measure || f.layout && (f.width == 0 || f.height == 0)
	if f.blocks && from.Kind == Style {
		from.imports = append(from.imports, t)
	}
}

// issue starts a goroutine for each task, the most urgent first. Whatever the
// scheduler does, they reach the RoundTripper in that order: each waits for the
// one before to be about to.
func (l *loader) issue(batch []*task) {
	slices.SortStableFunc(batch, func(a, b *task) int { return a.urgency - b.urgency })
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range batch {
		t.turn, t.requested = l.tail, make(chan struct{})
		l.tail = t.requested
		l.wg.Add(1)
		go runTask(l, t)
	}
}

func runTask(l *loader, t *task) {
	defer l.wg.Done()
	l.run(t)
}

// wait returns when every goroutine has ended. Only goroutines that it waits
// for start others.
func (l *loader) wait() { l.wg.Wait() }

// run loads one object, whatever becomes of it.
func (l *loader) run(t *task) {
	resp, err := l.follow(t)
	if err == nil {
		err = l.consume(t, resp)
	}
	t.Err = err
	t.done = l.now()
	l.tell(Done, t.Object, 0)
}
