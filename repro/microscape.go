package repro

import (
	"context"
	"fmt"
	"hash/crc32"
	"net/http"
	"sync"

	"github.com/lingerhttp/linger"
	"github.com/lingerhttp/linger/origin"
	"github.com/lingerhttp/linger/page"
)

// A microsite is the site of 1997 with validators, by which a client asks whether
// what it has is still good: RFC 9110 §13.
type microsite struct {
	paths   []string // the document first
	objects map[string]micro
}

type micro struct {
	fields string // of a whole answer
	etag   string
	body   []byte
}

// modified1997 is when the site was changed last.
const modified1997 = "Fri, 10 Jan 1997 12:00:00 GMT"

// microscape is made once: nobody changes it.
var microscape = sync.OnceValue(func() *microsite {
	objects, err := origin.Classic().Objects("")
	if err != nil {
		panic(err) // it is not a directory, which alone could not be read
	}
	m := &microsite{objects: make(map[string]micro)}
	for _, o := range objects {
		body, err := o.Bytes()
		if err != nil {
			panic(err) // its bytes are in memory
		}
		etag := fmt.Sprintf("\"%08x\"", crc32.ChecksumIEEE(body))
		m.paths = append(m.paths, o.Path)
		m.objects[o.Path] = micro{
			fields: common1997(etag) + "Last-Modified: " + modified1997 + "\r\nContent-Type: " + o.Type + "\r\n",
			etag:   etag, body: body,
		}
	}
	return m
})

// common1997 are the fields of every answer.
func common1997(etag string) string {
	return "Date: Tue, 24 Jun 1997 12:00:00 GMT\r\nServer: linger\r\nETag: " + etag + "\r\n"
}

// answer answers with an object, or that the client's is still good.
func (m *microsite) answer(req *http.Request) answer {
	o, ok := m.objects[req.URL.Path]
	if !ok {
		return answer{status: http.StatusNotFound}
	}
	if req.Header.Get("If-None-Match") == o.etag || req.Header.Get("If-Modified-Since") == modified1997 {
		return answer{status: http.StatusNotModified, fields: common1997(o.etag)}
	}
	return answer{http.StatusOK, o.fields, o.body}
}

// load fetches the page with nothing in the cache.
func (m *microsite) load(ctx context.Context, t *linger.Transport) error {
	p, err := page.Load(ctx, t, site+"/", page.Options{})
	if err != nil {
		return err
	}
	for _, o := range p.Objects {
		if o.Err != nil {
			return o.Err
		}
	}
	if len(p.Objects) != len(m.paths) {
		return fmt.Errorf("%d objects, want %d", len(p.Objects), len(m.paths))
	}
	return nil
}

// validate asks whether everything is still good: first the document, then all that
// is in it, at once. HTTP/1.0 knows no entity tags, and asks by date.
func (m *microsite) validate(ctx context.Context, t *linger.Transport) error {
	header := func(i int) http.Header {
		h := http.Header{"User-Agent": {"linger"}, "Accept": {"*/*"}}
		if t.Strategy.Protocol == linger.HTTP10 {
			h.Set("If-Modified-Since", modified1997)
		} else {
			h.Set("If-None-Match", m.objects[m.paths[i]].etag)
		}
		return h
	}
	if err := get(ctx, t, m.paths[0], header(0), http.StatusNotModified); err != nil {
		return err
	}
	images := func(i int) http.Header { return header(i + 1) }
	return getAll(ctx, t, m.paths[1:], images, http.StatusNotModified)
}
