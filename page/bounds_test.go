package page

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestTooManyObjects(t *testing.T) {
	addr, rt := serve(t, site{"/": htmlSays(`<img src=1><img src=2><img src=3><img src=2><img src=4><img src="http://[">`)})
	p := load(t, rt, addr, Options{MaxObjects: 3})
	if len(p.Objects) != 4 || p.LeftOut != 3 {
		t.Fatalf("%s, %d left out", urls(p), p.LeftOut)
	}
	for _, o := range p.Objects[:3] {
		if o.Err != nil || o.Status == 0 {
			t.Errorf("%s: %v", o.URL, o.Err)
		}
	}
	if last := p.Objects[3]; !errors.Is(last.Err, ErrTooManyObjects) || len(last.Hops) != 0 || !strings.HasSuffix(last.URL, "/3") {
		t.Errorf("%s: %v", last.URL, last.Err)
	} else if !strings.HasSuffix(last.Err.Error(), "too many objects: 3 at most, and 3 references to further ones left out") {
		t.Error(last.Err)
	}
}

func TestTooManyBytes(t *testing.T) {
	document := `<img src=a>` + strings.Repeat(" ", 1000)
	addr, rt := serve(t, site{"/": htmlSays(document), "/a": says("image/png", strings.Repeat("x", 5000))})
	p := load(t, rt, addr, Options{MaxBytes: 2000})
	if p.Objects[0].Err != nil || p.Objects[0].Size != int64(len(document)) {
		t.Errorf("the document: %v", p.Objects[0].Err)
	}
	if a := p.Objects[1]; !errors.Is(a.Err, ErrTooManyBytes) {
		t.Errorf("the image: %v", a.Err)
	}
	p = load(t, rt, addr, Options{MaxBytes: 10})
	if !errors.Is(p.Objects[0].Err, ErrTooManyBytes) || p.Objects[0].Hops[0].Exchange.Error == "" {
		t.Errorf("the document: %v", p.Objects[0].Err)
	}
	if len(p.Objects) != 2 || !errors.Is(p.Objects[1].Err, ErrTooManyBytes) || len(p.Objects[1].Hops) != 0 {
		t.Errorf("what was found before the bound, and could not be asked for: %s", urls(p))
	}
}

// What arrived of a body that was cut off is scanned all the same.
func TestTruncated(t *testing.T) {
	cut := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Length", "10000")
			io.WriteString(w, body)
		}
	}
	addr, rt := serve(t, site{
		"/":      cut("text/html", `<link rel=stylesheet href=s.css><img src=a.png><img src=b.pn`),
		"/s.css": cut("text/css", `@import "i.css"; @import "some-other-name-that-is-cut-o`),
		"/a.png": cut("image/png", pngOf(t, 5, 6)),
	})
	p := load(t, rt, addr, Options{})
	if len(p.Objects) != 4 {
		t.Errorf("loaded %s", urls(p))
	}
	for _, suffix := range []string{"/", "/s.css", "/a.png"} {
		o := object(t, p, suffix)
		var e *Error
		if !errors.Is(o.Err, io.ErrUnexpectedEOF) || !errors.As(o.Err, &e) || e.Step != StepBody {
			t.Errorf("%s: %v", o.URL, o.Err)
		}
	}
	if a := object(t, p, "/a.png"); a.Width != 5 || a.Height != 6 {
		t.Errorf("the cut image is %d × %d", a.Width, a.Height)
	}
	if m := p.Moments; m.FirstByte < 0 || m.DocumentComplete != -1 || m.LayoutKnown != -1 || m.FirstImage != -1 {
		t.Errorf("moments %+v", m)
	}
}

func TestBadCodings(t *testing.T) {
	coded := func(coding, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Encoding"] = strings.Split(coding, "|")
			io.WriteString(w, body)
		}
	}
	var page strings.Builder
	handlers := site{}
	for path, tt := range badCodings {
		fmt.Fprintf(&page, "<img src=%s>", path)
		handlers["/"+path] = coded(tt.coding, tt.body)
	}
	handlers["/"] = htmlSays(page.String())
	addr, rt := serve(t, handlers)
	p := load(t, rt, addr, Options{})
	for path, tt := range badCodings {
		o := object(t, p, "/"+path)
		var e *Error
		if tt.want == "" && o.Err != nil {
			t.Errorf("%s: %v", path, o.Err)
		}
		if tt.want != "" && (!errors.As(o.Err, &e) || e.Step != StepDecode || !strings.Contains(o.Err.Error(), tt.want)) {
			t.Errorf("%s: %v, want something with %q", path, o.Err, tt.want)
		}
	}
}

var badCodings = map[string]struct{ coding, body, want string }{
	"unknown":   {"compress", "x", `"compress" is not known`},
	"many":      {"gzip, gzip, gzip|gzip, gzip", "x", "5 content codings"},
	"no-gzip":   {"gzip", "this is no gzip", "gzip"},
	"no-br":     {"br", "\xff\xff\xff\xff", "brotli"},
	"no-zstd":   {"zstd", "this is no zstd", "magic"},
	"cut-gzip":  {"gzip", "\x1f\x8b\x08\x00\x00", "gzip data is cut short: unexpected EOF"},
	"identity":  {"identity", "x", ""},
	"empty":     {"gzip", "", ""},
	"empty-one": {" , ", "x", ""},
}

// All are asked for at once, each of them once.
func TestFiveThousandObjects(t *testing.T) {
	const n = 5000
	var doc strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&doc, "<img src=%d.png>\n", i)
	}
	img := pngOf(t, 3, 2)
	var mu sync.Mutex
	asked := make(map[string]int)
	p := load(t, fake(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		asked[r.URL.Path]++
		mu.Unlock()
		if r.URL.Path == "/" {
			return answer(r, "text/html", strings.NewReader(doc.String())), nil
		}
		return answer(r, "image/png", strings.NewReader(img)), nil
	}), "http://h/", Options{})
	if len(p.Objects) != n || len(asked) != n || len(p.Exchanges()) != n {
		t.Fatalf("%d objects, %d asked for, %d exchanges, want %d", len(p.Objects), len(asked), len(p.Exchanges()), n)
	}
	for i, o := range p.Objects {
		if o.Err != nil || asked[strings.TrimPrefix(o.URL, "http://h")] != 1 || i > 0 && o.Width != 3 {
			t.Errorf("%s: %v, asked for %d times", o.URL, o.Err, asked[o.URL])
		}
	}
}

// endless is a body of n bytes that is never held.
type endless struct {
	n    int64
	text string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), e.n)]
	for filled := 0; filled < len(p); {
		filled += copy(p[filled:], e.text)
	}
	e.n -= int64(len(p))
	return len(p), nil
}

// What is held of a body does not depend on its length, whatever it claims to
// be.
func TestLongBodies(t *testing.T) {
	const size, most = 1 << 30, 32 << 20
	for _, tt := range []struct{ name, contentType, text string }{
		{"bytes", "application/octet-stream", strings.Repeat("x", 4096)},
		{"image", "image/png", strings.Repeat("x", 4096)},
		{"text that calls itself HTML", "text/html", strings.Repeat("x", 4096)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			length := int64(size)
			if testing.Short() || tt.contentType == "text/html" {
				length = 16 << 20 // the tokenizer looks at each byte
			}
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			peak, next, received := uint64(0), 0, 0
			p := load(t, fake(func(r *http.Request) (*http.Response, error) {
				return answer(r, tt.contentType, &endless{length, tt.text}), nil
			}), "http://h/", Options{Progress: func(e Event) {
				if received += e.Bytes; received >= next {
					next = received + int(length)/16
					runtime.ReadMemStats(&now)
					peak = max(peak, now.HeapAlloc)
				}
			}})
			if o := p.Objects[0]; o.Err != nil || o.Size != length || o.Hops[0].Exchange.Received.Body != length {
				t.Errorf("%d bytes, %v", o.Size, o.Err)
			}
			if peak == 0 || peak > before.HeapAlloc+most {
				t.Errorf("the heap grew from %d to %d bytes", before.HeapAlloc, peak)
			}
		})
	}
}
