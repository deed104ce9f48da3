package origin

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
)

// A Site is a list of objects that is the same each time it is asked for. Make
// one with [Classic], [Modern], [Dir], [Many] or [Big]. Any number of servers
// may serve the same site at once; nobody changes it.
type Site struct {
	// Name says which site this is: "classic", "modern", or a path.
	Name string

	// Origins is how many origins its objects are spread over: 1 or 2.
	Origins int

	parts      []part // what a page load fetches, in the order of the document
	alternates []part // what a browser may choose instead of some of parts
	list       func() ([]Object, error)
	dir        string // set when the objects are files
}

// A part is an object before it is known where the second origin is: text may
// name it by the mark otherOrigin.
type part struct {
	path, contentType string
	origin            int
	body              []byte
	zipped            []byte // of text without marks, which is the same for every server
}

func textPart(path, contentType, text string) part {
	return part{path: path, contentType: contentType, body: []byte(text)}
}

// otherOrigin stands in the text of a site wherever the base URL of origin 1
// belongs.
const otherOrigin = "{other-origin}"

// Objects returns what a browser fetches that loads the site's page, with
// second as the base URL of origin 1, such as "http://127.0.0.1:8081". If second
// is empty, everything is on origin 0 and refers to it.
//
// Objects fails only for a directory that cannot be read.
func (s *Site) Objects(second string) ([]Object, error) {
	if s.list != nil {
		return s.list()
	}
	return render(s.parts, second), nil
}

// Alternates returns the objects that a browser fetches instead of some of
// those in Objects: images for screens of twice the density, and the fallback
// of a picture element.
func (s *Site) Alternates(second string) []Object { return render(s.alternates, second) }

// Paths returns the paths of Objects.
func (s *Site) Paths() ([]string, error) {
	objects, err := s.Objects("")
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(objects))
	for i, o := range objects {
		paths[i] = o.Path
	}
	return paths, nil
}

// WriteTo writes every object, alternates too, as a file under dir, so that
// another server can serve the site; "/" becomes index.html. Second is as in
// [Site.Objects]. Both origins may serve the same dir: no two objects share a
// path.
func (s *Site) WriteTo(dir, second string) error {
	objects, err := s.Objects(second)
	if err != nil {
		return err
	}
	for _, o := range append(objects, s.Alternates(second)...) {
		if err := o.write(dir); err != nil {
			return failed("write site", o.Path, err)
		}
	}
	return nil
}

// compress does once what would otherwise be done for each server.
func (s *Site) compress() {
	inPairs(len(s.parts), func(i int) {
		if p := &s.parts[i]; isText(p.contentType) && !bytes.Contains(p.body, []byte(otherOrigin)) {
			p.zipped = zip(p.body)
		}
	})
}

// render makes objects of parts.
func render(parts []part, second string) []Object {
	objects := make([]Object, len(parts))
	for i, p := range parts {
		if second == "" {
			p.origin = 0
		}
		if isText(p.contentType) && p.zipped == nil {
			p.body = bytes.ReplaceAll(p.body, []byte(otherOrigin), []byte(strings.TrimSuffix(second, "/")))
			p.zipped = zip(p.body)
		}
		objects[i] = p.object()
	}
	return objects
}

// object is the part once no mark is left in it. Nobody will change its bytes.
func (p part) object() Object {
	return Object{
		Path: p.path, Type: p.contentType, Origin: p.origin, Size: int64(len(p.body)), zipped: p.zipped,
		open: func() (io.ReadSeekCloser, error) { return readSeekNopCloser{bytes.NewReader(p.body)}, nil },
	}
}

type readSeekNopCloser struct{ io.ReadSeeker }

func (readSeekNopCloser) Close() error { return nil }

// isText reports whether bytes of this type are text, which compresses.
func isText(contentType string) bool { return strings.HasPrefix(contentType, "text/") }

// zip compresses text at gzip's usual level.
func zip(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	// Neither fails unless the writer beneath does, and a Buffer does not.
	_, _ = w.Write(text)
	_ = w.Close()
	return b.Bytes()
}
