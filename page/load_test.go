package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// A site answers each path with a function.
type site map[string]http.HandlerFunc

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := s[r.URL.Path]
	if h == nil {
		http.NotFound(w, r)
		return
	}
	h(w, r)
}

func says(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	}
}

func htmlSays(body string) http.HandlerFunc { return says("text/html; charset=utf-8", body) }

func serve(t *testing.T, h http.Handler) (url string, rt *http.Transport) {
	t.Helper()
	s := httptest.NewServer(h)
	rt = &http.Transport{}
	t.Cleanup(func() { rt.CloseIdleConnections(); s.Close() })
	return s.URL, rt
}

// load loads a page, and checks what holds of every page.
func load(t *testing.T, rt http.RoundTripper, url string, o Options) *Page {
	t.Helper()
	p, err := Load(t.Context(), rt, url, o)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	checkPage(t, p)
	return p
}

func checkPage(t *testing.T, p *Page) {
	t.Helper()
	for _, e := range p.Exchanges() {
		if err := e.Check(); err != nil {
			t.Error(err)
		}
	}
	for _, o := range p.Objects {
		var as *Error
		if o.Err != nil && (!errors.As(o.Err, &as) || strings.ContainsAny(o.Err.Error(), "\r\n")) {
			t.Errorf("%s: the error is not an *Error of one line: %q", o.URL, o.Err)
		}
		for i, h := range o.Hops {
			if h.Exchange == nil || h.Request == nil {
				t.Errorf("%s: hop %d has no exchange or request", o.URL, i)
			}
		}
	}
	for i := 0; strings.Contains(stacks(), "page.runTask"); i++ {
		if i == 10_000 {
			t.Fatalf("goroutines of Load are left:\n%s", stacks())
		}
		runtime.Gosched()
	}
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// object returns the one whose URL ends with suffix.
func object(t *testing.T, p *Page, suffix string) *Object {
	t.Helper()
	for _, o := range p.Objects {
		if strings.HasSuffix(o.URL, suffix) {
			return o
		}
	}
	t.Fatalf("no object %s among %s", suffix, urls(p))
	return nil
}

func urls(p *Page) string {
	var all []string
	for _, o := range p.Objects {
		all = append(all, o.URL)
	}
	return strings.Join(all, " ")
}

func pngOf(t *testing.T, w, h int) string {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, w, h))
	m.Set(0, 0, color.White)
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLoad(t *testing.T) {
	url, rt := serve(t, site{
		"/": htmlSays(`<link rel=stylesheet href=s.css><script src=j.js></script><img src=i.png><img src=i.png#again><img src=gone.png>
			<iframe src=f.html></iframe><video poster=p.png></video><link rel=icon href=fav.ico>`),
		"/s.css":   says("text/css", `@import "s2.css"; @font-face { src: url(f.woff2) } p { background: url(bg.png) }`),
		"/s2.css":  says("text/css", `q { background: url(bg2.png) }`),
		"/f.html":  htmlSays(`<img src=inframe.png><iframe src=deep.html></iframe>`),
		"/j.js":    says("text/javascript", "1"),
		"/i.png":   says("image/png", pngOf(t, 30, 20)),
		"/f.woff2": says("font/woff2", "x"),
	})
	p := load(t, rt, url, Options{})
	var got []string
	for _, o := range p.Objects {
		got = append(got, fmt.Sprintf("%s %s %s in %s: %d", o.Kind, strings.TrimPrefix(o.URL, url), o.By, strings.TrimPrefix(o.FoundIn, url), o.Status))
	}
	slices.Sort(got)
	want := []string{
		"document /  in : 200",
		"font /f.woff2 @font-face src in /s.css: 200",
		"frame /f.html iframe src in /: 200",
		"icon /fav.ico link icon in /: 404",
		"image /bg.png background url() in /s.css: 404",
		"image /bg2.png background url() in /s2.css: 404",
		"image /gone.png img src in /: 404",
		"image /i.png img src in /: 200",
		"image /inframe.png img src in /f.html: 404",
		"image /p.png video poster in /: 404",
		"script /j.js script src in /: 200",
		"style /s.css link stylesheet in /: 200",
		"style /s2.css @import in /s.css: 200",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if o := object(t, p, "/i.png"); o.Width != 30 || o.Height != 20 {
		t.Errorf("i.png is %d × %d, want 30 × 20", o.Width, o.Height)
	}
	if len(p.Exchanges()) != len(p.Objects) {
		t.Errorf("%d exchanges for %d objects", len(p.Exchanges()), len(p.Objects))
	}
	m := p.Moments
	if !(0 < m.FirstByte && m.FirstByte <= m.DocumentComplete && m.DocumentComplete <= m.LayoutKnown &&
		m.LayoutKnown <= m.Complete && 0 < m.FirstImage && m.FirstImage <= m.Complete) {
		t.Errorf("moments out of order: %+v", m)
	}
	if none := load(t, rt, url, Options{NoObjects: true}); len(none.Objects) != 1 || none.Moments.LayoutKnown != none.Moments.DocumentComplete {
		t.Errorf("without objects: %s, %+v", urls(none), none.Moments)
	}
	if flat := load(t, rt, url, Options{Frames: -1}); strings.Contains(urls(flat), "f.html") {
		t.Errorf("without frames: %s", urls(flat))
	}
	if deep := load(t, rt, url, Options{Frames: 2}); !strings.Contains(urls(deep), "deep.html") {
		t.Errorf("with two levels of frames: %s", urls(deep))
	}
}

// The second half of the document, of the style sheet within it and of the
// image is held back until the object that the first half names was asked for.
func TestLoadWhileArriving(t *testing.T) {
	halves := func(contentType, encoding, first, second string, gate <-chan struct{}) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Encoding", encoding)
			out := coder(t, encoding, w)
			io.WriteString(out, first)
			out.Flush()
			http.NewResponseController(w).Flush()
			select {
			case <-gate:
			case <-r.Context().Done():
				return
			}
			io.WriteString(out, second)
			out.Close()
		}
	}
	for _, encoding := range []string{"", "gzip", "br", "zstd"} {
		t.Run("encoding "+encoding, func(t *testing.T) {
			sheet, img := make(chan struct{}), make(chan struct{})
			url, rt := serve(t, site{
				"/": halves("text/html", encoding, `<link rel=stylesheet href=s.css>`, `<img src=late.png>`, sheet),
				"/s.css": func(w http.ResponseWriter, r *http.Request) {
					close(sheet)
					halves("text/css", encoding, `p { background: url(i.png) }`, `r { background: url(j.png) }`, img)(w, r)
				},
				"/i.png": func(http.ResponseWriter, *http.Request) { close(img) },
			})
			p := load(t, rt, url, Options{})
			if len(p.Objects) != 5 {
				t.Errorf("loaded %s", urls(p))
			}
			if p.Objects[0].Size != 50 || p.Objects[0].Encoding != encoding {
				t.Errorf("the document has %d bytes, encoding %q", p.Objects[0].Size, p.Objects[0].Encoding)
			}
		})
	}
}

type flushWriter interface {
	io.WriteCloser
	Flush() error
}

type plain struct{ io.Writer }

func (plain) Flush() error { return nil }
func (plain) Close() error { return nil }

func coder(t *testing.T, encoding string, w io.Writer) flushWriter {
	switch encoding {
	case "gzip":
		return gzip.NewWriter(w)
	case "br":
		return brotli.NewWriter(w)
	case "zstd":
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	return plain{w}
}

// Layout is known once the size of the last image is, though the image itself
// is still under way: its second half is held back until the page said that it has
// the beginning, and the document.
func TestLayoutKnownFromFirstBytes(t *testing.T) {
	body := pngOf(t, 8, 9)
	sized := make(chan struct{})
	url, rt := serve(t, site{
		"/": htmlSays(`<img src=a.png><img src=b.png width=3 height=4>`),
		"/a.png": func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, body[:40])
			http.NewResponseController(w).Flush()
			<-sized
			io.WriteString(w, body[40:])
		},
		"/b.png": func(_ http.ResponseWriter, r *http.Request) { <-sized },
	})
	var seen sync.WaitGroup // the whole document, and the image's beginning
	seen.Add(2)
	go closeAfter(sized, &seen)
	var document, image sync.Once
	p := load(t, rt, url, Options{Progress: func(e Event) {
		switch {
		case e.Kind == Done && e.Object.Kind == Document:
			document.Do(seen.Done)
		case e.Kind == Received && strings.HasSuffix(e.Object.URL, "/a.png"):
			image.Do(seen.Done)
		}
	}})
	a, b := object(t, p, "a.png"), object(t, p, "b.png")
	if a.Width != 8 || a.Height != 9 || b.Width != 3 || b.Height != 4 {
		t.Errorf("sizes %d × %d and %d × %d", a.Width, a.Height, b.Width, b.Height)
	}
	if p.Moments.LayoutKnown >= p.Moments.Complete {
		t.Errorf("layout known at %v, complete at %v", p.Moments.LayoutKnown, p.Moments.Complete)
	}
}

func closeAfter(done chan struct{}, seen *sync.WaitGroup) {
	seen.Wait()
	close(done)
}

func TestMoments(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	document := func() *task {
		return &task{Object: &Object{Kind: Document, Status: 200}, answered: at(1), done: at(2)}
	}
	object := func(k Kind, done int) *task { return &task{Object: &Object{Kind: k, Status: 200}, done: at(done)} }
	img := func(sized, done int) *task {
		i := object(Image, done)
		if i.measure = true; sized > 0 {
			i.sized = at(sized)
		}
		return i
	}
	sheet := func(done int, imports ...*task) *task {
		s := object(Style, done)
		s.blocking, s.imports = true, imports
		return s
	}
	failed := func(t *task) *task { t.Err = io.ErrUnexpectedEOF; return t }
	imported := object(Style, 9)
	cyclic := sheet(4)
	cyclic.imports = []*task{cyclic}
	const s = time.Second
	for _, tt := range []struct {
		name        string
		tasks       []*task
		interrupted bool
		want        Moments
	}{
		{"document alone", []*task{document()}, false, Moments{s, 2 * s, 2 * s, -1, 2 * s}},
		{"document failed", []*task{failed(document()), img(3, 4)}, false, Moments{s, -1, -1, 4 * s, -1}},
		{"no answer", []*task{failed(&task{Object: &Object{}, done: at(1)})}, false, never},
		{"image", []*task{document(), img(3, 4)}, false, Moments{s, 2 * s, 3 * s, 4 * s, 4 * s}},
		{"image without size", []*task{document(), img(0, 4), img(3, 5)}, false, Moments{s, 2 * s, 4 * s, 4 * s, 5 * s}},
		{"image failed", []*task{document(), failed(img(0, 4))}, false, Moments{s, 2 * s, 4 * s, -1, 4 * s}},
		{"image of a sheet", []*task{document(), object(Image, 5)}, false, Moments{s, 2 * s, 2 * s, 5 * s, 5 * s}},
		{"script", []*task{document(), object(Script, 5)}, false, Moments{s, 2 * s, 2 * s, -1, 5 * s}},
		{"sheet", []*task{document(), sheet(5)}, false, Moments{s, 2 * s, 5 * s, -1, 5 * s}},
		{"import", []*task{document(), imported, sheet(5, imported), object(Style, 11)}, false, Moments{s, 2 * s, 9 * s, -1, 11 * s}},
		{"cyclic import", []*task{document(), cyclic}, false, Moments{s, 2 * s, 4 * s, -1, 4 * s}},
		{"interrupted", []*task{document(), failed(img(0, 4))}, true, Moments{s, 2 * s, -1, -1, -1}},
		{"interrupted after all", []*task{document()}, true, Moments{s, 2 * s, 2 * s, -1, 2 * s}},
	} {
		if got := moments(start, tt.tasks, tt.interrupted); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// Style sheets and scripts of one read go before its images.
func TestOrderOfRequests(t *testing.T) {
	url, rt := serve(t, site{"/": htmlSays(`<video poster=4.png></video><img src=3.png><iframe src=2.html></iframe><script src=1.js></script><link rel=stylesheet href=0.css><img src=3b.png>`)})
	var order []string
	seen := make(map[string]http.Header)
	load(t, rt, url, Options{Progress: func(e Event) {
		if e.Kind == Requested {
			order = append(order, strings.TrimPrefix(e.Object.URL, url))
			seen[order[len(order)-1]] = e.Object.Hops[0].Request
		}
	}})
	if got, want := strings.Join(order, " "), "/ /0.css /1.js /2.html /3.png /3b.png /4.png"; got != want {
		t.Errorf("requested %s, want %s", got, want)
	}
	for path, want := range map[string]string{"/": "u=0", "/0.css": "u=0", "/1.js": "u=1", "/2.html": "u=2", "/3.png": "", "/4.png": "u=4"} {
		if got := seen[path].Get("Priority"); got != want {
			t.Errorf("%s: Priority %q, want %q", path, got, want)
		}
	}
}

func TestEvents(t *testing.T) {
	url, rt := serve(t, site{"/": htmlSays(`<img src=a.png><img src="http://[">`), "/a.png": says("image/png", "x")})
	told := make(map[string][]EventKind)
	bytes := 0
	load(t, rt, url, Options{Progress: func(e Event) {
		told[e.Object.URL] = append(told[e.Object.URL], e.Kind)
		bytes += e.Bytes
	}})
	for _, u := range []string{url + "/", url + "/a.png"} {
		if got := slices.Compact(told[u]); !slices.Equal(got, []EventKind{Found, Requested, Answered, Received, Done}) {
			t.Errorf("%s: events %v", u, got)
		}
	}
	if got := told["http://["]; !slices.Equal(got, []EventKind{Found, Done}) {
		t.Errorf("an address that is none: events %v", got)
	}
	if want := len(`<img src=a.png><img src="http://[">x`); bytes != want {
		t.Errorf("told of %d bytes, want %d", bytes, want)
	}
}

func TestSink(t *testing.T) {
	url, rt := serve(t, site{
		"/":      htmlSays(`<img src=a.png><img src=full.png><img src=no.png>`),
		"/a.png": says("image/png", "content"),
	})
	var mu sync.Mutex
	saved := make(map[string]*closeBuffer)
	full := errors.New("disk full")
	p := load(t, rt, url, Options{Sink: func(o *Object) (io.WriteCloser, error) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case strings.HasSuffix(o.URL, "full.png"):
			return nil, full
		case o.Status != 200:
			return nil, nil
		}
		saved[strings.TrimPrefix(o.URL, url)] = &closeBuffer{}
		return saved[strings.TrimPrefix(o.URL, url)], nil
	}})
	if b := saved["/a.png"]; b == nil || b.String() != "content" || !b.closed {
		t.Errorf("a.png was saved as %+v", b)
	}
	var e *Error
	if err := object(t, p, "full.png").Err; !errors.Is(err, full) || !errors.As(err, &e) || e.Step != StepSave {
		t.Errorf("full.png: %v", err)
	}
	if err := object(t, p, "no.png").Err; err != nil {
		t.Errorf("no.png: %v", err)
	}
}

type closeBuffer struct {
	bytes.Buffer
	closed bool
}

func (b *closeBuffer) Close() error { b.closed = true; return nil }

func TestLoadBadAddress(t *testing.T) {
	for in, want := range map[string]string{
		"http://":         "no host",
		"http:///x":       "no host",
		"example.com":     "no scheme",
		"ftp://h/":        "ftp is not http or https",
		"":                "no scheme",
		"http://[::1":     "missing ']'",
		"http://h:port/":  "invalid port",
		"file:///etc/pas": "file is not http or https",
	} {
		p, err := Load(t.Context(), http.DefaultTransport, in, Options{})
		var e *Error
		if !errors.As(err, &e) || e.Step != StepURL || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want something with %q", in, err, want)
		}
		if p == nil || len(p.Objects) != 1 || p.Objects[0].Err == nil || p.Moments != never {
			t.Errorf("%q: page %+v", in, p)
		}
	}
}

func TestLoadInterrupted(t *testing.T) {
	reason := errors.New("the user has left")
	ctx, cancel := context.WithCancelCause(t.Context())
	url, rt := serve(t, site{
		"/":      htmlSays(`<img src=a.png><img src=b.png>`),
		"/a.png": says("image/png", "x"),
		"/b.png": func(_ http.ResponseWriter, r *http.Request) { cancel(reason); <-r.Context().Done() },
	})
	p, err := Load(ctx, rt, url, Options{})
	checkPage(t, p)
	if !errors.Is(err, reason) || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if len(p.Objects) != 3 || p.Objects[0].Err != nil || object(t, p, "b.png").Err == nil {
		t.Errorf("objects %s", urls(p))
	}
	if p.Moments.DocumentComplete < 0 || p.Moments.Complete != -1 {
		t.Errorf("moments %+v", p.Moments)
	}
}
